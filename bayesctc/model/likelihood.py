"""The likelihood as everybody asks for it: one density behind every use."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.model.backends.compiled.evaluator import CompiledLikelihood
from bayesctc.model.backends.plain import PlainLikelihood
from bayesctc.model.backends.protocol import Evaluation, Likelihood
from bayesctc.model.design import Design
from bayesctc.model.packed import Packed
from bayesctc.model.shape import Shape
from bayesctc.model.spec import ModelSpec
from bayesctc.model.varying import PAIR, varying_coords, varying_dims, with_constants

NODE_ERROR = 0.001  # log-likelihood units of a patient
FOLLOWING = 6  # evaluations of a sample to let nodes follow: two or three Newton steps of two each
MOST_NODES = {1: 64, 2: 16}  # of each random effect, by their number


class Evaluator:
    """The likelihood of one packed cohort, in the user's units; memory is kept between calls.

    theta is on the scale of the fit; log densities are those of the values as the user has them. What computes them is
    compiled, unless the family or the hazard has no compiled piece.

    Where random effects take quadrature, `centre` puts its nodes where the integrands are at a theta, and `follow`
    moves them there from a theta nearby. `total` leaves them where they are, so that its gradient is that of its value;
    `gradients`, `patients` and `evaluate` centre them anew, `along` and `draws` let them follow.

    Parameters
    ----------
    packed : Packed
    shape : Shape
    n_classes : int
    weights : array (n_patients,), optional
        Weight of each patient in total and gradient; 1 by default.
    """

    def __init__(self, packed: Packed, shape: Shape, n_classes: int, weights=None):
        self.packed, self._jacobian = packed, packed.log_jacobian
        self.own: Likelihood = backend(shape)(packed, shape, n_classes, weights)
        self.adaptive = self.own.adaptive
        self.centre, self.follow, self.own_total = self.own.centre, self.own.follow, self.own.total

    def total(self, theta) -> tuple[float, np.ndarray]:
        """Weighted log likelihood and its gradient, array (n_classes, n_class_parameters)."""
        value, gradient = self.own.total(theta)
        return value + self.constant, gradient

    @property
    def constant(self) -> float:
        """What the user's units add to the weighted log likelihood."""
        return float(np.sum(self.own.weights * self._jacobian))

    def gradients(self, theta) -> np.ndarray:
        """Gradient of each log L_i, array (n_patients, n_classes, n_class_parameters); weights play no part."""
        self.own.centre(theta)
        return self.own.gradients(theta)

    def patients(self, theta, centre: bool = True) -> np.ndarray:
        """log L_i, array (n_patients,); `centre` says whether nodes are placed anew."""
        return self.evaluate(theta, centre).log_likelihood

    def evaluate(self, theta, centre: bool = True) -> Evaluation:
        """Everything by patient and class; `centre` says whether nodes are placed anew."""
        if centre:
            self.own.centre(theta)
        return self._for_user(self.own.evaluate(theta))

    def along(self, thetas):
        """Yield the `Evaluation` of one parameter set after another, the nodes following."""
        return map(self._for_user, self.own.along(thetas))

    def draws(self, thetas) -> np.ndarray:
        """log L_i of many parameter sets, array (n_draws, n_patients)."""
        return np.stack([evaluation.log_likelihood for evaluation in self.along(thetas)])

    def _for_user(self, own):
        joint = own.joint + self._jacobian[:, None]
        return Evaluation(own.log_likelihood + self._jacobian, joint, own.at_entry)


def backend(shape: Shape) -> type[CompiledLikelihood] | type[PlainLikelihood]:
    """What computes the likelihood of a family and a hazard."""
    return CompiledLikelihood if shape.compiled else PlainLikelihood


def pointwise(packed: Packed, shape: Shape, thetas, of=slice(0), workers: int | None = None):
    """log L_i of many parameter sets, and class probabilities of some patients; in threads, which the kernel lets run.

    Parameters
    ----------
    packed : Packed
    shape : Shape
    thetas : array (n, n_classes, n_class_parameters)
    of : index
        Patients whose class probabilities are kept.
    workers : int, optional
        Threads; all cores unless given.

    Returns
    -------
    log_likelihood : array (n, n_patients)
    class_probabilities : array (n, patients of `of`, n_classes)
    """
    n_classes = thetas.shape[1]
    log_likelihood = np.empty((len(thetas), packed.n_patients))
    probabilities = np.empty((len(thetas), len(np.arange(packed.n_patients)[of]), n_classes))

    def fill(part):
        evaluator = Evaluator(packed, shape, n_classes)
        for k, evaluation in zip(part, evaluator.along(thetas[part]), strict=True):
            log_likelihood[k] = evaluation.log_likelihood
            probabilities[k] = evaluation.class_probabilities[of]

    parts = [part for part in np.array_split(np.arange(len(thetas)), workers or os.cpu_count() or 1) if len(part)]
    with ThreadPoolExecutor(len(parts)) as executor:
        list(executor.map(fill, parts))
    return log_likelihood, probabilities


def quadrature_error(packed: Packed, shape: Shape, thetas, centre=None) -> np.ndarray:
    """Largest change of a patient's log likelihood when the nodes of the quadrature are doubled; 0 without one.

    Parameters
    ----------
    packed : Packed
    shape : Shape
    thetas : array (n, n_classes, n_class_parameters)
    centre : array (n_classes, n_class_parameters), optional
        theta at which the nodes stand that are not doubled, as while a posterior is sampled; else at each theta.

    Returns
    -------
    array (n,)
    """
    n_classes = np.shape(thetas)[1]
    few, many = (Evaluator(packed, replace(shape, n_nodes=k * shape.n_nodes), n_classes) for k in (1, 2))
    if not few.adaptive:
        return np.zeros(len(thetas))
    if centre is not None:
        few.centre(centre)
    return np.array([np.abs(few.patients(t, centre is None) - many.patients(t)).max() for t in thetas])


