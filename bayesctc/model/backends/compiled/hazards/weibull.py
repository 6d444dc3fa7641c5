"""Weibull hazard: the compiled piece of `hazards.weibull`."""

import math

from bayesctc.model.backends.compiled.inner import inner


@inner
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time`, with derivatives.

    theta[g, h0:] are log scale and log shape, `positive` their exponentials. With z = log(time / scale)::

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
