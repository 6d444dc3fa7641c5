"""No endpoint: the growth mixture alone."""

import numba
import numpy as np

from bayesctc.model.pieces import Hazard


@numba.njit(error_model="numpy")
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Nothing is said about survival: log survival is 0."""
    return 0.0, 0.0


def inverse(cumulative_hazard, knots):
    """Never."""
    return np.full(np.shape(cumulative_hazard), np.inf)


def rescaled(parameters, units, log_ratio):
    """There are none."""
    return parameters


NONE = Hazard(name="none", parameters=(), terms=terms, inverse=inverse, rescaled=rescaled, formula="")
