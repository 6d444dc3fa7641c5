"""Survival by class with 95 % intervals, and helpers for all curves."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.design.grammar import columns_of
from bayesctc.design.quadrature import legendre
from bayesctc.errors import SpecError
from bayesctc.model.association import EFFECTS, NONE
from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.model.hazard_along import ENDLESS, HIGHEST, cumulative_along
from bayesctc.model.packed import Packed
from bayesctc.model.patient_hazards import EFFECT_NODES, PatientHazards
from bayesctc.model.spec import ModelSpec
from bayesctc.predict.beyond import past_follow_up
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_PROB, CI_TEXT

N_POINTS = 61
MAX_DRAWS = 1000
MIN_DRAWS = 50
EXPONENTIALS = 1e8  # survival probabilities per result, patients x classes x times x draws
VALUES_AT_ONCE = 5e4  # of them, from as many draws as that takes, to fit the processor's cache
ROWS_AT_ONCE = 256  # patients at a time, to fit the processor's cache


def summarise(
    fit: Fit, quantities: Callable, n_values: int = 1, most: int = MAX_DRAWS, additive: bool = False
) -> dict[str, tuple]:
    """Estimate and 95 % interval of functions of the parameters.

    Parameters
    ----------
    fit : MLFit or BayesFit
    quantities : function (thetas) -> dict of array
        thetas is an array (n_draws, n_classes, n_class_parameters); draws are the first axis of each result.
    n_values : int
        Numbers that a draw takes to compute: the more, the fewer draws at a time, and for the interval.
    most : int
        Largest number of draws for the interval.
    additive : bool
        Whether estimates have to add up like the quantities: posterior means instead of medians.

    Returns
    -------
    dict of (estimate, lower, upper)
        Bayes: posterior median (or mean) and 2.5 % and 97.5 % quantiles. Maximum likelihood: the value at the
        estimate, and the quantiles under its asymptotic normal distribution; NaN if the Hessian is not positive
        definite.
    """
    at_estimate = None
    if fit.point_theta is not None:
        at_estimate = {name: values[0] for name, values in quantities(fit.point_theta[None]).items()}
        if not fit.has_intervals:
            return {name: (v, np.full_like(v, np.nan), np.full_like(v, np.nan)) for name, v in at_estimate.items()}
    thetas = fit.parameter_draws(min(affordable_draws(n_values), most))
    at_once = max(int(VALUES_AT_ONCE / n_values), 1)
    with np.errstate(over="ignore", under="ignore"):
        draws = [quantities(thetas[k : k + at_once]) for k in range(0, len(thetas), at_once)]
    tail, result = (1.0 - CI_PROB) / 2.0, {}
    for name in draws[0]:
        stacked = np.concatenate([draw[name] for draw in draws])
        with np.errstate(invalid="ignore"):  # between two infinite ratios
            lower, middle, upper = np.quantile(stacked, [tail, 0.5, 1.0 - tail], axis=0)
        if additive:
            middle = stacked.mean(axis=0)
        result[name] = (middle if at_estimate is None else at_estimate[name], lower, upper)
    return result


def of_classes(function: Callable, thetas) -> np.ndarray:
    """A function of theta that treats each class by itself, at many: array (n_draws, n_classes, ...)."""
    found = function(thetas.reshape(-1, thetas.shape[-1]))
    return found.reshape(*thetas.shape[:2], *found.shape[1:])


def class_survival(fit: Fit, times: ArrayLike | None = None, horizon: float | None = None) -> xr.Dataset:
    """Survival of each class, standardised to the cohort: the mean over its patients of S_g(t | x_i).

    If covariates change, x_i is their observed course for each patient up to the end of the patient's follow-up, with
    the last values carried forward. Survival then describes these patients, and is not a forecast if the changes are
    consequences of the course of the disease. `predict_survival` forecasts from what is known at a landmark. If a
    patient's curve acts on the hazard, survival is also averaged over the random effects of the class.

    With competing events, the probability of being free of all of them; see `cumulative_incidence` for each.

    Parameters
    ----------
    fit : MLFit or BayesFit
    times : array (n_times,), optional
        Months from the start of treatment; by default 61 from 0 to the longest follow-up.
    horizon : float, optional
        Months up to which restricted mean survival, the integral of S_g from 0, is taken; the last time unless given.

    Returns
    -------
    Dataset (latent_class, time)
        survival_function, lower, upper (95 %); and by class rmst, rmst_lower, rmst_upper (months). The attribute
        ``warnings`` says so if times or horizon are beyond the longest follow-up of the fit (extrapolated).

    Raises
    ------
    SpecError
        The fit has no endpoint, or times or horizon are not positive numbers.

    Examples
    --------
    >>> survival = bc.class_survival(fit, times=[12, 24])
    >>> survival["survival_function"].sel(time=24).round(2).values
    array([0.68, 0.24])
    """
    need_endpoint(fit, "class_survival")
    times = survival_grid(fit, times)
    horizon = float(times.max()) if horizon is None else float(horizon)
    nodes, weights = restricted_mean_nodes(horizon)
    survival, size = standardised_survival(fit, np.concatenate([times, nodes]))

    def curves(thetas):
        values = survival(thetas)
        return {"curve": values[..., : len(times)], "rmst": values[..., len(times) :] @ weights}

    result = summarise(fit, curves, **size)
    along = "; where they change, along each patient's own, the last values carried forward"
    attributes = {
        "estimand": f"S_g(t | x_i) averaged over the {fit.n_patients} patients' covariates ({_formulas(fit)})"
        + ("" if fit.packed.changes is None else along),
        "endpoint": fit.spec.endpoint,
        "unit": "months",
        "interval": interval_text(fit),
        "horizon": horizon,
        "warnings": past_follow_up(fit, max(horizon, float(times.max()))),
    }
    names = ("survival_function", "lower", "upper")
    data = curve_dataset(fit, times, dict(zip(names, result["curve"], strict=True)), attributes)
    for name, value in zip(("rmst", "rmst_lower", "rmst_upper"), result["rmst"], strict=True):
        data[name] = ("latent_class", value, {"unit": "months", "horizon": horizon})
    return data


def standardised_survival(fit: Fit, times) -> tuple[Callable, dict[str, Any]]:
    """Mean over patients of S_g(t | x_i), as a function of thetas (n_draws, n_classes, n_class_parameters).

    It returns an array (n_draws, n_classes, n_times); and `n_values` and `most` of `summarise`.
    """
    if fit.design.sizes.association is not None:
        return _marginal(fit, times)
    who, place = alike(fit.packed)
    share = np.bincount(place) / len(place)

    def survival(theta):
        total = np.zeros((len(theta), len(times)))
        for part in parts(len(who)):
            total += share[part] @ conditional_survival(theta, fit.packed, who[part], times, np.zeros(len(who[part])))
        return total

    return partial(of_classes, survival), {"n_values": fit.spec.n_classes * len(who) * len(times)}


def _marginal(fit, times):
    """`standardised_survival` if patients' curves act on the hazard: also averaged over their random effects."""
    hazards, share, n_values = kinds_of_hazard(fit)
    months = np.broadcast_to(times, (len(share), len(times)))
    held = {"n_values": fit.spec.n_classes * months.size, "most": affordable_draws(n_values * len(times))}
    return partial(of_classes, lambda theta: share @ hazards.survival(theta, months)), held


