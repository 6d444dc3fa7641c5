"""The Gauss-Hermite product rule."""

import numpy as np

from bayesctc.design.quadrature import hermite


def gauss_hermite(n_random: int, n_nodes: int) -> np.ndarray:
    """Product rule of the standard normal: z_q and log w_q + |z_q|^2 / 2, array (n_nodes^n_random, n_random + 1)."""
    z, w = hermite(n_nodes)
    grid, log_weights = np.zeros((1, 0)), np.zeros(1)
    for _ in range(n_random):
        grid = np.column_stack([np.repeat(grid, n_nodes, axis=0), np.tile(z, len(grid))])
        log_weights = np.add.outer(log_weights, np.log(w) - 0.5 * np.log(2.0 * np.pi)).ravel()
    return np.column_stack([grid, log_weights + 0.5 * np.sum(grid**2, axis=1)])
