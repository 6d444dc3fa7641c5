"""Exponential hazard: the compiled piece of `hazards.exponential`."""

import math

from bayesctc.model.backends.compiled.inner import inner


@inner
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time`, with derivatives; see `pieces.Hazard`."""
    if time <= 0.0:
        gradient[m0, i] = 0.0
        return 0.0, 0.0
    rate = linear_predictor - theta[g, h0]
    cumulative_hazard = time * math.exp(rate)
    residual = event - cumulative_hazard
    gradient[m0, i] = -residual
    return event * rate - cumulative_hazard, residual
