"""Poisson counts of a log-normal concentration: the compiled piece of `families.poisson_log_normal`.

With a = eta + log v, the integrand over z is log-concave; its mode is z_0 = sigma (c - m), where y = sigma^2 m solves
y + log y = 2 log sigma + a + sigma^2 c, and its curvature there is 1 + y. With u = exp(a + sigma z_0)::

    log integrand(z_0 + d) - log integrand(z_0) = sigma m d - d^2 / 2 - u (exp(sigma d) - 1)

holds for any m, so that the mode need not be met exactly. The integral is taken in one of three ways, all to 1e-9 of
log P:

- Where `MANY` cells or more are expected at the mode, by Laplace's expansion: all derivatives beyond the second are
  -u sigma^k, so that it is a series in sigma^2 tau, at most 1 / u, with tau = 1 / (1 + y) (`_expansion`; see
  Barndorff-Nielsen and Cox, Asymptotic Techniques, 1989, section 3.3).
- Else by the trapezoidal rule, which converges exponentially for such integrands (Trefethen and Weideman, SIAM Rev
  2014;56:385), in steps of at most `STEP` standard deviations of the integrand and `STEP_ON_CURVE` on the
  scale of the curve (with sigma above `LARGEST` it is coarser).
- Small counts are read from a table in a (`tables`), whose points this file computes by the same rule.

The derivative by eta is E(c - exp(a + sigma z)), that by log sigma E(z^2) - 1, both over the integrand as a density. As
P is Poisson's probability smoothed over a by a normal density of variance sigma^2, it obeys the heat equation, and the
derivative of log P by log sigma is also sigma^2 (L'' + L'^2), with L' and L'' those by a.
"""

import math
from fractions import Fraction

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, fill
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import vexp, vlog, vlog1p

STEP = 0.65
STEP_ON_CURVE, WIDE, SHORTER = 0.45, 1.5, 0.35  # with sigma above WIDE the shorter one
ABOVE = 8.0  # standard deviations to the right of the mode
LEFT_OUT = 32.0  # of the log integrand below its mode, to the left, where it falls no faster than a standard normal
MANY, ORDER = 8.0, 7  # an expansion to s^14: 3e-11 at 8 cells, 1e-12 at 12
NONE = 1e-12  # cells expected, below which P is 1 or the count is impossible
SMALLEST = 1e-6  # sigma^2, below which the sum's error of 1e-9 would tell in the curvature
FARTHEST = 700.0  # to the left on the scale of the curve: expected counts there are still numbers
TINY = 1e-290
LARGEST = 50.0  # sigma, above what any counts have: a sampler's first steps may go anywhere, and must come back


def _times(left, right, most):
    """The product of two polynomials, by exponents, without powers of s above `most`."""
    product: dict[tuple[int, ...], Fraction] = {}
    for one, a in left.items():
        for two, b in right.items():
            if one[0] + two[0] <= most:
                powers = tuple(map(sum, zip(one, two, strict=True)))
                product[powers] = product.get(powers, Fraction(0)) + a * b
    return product


