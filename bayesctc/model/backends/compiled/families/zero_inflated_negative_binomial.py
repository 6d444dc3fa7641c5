"""Negative-binomial counts with an extra zero: the compiled piece of `families.zero_inflated_negative_binomial`."""

import math

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import HIGHEST, vexp, vlog1p

LEAST = 1e-300


@inner
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add log P of one sample of each patient to row `value`; see `CompiledFamily`.

    At a zero, with t = log((1 - p) NB(0)) and w = e^t / (p + e^t), derivatives of the negative binomial count w.
    """
    log_phi, phi, logit = theta[g, p0], positive[g, p0], theta[g, p0 + 1]
    p = 1.0 / (1.0 + math.exp(-logit)) if logit > 0 else math.exp(logit) / (1.0 + math.exp(logit))
    log_p = -math.log1p(math.exp(-logit)) if logit > 0 else logit - math.log1p(math.exp(logit))
    log_rest = log_p - logit
    for i in range(BLOCK):
        work[slope, i] = vexp(work[eta, i] + data[d + 1, i] - log_phi)
    for i in range(BLOCK):
        x = work[slope, i]
        zero = data[d, i] == 0.0
        grown = vlog1p(x) + max(work[eta, i] + data[d + 1, i] - log_phi - HIGHEST, 0.0)
        t = log_rest - phi * grown  # of the negative binomial, at a zero
        away = log_p - t
        ratio = vexp(-abs(away))
        mixed = max(log_p, t) + vlog1p(ratio)
        w = (1.0 if away < 0.0 else ratio) / (1.0 + ratio) if zero else 1.0
        work[value, i] += mixed if zero else log_rest - (data[d, i] + phi) * grown
        work[slope, i] = w * (data[d, i] - (data[d, i] + phi) * (x / (1.0 + x)))
        work[by, i] -= w * phi * grown
        work[by + 1, i] += (1.0 - w) * (1.0 - p) - w * p
    for i in range(BLOCK):
        work[value, i] += work[c, i] + data[d, i] * work[eta, i]
    for i in range(BLOCK):
        work[by, i] += work[c + 1, i] - work[slope, i]


@inner
def curvature(data, d, positive, g, p0, work, slope, by, out, o):
    """w c - w (1 - w) s^2, with s and c slope and curvature of the negative binomial; 0 where P is convex.

    w = 1 - p minus the derivative by the logit of p, and w s is the slope.
    """
    phi, p = positive[g, p0], 1.0 / (1.0 + 1.0 / positive[g, p0 + 1])
    for i in range(BLOCK):
        w = min(max(1.0 - p - work[by + 1, i], LEAST), 1.0)
        s = max(work[slope, i] / w, -phi)
        over = data[d, i] - s
        out[o, i] = max(w * (over * (1.0 - over / (data[d, i] + phi)) - (1.0 - w) * s * s), 0.0)
