"""Pareto-smoothed importance sampling (Vehtari et al., JMLR 2024;25(72)), of many patients at once.

ArviZ does the same one patient at a time; a test checks that the two agree.
"""

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from bayesctc.errors import SpecError
from bayesctc.inference.settings import FEWEST_SMOOTHED

HIGH_K = 0.7  # above which importance sampling is not relied on (same source, section 3.2.4)
PRIOR_K, PRIOR_DRAWS = 0.5, 10.0  # the prior of k, and how many draws it is worth (same source, appendix G)
PRIOR_QUARTILES = 3.0  # of the profile's grid (Zhang and Stephens, Technometrics 2009;51:316)
AT_ONCE = 128  # patients whose tails are fitted together, so that these stay in the cache


def psis(draws: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Pareto-smoothed importance weights that leave out each patient in turn.

    Parameters
    ----------
    draws : DataArray (chain, draw, patient)
        Log density of each patient at each draw, as it enters the posterior.

    Returns
    -------
    weights : array (n_chains * n_draws, n_patients)
        Their logarithms; they sum to 1 by patient.
    pareto_k : array (n_patients,)
        0 if a patient's density is the same at every draw, so that leaving them out changes nothing; infinite if too
        many of the largest ratios are equal for a tail to be fitted.
    """
    return smoothed(-draws.transpose("chain", "draw", "patient").to_numpy().reshape(-1, draws.sizes["patient"]))


def smoothed(log_ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed log weights that sum to 1 by column, and pareto_k by column, of log importance ratios.

    Parameters
    ----------
    log_ratios : array (n_draws, n)
        Minus infinity for draws without weight.
    """
    # without infinities; the constant does not matter
    weights = np.maximum(log_ratios - log_ratios.max(axis=0), -1e6).T.copy()
    n_draws = weights.shape[1]
    n_tail = int(3.0 * np.sqrt(n_draws) if n_draws > 225 else n_draws / 5)
    if n_draws < FEWEST_SMOOTHED:
        raise SpecError(f"importance weights are smoothed over {FEWEST_SMOOTHED} draws or more; found {n_draws}.")
    k = np.empty(len(weights))
    for start in range(0, len(weights), AT_ONCE):
        rows = weights[start : start + AT_ONCE]
        k[start : start + AT_ONCE] = _smooth_tails(rows, n_tail)
    return (weights - logsumexp(weights, axis=1, keepdims=True)).T, k


def _smooth_tails(weights, n_tail):
    """Replace the n_tail largest of each row by quantiles of their generalised Pareto distribution; k by row.

    Rows have their largest at 0. No quantile is above the largest ratio.
    """
    order = np.argpartition(weights, -n_tail - 1, axis=1)[:, -n_tail - 1 :]
    order = np.take_along_axis(order, np.take_along_axis(weights, order, axis=1).argsort(axis=1), axis=1)
    largest = np.exp(np.take_along_axis(weights, order, axis=1))
    cutoff, excess = largest[:, :1], largest[:, 1:] - largest[:, :1]
    with np.errstate(all="ignore"):  # rows without a tail, which are infinite below
        k, sigma = _generalised_pareto(excess)
        upper = -np.log1p(-np.arange(0.5, n_tail) / n_tail)
        at = cutoff + sigma[:, None] * np.where(k[:, None] == 0.0, upper, np.expm1(k[:, None] * upper) / k[:, None])
    fitted = np.isfinite(k) & (sigma > 0.0)
    constant = weights.min(axis=1) == 0.0
    tails = np.minimum(np.log(at[fitted]), 0.0)
    weights[np.flatnonzero(fitted)[:, None], order[fitted, 1:]] = tails
    return np.where(fitted, k, np.where(constant, 0.0, np.inf))


def _generalised_pareto(excess):
    """k and sigma by row of ascending excesses (n, n_tail), by Zhang and Stephens' empirical Bayes estimate."""
    n = excess.shape[1]
    quartile = excess[:, int(n / 4 + 0.5) - 1]
    places = 30 + int(np.sqrt(n))
    grid = (1.0 - np.sqrt(places / (np.arange(1, places + 1) - 0.5))) / (PRIOR_QUARTILES * quartile[:, None])
    grid += 1.0 / excess[:, -1:]
    k = np.log1p(-grid[:, :, None] * excess[:, None, :]).mean(axis=2)
    profile = n * (np.log(-grid / k) - k - 1.0)
    share = np.exp(profile - logsumexp(profile, axis=1, keepdims=True))
    share = np.where(share >= 10 * np.finfo(float).eps, share, 0.0)
    b = (grid * share).sum(axis=1) / share.sum(axis=1)
    k = np.log1p(-b[:, None] * excess).mean(axis=1)
    told = quartile > excess[:, 0]  # a first quartile at the smallest is no Pareto distribution
    return np.where(told, (n * k + PRIOR_DRAWS * PRIOR_K) / (n + PRIOR_DRAWS), np.nan), -k / b


def weighted(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """log of the weighted mean of exp(values) by patient: arrays (n_draws, n_patients), log weights that sum to 1."""
    found: np.ndarray = logsumexp(weights + values, axis=0)
    return found
