"""Rounded log-normal counts: the compiled piece of `families.censored`.

The interval of a count is turned to the side of the upper tail, x < y with x + y >= 0, and P computed from Mills' ratio
M and the normal density phi: phi(x) M(x) - phi(y) M(y) for x >= 0, else 1 - phi(x) M(-x) - phi(y) M(y); narrow
intervals by the expansion of the density around their middle.
"""

import math

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import vexp, vlog, vmills

NARROW, SURE, TINY = 0.05, 30.0, 1e-300  # standard deviations; beyond 30 nothing is left
LOG_2PI, ROOT_2PI = math.log(2.0 * math.pi), math.sqrt(2.0 * math.pi)


@inner
def constants(data, d, theta, positive, g, p0, work, c):
    """Nothing is free of the curve."""


@inner
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `CompiledFamily`."""
    precision = 1.0 / positive[g, p0]
    for i in range(BLOCK):  # P / phi(x), whose inverse waits in row `slope`
        a = (data[d, i] - work[eta, i]) * precision
        b = (data[d + 1, i] - work[eta, i]) * precision
        x, y = (-b if a + b < 0.0 else a), (-a if a + b < 0.0 else b)
        wide, middle = y - x, 0.5 * (x + y)
        tail = vmills(abs(x))
        beyond = vmills(y) * vexp(-wide * middle)
        inside = tail - beyond if x >= 0.0 else ROOT_2PI * vexp(0.5 * x * x) - tail - beyond
        w2, m2 = wide * wide, middle * middle
        z = -0.125 * w2 - 0.5 * wide * x  # of phi(middle) / phi(x); small where it is used
        lean = 1.0 + z * (1.0 + z * (1 / 2.0 + z * (1 / 6.0 + z * (1 / 24.0 + z * (1 / 120.0 + z / 720.0)))))
        close = wide * lean * (1.0 + w2 * ((m2 - 1.0) / 24.0 + w2 * (m2 * m2 - 6.0 * m2 + 3.0) / 1920.0))
        inside = max(close if wide < NARROW and abs(middle) * wide < 2.0 * NARROW else inside, TINY)
        sure = x < -SURE
        work[value, i] += 0.0 if sure else vlog(inside) - 0.5 * (x * x + LOG_2PI)
        work[slope, i] = 0.0 if sure else 1.0 / inside
    for i in range(BLOCK):
        a = (data[d, i] - work[eta, i]) * precision
        b = (data[d + 1, i] - work[eta, i]) * precision
        turned = a + b < 0.0
        x, y = (-b if turned else a), (-a if turned else b)
        at_x = work[slope, i]
        at_y = at_x * vexp(-0.5 * (y - x) * (x + y))
        work[slope, i] = precision * (at_y - at_x if turned else at_x - at_y)
        work[by, i] += x * at_x - y * at_y


@inner
def curvature(data, d, positive, g, p0, work, slope, by, out, o):
    """L'^2 less the derivative by log sigma over sigma^2.

    P is an indicator smoothed over the curve by a normal density of variance sigma^2, which obeys the heat equation.
    """
    precision = 1.0 / (positive[g, p0] * positive[g, p0])
    for i in range(BLOCK):
        first = work[slope, i]
        out[o, i] = min(max(first * first - work[by, i] * precision, 0.0), precision)
