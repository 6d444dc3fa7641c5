"""Counts of a random patient of a class: their distribution function and median, random effects integrated out."""

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from scipy.optimize.elementwise import find_root

from bayesctc.design.quadrature import hermite

BLOOD = 7.5  # mL
NODES = 21  # over the random effects of a patient at one month, which reduce to one normal variable
MOST_NODES = 201  # if evenly spaced
REACH = 7.0  # standard deviations that evenly spaced nodes span
STEPS = 16  # of the search for a median, at most
SETTLED = 1e-7  # of P(count <= median) from one half, as exact as distribution functions are
DEGREE, DEGREES = 8, 3.0  # of a polynomial for the median along a curve: at least, and more by unit of eta
NEAR, NARROW = 1e-9, 1e-6  # of eta: a place that is found; a curve that needs no polynomial


def medians(family, eta, spread, own) -> np.ndarray:
    """Median count per 7.5 mL, interpolated between whole numbers by the continued distribution function; at least 0.

    Where a patient deviates from the curve in the same way at all times (or not at all) it is a smooth function of eta,
    given the family's parameters, unless random effects have to be integrated out. It is then solved for at the nodes
    of a Chebyshev polynomial, and log(1 + median) is interpolated elsewhere (to 1e-6).

    Parameters
    ----------
    family, eta, spread, own
        As for `marginal_cdf`.

    Returns
    -------
    array (n_classes, n_times)
    """
    if family.normal and not np.ptp(spread, axis=1).any():
        own = {**own, family.residual_sd: np.sqrt(own[family.residual_sd] ** 2 + spread[:, :1] ** 2)}
    elif spread.any():
        return _solved(marginal_cdf(family, eta, spread, own), eta)
    if not np.isfinite(eta).all():
        return _solved(marginal_cdf(family, eta, np.zeros(eta.shape), own), eta)
    return _along(family, eta, own)


def _along(family, eta, own):
    """Medians along curves, those of one polynomial degree at a time."""
    low, high, found = eta.min(axis=1), eta.max(axis=1), np.zeros(eta.shape)
    some = np.flatnonzero(_positive(family, high, own) > 0.0)  # elsewhere more than half of the counts are 0
    low[some] = _first_positive(family, low[some], high[some], _of(own, some))
    degree = np.ceil(DEGREE + DEGREES * (high - low)).astype(int)
    degree[high - low < NARROW] = eta.shape[1]
    degree = np.minimum(degree, eta.shape[1])  # with as many nodes as times, those times
    for n in np.unique(degree[some]):
        who = some[degree[some] == n]
        at, parameters = eta[who], _of(own, who)
        if n < eta.shape[1]:
            place = 2.0 * (np.maximum(at, low[who, None]) - low[who, None]) / (high - low)[who, None] - 1.0
            nodes = chebpts1(n + 1)
            curve = low[who, None] + 0.5 * (nodes + 1.0) * (high - low)[who, None]
            values = np.log1p(_solved(_below(family, curve, parameters), curve))
            weights = chebvander(nodes, n) * np.where(np.arange(n + 1), 2.0, 1.0) / (n + 1)
            coefficients = (values[:, :, None] * weights).sum(axis=1)  # not by BLAS: like rows have like numbers
            median = np.expm1((chebvander(place, n) * coefficients[:, None]).sum(axis=2))
            found[who] = np.where(at < low[who, None], 0.0, np.maximum(median, 0.0))
        else:
            found[who] = _solved(_below(family, at, parameters), at)
    return found


def _of(own, who):
    """Parameters of some rows."""
    return {name: np.broadcast_to(value, (len(value), 1))[who] for name, value in own.items()}


def _below(family, eta, own):
    return marginal_cdf(family, eta, np.zeros(eta.shape), own)


def _positive(family, eta, own):
    """One half less the share of the counts that are 0, at one value of eta each."""
    return 0.5 - _below(family, eta[:, None], own)(np.full((len(eta), 1), -0.5))[:, 0]


