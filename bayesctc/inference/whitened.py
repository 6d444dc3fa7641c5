"""Coordinates in which the posterior has unit curvature at a mode: chains need little warm-up there, and few steps."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesctc.design import differences
from bayesctc.model.posterior import Posterior

STEP = 1e-4  # of the differences of a gradient


def information(posterior: Posterior, x: np.ndarray, step=STEP) -> np.ndarray:
    """Minus the Hessian of the log posterior density at `x`, by central differences: array (n_dim, n_dim)."""
    return differences.hessian(lambda at: -posterior(at)[1], x, step)


@dataclass(frozen=True)
class Whitened:
    """Coordinates z of x = centre + root z, where root root' is the inverse of the information at the centre.

    A sampler that moves in z does the same as one that moves in x with the mass matrix of the information (Neal,
    Handbook of MCMC, 2011, section 5.4.1).

    Attributes
    ----------
    centre : array (n_dim,)
        Coordinates of the posterior.
    root : array (n_dim, n_dim)
    """

    centre: np.ndarray
    root: np.ndarray

    @classmethod
    def at(cls, posterior: Posterior, centre: np.ndarray) -> "Whitened":
        """Around a centre; no direction is taken for wider than its prior, whose scale those without one take as 1."""
        precision = posterior.prior.precision
        scale = np.where(precision > 0.0, precision, 1.0) ** -0.5
        found, vectors = np.linalg.eigh(information(posterior, centre, STEP * scale) * np.outer(scale, scale))
        return cls(centre, scale[:, None] * vectors / np.sqrt(np.maximum(found, 1.0)))

    def x(self, z) -> np.ndarray:
        """The posterior's coordinates (..., n_dim) of `z`."""
        moved: np.ndarray = self.centre + np.asarray(z) @ self.root.T
        return moved

    def density(self, posterior: Posterior) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """The log density of z up to a constant, with its gradient."""

        def density(z):
            value, gradient = posterior(self.centre + self.root @ z)
            return value, gradient @ self.root

        return density

    def start(self, seed) -> np.ndarray:
        """z of a chain's start: one standard deviation up or down in each direction.

        As far away as draws are; and gradients of about 1, from which nutpie takes its first mass matrix, are right.
        """
        return np.random.default_rng(seed).choice([-1.0, 1.0], len(self.centre))
