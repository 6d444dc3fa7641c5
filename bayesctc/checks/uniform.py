"""Test of uniformity between 0 and 1: the empirical distribution function with a simultaneous band.

Säilynoja, Bürkner and Vehtari, Stat Comput 2022;32:32: the pointwise level of the binomial intervals of the ECDF at a
grid of points is chosen, by simulation, so that a uniform sample stays inside all of them with probability 95 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from bayesctc.results.intervals import CI_PROB

SIMULATIONS, POINTS = 2000, 50


@dataclass(frozen=True)
class Uniformity:
    """Comparison of a sample with the uniform distribution.

    Attributes
    ----------
    n : int
        Number of values.
    points : array (n_points,)
    ecdf, lower, upper : array (n_points,)
        Share of values up to each point, and the simultaneous 95 % band of a uniform sample.
    p : float
        Share of uniform samples whose largest distance from the diagonal is at least as large.
    """

    n: int
    points: np.ndarray
    ecdf: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    p: float


def uniformity(values, rng: np.random.Generator, simulations: int = SIMULATIONS) -> Uniformity:
    """Compare values between 0 and 1, array (n,), with the uniform distribution.

    The band is set by `simulations` uniform samples; no p-value is below 1 / (1 + simulations).
    """
    n = len(values)
    points = np.arange(1, POINTS) / POINTS
    below, above = binom.cdf(np.arange(n + 1)[:, None], n, points), binom.sf(np.arange(-1, n)[:, None], n, points)
    tail = np.minimum(np.minimum(2.0 * below, 2.0 * above), 1.0)  # (n + 1, n_points)
    columns = np.arange(len(points))
    counts = np.cumsum(rng.multinomial(n, np.full(POINTS, 1.0 / POINTS), simulations), axis=1)[:, :-1]
    farthest = tail[counts, columns].min(axis=1)
    level = float(np.quantile(farthest, 1.0 - CI_PROB))
    inside = tail > level
    lower, upper = inside.argmax(axis=0), n - inside[::-1].argmax(axis=0)
    found = np.searchsorted(np.sort(values), points, side="right")
    p = (1.0 + np.sum(farthest <= tail[found, columns].min())) / (1.0 + simulations)
    return Uniformity(n, points, found / n, lower / n, upper / n, float(p))
