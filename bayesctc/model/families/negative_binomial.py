"""Negative-binomial counts: mean mu = v exp(eta), variance mu + mu^2 / dispersion, v = volume_ml / 7.5.

With x = mu / phi::

    log P(c) = lgamma(c + phi) - lgamma(phi) - lgamma(c + 1) + c log x - (c + phi) log(1 + x)

Where exp holds x down, log(1 + x) is x's logarithm all the same: else P would grow with mu for ever.
"""

import numba
import numpy as np
from scipy.special import betainc

from bayesctc.model.columns import BLOCK
from bayesctc.model.families.visits import counted
from bayesctc.model.pieces import LOG_MEAN, Family, Parameter, Prior
from bayesctc.model.vector_math import HIGHEST, vdigamma, vexp, vlog1p, vlog_gamma

N_VALUES, N_CONSTANTS, N_PARAMETERS = 3, 2, 1


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def constants(data, d, theta, positive, g, p0, work, c):
    """Of one sample of each patient: what of log P and of its derivative by log phi is free of the curve."""
    log_phi, phi = theta[g, p0], positive[g, p0]
    at_phi, slope_at_phi = vlog_gamma(phi), vdigamma(phi)
    for i in range(BLOCK):
        work[c, i] = vlog_gamma(data[d, i] + phi) - at_phi
    for i in range(BLOCK):
        work[c, i] += data[d, i] * (data[d + 1, i] - log_phi) + data[d + 2, i]
    for i in range(BLOCK):
        work[c + 1, i] = phi * (vdigamma(data[d, i] + phi) - slope_at_phi)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `pieces.Family`.

    In steps of few rows each, so that every loop compiles to vector code.
    """
    log_phi, phi = theta[g, p0], positive[g, p0]
    for i in range(BLOCK):
        work[slope, i] = vexp(work[eta, i] + data[d + 1, i] - log_phi)
    for i in range(BLOCK):
        grown = vlog1p(work[slope, i]) + max(work[eta, i] + data[d + 1, i] - log_phi - HIGHEST, 0.0)
        work[value, i] -= (data[d, i] + phi) * grown
        work[by, i] -= phi * grown
    for i in range(BLOCK):
        work[slope, i] = data[d, i] - (data[d, i] + phi) * (work[slope, i] / (1.0 + work[slope, i]))
    for i in range(BLOCK):
        work[value, i] += work[c, i] + data[d, i] * work[eta, i]
    for i in range(BLOCK):
        work[by, i] += work[c + 1, i] - work[slope, i]


def draw(rng, eta, volume_ml, dispersion):
    """Random counts around a curve: the same twice, as these are whole already."""
    mean = np.exp(eta) * np.asarray(volume_ml) / 7.5
    ctc = rng.poisson(mean * rng.gamma(dispersion, 1.0 / dispersion, size=np.shape(mean)))
    return ctc.astype(float), ctc


def cdf(count, eta, volume_ml, dispersion):
    """P(ctc <= count), continued between whole numbers by the incomplete beta function."""
    mean = np.exp(eta) * np.asarray(volume_ml) / 7.5
    return betainc(dispersion, count + 1.0, dispersion / (dispersion + mean))


def mean(eta, volume_ml, dispersion):
    """Expected count, whatever the dispersion."""
    with np.errstate(over="ignore"):
        return np.exp(eta) * np.asarray(volume_ml) / 7.5


def overdispersion(dispersion):
    """Variance of a log count beyond 1 / count."""
    return 1.0 / dispersion


DISPERSION = Parameter(
    "dispersion",
    unit="",
    by_class="class_specific_dispersion",
    prior=Prior("normal", "log_dispersion_sd"),
    edges=(-7.0, 12.0),
    label="dispersion of the {values}",
    prior_sentence="{name}: log-normal({mean:g}, {sd:g}): median {median} (variance mu + mu²), {interval}.",
    words="negative-binomial dispersion, variance mu + mu^2 / dispersion",
)
NEGATIVE_BINOMIAL = Family(
    name="negative_binomial",
    parameters=(DISPERSION,),
    columns=counted,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc ~ NegativeBinomial(mean mu = v exp(eta), variance mu + mu^2 / dispersion),  v = volume_ml / 7.5",
    curve=LOG_MEAN,
    overdispersion=overdispersion,
    visit=visit,
)
