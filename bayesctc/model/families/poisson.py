"""Poisson counts with mean mu = v exp(eta), v = volume_ml / 7.5: the negative binomial without over-dispersion."""

import numba
import numpy as np
from scipy.special import gammaincc

from bayesctc.model.columns import BLOCK
from bayesctc.model.families.visits import counted
from bayesctc.model.pieces import LOG_MEAN, Family
from bayesctc.model.vector_math import vexp

N_VALUES, N_CONSTANTS, N_PARAMETERS = 3, 1, 0
MOST = 300.0  # log of an expected count nobody has; sums and squares of what lies below are finite


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def constants(data, d, theta, positive, g, p0, work, c):
    """Of one sample of each patient: what of log P is free of the curve."""
    for i in range(BLOCK):
        work[c, i] = data[d, i] * data[d + 1, i] + data[d + 2, i]


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `pieces.Family`."""
    for i in range(BLOCK):
        work[slope, i] = vexp(min(work[eta, i] + data[d + 1, i], MOST))
    for i in range(BLOCK):
        work[value, i] += work[c, i] + data[d, i] * work[eta, i]
    for i in range(BLOCK):
        work[value, i] -= work[slope, i]
        work[slope, i] = data[d, i] - work[slope, i]


def draw(rng, eta, volume_ml):
    """Random counts around a curve: the same twice, as these are whole already."""
    ctc = rng.poisson(np.exp(eta) * np.asarray(volume_ml) / 7.5)
    return ctc.astype(float), ctc


def cdf(count, eta, volume_ml):
    """P(ctc <= count), continued between whole numbers by the incomplete gamma function."""
    return gammaincc(count + 1.0, np.exp(eta) * np.asarray(volume_ml) / 7.5)


def mean(eta, volume_ml):
    """Expected count."""
    with np.errstate(over="ignore"):
        return np.exp(eta) * np.asarray(volume_ml) / 7.5


POISSON = Family(
    name="poisson",
    parameters=(),
    columns=counted,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc ~ Poisson(mean v exp(eta)),  v = volume_ml / 7.5",
    curve=LOG_MEAN,
    visit=visit,
)
