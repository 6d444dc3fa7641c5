"""The effect of a covariate on the growth curve of each class."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.design.quadrature import legendre
from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.predict.curves import N_POINTS, checked_grid, curve_dataset, interval_text, summarise
from bayesctc.predict.trajectories import matrix_at
from bayesctc.results.fit import Fit

NODES = 64  # of the Gauss-Legendre rule for the mean over the span


def trajectory_contrasts(
    fit: Fit, column: str, values: Sequence[object], months: ArrayLike | None = None
) -> xr.Dataset:
    """Difference of the growth curve of each class between two values of a covariate.

    Differences are on the scale of the growth curve (log units for counts, so that exp of a difference is about the
    ratio of counts). Other covariates do not matter unless a formula has an interaction with `column`; they then have
    their values in the samples.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With `column` in ``longitudinal_by_class``, or in ``longitudinal``, with the same difference in all classes.
    column : str
    values : sequence of two
        Such as ``("A", "B")``: the curve at the second minus that at the first.
    months : array (n_times,), optional
        Months from the start of treatment; by default 61 over the span of the samples (5 % to 95 % of their times).

    Returns
    -------
    Dataset (latent_class, time)
        difference, lower, upper (95 %); and by class mean, mean_lower, mean_upper, of the mean over that span.

    Raises
    ------
    SpecError
        `column` is not a covariate of the growth curve, `values` are not two different ones, or `months` no numbers.
    DataError
        A value is not one that the formula can read.

    Examples
    --------
    >>> by_arm = bc.ModelSpec(n_classes=1, family="gaussian", endpoint=None, longitudinal="~ arm")
    >>> one = bc.fit_ml(cohort, by_arm, n_starts=1, progress=False)
    >>> dict(bc.trajectory_contrasts(one, "arm", ("paclitaxel", "ixabepilone"), months=[0, 3, 6]).sizes)
    {'latent_class': 1, 'time': 3}
    """
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != 2 or values[0] == values[1]:
        raise SpecError(f"values: found {values!r}; allowed: two different values of {column!r}, such as ('A', 'B').")
    low, high = fit.design.basis.span
    grid = checked_grid(np.linspace(low, high, N_POINTS) if months is None else months, "months", least=-np.inf)
    nodes, weights = legendre(NODES)
    at = np.concatenate([grid, low + 0.5 * (high - low) * (nodes + 1.0)])
    first, second = (matrix_at(fit, at, {column: value}) for value in values)
    design, curve = fit.design, fit.design.sizes.blocks["growth"]

    def differences(thetas):
        all_times = design.spread * thetas[..., curve] @ (second - first).T
        return {"at": all_times[..., : len(grid)], "mean": all_times[..., len(grid) :] @ (0.5 * weights)}

    found = summarise(fit, differences)
    scale = FAMILIES[fit.spec.family].curve.of(design.outcome)
    attributes = {
        "estimand": f"growth curve of a class at {column} = {values[1]} minus that at {column} = {values[0]}",
        "unit": scale,
        "interval": interval_text(fit),
        "span": f"{low:.3g} to {high:.3g} months, over which mean is taken",
    }
    data = curve_dataset(fit, grid, dict(zip(("difference", "lower", "upper"), found["at"], strict=True)), attributes)
    for name, value in zip(("mean", "mean_lower", "mean_upper"), found["mean"], strict=True):
        data[name] = ("latent_class", value, {"unit": scale})
    return data
