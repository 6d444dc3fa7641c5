"""No endpoint: the growth mixture alone."""

import numba
import numpy as np

from bayesctc.model.pieces import Hazard


@numba.njit(error_model="numpy")
def terms(parameters, positive, event, time, log_time, linear_predictor, gradient):
    """Nothing is said about survival: log survival is 0."""
    return 0.0, 0.0


def inverse(cumulative_hazard):
    """Never."""
    return np.full(np.shape(cumulative_hazard), np.inf)


NONE = Hazard(name="none", parameters=(), terms=terms, inverse=inverse, formula="")
