"""R-hat and effective sample sizes of many parameters at once: Vehtari et al., Bayesian Analysis 2021;16:667.

The numbers are those of ArviZ, which computes one parameter at a time.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

TAIL = 1.0 - 0.89, 0.89  # of the quantiles whose effective sample sizes are compared, as in ArviZ
FEWEST = 4  # draws of a chain
EQUAL = np.finfo(float).resolution  # values of a smaller range do not vary


def rhat(draws: np.ndarray) -> np.ndarray:
    """Rank-normalised split R-hat, the larger of bulk and tail: array (n_rows,) of (n_rows, n_chains, n_draws)."""
    if min(draws.shape[1] / 2, draws.shape[2] / FEWEST) < 1.0:
        return np.full(len(draws), np.nan)
    halves = _halves(draws)
    folded = np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True))
    bulk, tail = (_of_variances(_normal_scores(each)) for each in (halves, folded))
    return np.where(tail > bulk, tail, bulk)


def ess_bulk(draws: np.ndarray) -> np.ndarray:
    """Effective sample size of the ranks: array (n_rows,) of (n_rows, n_chains, n_draws)."""
    if draws.shape[2] < FEWEST:
        return np.full(len(draws), np.nan)
    return _ess(_normal_scores(_halves(draws)))


def ess_tail(draws: np.ndarray) -> np.ndarray:
    """Smaller effective sample size of two quantiles: array (n_rows,) of (n_rows, n_chains, n_draws)."""
    if draws.shape[2] < FEWEST:
        return np.full(len(draws), np.nan)
    limits = np.quantile(draws, TAIL, axis=(1, 2))[..., None, None]
    low, high = (_ess(_halves(draws <= limit).astype(float)) for limit in limits)
    return np.minimum(low, high)


def _halves(draws):
    """Each chain as two, without the draw in the middle if their number is odd."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[:, :, :half], draws[:, :, -half:]], axis=1)


def _normal_scores(values):
    """Normal quantiles of the ranks among all chains (Blom's)."""
    flat = values.reshape(len(values), -1)
    rank = rankdata(flat, axis=1)
    return ndtri((rank - 0.375) / (flat.shape[1] + 0.25)).reshape(values.shape)


def _of_variances(values):
    n = values.shape[2]
    between = n * values.mean(axis=2).var(axis=1, ddof=1)
    within = values.var(axis=2, ddof=1).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # of equal values
        return np.sqrt((between / within + n - 1) / n)


def _ess(values):
    """Effective sample size by Geyer's initial monotone sequence of autocorrelations, added in pairs."""
    n_chains, n = values.shape[1:]
    covariance = _autocovariance(values).mean(axis=1)
    own = covariance[:, :1] * n / (n - 1.0)
    total = own * (n - 1.0) / n + values.mean(axis=2).var(axis=1, ddof=1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):  # of equal values
        rho = 1.0 - (own - covariance) / total
    rho[:, 0] = 1.0
    pairs = rho[:, 0 : n - n % 2 : 2] + rho[:, 1::2]
    most = max(-(-(n - 2) // 2) - 1, 0)  # pairs after the first that are looked at, as long as all before are positive
    k = np.cumprod(pairs[:, :most] > 0.0, axis=1).sum(axis=1)
    falling, place = np.minimum.accumulate(pairs, axis=1), np.arange(len(rho))
    sums = np.where(np.arange(pairs.shape[1]) < k[:, None], falling, 0.0).sum(axis=1)
    last = rho[place, 2 * k]
    tau = -1.0 + 2.0 * sums + np.where((last > 0.0) | (pairs[place, k] >= 0.0), last, 0.0)
    size = n_chains * n
    constant = np.ptp(values, axis=(1, 2)) < EQUAL
    return np.where(constant, size, size / np.maximum(tau, 1.0 / np.log10(size)))


def _autocovariance(values):
    """At each lag, by Fourier transforms."""
    n = values.shape[2]
    m = next_fast_len(2 * n)
    waves = rfft(values - values.mean(axis=2, keepdims=True), n=m, axis=2)
    return irfft((waves * np.conjugate(waves)).real, n=m, axis=2)[:, :, :n] / n
