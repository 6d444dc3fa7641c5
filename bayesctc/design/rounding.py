"""Numbers that are the same to the last bit however the data behind them were written down.

Days divided by 30.4375, or years with 2000 taken off, differ from months or from years since 2000 in the last digits
that a double holds. A sampler takes decisions, so such digits would change every draw. What a fit reads is therefore
rounded once it is on its own scale: times to 3e-11 of the time that samples span, covariates and markers to 1e-9 of a
standard deviation (years such as 2004 hold fewer digits of what differs between patients).
"""

import numpy as np

GRID, COARSER = 2.0**35, 2.0**30  # steps in one unit


def rounded(values, grid: float = GRID) -> np.ndarray:
    """Values to the nearest step of 1 / grid; for what is of the order of 1."""
    return np.rint(np.asarray(values, dtype=float) * grid) / grid


def rounded_times(values) -> np.ndarray:
    """Values to 35 significant binary digits; for times, whose logarithms are read too."""
    mantissa, exponent = np.frexp(np.asarray(values, dtype=float))
    return np.ldexp(np.rint(mantissa * GRID) / GRID, exponent)
