"""Gompertz hazard: the compiled piece of `hazards.gompertz`."""

import math

from bayesctc.model.backends.compiled.inner import inner

SMALL = 1e-3  # slope x time below which the series is exact to rounding


@inner
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time`, with derivatives; see `pieces.Hazard`."""
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
