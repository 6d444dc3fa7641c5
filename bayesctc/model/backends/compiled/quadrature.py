"""Counts given a growth curve with normal random effects, integrated by adaptive Gauss-Hermite quadrature.

With b = omega L u, u standard normal, and nodes u_q = m + C z_q around the mode m of a patient's integrand in a class::

    integral f(y | u) phi(u) du  =  sum_q w_q |C| exp((|z_q|^2 - |u_q|^2) / 2) f(y | u_q)

with w_q the weights of the standard normal (Liu and Pierce, Biometrika 1994;81:624). m and C are data here: `locate`
finds them, and the gradient is that of the computed sum with the nodes held where they are. The functions
`make_...` are templates, which `composition` fills with a family's `visit`, `constants` and `counts`: how many values,
constants and parameters a sample has.
"""

import math

import numba
import numpy as np

from bayesctc.model.backends.compiled.block import (
    BLOCK,
    add_product,
    add_scaled,
    fill,
    set_moved,
    set_product,
    set_scaled,
)
from bayesctc.model.backends.compiled.vector_math import vexp
from bayesctc.model.sizes import N_FIXED

NEWTON_STEPS = 15
LONGEST_STEP = 2.0  # standard deviations of the random effects
SETTLED = 0.01  # the same, of a Newton step after which the next would be too short to matter
STEP = 1e-3  # log count, of the differences that give curvatures


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _most_visits(data, f0):
    """Samples of the patient of a block who has most; nobody's padding counts."""
    most = 0.0
    for i in range(BLOCK):
        most = max(most, data[f0, i])
    return int(most)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _fits(data, f0, V):
    """Samples that the rows of a block have room for, each with V of them."""
    return (data.shape[0] - f0 - 1) // V


