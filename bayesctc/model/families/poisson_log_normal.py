"""Poisson counts of a log-normal concentration: c ~ Poisson(v exp(eta + sigma z)), z normal(0, 1), v = volume_ml / 7.5.

The curve is the log of the median concentration. P(c) is an integral over z without a closed form (Bulmer, Biometrics
1974;30:101). With a = eta + log v, its integrand is log-concave; its mode is z_0 = sigma (c - m), where y = sigma^2 m
solves y + log y = 2 log sigma + a + sigma^2 c, and its curvature there is 1 + y. With u = exp(a + sigma z_0)::

    log integrand(z_0 + d) - log integrand(z_0) = sigma m d - d^2 / 2 - u (exp(sigma d) - 1)

holds for any m, so that the mode need not be met exactly. The integral is summed by the trapezoidal rule, which
converges exponentially for such integrands (Trefethen and Weideman, SIAM Rev 2014;56:385), in steps of at most `STEP`
standard deviations of the integrand and `STEP` on the scale of the curve (with sigma above `LARGEST` it is coarser).
The derivative by eta is E(c - exp(a + sigma z)), that by log sigma E(z^2) - 1, both over the integrand as a density.
"""

import math

import numba
import numpy as np
from scipy.special import gammaincc

from bayesctc.model.columns import BLOCK
from bayesctc.model.families import poisson
from bayesctc.model.families.visits import counted
from bayesctc.model.pieces import LOG_MEDIAN, Family, Parameter, Prior
from bayesctc.model.vector_math import vexp, vlog, vlog1p

N_VALUES, N_CONSTANTS, N_PARAMETERS = 3, 9, 1
STEP = 0.65
BELOW, ABOVE = 10.5, 6.5  # standard deviations to either side of the mode: with many cells expected the left is longer
TINY = 1e-290
LARGEST = 50.0  # sigma, above what any counts have: a sampler's first steps may go anywhere, and must come back
CDF_NODES = np.linspace(-8.0, 8.0, 641)


constants = poisson.constants  # fills the first of its rows; the others are room for `visit`


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `pieces.Family`."""
    log_sigma, sigma = theta[g, p0], positive[g, p0]
    variance = sigma * sigma
    step = STEP / min(max(sigma, 1.0), LARGEST)
    below, above = math.ceil(BELOW / step), math.ceil(ABOVE / step)
    mode, width, tilt, at_mode, ratio, rate, total, square = c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7, c + 8
    for i in range(BLOCK):
        r = 2.0 * log_sigma + work[eta, i] + data[d + 1, i] + variance * data[d, i]
        work[mode, i] = max(r, 0.0) + vlog1p(vexp(-abs(r)))
        work[tilt, i] = r
    for _ in range(2):
        for i in range(BLOCK):
            y = max(work[mode, i], TINY)
            work[mode, i] = max(y * (1.0 + work[tilt, i] - vlog(y)) / (1.0 + y), 0.0)
    for i in range(BLOCK):
        y = work[mode, i]
        m = y / variance
        z = sigma * (data[d, i] - m)
        work[mode, i] = z
        work[width, i] = step / math.sqrt(1.0 + y)
        work[tilt, i] = sigma * m
        work[at_mode, i] = vexp(work[eta, i] + data[d + 1, i] + sigma * z)
    for i in range(BLOCK):
        work[ratio, i] = vexp(sigma * work[width, i])
        work[rate, i] = vexp(-below * sigma * work[width, i])
        work[total, i] = 0.0
        work[square, i] = 0.0
        work[slope, i] = 0.0
    for k in range(-below, above + 1):
        for i in range(BLOCK):
            move = k * work[width, i]
            weight = vexp((work[tilt, i] - 0.5 * move) * move - work[at_mode, i] * (work[rate, i] - 1.0))
            z = work[mode, i] + move
            work[total, i] += weight
            work[slope, i] += weight * work[rate, i]
            work[square, i] += weight * z * z
            work[rate, i] *= work[ratio, i]
    for i in range(BLOCK):
        z, count = work[mode, i], data[d, i]
        work[value, i] += work[c, i] + count * (work[eta, i] + sigma * z) - work[at_mode, i] - 0.5 * z * z
        work[value, i] += vlog(work[total, i] * work[width, i] / math.sqrt(2.0 * math.pi))
        work[by, i] += work[square, i] / work[total, i] - 1.0
        work[slope, i] = count - work[at_mode, i] * work[slope, i] / work[total, i]


def draw(rng, eta, volume_ml, sigma):
    """Random counts around a curve: the same twice, as these are whole already."""
    eta = np.asarray(eta, dtype=float)
    ctc = rng.poisson(np.exp(eta + sigma * rng.standard_normal(eta.shape)) * np.asarray(volume_ml) / 7.5)
    return ctc.astype(float), ctc


def cdf(count, eta, volume_ml, sigma):
    """P(ctc <= count), continued between whole numbers by the incomplete gamma function; by the trapezoidal rule."""
    count, eta, volume_ml, sigma = np.broadcast_arrays(count, eta, volume_ml, sigma)
    found = np.zeros(count.shape)
    weights = np.exp(-0.5 * CDF_NODES**2)
    for z, weight in zip(CDF_NODES, weights / weights.sum(), strict=True):
        with np.errstate(over="ignore"):
            found += weight * gammaincc(count + 1.0, np.exp(eta + sigma * z) * volume_ml / 7.5)
    return found


def mean(eta, volume_ml, sigma):
    """Expected count: the mean of the log-normal concentration, above its median."""
    with np.errstate(over="ignore"):
        return np.exp(eta + 0.5 * np.square(sigma)) * np.asarray(volume_ml) / 7.5


SPREAD = Parameter(
    "sigma",
    unit="{curve}",
    by_class="class_specific_sigma",
    prior=Prior("half_normal", "sigma_sd"),
    edges=(-6.0, math.log(LARGEST)),
    words="standard deviation of the log concentration between samples, apart from Poisson noise",
    label="residual sd",
    symbol="σ",
    on_curve=True,
)
POISSON_LOG_NORMAL = Family(
    name="poisson_log_normal",
    parameters=(SPREAD,),
    columns=counted,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc ~ Poisson(v concentration),  log concentration ~ Normal(eta, sigma^2),  v = volume_ml / 7.5",
    curve=LOG_MEDIAN,
    visit=visit,
)
