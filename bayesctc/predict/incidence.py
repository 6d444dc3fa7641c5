"""Cumulative incidence of competing events by class, with 95 % intervals."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from bayesctc.design.quadrature import legendre
from bayesctc.errors import SpecError
from bayesctc.model.class_hazards import cumulative_hazard, log_hazard, step_ends
from bayesctc.model.hazard_along import cumulative_along, log_hazard_along
from bayesctc.model.packed import Packed
from bayesctc.predict.beyond import past_follow_up
from bayesctc.predict.curves import (
    affordable_draws,
    alike,
    curve_dataset,
    interval_text,
    kinds_of_hazard,
    parts,
    summarise,
    survival_grid,
)
from bayesctc.results.fit import Fit

NODES = 8  # of each interval of the quadrature, in log time
STEPS = 61  # evenly spaced ends of intervals up to the last time
FINE, COARSE = (
    np.arange(0.0, 8.0, 0.5),
    8.0 * 1.25 ** np.arange(13.0),
)  # log months before it: geometric ends, to e^-116


def need_causes(fit: Fit, what: str) -> None:
    """Refuse a fit without competing events."""
    if not fit.design.causes:
        raise SpecError(
            f"{what} needs competing events; this fit has endpoint={fit.spec.endpoint!r} with one event or none (read "
            "the data with causes=, such as {'ttf': ('progression', 'toxicity')})."
        )


def cumulative_incidence(fit: Fit, times: ArrayLike | None = None) -> xr.Dataset:
    """Cumulative incidence of each competing event in each class, standardised to the cohort.

    The mean over the patients of CIF_gc(t | x_i) = integral from 0 to t of h_gc(u | x_i) S_g(u | x_i) du, the
    probability of an event of cause c by t in the presence of the other causes, where S_g is the probability of none of
    them. Over the causes it sums to 1 - S_g, and so do the estimates of a Bayesian fit, which are posterior means. If a
    patient's curve acts on the hazard, it is also averaged over the random effects of the class.

    Parameters
    ----------
    fit : MLFit or BayesFit
        Of an endpoint with `causes`.
    times : array (n_times,), optional
        Months from the start of treatment; by default 61 from 0 to the longest follow-up.

    Returns
    -------
    Dataset (cause, latent_class, time)
        cumulative_incidence, lower, upper (95 %); survival_function, survival_lower, survival_upper (latent_class,
        time); expected_events (cause, latent_class): with fewer than one a hazard is not estimable, and the fit warns.
        The attribute ``warnings`` is as in `class_survival`.

    Raises
    ------
    SpecError
        The fit has one event or none, or times are not numbers of months from 0.

    Examples
    --------
    >>> samples, patients = bc.generate_trial(7)
    >>> stopped = patients["ttf_time"] < patients["pfs_time"]  # treatment stopped before progression: event 2
    >>> patients["ttf_event"] *= 1 + stopped
    >>> treated = bc.Cohort(samples, patients, causes={"ttf": ("progression", "other")}).include(min_samples=3)
    >>> competing = bc.fit_ml(treated, bc.ModelSpec(2, endpoint="ttf"), progress=False)
    >>> bc.cumulative_incidence(competing, [12])["cumulative_incidence"].round(1).dims
    ('cause', 'latent_class', 'time')
    """
    need_causes(fit, "cumulative_incidence")
    times, causes = survival_grid(fit, times), list(fit.design.causes)
    curves, size = (_of_classes if fit.design.sizes.association is None else _averaged)(fit, times)
    result = summarise(fit, curves, **size, additive=True)
    names = ("survival_function", "survival_lower", "survival_upper")
    over = "" if fit.design.sizes.association is None else " and over the random effects of the class"
    attributes = {
        "estimand": f"integral of h_gc S_g, averaged over the {fit.n_patients} patients' covariates{over}",
        "endpoint": fit.spec.endpoint,
        "unit": "months",
        "interval": interval_text(fit, additive=True),
        "warnings": past_follow_up(fit, float(times.max())),
    }
    data = curve_dataset(fit, times, dict(zip(names, result["survival"], strict=True)), attributes)
    data = data.assign_coords(cause=causes)
    for name, value in zip(("cumulative_incidence", "lower", "upper"), result["incidence"], strict=True):
        data[name] = (("cause", "latent_class", "time"), value)
    data["expected_events"] = (("cause", "latent_class"), fit.expected_events.to_numpy())
    return data


def _of_classes(fit, times):
    """Incidence and survival as a function of thetas, for hazards that depend only on class; and its size."""
    sizes, n_causes = fit.design.sizes, len(fit.design.causes)
    who, place = alike(fit.packed)
    share = np.bincount(place) / len(place)
    nodes, weights, upto = _quadrature(times, sizes.knots)

    cumulative, log_density = _hazards(fit.packed)

    def curves(thetas):
        theta = thetas.reshape(-1, thetas.shape[-1])
        incidence, free = np.zeros((n_causes, len(theta), len(times))), np.zeros((len(theta), len(times)))
        for part in parts(len(who)):
            gone, at_times = (np.zeros((len(theta), len(who[part]), n)) for n in (len(nodes), len(times)))
            for c in range(n_causes):
                both = cumulative(theta, who[part], np.concatenate([nodes, times]), c)
                gone += both[:, :, : len(nodes)]
                at_times += both[:, :, len(nodes) :]
            free += share[part] @ np.exp(-at_times)
            for c in range(n_causes):
                mean = share[part] @ np.exp(log_density(theta, who[part], nodes, c) - gone) * weights
                total = np.cumsum(mean.reshape(len(theta), -1, NODES).sum(axis=2), axis=1)
                incidence[c] += np.column_stack([np.zeros(len(theta)), total])[:, upto]
        shape = *thetas.shape[:2], len(times)
        return {
            "incidence": np.moveaxis(incidence.reshape(n_causes, *shape), 0, 1),
            "survival": free.reshape(shape),
        }

    return curves, {"n_values": 3 * n_causes * fit.spec.n_classes * len(who) * len(nodes)}


def _averaged(fit, times):
    """As `_of_classes`, if patients' curves act on the hazard: also averaged over their random effects."""
    hazards, share, n_values = kinds_of_hazard(fit)
    last = max(float(times.max()), 1e-3)
    ends = step_ends(0.0, last, [*times[times > 0.0], *fit.design.sizes.knots])
    at, months = np.searchsorted(ends, times), np.broadcast_to(ends, (len(share), len(ends)))

    def curves(thetas):
        theta = thetas.reshape(-1, thetas.shape[-1])
        mean = share @ hazards.incidence(theta, months, *hazards.prior(theta))
        mean = np.moveaxis(mean.reshape(-1, *thetas.shape[:2], len(ends) - 1), 0, 1)
        incidence = np.concatenate([np.zeros((*mean.shape[:3], 1)), mean], axis=3)[..., at]
        return {"incidence": incidence, "survival": 1.0 - incidence.sum(axis=1)}

    n_causes, n_classes = len(fit.design.causes), fit.spec.n_classes
    most = affordable_draws(n_values * n_causes * len(ends))
    return curves, {"n_values": n_causes * n_classes * months.size, "most": most}


