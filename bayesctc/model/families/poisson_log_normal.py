"""Poisson counts of a log-normal concentration: c ~ Poisson(v exp(eta + sigma z)), z normal(0, 1), v = volume_ml / 7.5.

The curve is the log of the median concentration. P(c) is an integral over z without a closed form (Bulmer, Biometrics
1974;30:101).
"""

import math

import numpy as np
from scipy.special import gammaincc, ndtr

from bayesctc.model.backends.compiled.families.poisson import constants  # the first of its rows; `visit` needs others
from bayesctc.model.backends.compiled.families.poisson_log_normal import (
    LARGEST,
    by_parameters,
    curvature,
    points,
    visit,
)
from bayesctc.model.backends.compiled.pieces import CompiledFamily, Tabled
from bayesctc.model.backends.visits import counted
from bayesctc.model.families import poisson
from bayesctc.model.pieces import LOG_MEDIAN, Family, Parameter, Prior

NORMAL_NODES = np.linspace(-8.0, 8.0, 33)
GAMMA_NODES = np.linspace(0.0, 1.0, 97)  # from the least to the largest log G
AT_ONCE = 1_000  # values of a distribution function, for the sake of memory
LEFT, RIGHT = 25.0, 15.0  # standard deviations of the integrand around its mode
STEP = 0.25  # the same, or log concentration, whichever is less


def log_probability(ctc, eta, volume_ml, sigma):
    """log P(ctc) given the curve: by the trapezoidal rule around the mode of the integrand, which bisection finds."""
    ctc, eta, volume_ml, sigma = np.broadcast_arrays(np.asarray(ctc, dtype=float), eta, volume_ml, sigma)

    def slope(z):
        with np.errstate(over="ignore"):
            return sigma * (ctc - np.exp(eta + sigma * z) * volume_ml / 7.5) - z

    low, high = np.minimum(-1.0, -eta / sigma - 60.0), sigma * ctc + 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        rising = slope(middle) > 0.0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    width = 1.0 / np.sqrt(1.0 + sigma * sigma * np.exp(eta + sigma * low) * volume_ml / 7.5)
    step = STEP / max(1.0, float(np.max(sigma * width, initial=0.0)))
    steps = step * np.arange(-np.ceil(LEFT / step), np.ceil(RIGHT / step) + 1.0)
    z = low[..., None] + steps * width[..., None]
    terms = poisson.log_probability(ctc[..., None], eta[..., None] + sigma[..., None] * z, volume_ml[..., None])
    terms -= 0.5 * z * z
    highest = terms.max(axis=-1)
    total = np.exp(terms - highest[..., None]).sum(axis=-1)
    return highest + np.log(total * step * width) - 0.5 * np.log(2.0 * np.pi)


def draw(rng, eta, volume_ml, sigma):
    """Random counts around a curve: the same twice, as these are whole already."""
    eta = np.asarray(eta, dtype=float)
    ctc = rng.poisson(np.exp(eta + sigma * rng.standard_normal(eta.shape)) * np.asarray(volume_ml) / 7.5)
    return ctc.astype(float), ctc


def cdf(count, eta, volume_ml, sigma):
    """P(ctc <= count), continued between whole numbers by the incomplete gamma function, to 1e-7.

    With G of a gamma distribution of shape count + 1 it is P(log G >= log lambda). Where log lambda scatters less than
    log G it is summed over log lambda, which is normal, else over log G.
    """
    count, log_mean, sigma = np.broadcast_arrays(count, eta + np.log(np.asarray(volume_ml) / 7.5), sigma)
    shape, found = np.asarray(count, dtype=float) + 1.0, np.empty(count.shape)
    narrow = sigma * np.sqrt(shape) < 1.0
    for where, summed in ((narrow, _over_concentrations), (~narrow, _over_gammas)):
        own = [values[where][:, None] for values in (shape, log_mean, sigma)]
        parts = [slice(k, k + AT_ONCE) for k in range(0, len(own[0]), AT_ONCE)]
        found[where] = np.concatenate([np.empty(0), *(summed(*(values[part] for values in own)) for part in parts)])
    return found


def _over_concentrations(shape, log_mean, sigma):
    """E P(G >= lambda) over log lambda: of columns, array (n,)."""
    weights = np.exp(-0.5 * NORMAL_NODES**2)
    with np.errstate(over="ignore"):
        return gammaincc(shape, np.exp(log_mean + sigma * NORMAL_NODES)) @ (weights / weights.sum())


def _over_gammas(shape, log_mean, sigma):
    """E P(log lambda <= log G) over log G, whose density is exp(shape t - shape e^t) at log shape + t."""
    low, high = -9.0 / np.sqrt(shape) - 30.0 / shape, np.log1p(9.0 / np.sqrt(shape) + 30.0 / shape)
    t = low + GAMMA_NODES * (high - low)
    density = np.exp(shape * (t - np.expm1(t)))
    return (density * ndtr((np.log(shape) + t - log_mean) / sigma)).sum(axis=1) / density.sum(axis=1)


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
    log_probability=log_probability,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="ctc ~ Poisson(v concentration),  log concentration ~ Normal(eta, sigma^2),  v = volume_ml / 7.5",
    curve=LOG_MEDIAN,
    normal=True,
    compiled=CompiledFamily(
        counted,
        visit=visit,
        curvature=curvature,
        constants=constants,
        n_values=3,
        n_constants=10,
        tabled=Tabled(points, 12, by_parameters),
    ),
)
