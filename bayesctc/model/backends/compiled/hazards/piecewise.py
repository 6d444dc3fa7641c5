"""Piecewise exponential hazard: the compiled piece of `hazards.piecewise`."""

import math

from bayesctc.model.backends.compiled.inner import inner


@inner
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time`, with derivatives; see `pieces.Hazard`."""
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