def enough_nodes(packed: Packed, design: Design, thetas, centre=None) -> tuple[int, float]:
    """The least number of nodes whose doubling moves nobody's log likelihood by 0.001, and by how much it does.

    At one theta alone it is half of that, so that it holds around it too. A number the specification gives is kept.
    """

    def error(n):
        return float(quadrature_error(packed, design.with_nodes(n).shape, thetas, centre).max())

    n, most = design.n_nodes, MOST_NODES.get(design.spec.n_random, 1)
    found = error(n)
    allowed = NODE_ERROR if len(thetas) > 1 else 0.5 * NODE_ERROR
    while found > allowed and design.spec.n_nodes is None and n < most:
        n = min(n + max(n // 4, 2), most)
        found = error(n)
    return n, found


def nodes_for_chains(packed: Packed, design: Design, thetas, centre, may_follow: bool) -> tuple[Design, bool]:
    """The design with the nodes that chains need, and whether they follow: whichever costs less.

    Nodes that stay at `centre` have to be more, as the integrands move away from them; nodes that follow cost about
    `FOLLOWING` evaluations of every sample to be placed. Of one theta alone nobody knows how far chains will go from
    it: nodes follow.
    """
    still, error = enough_nodes(packed, design, thetas, centre)
    if not may_follow:
        return design.with_nodes(still), False
    moving, _ = enough_nodes(packed, design, thetas)
    q = design.spec.n_random
    follow = error > NODE_ERROR or still**q > moving**q + FOLLOWING or (len(thetas) == 1 and error > 0.0)
    return design.with_nodes(moving if follow else still), follow


def log_likelihood(
    cohort: Cohort,
    spec: ModelSpec,
    estimates: Mapping[str, ArrayLike] | xr.Dataset | pd.DataFrame,
    *,
    by_class: bool = False,
) -> np.ndarray:
    """The density at given estimates, patient by patient.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
    estimates : mapping of parameter name to array, xarray.Dataset or DataFrame
        Natural parameters, such as `MLFit.parameters`, `MLFit.estimates` or a draw of `BayesFit.idata`.
    by_class : bool
        Return the class-wise joint log density, log pi_g + log f_g(y) + event log h_g(T) + log S_g(T).

    Returns
    -------
    Series (n_patients,) or DataFrame (n_patients, n_classes)
        Natural logarithms, indexed by patient. Counts enter as the family's probability; for "gaussian" as the density
        of log(1 + count per 7.5 mL).

    Raises
    ------
    SpecError
        A parameter is absent, unknown or of another shape.

    Examples
    --------
    >>> density = bc.log_likelihood(bc.load_trial().include(min_samples=3), fit.spec, fit.parameters)
    >>> print(f"{density.sum():.2f}, as the fit says: {fit.log_likelihood:.2f}")
    -5823.38, as the fit says: -5823.38
    """
    design = Design.settle(cohort, spec)
    layout, packed = design.layout, design.pack(cohort)
    theta = layout.theta(with_constants(_by_name(estimates, layout), layout))
    shape = design.with_nodes(enough_nodes(packed, design, [theta])[0]).shape
    evaluation = Evaluator(packed, shape, spec.n_classes).evaluate(theta)
    index = pd.Index(packed.patient_ids, name="patient_id")
    if by_class:
        labels = pd.Index(layout.coords["latent_class"], name="latent_class")
        return pd.DataFrame(evaluation.joint, index=index, columns=labels)
    return pd.Series(evaluation.log_likelihood, index=index, name="log_likelihood")


def _by_name(estimates, layout):
    """Estimates as arrays, a Dataset's by its dimensions and labels rather than by position."""
    if isinstance(estimates, pd.DataFrame):
        return _from_table(estimates, layout)
    if not isinstance(estimates, xr.Dataset):
        return dict(estimates)
    values, coords = {}, {**layout.coords, **varying_coords(layout)}
    for name, array in estimates.data_vars.items():
        dims = (varying_dims(layout) if PAIR in array.dims else layout.dims).get(str(name), array.dims)
        if set(array.dims) != set(dims):
            raise SpecError(f"parameter {name!r} has to have dimensions {dims}; found {array.dims}.")
        labels = {d: coords[d] for d in dims if d in array.coords}
        try:
            values[str(name)] = array.transpose(*dims).sel(labels).to_numpy()
        except KeyError as error:
            raise SpecError(f"parameter {name!r} has labels {labels} in this model; found {array.coords}.") from error
    return values


def _from_table(table, layout):
    """Estimates from a table with parameter, latent_class, term and estimate."""
    found = {tuple(key): value for *key, value in table[["parameter", "latent_class", "term", "estimate"]].to_numpy()}
    values = {}
    for name, dims in layout.dims.items():
        array = (
            np.eye(len(layout.coords[dims[0]]))
            if name == "random_effect_corr"
            else np.empty([len(layout.coords[d]) for d in dims])
        )
        for position in np.ndindex(array.shape):
            if name == "random_effect_corr" and position[0] <= position[1]:
                continue
            labels = {d: layout.coords[d][p] for d, p in zip(dims, position, strict=True)}
            key = (name, labels.pop("latent_class", ""), ", ".join(labels.values()))
            if key not in found:
                raise SpecError(f"the table of estimates has no row {key}; it has {len(found)} rows of another model.")
            array[position] = found[key]
            if name == "random_effect_corr":
                array[position[::-1]] = found[key]
        values[name] = array
    return values
