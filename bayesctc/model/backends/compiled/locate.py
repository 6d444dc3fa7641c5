"""Location of quadrature nodes over random effects: the mode of each patient's integrand, and its curvature.

The functions `make_...` are templates, as in `quadrature`, which fills in what they need of a family.
"""

import math

import numba
import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_product, add_scaled, fill, set_scaled
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.quadrature import at_node, curve_of, effects_of, factor_of, room_for, slots_of
from bayesctc.model.backends.compiled.tables import same_parameters
from bayesctc.model.backends.compiled.vector_math import vlog

NEWTON_STEPS = 15
LONGEST_STEP = 2.0  # standard deviations of the random effects
SETTLED = 0.01  # the same, of a Newton step after which the next would be too short to matter
STEP = 1e-3  # on the scale of the curve, of the differences that give curvatures where a family has no formula


def make_derivatives(visit, look_up, curvature, n_parameters):
    """The function below, of a family."""

    @inner
    def slope_at(data, d, looked, tables, theta, positive, g, p0, work, c, eta, scratch):
        """Row `scratch` of `work`: derivative of log P by the curve in row `eta`."""
        if looked:
            look_up(data, d, theta, positive, g, p0, tables, work, 0, eta, scratch + 1, scratch, scratch + 2)
        else:
            visit(data, d, theta, positive, g, p0, work, c, eta, scratch + 1, scratch, scratch + 2)

    if curvature is not None:

        @inner
        def derivatives(data, d, looked, tables, theta, positive, g, p0, work, c, eta, scratch, out, o):
            """Slope by the curve in row `eta`, to row `scratch` of `work`; minus the curvature, to row `o` of `out`."""
            for m in range(n_parameters):
                fill(work, scratch + 2 + m, 0.0)
            slope_at(data, d, looked, tables, theta, positive, g, p0, work, c, eta, scratch)
            curvature(data, d, positive, g, p0, work, scratch, scratch + 2, out, o)

        return derivatives

    @inner
    def differences(data, d, looked, tables, theta, positive, g, p0, work, c, eta, scratch, out, o):
        """The same, of a family without a formula for the curvature; row `eta` is moved."""
        for i in range(BLOCK):
            work[eta, i] += STEP
        slope_at(data, d, looked, tables, theta, positive, g, p0, work, c, eta, scratch)
        for i in range(BLOCK):
            out[o, i] = work[scratch, i]
            work[eta, i] -= STEP
        slope_at(data, d, looked, tables, theta, positive, g, p0, work, c, eta, scratch)
        for i in range(BLOCK):
            out[o, i] = max((work[scratch, i] - out[o, i]) / STEP, 0.0)

    return differences


@inner
def nothing_seen(Q, slopes, curvatures):
    """Slopes and curvatures of no samples at all."""
    for k in range(Q):
        fill(slopes, k, 0.0)
        for m in range(Q):
            fill(curvatures, k * Q + m, 0.0)


def make_samples(derivatives, counts, prepare):
    """What `make_locate` takes of a family whose samples are gone through one by one: the three functions below."""
    n_values, n_constants, n_parameters = counts

    @inner
    def rows_of(data, own):
        """Rows of `work`: u, b = L u, and how many there are.

        Curves stand before u; after b the curve moved by it, and three or more to write to.
        """
        B, Q, _, _, _, f0 = own
        room = room_for(data, f0, n_values + B)
        u = (1 + room) * n_constants + room
        return u, u + Q, u + 2 * Q + 3 + n_parameters

    @inner
    def begin(data, own, theta, positive, g, work):
        """Curves of the class; classes in order, as those that share the family's parameters share what is prepared."""
        B, Q, _, T, l0, f0 = own
        (u, _, n_rows), V, p0 = rows_of(data, own), n_values + B, l0 + B
        if g == 0 or not same_parameters(theta, g, p0, p0 + n_parameters):
            prepare(data, own, theta, positive, g, work)
        slots = slots_of(data, f0, T)
        curve_of(data, f0 + 2 + n_values, V, theta, g, l0, B, slots, work, u - room_for(data, f0, V))
        for m in range(u + 2 * Q + 1, n_rows):
            fill(work, m, 0.0)

    @inner
    def slopes_at(data, own, tables, theta, positive, g, work, slopes, curvatures):
        """Sums over samples: Z's (Q,) and Z'WZ (Q, Q), with s and W first and second derivatives by the curve."""
        (B, Q, _, T, l0, f0), (u, effect, _) = own, rows_of(data, own)
        base, eta, scratch = u - room_for(data, f0, n_values + B), u + 2 * Q, u + 2 * Q + 1
        nothing_seen(Q, slopes, curvatures)
        looked, _, stop = slots_of(data, f0, T)
        for j in range(stop):
            if looked <= j < T:
                continue
            d, c = f0 + 2 + j * (n_values + B), (1 + j) * n_constants
            x = d + n_values
            at_node(data, x, Q, work, base + j, effect, eta)
            p0, last = l0 + B, Q * Q
            derivatives(data, d, j < T, tables, theta, positive, g, p0, work, c, eta, scratch, curvatures, last)
            for k in range(Q):
                add_product(slopes, k, 1.0, data, x + k, work, scratch)
                for m in range(Q):
                    for i in range(BLOCK):
                        curvatures[k * Q + m, i] += data[x + k, i] * data[x + m, i] * curvatures[last, i]

    return rows_of, begin, slopes_at


