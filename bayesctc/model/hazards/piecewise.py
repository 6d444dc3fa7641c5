"""Piecewise exponential hazard: constant between knots, h(t) = relative_k / scale exp(x' gamma) from knot k on.

t in months; relative is 1 before the first knot.
"""

import numpy as np

from bayesctc.errors import SpecError
from bayesctc.model.backends.compiled.hazards.piecewise import terms
from bayesctc.model.hazards.exponential import rescaled
from bayesctc.model.pieces import SCALE, Hazard, Parameter, Prior


def _steps(knots, relative_hazard):
    """Start of each interval, and the hazard in it relative to the first: arrays (n_intervals,), (..., n_intervals)."""
    ones = np.ones((*np.shape(relative_hazard)[:-1], 1))
    return np.concatenate([[0.0], knots]), np.concatenate([ones, relative_hazard], axis=-1)


def log_hazard(time, knots, scale, relative_hazard):
    """Log hazard at each time; at a knot, that of the interval before it."""
    starts, rate = _steps(knots, relative_hazard)
    here = np.maximum(np.sum(np.asarray(time)[..., None] > starts, axis=-1) - 1, 0)
    rate = np.broadcast_to(rate, (*here.shape, len(starts)))
    with np.errstate(divide="ignore"):  # an interval in which a class has no events
        return np.log(np.take_along_axis(rate, here[..., None], axis=-1)[..., 0]) - np.log(scale)


def cumulative_hazard(time, knots, scale, relative_hazard):
    """Time spent in each interval, times the hazard in it."""
    starts, rate = _steps(knots, relative_hazard)
    spent = np.clip(np.asarray(time)[..., None], starts, [*knots, np.inf]) - starts
    return np.sum(spent * np.where(spent > 0.0, rate, 0.0), axis=-1) / scale


def inverse(cumulative_hazard, knots, scale, relative_hazard):
    """Time in months at which the cumulative hazard reaches a value."""
    target = np.asarray(cumulative_hazard, dtype=float) * scale
    edges, rate = _steps(knots, relative_hazard)
    reached = np.cumsum(np.diff(edges) * rate[..., :-1], axis=-1)
    k = np.sum(reached <= target[..., None], axis=-1)
    before = np.concatenate([np.zeros((*reached.shape[:-1], 1)), reached], axis=-1)
    at, slope = (np.take_along_axis(values, k[..., None], axis=-1)[..., 0] for values in (before, rate))
    return edges[k] + (target - at) / slope


def settled_knots(spec, patients):
    """Months at which the hazard changes: given, or quantiles of the event times."""
    events = patients["_time"][patients["_event"] > 0]
    if isinstance(spec.hazard_knots, int):
        knots = np.quantile(events, np.linspace(0.0, 1.0, spec.hazard_knots + 2)[1:-1])
        if len(np.unique(knots)) < len(knots):
            raise SpecError(
                f"hazard_knots={spec.hazard_knots} is too many for {events.nunique()} different event times."
            )
        if knots[-1] >= events.max():
            raise SpecError(
                f"hazard_knots={spec.hazard_knots} puts a knot at the last event of {spec.endpoint} "
                f"({events.max():.3g} months), because many events share it; allowed: fewer knots, or months with "
                "events after them."
            )
        return tuple(float(k) for k in knots)
    first = patients["_entry"].min()
    if spec.hazard_knots[0] <= first:
        raise SpecError(
            f"hazard_knots: found {spec.hazard_knots[0]:g} months, before anyone is under observation for "
            f"{spec.endpoint} (entry from {first:.3g}); allowed: knots with follow-up before them."
        )
    outside = [k for k in spec.hazard_knots if k >= events.max()]
    if outside:
        raise SpecError(
            f"hazard_knots: found {outside[0]:g} months, after the last event of {spec.endpoint} ({events.max():.3g}); "
            "allowed: knots with events after them."
        )
    return spec.hazard_knots


RELATIVE = Parameter(
    "relative_hazard",
    unit="ratio",
    by_class="class_specific_shape",
    prior=Prior("normal", "log_relative_hazard_sd"),
    words="hazard relative to that before the first knot",
    label="hazard relative to that before the first knot",
    by_interval=True,
    edges=(-9.0, 9.0),
)
PIECEWISE = Hazard(
    name="piecewise",
    parameters=(SCALE, RELATIVE),
    log_hazard=log_hazard,
    cumulative_hazard=cumulative_hazard,
    compiled=terms,
    inverse=inverse,
    rescaled=rescaled,
    knots=settled_knots,
    formula="h_g(t | x) = relative_hazard_gk / scale_g exp(x' gamma) between knots k and k + 1",
)
