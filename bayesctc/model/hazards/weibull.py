"""Weibull hazard: H(t) = (t / scale)^shape exp(x' gamma)."""

import numpy as np

from bayesctc.model.backends.compiled.hazards.weibull import terms
from bayesctc.model.pieces import Hazard, Parameter, Prior


def log_hazard(time, knots, scale, shape):
    """Log hazard at each time above 0."""
    return np.log(shape) - np.log(scale) + (shape - 1.0) * (np.log(time) - np.log(scale))


def cumulative_hazard(time, knots, scale, shape):
    """(t / scale)^shape."""
    with np.errstate(over="ignore"):
        return (time / scale) ** shape


def inverse(cumulative_hazard, knots, scale, shape):
    """Time in months at which (t / scale)^shape equals `cumulative_hazard`."""
    return scale * cumulative_hazard ** (1.0 / shape)


def rescaled(parameters, units, log_ratio):
    """(t / scale)^shape exp(log_ratio), t in another unit."""
    return {**parameters, "scale": parameters["scale"] * units * np.exp(-log_ratio / parameters["shape"])}


SCALE = Parameter("scale", unit="months", prior=Prior("normal", "log_scale_sd", "log_scale_mean"), words="scale")
SHAPE = Parameter(
    "shape", unit="", by_class="class_specific_shape", prior=Prior("normal", "log_shape_sd"), words="Weibull shape"
)
WEIBULL = Hazard(
    name="weibull",
    parameters=(SCALE, SHAPE),
    log_hazard=log_hazard,
    cumulative_hazard=cumulative_hazard,
    compiled=terms,
    inverse=inverse,
    rescaled=rescaled,
    formula="H_g(t | x) = (t / scale_g)^shape_g exp(x' gamma)",
)
