"""Derivatives by central differences."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike


def jacobian(function: Callable, x: np.ndarray, step: ArrayLike) -> np.ndarray:
    """Derivatives of an array by each coordinate of `x` (n,): array (n, ...); `step` may differ by coordinate."""
    steps = np.diag(np.broadcast_to(np.asarray(step, dtype=float), x.shape))
    return np.stack([(function(x + h) - function(x - h)) / (2.0 * h.max()) for h in steps])


def hessian(gradient: Callable, x: np.ndarray, step: ArrayLike) -> np.ndarray:
    """Second derivatives, symmetric, of a function with this gradient: array (n, n)."""
    found = jacobian(gradient, x, step)
    return 0.5 * (found + found.T)
