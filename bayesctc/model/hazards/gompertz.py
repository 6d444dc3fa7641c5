"""Gompertz hazard: log hazard linear in time, h(t) = exp(slope t) / scale exp(x' gamma), t in months.

H(t) = (exp(slope t) - 1) / (slope scale) exp(x' gamma). With a slope below 0 the hazard tends to 0, and some never have
the event.
"""

import numpy as np
from scipy.special import exprel

from bayesctc.model.backends.compiled.hazards.gompertz import terms
from bayesctc.model.pieces import IDENTITY, SCALE, Hazard, Parameter, Prior

STEEPEST = 20.0  # change of the log hazard over the follow-up, of a mode that is no artefact


def log_hazard(time, knots, scale, slope):
    """Log hazard at each time."""
    return slope * time - np.log(scale)


def cumulative_hazard(time, knots, scale, slope):
    """(exp(slope t) - 1) / (slope scale)."""
    with np.errstate(over="ignore"):
        return time / scale * exprel(slope * time)


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
    """Bounds of the slope over the follow-up."""
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
            prior_sentence="{name}: normal({mean:g}, {sd:g}) over the follow-up; ratio of the hazard at its end to "
            "that at its start: {interval}.",
            bounds=_bounds,
        ),
    ),
    log_hazard=log_hazard,
    cumulative_hazard=cumulative_hazard,
    compiled=terms,
    inverse=inverse,
    rescaled=rescaled,
    formula="h_g(t | x) = exp(slope_g t) / scale_g exp(x' gamma)",
)
