"""Rounding, so that numbers are identical to the last bit in whatever units the data were recorded.

Days divided by 30.4375, or years minus 2000, differ from months or from years since 2000 in the last digits of a
double. A sampler makes discrete decisions, so such digits would change all later draws. The input of a fit is therefore
rounded on its own scale: times to 3e-11 of the time that samples span, covariates and markers to 1e-9 of a standard
deviation (years such as 2004 have fewer significant digits for differences between patients).
"""

import numpy as np

GRID, COARSER = 2.0**35, 2.0**30  # steps in one unit


def rounded(values, grid: float = GRID) -> np.ndarray:
    """Values rounded to the nearest multiple of 1 / grid; for values of the order of 1."""
    return np.rint(np.asarray(values, dtype=float) * grid) / grid


def rounded_times(values) -> np.ndarray:
    """Values rounded to 35 significant binary digits; for times, whose logarithms are also used."""
    mantissa, exponent = np.frexp(np.asarray(values, dtype=float))
    return np.ldexp(np.rint(mantissa * GRID) / GRID, exponent)
