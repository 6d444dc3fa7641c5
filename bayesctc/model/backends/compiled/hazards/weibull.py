"""Weibull hazard: the compiled piece of `hazards.weibull`."""

import math

from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import HIGHEST, vexp


@inner
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time`, with derivatives.

    theta[g, h0:] are log scale and log shape, `positive` their exponentials. With z = log(time / scale)::

        event (log shape - log scale + (shape - 1) z + x' gamma) - H,     H = exp(shape z + x' gamma)
    """
    shape = positive[g, h0 + 1]
    started = time > 0.0  # else nothing has happened yet; the limit of every derivative is 0
    z = log_time - theta[g, h0]
    log_hazard = shape * z + linear_predictor  # cumulative
    cumulative_hazard = vexp(log_hazard) if log_hazard < HIGHEST else math.inf
    residual = event - cumulative_hazard if started else 0.0
    gradient[m0, i] = -shape * residual
    gradient[m0 + 1, i] = event + shape * residual * z if started else 0.0
    value = event * (theta[g, h0 + 1] + log_hazard - log_time) - cumulative_hazard
    return value if started else 0.0, residual


@inner
def log_hazard(theta, positive, g, h0, knots, time, log_time, gradient, m0, i):
    """Log hazard at `time`, without x' gamma, with derivatives; anything finite where it is 0."""
    shape = positive[g, h0 + 1]
    z = log_time - theta[g, h0]
    gradient[m0, i] = -shape
    gradient[m0 + 1, i] = 1.0 + shape * z
    return theta[g, h0 + 1] + shape * z - log_time


@inner
def power(positive, g, h0):
    """The exponent of time in the cumulative hazard."""
    return positive[g, h0 + 1]
