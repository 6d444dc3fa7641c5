"""Piecewise exponential hazard: constant between knots, h(t) = relative_k / scale exp(x' gamma) from knot k on.

t in months; relative is 1 before the first knot.
"""

import math

import numba
import numpy as np

from bayesctc.errors import SpecError
from bayesctc.model.hazards.exponential import rescaled
from bayesctc.model.pieces import SCALE, Hazard, Parameter, Prior


@numba.njit(error_model="numpy")
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time` months, with derivatives; see `pieces.Hazard`."""
    base = math.exp(linear_predictor - theta[g, h0])
    cumulative_hazard = base * max(min(time, knots[0]), 0.0)
    log_relative = 0.0
    for k in range(knots.shape[0]):
        start = knots[k]
        end = knots[k + 1] if k + 1 < knots.shape[0] else math.inf
        gradient[m0 + 1 + k, i] = 0.0
        if time > start:
            piece = base * positive[g, h0 + 1 + k] * (min(time, end) - start)
            cumulative_hazard += piece
            gradient[m0 + 1 + k, i] = -piece
            if time <= end:
                log_relative = theta[g, h0 + 1 + k]
                gradient[m0 + 1 + k, i] += event
    if time <= 0.0:
        gradient[m0, i] = 0.0
        return 0.0, 0.0
    residual = event - cumulative_hazard
    gradient[m0, i] = -residual
    return event * (log_relative + linear_predictor - theta[g, h0]) - cumulative_hazard, residual


def inverse(cumulative_hazard, knots, scale, relative_hazard):
    """Time in months at which the cumulative hazard reaches a value."""
    target = np.asarray(cumulative_hazard, dtype=float) * scale
    rate = np.concatenate([np.ones((*np.shape(relative_hazard)[:-1], 1)), relative_hazard], axis=-1)
    edges = np.concatenate([[0.0], knots])
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
                f"({events.max():.3g} months), as many events share that time; allowed: fewer knots, or months with "
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
    terms=terms,
    inverse=inverse,
    rescaled=rescaled,
    knots=settled_knots,
    formula="h_g(t | x) = relative_hazard_gk / scale_g exp(x' gamma) between knots k and k + 1",
)
