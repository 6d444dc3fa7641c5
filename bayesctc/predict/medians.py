"""Counts of a random patient of a class: their distribution function and median, random effects integrated out."""

import numpy as np
from numpy.polynomial import Chebyshev
from scipy.optimize import brentq

from bayesctc.design.quadrature import hermite

BLOOD = 7.5  # mL
NODES = 21  # over the random effects of a patient at one month, which reduce to one normal variable
MOST_NODES = 201  # if evenly spaced
REACH = 7.0  # standard deviations that evenly spaced nodes span
STEPS = 16  # of the search for a median, at most
SETTLED = 1e-7  # of P(count <= median) from one half, as exact as distribution functions are
DEGREE, DEGREES = 8, 3.0  # of a polynomial for the median along a curve: at least, and more by unit of eta


def medians(family, eta, spread, own) -> np.ndarray:
    """Median count per 7.5 mL, interpolated between whole numbers by the continued distribution function; at least 0.

    Without random effects it is a smooth function of eta, given the family's parameters. It is then solved for at the
    nodes of a Chebyshev polynomial, and log(1 + median) is interpolated elsewhere (to 1e-6).

    Parameters
    ----------
    family, eta, spread, own
        As for `marginal_cdf`.

    Returns
    -------
    array (n_classes, n_times)
    """
    if spread.any() or not np.isfinite(eta).all():
        return _solved(marginal_cdf(family, eta, spread, own), eta)
    rows = np.hstack([np.zeros((len(eta), 0)), *(np.broadcast_to(value, (len(eta), 1)) for value in own.values())])
    found = np.zeros(eta.shape)
    for parameters in np.unique(rows, axis=0):
        alike = (rows == parameters).all(axis=1)
        one = dict(zip(own, parameters.reshape(-1, 1, 1), strict=True))
        found[alike] = _along(family, eta[alike], one)
    return found


def _along(family, eta, one):
    """Medians at any eta for the parameters of one class."""

    def below(at):
        return marginal_cdf(family, at, np.zeros(at.shape), one)

    def solved(at):
        return _solved(below(at), at)

    def positive(at):
        return 0.5 - float(below(np.full((1, 1), at))(np.full((1, 1), -0.5))[0, 0])

    low, high = float(eta.min()), float(eta.max())
    if positive(high) <= 0.0:
        return np.zeros(eta.shape)
    if positive(low) < 0.0:
        low = float(brentq(positive, low, high, xtol=1e-9))
    degree = int(np.ceil(DEGREE + DEGREES * (high - low)))
    if degree >= eta.size or high - low < 1e-6:
        return solved(eta)
    curve = Chebyshev.interpolate(lambda at: np.log1p(solved(at[None])[0]), degree, domain=[low, high])
    return np.where(eta < low, 0.0, np.maximum(np.expm1(curve(np.maximum(eta, low))), 0.0))


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
