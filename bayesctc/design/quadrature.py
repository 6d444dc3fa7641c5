"""Rules of Gauss, each computed once."""

from functools import cache

import numpy as np
from scipy.special import roots_hermitenorm


@cache
def legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of integrals from -1 to 1, not to be changed."""
    return _kept(*np.polynomial.legendre.leggauss(n))


@cache
def hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of integrals with weight exp(-z^2 / 2), not to be changed."""
    return _kept(*roots_hermitenorm(n))


def _kept(nodes, weights):
    for each in (nodes, weights):
        each.flags.writeable = False
    return nodes, weights
