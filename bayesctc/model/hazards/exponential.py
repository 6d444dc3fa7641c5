"""Exponential hazard, constant in time: H(t) = (t / scale) exp(x' gamma)."""

import math

import numba
import numpy as np

from bayesctc.model.pieces import SCALE, Hazard


@numba.njit(error_model="numpy")
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time` months, with derivatives; see `pieces.Hazard`."""
    if time <= 0.0:
        gradient[m0, i] = 0.0
        return 0.0, 0.0
    rate = linear_predictor - theta[g, h0]
    cumulative_hazard = time * math.exp(rate)
    residual = event - cumulative_hazard
    gradient[m0, i] = -residual
    return event * rate - cumulative_hazard, residual


def inverse(cumulative_hazard, knots, scale):
    """Time in months at which t / scale equals `cumulative_hazard`."""
    return scale * cumulative_hazard


def rescaled(parameters, units, log_ratio):
    """t / scale exp(log_ratio), t in another unit; of every hazard that is a ratio to 1 / scale."""
    return {**parameters, "scale": parameters["scale"] * units * np.exp(-log_ratio)}


EXPONENTIAL = Hazard(
    name="exponential",
    parameters=(SCALE,),
    terms=terms,
    inverse=inverse,
    rescaled=rescaled,
    formula="H_g(t | x) = (t / scale_g) exp(x' gamma)",
)
