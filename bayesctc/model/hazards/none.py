"""No endpoint: the growth mixture alone."""

import numpy as np

from bayesctc.model.backends.compiled.hazards.none import terms
from bayesctc.model.pieces import Hazard


def zero(time, knots):
    """No event ever happens."""
    return np.zeros_like(time)


def inverse(cumulative_hazard, knots):
    """Never."""
    return np.full(np.shape(cumulative_hazard), np.inf)


def rescaled(parameters, units, log_ratio):
    """There are none."""
    return parameters


NONE = Hazard(
    name="none",
    parameters=(),
    log_hazard=zero,
    cumulative_hazard=zero,
    inverse=inverse,
    rescaled=rescaled,
    formula="",
    compiled=terms,
)
