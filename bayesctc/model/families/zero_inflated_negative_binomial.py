"""Negative-binomial counts with an extra zero: P(0) = p + (1 - p) NB(0), p by class and constant in time."""

import numpy as np

from bayesctc.model.backends.compiled.families.negative_binomial import constants  # free of the curve is the same
from bayesctc.model.backends.compiled.families.zero_inflated_negative_binomial import curvature, visit
from bayesctc.model.backends.compiled.pieces import CompiledFamily
from bayesctc.model.backends.visits import counted
from bayesctc.model.families import negative_binomial as nb
from bayesctc.model.pieces import LOG_MEAN, Family, Parameter, Prior


def log_probability(ctc, eta, volume_ml, dispersion, zero_inflation):
    """log P(ctc) given the curve."""
    plain = np.log1p(-zero_inflation) + nb.log_probability(ctc, eta, volume_ml, dispersion)
    return np.where(np.asarray(ctc) == 0, np.logaddexp(np.log(zero_inflation), plain), plain)


def draw(rng, eta, volume_ml, dispersion, zero_inflation):
    """Random counts around a curve: the same twice, as these are whole already."""
    _, ctc = nb.draw(rng, eta, volume_ml, dispersion)
    ctc = np.where(rng.random(np.shape(ctc)) < zero_inflation, 0, ctc)
    return ctc.astype(float), ctc


def cdf(count, eta, volume_ml, dispersion, zero_inflation):
    """P(ctc <= count), continued between whole numbers as the negative binomial's."""
    return zero_inflation + (1.0 - zero_inflation) * nb.cdf(count, eta, volume_ml, dispersion)


def mean(eta, volume_ml, dispersion, zero_inflation):
    """Expected count."""
    return (1.0 - zero_inflation) * nb.mean(eta, volume_ml, dispersion)


ZERO_INFLATION = Parameter(
    "zero_inflation",
    unit="probability",
    scale="logit",
    start=-2.0,
    edges=(-10.0, 10.0),
    prior=Prior("normal", "zero_inflation_sd", "zero_inflation_mean"),
    words="probability of an extra zero",
    label="extra zeros",
)
ZERO_INFLATED_NEGATIVE_BINOMIAL = Family(
    name="zero_inflated_negative_binomial",
    parameters=(nb.DISPERSION, ZERO_INFLATION),
    log_probability=log_probability,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc = 0 with probability zero_inflation_g, else NegativeBinomial(mean v exp(eta), dispersion)",
    curve=LOG_MEAN,
    overdispersion=lambda dispersion, zero_inflation: nb.overdispersion(dispersion),
    compiled=CompiledFamily(counted, visit=visit, constants=constants, curvature=curvature, n_values=3, n_constants=2),
)
