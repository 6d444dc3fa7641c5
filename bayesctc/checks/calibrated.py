"""Observed statistics compared with replicates: intervals, p-values, and one p-value for a whole check."""

from dataclasses import dataclass

import numpy as np

from bayesctc.results.intervals import CI_PROB

LEVEL = 1.0 - CI_PROB


@dataclass(frozen=True)
class Calibrated:
    """Statistics of one check.

    Attributes
    ----------
    lower, upper : array (n_statistics,)
        95 % predictive interval of each statistic.
    middle, sd : array (n_statistics,)
        Median and standard deviation of the replicates.
    p : array (n_statistics,)
        Two-sided predictive p-value of each statistic, ties counted half.
    p_joint : array (n_statistics,)
        The same for the most extreme of the check's statistics, and so adjusted for their number.
    """

    lower: np.ndarray
    upper: np.ndarray
    middle: np.ndarray
    sd: np.ndarray
    p: np.ndarray
    p_joint: np.ndarray

    @property
    def p_check(self) -> float:
        """p-value of the whole check."""
        return float(np.nanmin(self.p_joint)) if np.isfinite(self.p_joint).any() else np.nan

    @property
    def flag(self) -> np.ndarray:
        """Statistics that are extreme after adjustment for the whole check: array of bool."""
        return self.p_joint < LEVEL


def calibrate(observed, draws) -> Calibrated:
    """Compare observed statistics with replicated ones.

    The distance of a statistic from the replicates' median is measured in units of the distance of their 2.5 % or
    97.5 % quantile on the same side. The joint p-value is the share of replicates whose most extreme statistic is at
    least as distant (the single-step maximum procedure of Westfall and Young, 1993, with these units).

    Parameters
    ----------
    observed : array (n_statistics,)
    draws : array (n_replicates, n_statistics)
        NaN where a replicate has no such statistic.
    """
    observed, draws = np.asarray(observed, dtype=float), np.asarray(draws, dtype=float)
    known = np.isfinite(draws).sum(axis=0)
    usable = (known > 1) & np.isfinite(observed)
    lower, upper, middles, sd, p, p_joint = (np.full(len(observed), np.nan) for _ in range(6))
    if not usable.any():
        return Calibrated(lower, upper, middles, sd, p, p_joint)
    x, y = draws[:, usable], observed[usable]
    low, middle, high = np.nanquantile(x, [LEVEL / 2.0, 0.5, 1.0 - LEVEL / 2.0], axis=0)
    lower[usable], upper[usable], middles[usable], sd[usable] = low, high, middle, np.nanstd(x, axis=0)
    n = known[usable]
    above = (np.sum(x > y, axis=0) + 0.5 * np.sum(x == y, axis=0) + 0.5) / (n + 1.0)
    p[usable] = np.minimum(2.0 * np.minimum(above, 1.0 - above), 1.0)
    far = _distance(y, low, middle, high)
    farthest = np.where(np.isfinite(x), _distance(x, low, middle, high), 0.0).max(axis=1)
    p_joint[usable] = (1.0 + (farthest[:, None] >= far).sum(axis=0)) / (1.0 + len(x))
    return Calibrated(lower, upper, middles, sd, p, p_joint)


def _distance(x, low, middle, high):
    """Distance from the median in units of the interval's half on that side; infinite where that half is empty."""
    away = np.abs(x - middle)
    half = np.where(x >= middle, high - middle, middle - low)
    half = np.where(half > 0, half, np.maximum(high - low, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(away > 1e-12, away / half, 0.0)
