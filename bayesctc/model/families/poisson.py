"""Poisson counts with mean mu = v exp(eta), v = volume_ml / 7.5: the negative binomial without over-dispersion."""

import numpy as np
from scipy.special import gammaincc, gammaln

from bayesctc.model.backends.compiled.families.poisson import constants, curvature, visit
from bayesctc.model.backends.compiled.pieces import CompiledFamily
from bayesctc.model.backends.visits import counted
from bayesctc.model.pieces import LOG_MEAN, Family


def log_probability(ctc, eta, volume_ml):
    """log P(ctc) given the curve."""
    log_mean = eta + np.log(np.asarray(volume_ml) / 7.5)
    with np.errstate(over="ignore"):
        return ctc * log_mean - np.exp(log_mean) - gammaln(np.asarray(ctc) + 1.0)


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
    log_probability=log_probability,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc ~ Poisson(mean v exp(eta)),  v = volume_ml / 7.5",
    curve=LOG_MEAN,
    compiled=CompiledFamily(counted, visit=visit, constants=constants, curvature=curvature, n_values=3, n_constants=1),
)