def _hazards(packed: Packed):
    """Cumulative and log hazards, functions (theta, patients, times, cause) -> array (n_classes, n, n_times)."""
    sizes, changes, terms = packed.sizes, packed.changes, packed.terms("survival")
    if changes is None:
        return (
            lambda theta, who, times, c: cumulative_hazard(theta, sizes, times, terms[who], c),
            lambda theta, who, times, c: log_hazard(theta, sizes, times, terms[who], c),
        )
    return (
        lambda theta, who, times, c: cumulative_along(theta, sizes, changes.take(who), times, c),
        lambda theta, who, times, c: log_hazard_along(theta, sizes, changes.take(who), times, c),
    )


def _quadrature(times, knots) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (months) and weights of integrals from 0, and the number of intervals before each time.

    Gauss-Legendre in log time. Interval ends are geometric towards 0, where a hazard may be infinite (the omitted part
    is below rounding error), evenly spaced up to the last time, and at every requested time and every knot.
    """
    last = max(float(times.max()), 1e-3)
    ends = np.concatenate([last * np.exp(-np.concatenate([FINE, COARSE])), np.linspace(0.0, last, STEPS), times, knots])
    ends = np.unique(ends[(ends > 0.0) & (ends <= last)])
    u, w = legendre(NODES)
    low, high = np.log(ends[:-1, None]), np.log(ends[1:, None])
    nodes = np.exp(0.5 * (high + low) + 0.5 * (high - low) * u).ravel()
    weights = (0.5 * (high - low) * w).ravel() * nodes
    return nodes, weights, np.maximum(np.searchsorted(ends, times), 0)
