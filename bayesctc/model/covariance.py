"""Random-effect covariances: Cholesky factors, partial correlations, and the sampler's coordinates of them."""

import math

import numba
import numpy as np

from bayesctc.model.backends.compiled.on_disk import keep_compiled


@keep_compiled
@numba.njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def factor_of_coordinates(x, first, q, entries, jacobian):
    """Cholesky factor of D from log standard deviations and logits of partial correlations.

    With z = tanh(logit / 2), row j of the factor is sd_j (z_1, z_2 r_1, ..., r_j), r_k the product of sqrt(1 - z^2) so
    far (Lewandowski, Kurowicka and Joe, J Multivar Anal 2009;100:1989).

    Parameters
    ----------
    x : array (n,)
        From `first` on: q log standard deviations, then the logits, pair by pair along the rows.
    first, q : int
    entries : array (n,)
        Filled from `first` on with the lower triangle, row by row.
    jacobian : array (q (q + 1) / 2, q (q + 1) / 2)
        Filled with the derivatives of the entries by the coordinates.
    """
    for c in range(jacobian.shape[0]):
        for j in range(jacobian.shape[0]):
            jacobian[c, j] = 0.0
    c, pair = 0, q
    for j in range(q):
        sd, rest = math.exp(x[first + j]), 1.0
        for k in range(j + 1):
            z = math.tanh(0.5 * x[first + pair + k]) if k < j else 1.0
            entry = sd * rest * z
            entries[first + c] = entry
            jacobian[c, j] = entry
            for m in range(k):  # through the rests it is multiplied with: d sqrt(1 - z^2) / d logit
                jacobian[c, pair + m] = -0.5 * entry * math.tanh(0.5 * x[first + pair + m])
            if k < j:
                jacobian[c, pair + k] = 0.5 * sd * rest * (1.0 - z * z)
                rest *= math.sqrt(1.0 - z * z)
            c += 1
        pair += j


def semidefinite_cholesky(matrix):
    """Cholesky factor of correlation matrices (..., q, q) that may be singular: a zero pivot has a zero column."""
    q = matrix.shape[-1]
    factor = np.zeros_like(matrix)
    for j in range(q):
        rest = matrix[..., j:, j] - np.sum(factor[..., j:, :j] * factor[..., j : j + 1, :j], axis=-1)
        pivot = np.sqrt(np.maximum(rest[..., 0], 0.0))[..., None]
        factor[..., j:, j] = np.divide(rest, pivot, out=np.zeros_like(rest), where=pivot > 1e-8)
    return factor


def partial_of_corr(corr) -> np.ndarray:
    """Partial correlations (..., q (q - 1) / 2) of correlation matrices, pair by pair along their rows."""
    factor = semidefinite_cholesky(corr)
    rest = np.sqrt(np.maximum(1.0 - np.cumsum(factor[..., :-1] ** 2, axis=-1), 1e-12))
    factor[..., 1:] /= rest
    return np.clip(factor[(..., *np.tril_indices(corr.shape[-1], -1))], -1.0, 1.0)


def corr_of_partial(partial, q: int) -> np.ndarray:
    """Correlation matrices (..., q, q) of partial correlations (..., q (q - 1) / 2)."""
    factor = np.zeros((*partial.shape[:-1], q, q))
    rest = np.ones((*partial.shape[:-1], q))
    for p, (j, k) in enumerate(zip(*np.tril_indices(q, -1), strict=True)):
        factor[..., j, k] = partial[..., p] * rest[..., j]
        rest[..., j] *= np.sqrt(1.0 - partial[..., p] ** 2)
    factor[..., np.arange(q), np.arange(q)] = rest
    return factor @ np.swapaxes(factor, -1, -2)