def kinds_of_hazard(fit: Fit) -> tuple[PatientHazards, np.ndarray, int]:
    """One patient of each kind, if their curves act on the hazard.

    Returns
    -------
    PatientHazards
    share : array (n_kinds,)
        Share of the patients of each kind.
    n_values : int
        Hazards evaluated for one time over all classes, kinds and random effects.
    """
    sizes = fit.design.sizes
    who, place = alike(fit.packed, fit.packed.constant)
    n_effects = EFFECT_NODES[sizes.n_random] ** sizes.n_random
    n_values = fit.spec.n_classes * len(who) * n_effects * (1 + fit.design.time_nodes)
    return PatientHazards.of(fit.packed.take(who), fit.design.layout), np.bincount(place) / len(place), n_values


def restricted_mean_nodes(horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and weights that integrate a survival function from 0 to `horizon` months.

    Gauss-Legendre in u with t = horizon u^4, which is smooth at 0 even for small Weibull shapes.
    """
    if not np.isfinite(horizon) or horizon <= 0:
        raise SpecError(f"horizon has to be a positive number of months; found {horizon!r}.")
    u, w = legendre(64)
    u, w = 0.5 * (u + 1.0), 0.5 * w
    return horizon * u**4, w * 4.0 * horizon * u**3


def conditional_survival(theta, packed, who, times, entries):
    """P(T > t | T > entry, x) of patients `who` by class: array (n_classes, n, n_times).

    With competing events, free of all of them. Hazards are proportional in x.
    """
    of_cause = _log_free if packed.changes is None else _log_free_along
    total = of_cause(theta, packed, who, times, entries, 0)
    for c in range(1, packed.sizes.n_causes):
        total += of_cause(theta, packed, who, times, entries, c)
    return np.exp(total, out=total)


def _log_free(theta, packed, who, times, entries, c):
    """Logarithm of `conditional_survival` if there were only one cause; patients entered together share a baseline."""
    sizes, (starts, own) = packed.sizes, np.unique(entries, return_inverse=True)
    risk = np.minimum(np.exp(theta[:, sizes.cause(c)[1]] @ packed.terms("survival")[who].T), HIGHEST)
    baseline = cumulative_hazard(theta, sizes, np.concatenate([times, starts]), cause=c)[:, 0]
    gone = np.minimum(baseline, ENDLESS)
    since = np.minimum(gone[:, len(times) :, None] - gone[:, None, : len(times)], 0.0)
    return (since if len(starts) == 1 else since[:, own]) * risk[:, :, None]


def _log_free_along(theta, packed, who, times, entries, c):
    """`_log_free` along covariates that change."""
    own = packed.changes.take(who)
    gone, entered = (cumulative_along(theta, packed.sizes, own, t, c) for t in (times, entries[:, None]))
    return np.minimum(np.minimum(entered, ENDLESS) - np.minimum(gone, ENDLESS), 0.0)


def alike(packed: Packed, *others) -> tuple[np.ndarray, np.ndarray]:
    """One patient of each kind: those with the same hazard (and the same values of others, arrays (n_patients,)).

    Returns
    -------
    who : array of int (n_kinds,)
        Positions of these patients; all patients if covariates change.
    kind : array of int (n_patients,)
        The kind of each patient.
    """
    if packed.changes is not None:
        return np.arange(packed.n_patients), np.arange(packed.n_patients)
    _, place = distinct(np.column_stack([packed.terms("survival"), *others]))
    return np.unique(place, return_index=True)[1], place


def distinct(rows) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows, and the position among them of each row."""
    if rows.shape[1] == 0:
        return np.zeros((1, 0)), np.zeros(len(rows), dtype=int)
    values, place = np.unique(rows, axis=0, return_inverse=True)
    return values, place.reshape(-1)


def parts(n: int) -> list[slice]:
    """Rows in pieces whose curves fit the processor's cache."""
    return [slice(a, a + ROWS_AT_ONCE) for a in range(0, n, ROWS_AT_ONCE)]


def affordable_draws(n_values: int) -> int:
    """The number of draws for an interval, given the exponentials that each needs."""
    return int(np.clip(EXPONENTIALS / n_values, MIN_DRAWS, MAX_DRAWS))


def checked_grid(values, name: str, least: float = 0.0) -> np.ndarray:
    """Months as an array; refuses anything but a list of finite numbers."""
    try:
        grid = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        grid = np.empty(0)
    if grid.ndim != 1 or len(grid) == 0 or not np.isfinite(grid).all() or grid.min() < least:
        raise SpecError(f"{name} has to be a list of finite numbers of months (survival: 0 or more); found {values!r}.")
    return grid


def survival_grid(fit: Fit, times) -> np.ndarray:
    """Months of survival curves: those given, or 61 from 0 to the longest follow-up."""
    return checked_grid(np.linspace(0.0, fit.packed.time.max(), N_POINTS) if times is None else times, "times")


def curve_dataset(fit: Fit, times, values: dict, attributes: dict) -> xr.Dataset:
    """Values by class and time, with attributes."""
    data = xr.Dataset(
        {name: (("latent_class", "time"), value) for name, value in values.items()},
        coords={"latent_class": fit.design.layout.coords["latent_class"], "time": times},
        attrs=attributes,
    )
    data["time"].attrs["unit"] = "months from the start of treatment"
    return data


def interval_text(fit: Fit, additive: bool = False) -> str:
    """The kind of estimates and intervals of a fit; `additive` as in `summarise`."""
    if fit.point_theta is None:
        return f"posterior {'mean' if additive else 'median'}, {CI_TEXT} pointwise equal-tailed interval"
    if not fit.has_intervals:
        return "maximum likelihood; no interval, the Hessian is not positive definite"
    return f"maximum likelihood, {CI_TEXT} pointwise interval from draws of the asymptotic normal distribution"


def survival_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The columns over which the survival of a class is averaged."""
    formulas = ["survival", "survival_by_class"]
    if spec.association not in (NONE, EFFECTS):  # the curve is part of the hazard
        formulas += ["longitudinal", "longitudinal_by_class"]
    return tuple(dict.fromkeys(column for name in formulas for column in columns_of(getattr(spec, name), name)))


def _formulas(fit):
    return f"survival {fit.spec.survival}, survival_by_class {fit.spec.survival_by_class}"
