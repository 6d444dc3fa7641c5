"""Negative-binomial counts: mean mu = v exp(eta), variance mu + mu^2 / dispersion, v = volume_ml / 7.5.

With x = mu / phi::

    log P(c) = lgamma(c + phi) - lgamma(phi) - lgamma(c + 1) + c log x - (c + phi) log(1 + x)
"""

import numpy as np
from scipy.special import betainc, gammaln

from bayesctc.model.backends.compiled.families.negative_binomial import constants, curvature, visit
from bayesctc.model.backends.compiled.pieces import CompiledFamily
from bayesctc.model.backends.visits import counted
from bayesctc.model.pieces import LOG_MEAN, Family, Parameter, Prior


def log_probability(ctc, eta, volume_ml, dispersion):
    """log P(ctc) given the curve."""
    ctc = np.asarray(ctc, dtype=float)
    log_x = eta + np.log(np.asarray(volume_ml) / 7.5) - np.log(dispersion)
    combinations = gammaln(ctc + dispersion) - gammaln(dispersion) - gammaln(ctc + 1.0)
    return combinations + ctc * log_x - (ctc + dispersion) * np.logaddexp(0.0, log_x)


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
    prior_sentence="{name}: log-normal({mean:g}, {sd:g}), median {median} (variance mu + mu²), {interval}.",
    words="negative-binomial dispersion, variance mu + mu^2 / dispersion",
)
NEGATIVE_BINOMIAL = Family(
    name="negative_binomial",
    parameters=(DISPERSION,),
    log_probability=log_probability,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc ~ NegativeBinomial(mean mu = v exp(eta), variance mu + mu^2 / dispersion),  v = volume_ml / 7.5",
    curve=LOG_MEAN,
    overdispersion=overdispersion,
    compiled=CompiledFamily(counted, visit=visit, constants=constants, curvature=curvature, n_values=3, n_constants=2),
)
