"""Gompertz hazard: log hazard linear in time, h(t) = exp(slope t) / scale exp(x' gamma), t in months.

H(t) = (exp(slope t) - 1) / (slope scale) exp(x' gamma). With a slope below 0 the hazard dies out, and some never have
the event.
"""

import math

import numba
import numpy as np

from bayesctc.model.pieces import IDENTITY, SCALE, Hazard, Parameter, Prior

STEEPEST = 20.0  # change of the log hazard over the follow-up, of a mode that is no artefact
SMALL = 1e-3  # slope x time below which the series is exact to rounding


@numba.njit(error_model="numpy")
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time` months, with derivatives; see `pieces.Hazard`."""
    if time <= 0.0:
        gradient[m0, i] = 0.0
        gradient[m0 + 1, i] = 0.0
        return 0.0, 0.0
    slope = theta[g, h0 + 1]
    z = slope * time
    base = math.exp(linear_predictor - theta[g, h0])
    if abs(z) < SMALL:  # (e^z - 1) / z and its derivative
        mean, bend = 1.0 + z * (0.5 + z * (1.0 / 6.0 + z / 24.0)), 0.5 + z * (1.0 / 3.0 + z * (0.125 + z / 30.0))
    else:
        mean = math.expm1(z) / z
        bend = (math.exp(z) - mean) / z
    cumulative_hazard = base * time * mean
    residual = event - cumulative_hazard
    gradient[m0, i] = -residual
    gradient[m0 + 1, i] = event * time - base * time * time * bend
    return event * (linear_predictor - theta[g, h0] + z) - cumulative_hazard, residual


def inverse(cumulative_hazard, knots, scale, slope):
    """Time in months at which the cumulative hazard reaches a value; infinity where it never does."""
    reach = np.asarray(cumulative_hazard) * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        time = np.where(np.abs(slope * reach) < 1e-12, reach, np.log1p(slope * reach) / slope)
    return np.where(slope * reach <= -1.0, np.inf, time)


def rescaled(parameters, units, log_ratio):
    """exp(slope t) / scale exp(log_ratio), t in another unit."""
    scale = parameters["scale"] * units * np.exp(-log_ratio)
    return {"scale": scale, "slope": parameters["slope"] / units}


def _bounds(bounds, scales, by_class):
    """Of the slope over the follow-up."""
    return (-STEEPEST, STEEPEST) if bounds.slope is None else scales.months * np.array(bounds.slope)


GOMPERTZ = Hazard(
    name="gompertz",
    parameters=(
        SCALE,
        Parameter(
            "slope",
            unit="log hazard per month",
            by_class="class_specific_shape",
            scale=IDENTITY,
            prior=Prior("normal", "gompertz_slope_sd"),
            words="slope of the log hazard",
            label="slope of the log hazard",
            prior_sentence="{name}: normal({mean:g}, {sd:g}) over the follow-up: factor on the hazard from its start "
            "to its end, {interval}.",
            bounds=_bounds,
        ),
    ),
    terms=terms,
    inverse=inverse,
    rescaled=rescaled,
    formula="h_g(t | x) = exp(slope_g t) / scale_g exp(x' gamma)",
)
