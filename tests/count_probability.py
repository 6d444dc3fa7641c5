"""Log probabilities of counts given the curve, by scipy, family by family."""

import numpy as np
from scipy.special import gammaln
from scipy.stats import nbinom, norm, poisson


def log_probability(family, count, volume, eta, own):
    """log P(count) by scipy, of the gaussian family log density; `own` holds the class's parameters by name."""
    v = volume / 7.5
    if family == "gaussian":
        return norm.logpdf(np.log1p(count / v), eta, own["sigma"])
    if family == "poisson":
        return poisson.logpmf(count, v * np.exp(eta))
    if family == "censored":
        upper = (np.log1p((count + 0.5) / v) - eta) / own["sigma"]
        with np.errstate(divide="ignore", invalid="ignore"):
            lower = (np.log(np.maximum(1.0 + (count - 0.5) / v, 0.0)) - eta) / own["sigma"]
        lower = np.where(count == 0, -np.inf, lower)
        flip = lower + upper > 0
        return np.log(np.where(flip, norm.cdf(-lower) - norm.cdf(-upper), norm.cdf(upper) - norm.cdf(lower)))
    if family == "poisson_log_normal":
        return _poisson_log_normal(np.asarray(count, dtype=float), np.log(v) + eta, own["sigma"])
    mean, phi = v * np.exp(eta), own["dispersion"]
    plain = nbinom.logpmf(count, phi, phi / (phi + mean))
    if family == "negative_binomial":
        return plain
    p = own["zero_inflation"]
    return np.where(count == 0, np.logaddexp(np.log(p), np.log1p(-p) + plain), np.log1p(-p) + plain)


def _poisson_log_normal(count, mu, sigma):
    """By many small steps in the log concentration, around where bisection finds most of the integrand."""
    count, mu = np.broadcast_arrays(count, mu)
    low, high = np.minimum(mu, np.log(count + 1e-9)) - 60.0, np.maximum(mu, np.log(count + 1.0)) + 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        rising = count - np.exp(middle) > (middle - mu) / sigma**2
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    apart = 0.4 if np.max(sigma) <= 1.0 else 0.2  # exp(-exp(x)) is not as smooth as a wide normal curve
    step = apart / np.sqrt(np.exp(low) + sigma**-2)

    def log_integrand(x):
        return count * x - np.exp(x) - 0.5 * ((x - mu) / sigma) ** 2

    at_mode, total = log_integrand(low), np.zeros(mu.shape)
    for k in range(-round(20 / apart), round(12 / apart)):
        total += np.exp(log_integrand(low + k * step) - at_mode)
    return at_mode - gammaln(count + 1.0) + np.log(total * step / sigma) - 0.5 * np.log(2.0 * np.pi)
