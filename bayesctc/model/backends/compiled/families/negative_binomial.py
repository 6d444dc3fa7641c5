"""Negative-binomial counts: the compiled piece of `families.negative_binomial`.

Where exp limits x = mu / phi, log(1 + x) still uses the logarithm of x; otherwise P would grow with mu without limit.
"""

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import HIGHEST, vdigamma, vexp, vlog1p, vlog_gamma


@inner
def constants(data, d, theta, positive, g, p0, work, c):
    """Of one sample of each patient: what of log P and of its derivative by log phi is free of the curve."""
    log_phi, phi = theta[g, p0], positive[g, p0]
    at_phi, slope_at_phi = vlog_gamma(phi), vdigamma(phi)
    for i in range(BLOCK):
        work[c, i] = vlog_gamma(data[d, i] + phi) - at_phi
    for i in range(BLOCK):
        work[c, i] += data[d, i] * (data[d + 1, i] - log_phi) + data[d + 2, i]
    for i in range(BLOCK):
        work[c + 1, i] = phi * (vdigamma(data[d, i] + phi) - slope_at_phi)


@inner
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `CompiledFamily`.

    In steps of few rows each, so that every loop compiles to vector code.
    """
    log_phi, phi = theta[g, p0], positive[g, p0]
    for i in range(BLOCK):
        work[slope, i] = vexp(work[eta, i] + data[d + 1, i] - log_phi)
    for i in range(BLOCK):
        grown = vlog1p(work[slope, i]) + max(work[eta, i] + data[d + 1, i] - log_phi - HIGHEST, 0.0)
        work[value, i] -= (data[d, i] + phi) * grown
        work[by, i] -= phi * grown
    for i in range(BLOCK):
        work[slope, i] = data[d, i] - (data[d, i] + phi) * (work[slope, i] / (1.0 + work[slope, i]))
    for i in range(BLOCK):
        work[value, i] += work[c, i] + data[d, i] * work[eta, i]
    for i in range(BLOCK):
        work[by, i] += work[c + 1, i] - work[slope, i]


@inner
def curvature(data, d, positive, g, p0, work, slope, by, out, o):
    """(count + phi) p (1 - p) with p = mu / (mu + phi), which is (count - slope) / (count + phi)."""
    phi = positive[g, p0]
    for i in range(BLOCK):
        over = data[d, i] - work[slope, i]
        out[o, i] = over * (1.0 - over / (data[d, i] + phi))
