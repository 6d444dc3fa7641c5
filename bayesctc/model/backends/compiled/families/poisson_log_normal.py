"""Poisson counts of a log-normal concentration: the compiled piece of `families.poisson_log_normal`.

With a = eta + log v, the integrand over z is log-concave; its mode is z_0 = sigma (c - m), where y = sigma^2 m solves
y + log y = 2 log sigma + a + sigma^2 c, and its curvature there is 1 + y. With u = exp(a + sigma z_0)::

    log integrand(z_0 + d) - log integrand(z_0) = sigma m d - d^2 / 2 - u (exp(sigma d) - 1)

holds for any m, so that the mode need not be met exactly. The integral is summed by the trapezoidal rule, which
converges exponentially for such integrands (Trefethen and Weideman, SIAM Rev 2014;56:385), in steps of at most `STEP`
standard deviations of the integrand and `STEP` on the scale of the curve (with sigma above `LARGEST` it is coarser).
The derivative by eta is E(c - exp(a + sigma z)), that by log sigma E(z^2) - 1, both over the integrand as a density.
"""

import math

import numba

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.vector_math import vexp, vlog, vlog1p

STEP = 0.65
BELOW, ABOVE = 10.5, 6.5  # standard deviations to either side of the mode: with many cells expected the left is longer
TINY = 1e-290
LARGEST = 50.0  # sigma, above what any counts have: a sampler's first steps may go anywhere, and must come back


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `CompiledFamily`."""
    log_sigma, sigma = theta[g, p0], positive[g, p0]
    variance = sigma * sigma
    step = STEP / min(max(sigma, 1.0), LARGEST)
    below, above = math.ceil(BELOW / step), math.ceil(ABOVE / step)
    mode, width, tilt, at_mode, ratio, rate, total, square = c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7, c + 8
    for i in range(BLOCK):
        r = 2.0 * log_sigma + work[eta, i] + data[d + 1, i] + variance * data[d, i]
        work[mode, i] = max(r, 0.0) + vlog1p(vexp(-abs(r)))
        work[tilt, i] = r
    for _ in range(2):
        for i in range(BLOCK):
            y = max(work[mode, i], TINY)
            work[mode, i] = max(y * (1.0 + work[tilt, i] - vlog(y)) / (1.0 + y), 0.0)
    for i in range(BLOCK):
        y = work[mode, i]
        m = y / variance
        z = sigma * (data[d, i] - m)
        work[mode, i] = z
        work[width, i] = step / math.sqrt(1.0 + y)
        work[tilt, i] = sigma * m
        work[at_mode, i] = vexp(work[eta, i] + data[d + 1, i] + sigma * z)
    for i in range(BLOCK):
        work[ratio, i] = vexp(sigma * work[width, i])
        work[rate, i] = vexp(-below * sigma * work[width, i])
        work[total, i] = 0.0
        work[square, i] = 0.0
        work[slope, i] = 0.0
    for k in range(-below, above + 1):
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