@inner
def _newton(factor, Q, u, work, slopes, curvatures, hessian, gradient):
    """Hessian I + L'Z'WZL (Q, Q) and gradient L'Z's - u (Q,) of the patients' integrands, minus the first's sign."""
    for k in range(Q):
        set_scaled(gradient, k, -1.0, work, u + k)
        for m in range(k, Q):
            add_scaled(gradient, k, factor[m, k], slopes, m)
        for n in range(Q):
            fill(hessian, k * Q + n, 1.0 if k == n else 0.0)
            for a in range(k, Q):
                for b in range(n, Q):
                    add_scaled(hessian, k * Q + n, factor[a, k] * factor[b, n], curvatures, a * Q + b)


@inner
def _no_memory(sizes, stretches, Q):
    """Nothing but samples depends on the random effects."""
    return ()


@inner
def _nobody(data):
    """The same, at entry."""
    return False


@inner
def _nothing_prepared(theta, positive, g, own, before, sizes, stretches, knots, memory):
    """The same."""


@inner
def _no_slopes(theta, g, own, before, sizes, stretches, memory, work, effect, slopes, curvatures):
    """The same."""


SAMPLES_ALONE = _no_memory, _nobody, _nothing_prepared, _no_slopes


def make_locate(tabulate, samples, n_parameters, beside=SAMPLES_ALONE):
    """The function below, of a family; `beside` is of events that depend on the random effects (`linked`)."""
    rows_of, begin, slopes_at = samples
    memory_of, entered, prepare_beside, add_slopes = beside

    @numba.njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True)
    def locate(theta, data, stretches, runs, sizes, knots, own, counts, centres):
        """Move `centres` (log |C|, mode and C of every patient's integrand in every class) to where they are at theta.

        Those of all classes are followed by those at entry, if the hazard depends on the random effects. Newton steps
        start from the existing modes, until none in a block is longer than `SETTLED`. C C' is the inverse of the
        curvature at the start of the last step; one or two random effects. If a mode is not quite reached, the
        quadrature is less accurate, but valid.
        """
        B, Q, _, _, l0, _ = own
        per = 1 + Q + Q * (Q + 1) // 2
        positive = np.exp(theta)
        u, effect, n_rows = rows_of(data[0], own)
        work = np.empty((n_rows, BLOCK))
        tables = tabulate(theta, positive, data, own, counts)
        slopes, curvatures = np.empty((Q, BLOCK)), np.empty((Q * Q + 1, BLOCK))
        hessian, gradient = np.empty((Q * Q, BLOCK)), np.empty((Q, BLOCK))
        memory = memory_of(sizes, (stretches[0], runs), Q)
        for block in range(data.shape[0]):
            d, follow_up, at = data[block], (stretches[block], runs), centres[block]
            for g in range(theta.shape[0]):
                factor = factor_of(theta, positive, g, l0 + B + n_parameters, Q)
                begin(d, own, theta, positive, g, work)
                for end in range(2 if entered(d) else 1):
                    before, c0 = end == 1, (theta.shape[0] * end + g) * per
                    prepare_beside(theta, positive, g, own, before, sizes, follow_up, knots, memory)
                    for k in range(Q):
                        set_scaled(work, u + k, 1.0, at, c0 + 1 + k)
                    for _ in range(NEWTON_STEPS):
                        effects_of(factor, Q, work, u, effect)
                        if before:
                            nothing_seen(Q, slopes, curvatures)
                        else:
                            slopes_at(d, own, tables, theta, positive, g, work, slopes, curvatures)
                        add_slopes(theta, g, own, before, sizes, follow_up, memory, work, effect, slopes, curvatures)
                        _newton(factor, Q, u, work, slopes, curvatures, hessian, gradient)
                        if _move(hessian, gradient, Q, work, u) < SETTLED:
                            break
                    _spread(hessian, Q, work, u, at, c0)

    return locate


@inner
def _determinant(h, i):
    """Of I + A, A positive semi-definite: at least 1 + trace A, which the difference of two large products may miss."""
    return max(h[0, i] * h[3, i] - h[1, i] * h[2, i], h[0, i] + h[3, i] - 1.0)


@inner
def _move(h, s, Q, work, u):
    """One Newton step towards the modes, none longer than `LONGEST_STEP`; the length of the longest."""
    longest = 0.0
    if Q == 1:
        for i in range(BLOCK):
            s[0, i] = min(max(s[0, i] / h[0, i], -LONGEST_STEP), LONGEST_STEP)
            work[u, i] += s[0, i]
        for i in range(BLOCK):
            longest = max(longest, abs(s[0, i]))
        return longest
    for i in range(BLOCK):
        determinant = _determinant(h, i)
        first = (h[3, i] * s[0, i] - h[1, i] * s[1, i]) / determinant
        second = (h[0, i] * s[1, i] - h[2, i] * s[0, i]) / determinant
        length = math.sqrt(first * first + second * second)
        shrink = LONGEST_STEP / max(length, LONGEST_STEP)
        work[u, i] += shrink * first
        work[u + 1, i] += shrink * second
        longest = max(longest, shrink * length)
    return longest


@inner
def _spread(h, Q, work, u, centres, c):
    """log |C|, m and C, the Cholesky factor of the inverse of h."""
    for k in range(Q):
        set_scaled(centres, c + 1 + k, 1.0, work, u + k)
    if Q == 1:
        for i in range(BLOCK):
            centres[c, i] = -0.5 * vlog(h[0, i])
            centres[c + 2, i] = 1.0 / math.sqrt(h[0, i])
        return
    for i in range(BLOCK):
        determinant = _determinant(h, i)
        first = math.sqrt(h[3, i] / determinant)
        centres[c, i] = -0.5 * vlog(determinant)
        centres[c + 3, i] = first
        centres[c + 4, i] = -h[1, i] / determinant / first
        centres[c + 5, i] = 1.0 / math.sqrt(h[3, i])