def _expansion(order):
    """What Laplace's approximation of the integral's logarithm leaves out: the sum of [j - 1, k] sigma^(2j) tau^k.

    It is log E exp(-rho / s^2 (exp(s z) - 1 - s z - s^2 z^2 / 2)), z normal(0, 1), as a series in s^2 = sigma^2 tau,
    with rho = 1 - tau. The numbers are added as fractions.
    """
    most = 2 * order
    exponent = {(k - 2, 1, k): Fraction(-1, math.factorial(k)) for k in range(3, most + 3)}  # powers of s, rho, z
    moments: dict[tuple[int, ...], Fraction] = {}
    power = {(0, 0, 0): Fraction(1)}
    for n in range(1, most + 1):
        power = {powers: value / n for powers, value in _times(power, exponent, most).items()}
        for (s, rho, z), value in power.items():
            if z % 2 == 0:
                mean = math.prod(range(1, z, 2))  # E z^z
                moments[s, rho] = moments.get((s, rho), Fraction(0)) + value * mean
    found = np.zeros((order, 3 * order + 1))
    powers = {(0, 0): Fraction(1)}
    for n in range(1, order + 1):
        powers = _times(powers, moments, most)
        for (s, rho), value in powers.items():
            for k in range(rho + 1):  # rho^r = (1 - tau)^r
                found[s // 2 - 1, s // 2 + k] += float(value * Fraction((-1) ** (n + 1 + k) * math.comb(rho, k), n))
    return found


COEFFICIENTS = _expansion(ORDER)
HIGHEST_POWER = COEFFICIENTS.shape[1] - 1


@inner
def _closer(work, mode, tilt):
    """A step of Newton's towards y with y + log y in row `tilt`."""
    for i in range(BLOCK):
        y = max(work[mode, i], TINY)
        work[mode, i] = max(y * (1.0 + work[tilt, i] - vlog(y)) / (1.0 + y), 0.0)


@inner
def _solve(data, d, theta, positive, g, p0, work, c, a):
    """Rows `c + 1` and `c + 2` of `work`: y, and what y + log y is.

    Counts are in row `d` of `data`, a is in row `a` of `work`. Returns whether the expansion serves all of them.
    """
    log_sigma, sigma = theta[g, p0], positive[g, p0]
    variance = sigma * sigma
    mode, tilt = c + 1, c + 2
    for i in range(BLOCK):
        r = 2.0 * log_sigma + work[a, i] + variance * data[d, i]
        work[mode, i] = max(r, 0.0) + vlog1p(vexp(-abs(r)))
        work[tilt, i] = r
    _closer(work, mode, tilt)
    _closer(work, mode, tilt)
    fewest, most_of_none = MANY * variance, NONE * variance
    few = 0
    for i in range(BLOCK):
        y = work[mode, i]
        few += 1 if (y < fewest) & (y > most_of_none) else 0
    return few == 0


@inner
def _place(data, d, positive, g, p0, work, c, a):
    """Modes, widths of steps and what else the sum needs, in rows `c + 1` to `c + 4`; the first and the last node."""
    sigma = positive[g, p0]
    variance = sigma * sigma
    mode, tilt, width, at_mode, reach = c + 1, c + 2, c + 3, c + 4, c + 5
    step = min(STEP, (STEP_ON_CURVE if sigma <= WIDE else SHORTER) / min(sigma, LARGEST))
    for i in range(BLOCK):
        y = work[mode, i]
        m = y / variance
        z = sigma * (data[d, i] - m)
        work[mode, i] = z
        work[width, i] = step / math.sqrt(1.0 + y)
        work[tilt, i] = sigma * m
        work[at_mode, i] = vexp(work[a, i] + sigma * z)
        work[reach, i] = math.sqrt(1.0 + y) * (math.sqrt(y * m + 2.0 * (LEFT_OUT + m)) - sigma * m)
    longest = 0.0
    for i in range(BLOCK):
        longest = max(longest, work[reach, i])
    return -math.ceil(min(longest, FARTHEST / sigma) / step), math.ceil(ABOVE / step)


@inner
def _expand(data, d, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P by Laplace's expansion; derivatives are those of what is computed."""
    sigma = positive[g, p0]
    variance = sigma * sigma
    mode, tilt, tau, rest, by_tau, direct = c + 1, c + 2, c + 3, c + 4, c + 5, c + 6
    _closer(work, mode, tilt)  # unlike the sum, it needs the mode itself
    _closer(work, mode, tilt)
    none = NONE * variance
    for i in range(BLOCK):  # with no cells expected nothing is left out; the series would lose itself in rounding
        work[tau, i] = 1.0 / (1.0 + work[mode, i]) if work[mode, i] > none else 0.0
    for row in (rest, by_tau, direct):
        fill(work, row, 0.0)
    for k in range(HIGHEST_POWER, -1, -1):
        of, by_sigma, power = 0.0, 0.0, 1.0
        for j in range(ORDER):
            power *= variance
            of += power * COEFFICIENTS[j, k]
            by_sigma += 2.0 * (j + 1.0) * power * COEFFICIENTS[j, k]
        for i in range(BLOCK):
            work[by_tau, i] = work[by_tau, i] * work[tau, i] + work[rest, i]
            work[rest, i] = work[rest, i] * work[tau, i] + of
            work[direct, i] = work[direct, i] * work[tau, i] + by_sigma
    for i in range(BLOCK):
        u, count = work[mode, i] / variance, data[d, i]
        far = (vlog(max(u, TINY)) - work[slope, i]) / sigma
        work[tilt, i] = far if work[mode, i] > 1.0 else sigma * (count - u)  # z, by what loses fewer digits
    for i in range(BLOCK):
        y, z, count = work[mode, i], work[tilt, i], data[d, i]
        work[value, i] += work[c, i] + count * (work[eta, i] + sigma * z) - y / variance - 0.5 * z * z
        work[value, i] += work[rest, i] - 0.5 * vlog1p(y)
    for i in range(BLOCK):
        y, z, count, up = work[mode, i], work[tilt, i], data[d, i], work[tau, i]
        by_y = -up * (up * work[by_tau, i] + 0.5)  # of all but the integrand at its mode
        work[slope, i] = z / sigma + by_y * y * up
        work[by, i] += z * z + work[direct, i] + by_y * (2.0 + 2.0 * variance * count) * y * up


@inner
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `CompiledFamily`."""
    for i in range(BLOCK):
        work[slope, i] = work[eta, i] + data[d + 1, i]
    if _solve(data, d, theta, positive, g, p0, work, c, slope):
        _expand(data, d, positive, g, p0, work, c, eta, value, slope, by)
        return
    sigma = positive[g, p0]
    mode, tilt, width, at_mode, ratio, rate, total, square = c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7, c + 8
    first, last = _place(data, d, positive, g, p0, work, c, slope)
    for i in range(BLOCK):
        work[ratio, i] = vexp(sigma * work[width, i])
        work[rate, i] = vexp(first * sigma * work[width, i])
        work[total, i] = 0.0
        work[square, i] = 0.0
        work[slope, i] = 0.0
    for k in range(first, last + 1):
        for i in range(BLOCK):
            move = k * work[width, i]
            weight = vexp((work[tilt, i] - 0.5 * move) * move - work[at_mode, i] * (work[rate, i] - 1.0))
            z = work[mode, i] + move
            work[total, i] += weight
            work[slope, i] += weight * work[rate, i]
            work[square, i] += weight * z * z
            work[rate, i] *= work[ratio, i]
    for i in range(BLOCK):
        z, count = work[mode, i], data[d, i]
        work[value, i] += work[c, i] + count * (work[eta, i] + sigma * z) - work[at_mode, i] - 0.5 * z * z
        work[value, i] += vlog(work[total, i] * work[width, i] / math.sqrt(2.0 * math.pi))
        work[by, i] += work[square, i] / work[total, i] - 1.0
        work[slope, i] = count - work[at_mode, i] * work[slope, i] / work[total, i]


@inner
def curvature(data, d, positive, g, p0, work, slope, by, out, o):
    """L'^2 less the derivative by log sigma over sigma^2, by the heat equation; it is below the count expected."""
    variance = positive[g, p0] * positive[g, p0]
    for i in range(BLOCK):
        expected, first = data[d, i] - work[slope, i], work[slope, i]
        second = max(first * first - work[by, i] / variance, 0.0)
        out[o, i] = min(second, expected) if variance > SMALLEST else expected


@inner
def points(pairs, theta, positive, g, p0, work, found):
    """log P and its first four derivatives by a, rows of `found`, at pairs of a count and a.

    Rows of `pairs` are count, -log count! and a. The derivatives follow from the cumulants k of the expected count
    given the count, whose own are n k_n - k_(n + 1): L' = c - k1, L'' = k2 - k1 and so on. Moments are taken around
    the expected count at the mode, in units of it.
    """
    sigma, a = positive[g, p0], 11
    mode, tilt, width, at_mode, ratio, rate, total, one, two, three, four = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0
    for i in range(BLOCK):
        work[a, i] = pairs[2, i]
    _solve(pairs, 0, theta, positive, g, p0, work, 0, a)
    first, last = _place(pairs, 0, positive, g, p0, work, 0, a)
    for i in range(BLOCK):
        work[ratio, i] = vexp(sigma * work[width, i])
        work[rate, i] = vexp(first * sigma * work[width, i])
    for row in (total, one, two, three, four):
        fill(work, row, 0.0)
    for k in range(first, last + 1):
        for i in range(BLOCK):
            move, away = k * work[width, i], work[rate, i] - 1.0
            weight = vexp((work[tilt, i] - 0.5 * move) * move - work[at_mode, i] * away)
            work[total, i] += weight
            weight *= away
            work[one, i] += weight
            weight *= away
            work[two, i] += weight
            weight *= away
            work[three, i] += weight
            work[four, i] += weight * away
            work[rate, i] *= work[ratio, i]
    for i in range(BLOCK):
        z, count, u, per = work[mode, i], pairs[0, i], work[at_mode, i], 1.0 / work[total, i]
        m1, m2, m3, m4 = per * work[one, i], per * work[two, i], per * work[three, i], per * work[four, i]
        square = m2 - m1 * m1
        k1, k2 = u * (1.0 + m1), u * u * square
        k3 = u**3 * (m3 - m1 * (3.0 * m2 - 2.0 * m1 * m1))
        k4 = u**4 * (m4 - m1 * (4.0 * m3 - m1 * (6.0 * m2 - 3.0 * m1 * m1)) - 3.0 * square * square)
        found[0, i] = pairs[1, i] + count * (work[a, i] + sigma * z) - u - 0.5 * z * z
        found[0, i] += vlog(work[total, i] * work[width, i] / math.sqrt(2.0 * math.pi))
        found[1, i], found[2, i] = count - k1, k2 - k1
        found[3, i], found[4, i] = 3.0 * k2 - k1 - k3, 7.0 * k2 - k1 - 6.0 * k3 + k4


@inner
def by_parameters(theta, positive, g, p0, slope, curvature):
    """Derivative of log P by log sigma, from those by a."""
    return positive[g, p0] * positive[g, p0] * (curvature + slope * slope)