def make_n_work(counts):
    """The function below, of a family."""
    n_values, n_constants, n_parameters = counts

    @numba.njit(error_model="numpy")
    def n_work(data, f0, B, Q, n_nodes):
        """Rows of working memory: constants and curve of each sample, what each node holds, and the rest."""
        return _fits(data, f0, n_values + B) * (n_constants + 1) + n_nodes * (1 + B + n_parameters + Q) + 4 + 3 * Q

    return n_work


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _factor(theta, positive, g, c, Q):
    """omega L as a square matrix; its entries start in column `c` of theta."""
    factor = np.empty((Q, Q))  # what is above the diagonal is never read
    omega = positive[g, c + Q * (Q + 1) // 2] if Q > 0 else 1.0
    for j in range(Q):
        for k in range(j + 1):
            factor[j, k] = omega * theta[g, c]
            c += 1
    return factor


def make_prepare(constants, counts):
    """The function below, of a family."""
    n_values, n_constants, _ = counts

    @numba.njit(error_model="numpy")
    def prepare(data, f0, theta, positive, g, l0, B, Q, work):
        """Fill `work` with what does not depend on the curve; classes that share the family's parameters share it."""
        V = n_values + B
        for j in range(_most_visits(data, f0)):
            constants(data, f0 + 1 + j * V, theta, positive, g, l0 + B, work, j * n_constants)

    return prepare


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _curve(data, x0, V, theta, g, l0, B, J, work, base):
    """Rows of `work` from `base` on: the class's growth curve at each sample, the first one's X in row `x0`."""
    for j in range(J):
        x = x0 + j * V
        fill(work, base + j, 0.0)
        for k in range(B):
            add_scaled(work, base + j, theta[g, l0 + k], data, x + k)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _effects(factor, Q, work, u, b):
    """b = L u, rows of `work`."""
    for k in range(Q):
        fill(work, b + k, 0.0)
        for m in range(k + 1):
            add_scaled(work, b + k, factor[k, m], work, u + m)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _at_node(data, x, Q, work, curve, effect, eta):
    """The curve moved by the random effects, Z b."""
    if Q == 0:
        set_scaled(work, eta, 1.0, work, curve)
        return
    set_moved(work, eta, work, curve, data, x, work, effect)
    for k in range(1, Q):
        add_product(work, eta, 1.0, data, x + k, work, effect + k)


def make_log_density(visit, counts):
    """The function below, of a family."""
    n_values, n_constants, n_parameters = counts

    @numba.njit(error_model="numpy")
    def log_density(data, f0, theta, positive, g, l0, B, Q, rule, centres, work, out, gradient, m0):
        """Log density of a block of patients in one class, with its gradient, patient by patient.

        Parameters
        ----------
        data : array (rows, BLOCK)
            From row `f0` on, the rows that `rows` makes.
        f0 : int
        theta, positive : array (n_classes, n_class_parameters)
            From column `l0` on: beta, the family's parameters, the Cholesky factor of D row by row, log omega; and
            their exponentials.
        g, l0 : int
        B, Q : int
            Growth terms, of which the first Q have random effects.
        rule : array (n_nodes, Q + 1)
            z_q, and log w_q + |z_q|^2 / 2.
        centres : array (n_classes * (1 + Q + Q (Q + 1) / 2), BLOCK)
            log |C|, m and the lower triangle of C, class by class.
        work : array (n_work, BLOCK)
            As `prepare` left it.
        out : array (n_classes, BLOCK)
            Row `g` is filled.
        gradient : array (rows, BLOCK)
            From row `m0` on, filled with the derivatives by beta, the family's parameters and the Cholesky factor.
        m0 : int
        """
        V, own = n_values + B, B + n_parameters
        J, fits, N = _most_visits(data, f0), _fits(data, f0, V), rule.shape[0]
        width = 1 + own + Q
        base = fits * n_constants
        nodes = base + fits
        eta = nodes + N * width
        scratch = eta + 1
        effect = scratch + 3
        centre = g * (1 + Q + Q * (Q + 1) // 2)
        factor = _factor(theta, positive, g, l0 + own, Q)
        _curve(data, f0 + 1 + n_values, V, theta, g, l0, B, J, work, base)
        for q in range(N):
            node = nodes + q * width
            u = node + width - Q
            fill(work, node, rule[q, Q])
            add_scaled(work, node, 1.0, centres, centre)
            c = centre + 1 + Q
            for k in range(Q):
                set_scaled(work, u + k, 1.0, centres, centre + 1 + k)
                for m in range(k + 1):
                    add_scaled(work, u + k, rule[q, m], centres, c)
                    c += 1
                add_product(work, node, -0.5, work, u + k, work, u + k)
            _effects(factor, Q, work, u, effect)
            for m in range(own):
                fill(work, node + 1 + m, 0.0)
            for j in range(J):
                d = f0 + 1 + j * V
                _at_node(data, d + n_values, Q, work, base + j, effect, eta)
                visit(data, d, theta, positive, g, l0 + B, work, j * n_constants, eta, node, scratch, node + 1 + B)
                for k in range(B):
                    add_product(work, node + 1 + k, 1.0, data, d + n_values + k, work, scratch)
        _mix(work, nodes, width, N, eta, scratch, out, g)
        _collect(work, nodes, width, N, own, Q, positive, g, l0, gradient, m0)

    return log_density


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _mix(work, nodes, width, N, top, total, out, g):
    """Fill out[g] with logsumexp of the nodes' terms, and put each node's share in the place of its term."""
    set_scaled(work, top, 1.0, work, nodes)
    for q in range(1, N):
        node = nodes + q * width
        for i in range(BLOCK):
            work[top, i] = max(work[top, i], work[node, i])
    fill(work, total, 0.0)
    for q in range(N):
        node = nodes + q * width
        for i in range(BLOCK):
            work[node, i] = vexp(work[node, i] - work[top, i])
        add_scaled(work, total, 1.0, work, node)
    for i in range(BLOCK):
        out[g, i] = work[top, i] + math.log(work[total, i])
        work[total, i] = 1.0 / work[total, i]
    for q in range(N):
        set_product(work, nodes + q * width, 1.0, work, nodes + q * width, work, total)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _collect(work, nodes, width, N, n, Q, positive, g, l0, gradient, m0):
    """Derivatives: those of the nodes by n parameters and the factor, weighted by their shares."""
    omega = positive[g, l0 + n + Q * (Q + 1) // 2] if Q > 0 else 1.0
    for m in range(n + Q * (Q + 1) // 2):
        fill(gradient, m0 + m, 0.0)
    for q in range(N):
        node = nodes + q * width
        for m in range(n):
            add_product(gradient, m0 + m, 1.0, work, node, work, node + 1 + m)
        c = m0 + n
        for k in range(Q):
            for m in range(k + 1):
                u = node + width - Q + m
                for i in range(BLOCK):
                    gradient[c, i] += omega * work[node, i] * work[node + 1 + k, i] * work[u, i]
                c += 1


def make_slopes(visit, counts):
    """The function below, of a family."""
    n_values, n_constants, _ = counts

    @numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def slopes_at(
        data, f0, theta, positive, g, l0, B, Q, J, factor, base, u, effect, eta, scratch, work, slopes, curvatures
    ):
        """Sums over samples: Z's (Q,) and Z'WZ (Q, Q), with s and W first and second derivatives by the curve."""
        _effects(factor, Q, work, u, effect)
        for k in range(Q):
            fill(slopes, k, 0.0)
            for m in range(Q):
                fill(curvatures, k * Q + m, 0.0)
        for j in range(J):
            d = f0 + 1 + j * (n_values + B)
            x = d + n_values
            _at_node(data, x, Q, work, base + j, effect, eta)
            visit(data, d, theta, positive, g, l0 + B, work, j * n_constants, eta, scratch + 1, scratch, scratch + 2)
            for k in range(Q):
                add_product(slopes, k, 1.0, data, x + k, work, scratch)
            for i in range(BLOCK):
                curvatures[Q * Q, i] = work[scratch, i]
                work[eta, i] += STEP
            visit(data, d, theta, positive, g, l0 + B, work, j * n_constants, eta, scratch + 1, scratch, scratch + 2)
            for i in range(BLOCK):
                curvatures[Q * Q, i] = max((curvatures[Q * Q, i] - work[scratch, i]) / STEP, 0.0)
            for k in range(Q):
                for m in range(Q):
                    for i in range(BLOCK):
                        curvatures[k * Q + m, i] += data[x + k, i] * data[x + m, i] * curvatures[Q * Q, i]

    return slopes_at


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _newton(factor, Q, slopes, curvatures, i, h, s):
    """Hessian I + L'Z'WZL and gradient L'Z's of one patient's integrand, apart from -u."""
    for k in range(Q):
        s[k] = 0.0
        for m in range(k, Q):
            s[k] += factor[m, k] * slopes[m, i]
        for n in range(Q):
            h[k, n] = 1.0 if k == n else 0.0
            for a in range(k, Q):
                for b in range(n, Q):
                    h[k, n] += factor[a, k] * curvatures[a * Q + b, i] * factor[b, n]


def make_locate(prepare, slopes_at, counts):
    """The function below, of a family."""
    n_values, n_constants, n_parameters = counts

    @numba.njit(error_model="numpy", nogil=True)
    def locate(theta, data, sizes, centres):
        """Move `centres` (log |C|, mode and C of every patient's integrand in every class) to where they are at theta.

        Newton's steps from the modes that are there, until none of a block is longer than `SETTLED`. C C' is the
        inverse of the curvature where the last step began; one or two random effects. A mode that is not quite reached
        costs accuracy of the quadrature, not its validity.
        """
        P, B, Q, S = sizes[0], sizes[1], sizes[2], sizes[3]
        f0, l0, V = N_FIXED + P + S, P, n_values + B
        per = 1 + Q + Q * (Q + 1) // 2
        positive = np.exp(theta)
        fits = _fits(data[0], f0, V)
        base = fits * n_constants
        u = base + fits
        effect, eta = u + Q, u + 2 * Q
        scratch = eta + 1
        work = np.empty((scratch + 2 + n_parameters, BLOCK))
        slopes, curvatures = np.empty((Q, BLOCK)), np.empty((Q * Q + 1, BLOCK))
        h, s = np.empty((Q, Q)), np.empty(Q)
        for block in range(data.shape[0]):
            J = _most_visits(data[block], f0)
            for g in range(theta.shape[0]):
                factor = _factor(theta, positive, g, l0 + B + n_parameters, Q)
                prepare(data[block], f0, theta, positive, g, l0, B, Q, work)
                _curve(data[block], f0 + 1 + n_values, V, theta, g, l0, B, J, work, base)
                for k in range(Q):
                    set_scaled(work, u + k, 1.0, centres[block], g * per + 1 + k)
                for m in range(2 + n_parameters):
                    fill(work, scratch + m, 0.0)
                for _ in range(NEWTON_STEPS):
                    slopes_at(
                        data[block],
                        f0,
                        theta,
                        positive,
                        g,
                        l0,
                        B,
                        Q,
                        J,
                        factor,
                        base,
                        u,
                        effect,
                        eta,
                        scratch,
                        work,
                        slopes,
                        curvatures,
                    )
                    longest = 0.0
                    for i in range(BLOCK):
                        _newton(factor, Q, slopes, curvatures, i, h, s)
                        longest = max(longest, _move(h, s, Q, work, u, i))
                        _spread(h, Q, work, u, centres[block], g * per, i)
                    if longest < SETTLED:
                        break

    return locate


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _determinant(h):
    """Of I + A, A positive semi-definite: at least 1 + trace A, which the difference of two large products may miss."""
    return max(h[0, 0] * h[1, 1] - h[0, 1] * h[1, 0], h[0, 0] + h[1, 1] - 1.0)


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _move(h, s, Q, work, u, i):
    """One Newton step towards the mode, no longer than `LONGEST_STEP`; its length."""
    if Q == 1:
        step = min(max((s[0] - work[u, i]) / h[0, 0], -LONGEST_STEP), LONGEST_STEP)
        work[u, i] += step
        return abs(step)
    a, b = s[0] - work[u, i], s[1] - work[u + 1, i]
    determinant = _determinant(h)
    first, second = (h[1, 1] * a - h[0, 1] * b) / determinant, (h[0, 0] * b - h[1, 0] * a) / determinant
    length = math.sqrt(first * first + second * second)
    shrink = LONGEST_STEP / max(length, LONGEST_STEP)
    work[u, i] += shrink * first
    work[u + 1, i] += shrink * second
    return shrink * length


@numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _spread(h, Q, work, u, centres, c, i):
    """log |C|, m and C, the Cholesky factor of the inverse of h."""
    for k in range(Q):
        centres[c + 1 + k, i] = work[u + k, i]
    if Q == 1:
        centres[c, i] = -0.5 * math.log(h[0, 0])
        centres[c + 2, i] = 1.0 / math.sqrt(h[0, 0])
        return
    determinant = _determinant(h)
    first = math.sqrt(h[1, 1] / determinant)
    centres[c, i] = -0.5 * math.log(determinant)
    centres[c + 3, i] = first
    centres[c + 4, i] = -h[0, 1] / determinant / first
    centres[c + 5, i] = 1.0 / math.sqrt(h[1, 1])
