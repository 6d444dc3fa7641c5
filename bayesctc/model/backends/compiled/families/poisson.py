"""Poisson counts: the compiled piece of `families.poisson`."""

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import vexp

MOST = 300.0  # log of an expected count nobody has; sums and squares of what lies below are finite


@inner
def constants(data, d, theta, positive, g, p0, work, c):
    """Of one sample of each patient: what of log P is free of the curve."""
    for i in range(BLOCK):
        work[c, i] = data[d, i] * data[d + 1, i] + data[d + 2, i]


@inner
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `CompiledFamily`."""
    for i in range(BLOCK):
        work[slope, i] = vexp(min(work[eta, i] + data[d + 1, i], MOST))
    for i in range(BLOCK):
        work[value, i] += work[c, i] + data[d, i] * work[eta, i]
    for i in range(BLOCK):
        work[value, i] -= work[slope, i]
        work[slope, i] = data[d, i] - work[slope, i]


@inner
def curvature(data, d, positive, g, p0, work, slope, by, out, o):
    """The expected count; see `CompiledFamily`."""
    for i in range(BLOCK):
        out[o, i] = data[d, i] - work[slope, i]
