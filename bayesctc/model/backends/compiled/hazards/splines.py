"""Smooth hazard of cubic M-splines: the compiled piece of `hazards.splines`.

The functions of time are evaluated anew at each call. A gradient with 3 inner knots takes 0.48 ms where Weibull takes
0.28 (Poisson log-normal, 469 patients in 4 classes), or 0.22 and 0.05 (gaussian).
"""

import math

from bayesctc.model.backends.compiled.inner import inner


@inner(forceinline=True)
def _knot(knots, k):
    """Of the sequence that repeats its ends."""
    return knots[min(max(k, 0), knots.shape[0] - 1)]


@inner(forceinline=True)
def _width(knots, k):
    """Time on which function k is not 0; of the last coefficient the sum of its two."""
    own = _knot(knots, k + 1) - _knot(knots, k - 3)
    return own if k < knots.shape[0] else own + _knot(knots, k + 2) - _knot(knots, k - 2)


@inner(forceinline=True)
def _coefficient(positive, g, h0, middle, k):
    """a_k, of which the middle one is 1 and no parameter."""
    return 1.0 if k == middle else positive[g, h0 + 1 + k - (k > middle)]


@inner(forceinline=True)
def _values(knots, j, x):
    """The four functions that are not 0 between knots j and j + 1, and their integrals up to x (de Boor)."""
    l1, l2, l3, l4 = x - knots[j], x - _knot(knots, j - 1), x - _knot(knots, j - 2), x - _knot(knots, j - 3)
    r1, r2, r3 = knots[j + 1] - x, _knot(knots, j + 2) - x, _knot(knots, j + 3) - x
    w0, w1, w2 = r1 + l4, r2 + l3, r3 + l2
    u = 1.0 / (r1 + l1)
    u, v = r1 * u / (r1 + l2), l1 * u / (r2 + l1)
    p, q, r = r1 * u / (r1 + l3), (l2 * u + r2 * v) / (r2 + l2), l1 * v / (r3 + l1)
    b0, b1, b2, b3 = r1 * p, l3 * p + r2 * q, l2 * q + r3 * r, l1 * r
    areas = l4 * b0 + w0 * (b1 + b2 + b3), l3 * b1 + w1 * (b2 + b3), l2 * b2 + w2 * b3, l1 * b3
    return (b0, b1, b2, b3), areas


@inner
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Log density (event = 1) or log survival (event = 0) at `time`, with derivatives; see `pieces.Hazard`.

    Areas and the weights of the coefficients are four times what they are; a gradient's row holds the weight meanwhile.
    """
    n, middle = knots.shape[0], (knots.shape[0] + 1) // 2
    if time <= 0.0:
        for m in range(n + 1):
            gradient[m0 + m, i] = 0.0
        return 0.0, 0.0
    first, last = knots[0], knots[n - 1]
    log_rate = linear_predictor - theta[g, h0]
    rate = math.exp(log_rate) * (last - first)
    x, j = min(max(time, first), last), 0
    for k in range(1, n - 1):
        j += x >= knots[k]
    values, areas = _values(knots, j, x)
    before, after = 4.0 * min(time, first), 4.0 * max(time - last, 0.0)
    total, passed, height = 0.0, 0.0, 0.0
    for k in range(n + 1):
        weighted = _coefficient(positive, g, h0, middle, k) * _width(knots, k)
        total += weighted
        passed += weighted if k < j else 0.0
        if k != middle:
            gradient[m0 + 1 + k - (k > middle), i] = weighted
    at_start = before * _coefficient(positive, g, h0, middle, 0)
    at_end = after * _coefficient(positive, g, h0, middle, n)
    passed += at_start + at_end
    for m in range(4):
        a = _coefficient(positive, g, h0, middle, min(j + m, n))
        height += a * values[m]
        passed += a * areas[m]
    per_total = 1.0 / total
    rate *= per_total
    cumulative_hazard = rate * passed
    residual = event - cumulative_hazard
    gradient[m0, i] = -residual
    share, lift = residual * per_total, event / height
    for m in range(n):
        k = m + (m >= middle)
        gradient[m0 + 1 + m, i] *= -(share + rate) if k < j else -share
    gradient[m0 + 1, i] -= rate * at_start
    gradient[m0 + n, i] -= rate * at_end
    for m in range(4):
        k = min(j + m, n)
        if k != middle:
            a = _coefficient(positive, g, h0, middle, k)
            gradient[m0 + 1 + k - (k > middle), i] += a * (lift * values[m] - rate * areas[m])
    if event == 0.0:
        return -cumulative_hazard, residual
    log_hazard = log_rate + math.log(4.0 * (last - first) * height * per_total)
    return event * log_hazard - cumulative_hazard, residual
