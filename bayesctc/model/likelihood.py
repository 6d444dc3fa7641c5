"""The likelihood as NumPy sees it: one compiled density behind every use."""

from dataclasses import dataclass

import numpy as np

from bayesctc.model.columns import BLOCK
from bayesctc.model.composition import compile_kernel
from bayesctc.model.packed import Packed
from bayesctc.model.quadrature import Quadrature
from bayesctc.model.shape import Shape


@dataclass(frozen=True)
class Evaluation:
    """The likelihood of a cohort at one theta.

    Attributes
    ----------
    log_likelihood : array (n_patients,)
        log L_i, the patient as the unit.
    joint : array (n_patients, n_classes)
        log of pi_ig f_g(y_i) h_g(T_i)^event S_g(T_i).
    at_entry : array (n_patients, n_classes)
        log of pi_ig S_g(entry_i).
    """

    log_likelihood: np.ndarray
    joint: np.ndarray
    at_entry: np.ndarray

    @property
    def class_probabilities(self) -> np.ndarray:
        """P(g | what is in the data of patient i), array (n_patients, n_classes)."""
        shifted = np.exp(self.joint - self.joint.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)


class Evaluator:
    """The likelihood of one packed cohort, its memory kept between calls.

    theta is on the scale of the fit; log densities are those of the values as the user has them.

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
        self.kernel = compile_kernel(shape.family, shape.hazard)
        self.packed, self.sizes, self.knots = packed, shape.sizes, shape.own_knots
        self._jacobian = packed.log_jacobian
        self.quadrature = Quadrature(packed, shape, n_classes)
        self.weights = packed.spread(1.0 if weights is None else weights)
        n_blocks = packed.values.shape[0]
        self._log_likelihood = np.empty((n_blocks, BLOCK))
        self._joint = np.empty((n_blocks, n_classes, BLOCK))
        self._at_entry = np.empty((n_blocks, n_classes, BLOCK))
        self._gradient = np.empty((n_classes, shape.n_class_parameters))

    @property
    def arguments(self) -> tuple:
        """What the kernel takes after theta."""
        q = self.quadrature
        return (
            self.packed.values,
            self.weights,
            self.sizes,
            self.knots,
            q.rule,
            q.centres,
            self._log_likelihood,
            self._joint,
            self._at_entry,
            self._gradient,
        )

    def centre(self, theta) -> None:
        """Put the nodes of the quadrature where the integrands are at theta."""
        self.quadrature.centre(theta)

    def _run(self, theta):
        self.kernel(np.ascontiguousarray(theta), *self.arguments)

    def total(self, theta) -> tuple[float, np.ndarray]:
        """Weighted log likelihood and its gradient, array (n_classes, n_class_parameters)."""
        value, gradient = self.own_total(theta)
        return value + self.constant, gradient

    def own_total(self, theta) -> tuple[float, np.ndarray]:
        """As `total`, in the units of the fit: the same to the last bit whatever the user's."""
        self._run(theta)
        used = self.weights > 0
        value = float(np.sum(self._log_likelihood[used] * self.weights[used]))
        return value, self._gradient.copy()

    @property
    def constant(self) -> float:
        """What the user's units add to the weighted log likelihood."""
        return float(np.sum(self.weights.reshape(-1)[self.packed.lanes] * self._jacobian))

    def gradients(self, theta) -> np.ndarray:
        """Gradient of each log L_i, array (n_patients, n_classes, n_class_parameters); weights play no part.

        The kernel sums gradients over patients: it is called once a patient, on her block alone.
        """
        self.centre(theta)
        theta, only = np.ascontiguousarray(theta), np.zeros((1, BLOCK))
        found = np.empty((self.packed.n_patients, *self._gradient.shape))
        values, _, sizes, knots, rule, centres, *filled, gradient = self.arguments
        for i, lane in enumerate(self.packed.lanes):
            own = slice(lane // BLOCK, lane // BLOCK + 1)
            only[0, lane % BLOCK] = 1.0
            outputs = (each[own] for each in filled)
            self.kernel(theta, values[own], only, sizes, knots, rule, centres[own], *outputs, gradient)
            only[0, lane % BLOCK] = 0.0
            found[i] = gradient
        return found

    def follow(self, theta) -> None:
        """The same from where they are."""
        self.quadrature.follow(theta)

    def patients(self, theta, centre: bool = True) -> np.ndarray:
        """log L_i, array (n_patients,); `centre` says whether nodes are placed anew."""
        if centre:
            self.centre(theta)
        self._run(theta)
        return self._log_likelihood.reshape(-1)[self.packed.lanes] + self._jacobian

    def evaluate(self, theta, centre: bool = True) -> Evaluation:
        """Everything by patient and class; `centre` says whether nodes are placed anew."""
        log_likelihood = self.patients(theta, centre)

        def by_patient(values):
            return np.moveaxis(values, 1, 2).reshape(-1, values.shape[1])[self.packed.lanes]

        joint = by_patient(self._joint) + self._jacobian[:, None]
        return Evaluation(log_likelihood, joint, by_patient(self._at_entry))

    def along(self, thetas):
        """Yield the `Evaluation` of one parameter set after another, the nodes following."""
        self.centre(thetas[0])
        for theta in thetas:
            self.follow(theta)
            yield self.evaluate(theta, centre=False)

    def draws(self, thetas) -> np.ndarray:
        """log L_i of many parameter sets, array (n_draws, n_patients)."""
        return np.stack([evaluation.log_likelihood for evaluation in self.along(thetas)])
