"""The density at estimates given by name."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.nodes import enough_nodes
from bayesctc.model.spec import ModelSpec
from bayesctc.model.varying import PAIR, varying_coords, varying_dims, with_constants


def log_likelihood(
    cohort: Cohort,
    spec: ModelSpec,
    estimates: Mapping[str, ArrayLike] | xr.Dataset | pd.DataFrame,
    *,
    by_class: bool = False,
) -> pd.Series | pd.DataFrame:
    """Log density of each patient at given estimates.

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
    analysis = Analysis.of(cohort, Design.settle(cohort, spec))
    layout = analysis.design.layout
    theta = layout.theta(with_constants(_by_name(estimates, layout), layout))
    evaluation = enough_nodes(analysis, [theta])[0].evaluator().evaluate(theta)
    if by_class:
        return pd.DataFrame(evaluation.joint, index=analysis.patient_index, columns=analysis.labels)
    return pd.Series(evaluation.log_likelihood, index=analysis.patient_index, name="log_likelihood")


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
