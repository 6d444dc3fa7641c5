"""Exponential hazard, constant in time: H(t) = (t / scale) exp(x' gamma)."""

import numpy as np

from bayesctc.model.backends.compiled.hazards.exponential import terms
from bayesctc.model.pieces import SCALE, Hazard


def log_hazard(time, knots, scale):
    """Log hazard, the same at each time."""
    return -np.log(scale) + np.zeros_like(time)


def cumulative_hazard(time, knots, scale):
    """t / scale."""
    return time / scale


def inverse(cumulative_hazard, knots, scale):
    """Time in months at which t / scale equals `cumulative_hazard`."""
    return scale * cumulative_hazard


def rescaled(parameters, units, log_ratio):
    """t / scale exp(log_ratio), t in another unit; of every hazard that is a ratio to 1 / scale."""
    return {**parameters, "scale": parameters["scale"] * units * np.exp(-log_ratio)}


EXPONENTIAL = Hazard(
    name="exponential",
    parameters=(SCALE,),
    log_hazard=log_hazard,
    cumulative_hazard=cumulative_hazard,
    compiled=terms,
    inverse=inverse,
    rescaled=rescaled,
    formula="H_g(t | x) = (t / scale_g) exp(x' gamma)",
)
