"""Weibull hazard: H(t) = (t / scale)^shape exp(x' gamma)."""

import numpy as np

from bayesctc.model.backends.compiled.hazards import weibull as compiled
from bayesctc.model.pieces import SCALE, Hazard, Parameter, Prior


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


SHAPES = (0.2, 5.0)  # lowest and highest of a mode that is no artefact


def _bounds(bounds, scales, by_class):
    """Bounds of log shape; higher if no patient is observed from time 0."""
    return np.log((SHAPES[0], SHAPES[1] * scales.shape) if bounds.shape is None else bounds.shape)


SHAPE = Parameter(
    "shape",
    unit="",
    by_class="class_specific_shape",
    prior=Prior("normal", "log_shape_sd"),
    words="Weibull shape",
    label="survival shape",
    prior_sentence="{sign}: log-normal, median {where:.3g}{late}; ratio to the median: {interval}.",
    where_data_are=lambda scales, cause: (float(np.log(scales.shape)), 1.0),
    bounds=_bounds,
)
WEIBULL = Hazard(
    name="weibull",
    parameters=(SCALE, SHAPE),
    log_hazard=log_hazard,
    cumulative_hazard=cumulative_hazard,
    compiled=compiled.terms,
    compiled_log_hazard=compiled.log_hazard,
    compiled_power=compiled.power,
    inverse=inverse,
    rescaled=rescaled,
    formula="H_g(t | x) = (t / scale_g)^shape_g exp(x' gamma)",
    sentences=(
        "Weibull: cumulative hazard H{g}(t{given}) = (t / {scale})^{shape}{product}, survival S{g} = exp(−H{g}).",
        "{scale}: months by which 63 % have the event{zero}. {shape}: below 1 the hazard falls with time, above 1 it "
        "rises.",
    ),
    alike="By class: the scale. Common: the shape, so hazards are proportional between classes: the hazard ratio of "
    "class g against class h is (scale_h / scale_g)^shape at all times{zero}.",
    by_class="By class: scale and shape, so the hazard ratio between classes changes with time. It is reported as exp "
    "of the mean log hazard ratio over the observed event times, with differences in survival.",
)