def _first_positive(family, low, high, own):
    """The least eta from `low` to `high` with a positive median: there the share of the counts that are 0 is a half."""
    if not len(low):
        return low

    def positive(eta, *values):
        return _positive(family, eta, {name: value[:, None] for name, value in zip(own, values, strict=True)})

    given = tuple(value[:, 0] for value in own.values())
    found = find_root(positive, (low, high), args=given, tolerances={"xatol": NEAR, "xrtol": 0.0})
    return np.where(found.success, found.x, low)  # the median is positive from `low` on if the signs are alike


def marginal_cdf(family, eta, spread, own, volume_ml=BLOOD, near: float | None = None):
    """P(count <= .) of a random patient's sample, random effects integrated out.

    Parameters
    ----------
    family : Family
    eta, spread : array (n_classes, n_times)
        The curve, and the standard deviation of a patient around it.
    own : dict of array (n_classes, 1)
        The family's parameters.
    volume_ml : float or array (n_times,)
    near : float, optional
        The count of interest, or the largest: the less counts vary given the random effects, the more nodes are needed.
        Without it the number of nodes suffices for counts that vary by half a log count or more.

    Returns
    -------
    function of an array (n_classes, n_times) of counts
    """
    if family.normal:  # normal plus normal
        total = np.sqrt(own[family.residual_sd] ** 2 + spread**2)
        return lambda count: family.cdf(count, eta, volume_ml, total)
    nodes, weights = sample_nodes(float(spread.max(initial=0.0)), tightness(family, own, near))
    moved = eta[..., None] + spread[..., None] * nodes
    wide = {name: value[..., None] for name, value in own.items()}
    blood = np.asarray(volume_ml, dtype=float)[..., None]
    return lambda count: family.cdf(count[..., None], moved, blood, **wide) @ (weights / weights.sum())


def tightness(family, own, near: float | None) -> float:
    """One over the smallest variance of values around the curve, on the log scale for counts up to `near`."""
    if near is None:
        return 0.0
    if family.normal:
        return float(1.0 / np.min(own[family.residual_sd]) ** 2)
    return float(1.0 / (1.0 / near + np.min(family.overdispersion(**own))))


def sample_nodes(spread: float, tight: float, few: int = NODES) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights over a standard normal number.

    Given it, P(count <= c) is a step in the log mean, about as wide as the standard deviation of a log count near c:
    for a negative binomial the variance is 1 / c + 1 / dispersion, of which `tight` is the inverse. Gauss-Hermite nodes
    may miss a step; of evenly spaced nodes two or more lie on it. `few` is the number of Gauss-Hermite nodes, which are
    used if they suffice.
    """
    n = 1 + int(np.ceil(min(4.0 * REACH * spread * np.sqrt(tight), MOST_NODES - 1)))
    if n <= NODES:
        return hermite(few if spread > 0.0 else 1)
    z = np.linspace(-REACH, REACH, n)
    return z, np.exp(-0.5 * z**2)


def _solved(below, eta):
    """Half a cell above the point at which the continued distribution function is one half, by false position."""
    low, high = np.zeros(eta.shape), np.maximum(eta + 1.0, 1.0)  # the curve is near: of a log count, or of its mean

    def away(y):  # on log(1 + count)
        return below(np.expm1(y) - 0.5) - 0.5

    at_low, at_high = away(low), away(high)
    while (at_high < 0).any():
        high = np.where(at_high < 0, high + 2.0, high)
        at_high = away(high)
    zero, before = at_low >= 0.0, np.zeros(eta.shape)
    for _ in range(STEPS):
        y = np.clip(low - at_low * (high - low) / np.where(at_high > at_low, at_high - at_low, 1.0), low, high)
        at = away(y)
        if np.abs(np.where(zero, 0.0, at)).max() < SETTLED:
            break
        up = at > 0
        again = before == np.where(up, 1.0, -1.0)  # Illinois: an end that is kept twice has its value halved
        at_low, at_high = (
            np.where(up, np.where(again, 0.5, 1.0) * at_low, at),
            np.where(up, at, np.where(again, 0.5, 1.0) * at_high),
        )
        low, high, before = np.where(up, low, y), np.where(up, y, high), np.where(up, 1.0, -1.0)
    return np.where(zero, 0.0, np.maximum(np.expm1(y), 0.0))
