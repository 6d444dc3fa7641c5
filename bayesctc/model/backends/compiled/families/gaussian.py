"""Normal residuals, random effects integrated in closed form: the compiled piece of `families.gaussian`.

The data enter through sums over a patient's visits, so a density costs the same whatever the number of visits.
With r = y - X beta, D = L L' and M = I + L' Z'Z L / sigma^2 (Woodbury; Laird and Ware, Biometrics 1982;38:963)::

    log|V|   = n log sigma^2 + log|M|
    r'V^-1 r = (r'r - u' M^-1 u / sigma^2) / sigma^2,    u = L' Z'r
"""

import math

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK, add_product, add_scaled, fill, set_product, set_scaled
from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.pieces import GivenEffects

_LOG_2PI = math.log(2.0 * math.pi)


@inner
def n_work(data, own, n_nodes):
    """Rows of working memory: M^-1, Z'Z L M^-1 / sigma^2, log|M|, trace M^-1, then the vectors of one class."""
    B, Q = own[0], own[1]
    return 2 * Q * Q + 3 + B + 4 * Q + 3


@inner
def _cholesky(theta, positive, g, l0, B, Q):
    """omega L as a square matrix."""
    factor = np.empty((Q, Q))  # what is above the diagonal is never read
    c = l0 + B + 1
    omega = positive[g, c + Q * (Q + 1) // 2] if Q > 0 else 1.0
    for j in range(Q):
        for k in range(j + 1):
            factor[j, k] = omega * theta[g, c]
            c += 1
    return factor


@inner
def prepare(data, own, theta, positive, g, work):
    """Fill `work` with what depends on sigma and the random effects alone; classes that share them share it.

    Rows of `work`: M^-1 (Q x Q), Z'Z L M^-1 / sigma^2 (Q x Q), log|M|, trace M^-1. The arguments are those of
    `log_density`.
    """
    B, Q, _, _, l0, f0 = own
    XX, K0, DET, TRACE, T = f0 + 2 + B, Q * Q, 2 * Q * Q, 2 * Q * Q + 1, 2 * Q * Q + 2
    L = _cholesky(theta, positive, g, l0, B, Q)
    inverse_variance = 1.0 / positive[g, l0 + B] ** 2
    for j in range(Q):  # Z'Z L / sigma^2
        for k in range(Q):
            set_scaled(work, K0 + j * Q + k, inverse_variance * L[k, k], data, XX + j * B + k)
            for m in range(k + 1, Q):
                add_scaled(work, K0 + j * Q + k, inverse_variance * L[m, k], data, XX + j * B + m)
    for j in range(Q):  # M
        for k in range(Q):
            fill(work, j * Q + k, 1.0 if j == k else 0.0)
            for m in range(j, Q):
                add_scaled(work, j * Q + k, L[m, j], work, K0 + m * Q + k)
    fill(work, DET, 1.0)
    for p in range(Q):  # Gauss-Jordan in place: M is I + a positive semi-definite matrix, so no pivot is below 1
        pivot = p * Q + p
        for i in range(BLOCK):
            work[DET, i] *= work[pivot, i]
            work[T, i] = 1.0 / work[pivot, i]
        fill(work, pivot, 1.0)
        for k in range(Q):
            set_product(work, p * Q + k, 1.0, work, p * Q + k, work, T)
        for j in range(Q):
            if j != p:
                set_scaled(work, T, -1.0, work, j * Q + p)
                fill(work, j * Q + p, 0.0)
                for k in range(Q):
                    add_product(work, j * Q + k, 1.0, work, T, work, p * Q + k)
    for i in range(BLOCK):
        work[DET, i] = math.log(work[DET, i])
    fill(work, TRACE, 0.0)
    for j in range(Q):
        add_scaled(work, TRACE, 1.0, work, j * Q + j)
        for k in range(Q):
            set_scaled(work, T + k, 1.0, work, K0 + j * Q + k)
        for k in range(Q):
            fill(work, K0 + j * Q + k, 0.0)
            for m in range(Q):
                add_product(work, K0 + j * Q + k, 1.0, work, T + m, work, m * Q + k)


@inner
def log_density(data, own, tables, theta, positive, g, rule, centres, work, out, gradient, m0):
    """Log density of a block of patients in one class, with its gradient, patient by patient.

    Parameters
    ----------
    data : array (rows, BLOCK)
    own : tuple of int
        Of the outcome: B growth terms, of which the first Q have random effects; the parameters of the family; 0; the
        column of theta from which on there are beta, log sigma, the Cholesky factor of D row by row, and log omega; the
        row of `data` from which on there are those that `rows` makes.
    tables, rule, centres
        Of samples that are looked up and of quadrature, which there are none of here.
    theta, positive : array (n_classes, n_class_parameters)
        Parameters, and their exponentials.
    g : int
    work : array (n_work, BLOCK)
        As `prepare` left it.
    out : array (n_classes, BLOCK)
        Row `g` is filled.
    gradient : array (rows, BLOCK)
        From row `m0` on, filled with the derivatives by beta, log sigma and the Cholesky factor.
    m0 : int
    """
    B, Q, _, _, l0, f0 = own
    XX, K0, DET, TRACE, T = f0 + 2 + B, Q * Q, 2 * Q * Q, 2 * Q * Q + 1, 2 * Q * Q + 2
    XR = T + 1
    U, V, RE, HL, RR = XR + B, XR + B + Q, XR + B + 2 * Q, XR + B + 3 * Q, XR + B + 4 * Q
    EXPLAINED, RESIDUAL = RR + 1, RR + 2
    L = _cholesky(theta, positive, g, l0, B, Q)
    inverse_variance = 1.0 / positive[g, l0 + B] ** 2

    _residuals(data, own, theta, g, work, XR, RR)
    fill(work, EXPLAINED, 0.0)
    for j in range(Q):  # u = L'Z'r
        set_scaled(work, U + j, L[j, j], work, XR + j)
        for m in range(j + 1, Q):
            add_scaled(work, U + j, L[m, j], work, XR + m)
    for j in range(Q):  # M^-1 u / sigma^2
        fill(work, V + j, 0.0)
        for m in range(Q):
            add_product(work, V + j, inverse_variance, work, j * Q + m, work, U + m)
        add_product(work, EXPLAINED, 1.0, work, U + j, work, V + j)
    for j in range(Q):  # b = L M^-1 u / sigma^2, the posterior mean of the random effects
        fill(work, RE + j, 0.0)
        for m in range(j + 1):
            add_scaled(work, RE + j, L[j, m], work, V + m)
    set_scaled(work, RESIDUAL, 1.0, work, RR)
    for j in range(B):  # X'e with e = r - Z b
        set_scaled(gradient, m0 + j, 1.0, work, XR + j)
        for m in range(Q):
            add_product(gradient, m0 + j, -1.0, data, XX + j * B + m, work, RE + m)
    for j in range(Q):  # e'e = r'r - b'(Z'r + Z'e)
        for i in range(BLOCK):
            work[RESIDUAL, i] -= work[RE + j, i] * (work[XR + j, i] + gradient[m0 + j, i])
    for j in range(B):
        set_scaled(gradient, m0 + j, inverse_variance, gradient, m0 + j)
    c = m0 + B + 1
    for k in range(Q):  # h'L with h = Z'e / sigma^2
        set_scaled(work, HL + k, L[k, k], gradient, m0 + k)
        for m in range(k + 1, Q):
            add_scaled(work, HL + k, L[m, k], gradient, m0 + m)
    for j in range(Q):  # by the Cholesky factor: h h'L - Z'Z L M^-1 / sigma^2
        for k in range(j + 1):
            omega = positive[g, l0 + B + 1 + Q * (Q + 1) // 2]
            for i in range(BLOCK):
                gradient[c, i] = omega * (gradient[m0 + j, i] * work[HL + k, i] - work[K0 + j * Q + k, i])
            c += 1
    constant = _LOG_2PI + 2.0 * theta[g, l0 + B]
    for i in range(BLOCK):
        n = data[f0, i]
        gradient[m0 + B, i] = work[RESIDUAL, i] * inverse_variance - n + Q - work[TRACE, i]
        quadratic = (work[RR, i] - work[EXPLAINED, i]) * inverse_variance
        out[g, i] = -0.5 * (n * constant + work[DET, i] + quadratic)


@inner
def _given_rows(B, Q):
    """Rows of `work` where the nodes are seen to: M, X'r, r'r, v = L'Z'r / sigma^2, means of u, uu', b, bu'; top."""
    residual = Q * Q
    first = residual + B + 1 + Q
    return residual, residual + B, residual + B + 1, first, first + Q, first + Q + Q * Q, first + 2 * Q + 2 * Q * Q


@inner
def given_n_work(data, own, n_nodes):
    """Rows of working memory."""
    return _given_rows(own[0], own[1])[6] + 2 + n_nodes * (1 + own[1])


@inner
def given_places(data, own, n_nodes):
    """Rows of `work`: the first node, rows of a node, and two to mix them in."""
    top = _given_rows(own[0], own[1])[6]
    return top + 2, 1 + own[1], top


@inner
def given_prepare(data, own, theta, positive, g, work):
    """M = I + L'Z'Z L / sigma^2, in the first rows of `work`; classes that share sigma and random effects share it."""
    B, Q, _, _, l0, f0 = own
    XX, L, inverse_variance = f0 + 2 + B, _cholesky(theta, positive, g, l0, B, Q), 1.0 / positive[g, l0 + B] ** 2
    for j in range(Q):
        for k in range(Q):
            fill(work, j * Q + k, 1.0 if j == k else 0.0)
            for a in range(j, Q):
                for b in range(k, Q):
                    add_scaled(work, j * Q + k, inverse_variance * L[a, j] * L[b, k], data, XX + a * B + b)


@inner
def _residuals(data, own, theta, g, work, XR, RR):
    """X'r, rows of `work` from `XR` on, and r'r, row `RR`."""
    B, _, _, _, l0, f0 = own
    XY, XX = f0 + 2, f0 + 2 + B
    set_scaled(work, RR, 1.0, data, f0 + 1)
    for j in range(B):  # r'r = y'y - beta'(X'y + X'r); Z'r is the first Q of X'r
        set_scaled(work, XR + j, 1.0, data, XY + j)
        for k in range(B):
            add_scaled(work, XR + j, -theta[g, l0 + k], data, XX + j * B + k)
        for i in range(BLOCK):
            work[RR, i] -= theta[g, l0 + j] * (data[XY + j, i] + work[XR + j, i])


@inner
def given_fill_nodes(data, own, tables, theta, positive, g, rule, centres, work):
    """Of each node its weight and the log density of all samples, a quadratic form in u, and u ::

    log f(y | u) - u'u / 2  =  -n log sigma - n log(2 pi) / 2 - r'r / (2 sigma^2) + v'u - u'M u / 2
    """
    (B, Q, _, _, l0, f0), N = own, rule.shape[0]
    XR, RR, V, _, _, _, _ = _given_rows(B, Q)
    nodes, width, top = given_places(data, own, N)
    L, inverse_variance = _cholesky(theta, positive, g, l0, B, Q), 1.0 / positive[g, l0 + B] ** 2
    _residuals(data, own, theta, g, work, XR, RR)
    for j in range(Q):
        fill(work, V + j, 0.0)
        for m in range(j, Q):
            add_scaled(work, V + j, inverse_variance * L[m, j], work, XR + m)
    c = g * (1 + Q + Q * (Q + 1) // 2)
    constant = _LOG_2PI + 2.0 * theta[g, l0 + B]
    for i in range(BLOCK):
        work[top, i] = centres[c, i] - 0.5 * (data[f0, i] * constant + inverse_variance * work[RR, i])
    for q in range(N):
        node = nodes + q * width
        for k in range(Q):
            set_scaled(work, node + 1 + k, 1.0, centres, c + 1 + k)
            for m in range(k + 1):
                add_scaled(work, node + 1 + k, rule[q, m], centres, c + 1 + Q + k * (k + 1) // 2 + m)
        for i in range(BLOCK):
            work[node, i] = rule[q, Q] + work[top, i]
        for k in range(Q):
            add_product(work, node, 1.0, work, V + k, work, node + 1 + k)
            for m in range(Q):
                for i in range(BLOCK):
                    work[node, i] -= 0.5 * work[k * Q + m, i] * work[node + 1 + k, i] * work[node + 1 + m, i]


@inner
def given_collect(data, own, theta, positive, g, n_nodes, work, gradient, m0):
    """Derivatives, of the means of u and uu' under the nodes' shares; with e = r - Z b given b::

    X'e / sigma^2,    e'e / sigma^2 - n,    Z'e u' / sigma^2
    """
    B, Q, _, _, l0, f0 = own
    XR, RR, _, U, UU, EB, _ = _given_rows(B, Q)
    XX, BU, by_sigma = f0 + 2 + B, EB + Q, m0 + B
    nodes, width, _ = given_places(data, own, n_nodes)
    L, inverse_variance = _cholesky(theta, positive, g, l0, B, Q), 1.0 / positive[g, l0 + B] ** 2
    omega = positive[g, l0 + B + 1 + Q * (Q + 1) // 2]
    for m in range(Q + Q * Q):
        fill(work, U + m, 0.0)
    for q in range(n_nodes):
        node = nodes + q * width
        for k in range(Q):
            add_product(work, U + k, 1.0, work, node, work, node + 1 + k)
            for m in range(k + 1):
                for i in range(BLOCK):
                    work[UU + k * Q + m, i] += work[node, i] * work[node + 1 + k, i] * work[node + 1 + m, i]
    for k in range(Q):
        for m in range(k):
            set_scaled(work, UU + m * Q + k, 1.0, work, UU + k * Q + m)
    for k in range(Q):  # means of b and of b u'
        fill(work, EB + k, 0.0)
        for j in range(Q):
            fill(work, BU + k * Q + j, 0.0)
        for m in range(k + 1):
            add_scaled(work, EB + k, L[k, m], work, U + m)
            for j in range(Q):
                add_scaled(work, BU + k * Q + j, L[k, m], work, UU + m * Q + j)
    for j in range(B):
        set_scaled(gradient, m0 + j, inverse_variance, work, XR + j)
        for m in range(Q):
            add_product(gradient, m0 + j, -inverse_variance, data, XX + j * B + m, work, EB + m)
    for i in range(BLOCK):
        gradient[by_sigma, i] = inverse_variance * work[RR, i] - data[f0, i]
    for k in range(Q):
        add_product(gradient, by_sigma, -2.0 * inverse_variance, work, XR + k, work, EB + k)
        for m in range(Q):
            for j in range(m + 1):  # b_k b_m = sum_j b_k u_j L_mj
                add_product(gradient, by_sigma, inverse_variance * L[m, j], data, XX + k * B + m, work, BU + k * Q + j)
    c = m0 + B + 1
    for k in range(Q):
        for j in range(k + 1):
            set_product(gradient, c, omega * inverse_variance, work, XR + k, work, U + j)
            for m in range(Q):
                add_product(gradient, c, -omega * inverse_variance, data, XX + k * B + m, work, BU + m * Q + j)
            c += 1


@inner
def given_rows_of(data, own):
    """Of the working memory of the two functions below: u, b = L u, and how many rows; X'r and r'r are the first."""
    B, Q, _, _, _, _ = own
    return B + 1, B + 1 + Q, B + 1 + 2 * Q


@inner
def given_begin(data, own, theta, positive, g, work):
    """X'r."""
    _residuals(data, own, theta, g, work, 0, own[0])


@inner
def given_slopes_at(data, own, tables, theta, positive, g, work, slopes, curvatures):
    """Z'(r - Z b) / sigma^2, and Z'Z / sigma^2."""
    B, Q, _, _, l0, f0 = own
    XX, effect, inverse_variance = f0 + 2 + B, B + 1 + Q, 1.0 / positive[g, l0 + B] ** 2
    for k in range(Q):
        set_scaled(slopes, k, inverse_variance, work, k)
        for m in range(Q):
            set_scaled(curvatures, k * Q + m, inverse_variance, data, XX + k * B + m)
            add_product(slopes, k, -1.0, curvatures, k * Q + m, work, effect + m)


GIVEN_EFFECTS = GivenEffects(
    given_n_work,
    given_prepare,
    given_places,
    given_fill_nodes,
    given_collect,
    given_rows_of,
    given_begin,
    given_slopes_at,
)
