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

_LOG_2PI = math.log(2.0 * math.pi)


@inner
def constants(data, d, theta, positive, g, p0, work, c):
    """Nothing is free of the curve."""


@inner
def visit(data, d, theta, positive, g, p0, work, c, eta, value, slope, by):
    """Add the log density of one sample of each patient to row `value`; see `CompiledFamily`.

    A sample is its value, and 1, or 0 where there is none.
    """
    precision, constant = 1.0 / positive[g, p0], 0.5 * _LOG_2PI + theta[g, p0]
    for i in range(BLOCK):
        z = (data[d, i] - work[eta, i]) * precision * data[d + 1, i]
        work[value, i] -= 0.5 * z * z + constant * data[d + 1, i]
        work[slope, i] = z * precision
        work[by, i] += z * z - data[d + 1, i]


@inner
def curvature(data, d, positive, g, p0, work, slope, out, o):
    """1 / sigma^2."""
    precision = 1.0 / positive[g, p0]
    for i in range(BLOCK):
        out[o, i] = precision * precision * data[d + 1, i]


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
    XY, XX, YY = f0 + 2, f0 + 2 + B, f0 + 1
    K0, DET, TRACE, T = Q * Q, 2 * Q * Q, 2 * Q * Q + 1, 2 * Q * Q + 2
    XR = T + 1
    U, V, RE, HL, RR = XR + B, XR + B + Q, XR + B + 2 * Q, XR + B + 3 * Q, XR + B + 4 * Q
    EXPLAINED, RESIDUAL = RR + 1, RR + 2
    L = _cholesky(theta, positive, g, l0, B, Q)
    inverse_variance = 1.0 / positive[g, l0 + B] ** 2

    set_scaled(work, RR, 1.0, data, YY)
    for j in range(B):  # X'r, and r'r = y'y - beta'(X'y + X'r); Z'r is the first Q of X'r
        set_scaled(work, XR + j, 1.0, data, XY + j)
        for k in range(B):
            add_scaled(work, XR + j, -theta[g, l0 + k], data, XX + j * B + k)
        for i in range(BLOCK):
            work[RR, i] -= theta[g, l0 + j] * (data[XY + j, i] + work[XR + j, i])
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
