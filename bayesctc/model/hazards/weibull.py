"""Weibull hazard: H(t) = (t / scale)^shape exp(x' gamma)."""

import math

import numba
import numpy as np

from bayesctc.model.pieces import Hazard, Parameter, Prior


@numba.njit(error_model="numpy")
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time` months, with derivatives.

    theta[g, h0:] are log scale (months) and log shape, `positive` their exponentials. With z = log(time / scale)::

        event (log shape - log scale + (shape - 1) z + x' gamma) - H,     H = exp(shape z + x' gamma)
    """
    if time <= 0.0:  # nothing has happened yet; the limit of every derivative is 0
        gradient[m0, i] = 0.0
        gradient[m0 + 1, i] = 0.0
        return 0.0, 0.0
    shape = positive[g, h0 + 1]
    z = log_time - theta[g, h0]
    cumulative_hazard = math.exp(shape * z + linear_predictor)
    residual = event - cumulative_hazard
    gradient[m0, i] = -shape * residual
    gradient[m0 + 1, i] = event + shape * residual * z
    value = event * (theta[g, h0 + 1] + shape * z - log_time + linear_predictor) - cumulative_hazard
    return value, residual


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
    terms=terms,
    inverse=inverse,
    rescaled=rescaled,
    formula="H_g(t | x) = (t / scale_g)^shape_g exp(x' gamma)",
)
