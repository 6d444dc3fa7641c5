"""The posterior density in the sampler's coordinates: one compiled function for every specification.

The coordinates are the free parameters of `Layout`, except that the Cholesky factor of the random effects' covariance
is given by log standard deviations and logits of its partial correlations. The priors are those of the PyMC model, read
from the same table; the density differs from the model's by a constant.
"""

import numpy as np

from bayesctc.model.composition import compile_log_posterior
from bayesctc.model.covariance import factor_of_coordinates, partial_of_corr
from bayesctc.model.design import Design, Packed
from bayesctc.model.layout import ABSENT
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.priors import term_priors

SMALLEST_SD, LARGEST_CORR = 0.05, 0.9  # of starts: no chain can start where the covariance is singular


class Posterior:
    """Log posterior density of one specification on one packed cohort, with its gradient.

    Parameters
    ----------
    design : Design
    packed : Packed
    """

    def __init__(self, design: Design, packed: Packed):
        self.design, self.layout = design, design.layout
        self.evaluator = Evaluator(packed, design.shape, design.spec.n_classes)
        self.transform = np.ascontiguousarray(self.layout.transform)
        self.q = len(self.layout.random_effects)
        self._log_posterior = compile_log_posterior(design.shape.family, design.shape.hazard)
        self._priors(design.spec.priors)

    @property
    def n_dim(self) -> int:
        """Number of coordinates."""
        return self.layout.n_parameters

    def _priors(self, priors):
        """Mean and precision of each normal coordinate, half-normal precisions, and the Beta of the correlations."""
        mean, precision, half = (np.zeros(self.n_dim) for _ in range(3))
        self.factor, start = slice(0, 0), 0
        for block in self.layout.blocks:
            if block.sharing == ABSENT:
                continue
            if block.name == "random_effect_cholesky":
                self.factor = slice(start, start + len(block.terms))
                start = self.factor.stop
                continue
            copies = self.layout.copies(block)
            for prior in term_priors(block.name, block.terms) * copies:
                scale = 1.0 / getattr(priors, prior.scale) ** 2
                if prior.kind == "half_normal":
                    half[start] = scale
                else:
                    precision[start] = scale
                    mean[start] = getattr(priors, prior.mean) if prior.mean else 0.0
                start += 1
        self.log_sd = slice(self.factor.start, self.factor.start + self.q)
        self.logit = slice(self.log_sd.stop, self.factor.stop)
        half[self.log_sd] = 1.0 / priors.random_effect_sd**2
        level = np.array([k for j in range(self.q) for k in range(j)], dtype=float)
        beta = priors.correlation_eta + (self.q - 2 - level) / 2.0
        self._prior = (mean, precision, half, beta, self.factor.start)

    def __call__(self, x) -> tuple[float, np.ndarray]:
        """Log density up to a constant, and its gradient: arrays (n_dim,). Minus infinity where it is not finite."""
        gradient = np.empty(self.n_dim)
        value = self._log_posterior(x, *self._prior, *self.evaluator.arguments, self.transform, gradient)
        return value, gradient

    def _free(self, x):
        """Free parameters of coordinates."""
        free = np.array(x, dtype=float)
        if self.q:
            size = self.factor.stop - self.factor.start
            factor_of_coordinates(free[self.factor].copy(), self.q, free[self.factor], np.empty((size, size)))
        return free

    def coordinates(self, theta) -> np.ndarray:
        """Coordinates of a theta, moved off the edge of the covariance."""
        x = self.layout.to_free(theta)
        if self.q:
            natural = self.layout.natural(theta)
            partial = LARGEST_CORR * partial_of_corr(natural["random_effect_corr"])
            x[self.log_sd] = np.log(np.maximum(natural["random_effect_sd"], SMALLEST_SD))
            x[self.logit] = 2.0 * np.arctanh(partial)
        return x

    def thetas(self, draws) -> np.ndarray:
        """theta of coordinates: array (..., n_classes, n_class_parameters) of (..., n_dim)."""
        flat = np.stack([self._free(x) for x in np.reshape(draws, (-1, self.n_dim))])
        return (flat @ self.transform.T).reshape(*np.shape(draws)[:-1], self.layout.n_classes, -1)
