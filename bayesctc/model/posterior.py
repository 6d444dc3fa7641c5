"""The posterior density in the sampler's coordinates: compiled functions that serve every specification.

The coordinates are the free parameters of `Layout`, except that the Cholesky factor of the random effects' covariance
is given by log standard deviations and logits of its partial correlations. The priors are those of the PyMC model, read
from the same table; the density differs from the model's by a constant.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np
from scipy.special import logit

from bayesctc.model.analysis import Analysis
from bayesctc.model.backends.compiled.on_disk import keep_compiled
from bayesctc.model.covariance import factor_of_coordinates, partial_of_corr
from bayesctc.model.layout import Layout
from bayesctc.model.parameter_blocks import ABSENT
from bayesctc.model.priors import Priors, term_priors, where_data_are

SMALLEST_SD, LARGEST_CORR = 0.05, 0.9  # of starts: no chain can start where the covariance is singular
PRIOR_REACH = 10.0  # standard deviations of a normal prior within which chains start; an identified curve may be 4 away


@keep_compiled
@numba.njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def _spread(x, q, first, transform, free, jacobian, theta):
    """Fill `free`, the `jacobian` of the covariance's entries by its coordinates, and theta = transform free."""
    width = theta.shape[1]
    for j in range(x.shape[0]):
        free[j] = x[j]
    if q > 0:
        factor_of_coordinates(x, first, q, free, jacobian)
    for r in range(transform.shape[0]):
        t = 0.0
        for j in range(x.shape[0]):
            t += transform[r, j] * free[j]
        theta[r // width, r % width] = t


@keep_compiled
@numba.njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def _gather(x, q, mean, precision, half, beta, first, value, by_theta, transform, jacobian, by_free, gradient):
    """Log posterior density up to a constant, from the likelihood; `gradient` is filled.

    Parameters
    ----------
    x : array (n_dim,)
        Coordinates; from `first` on, those of the covariance of q random effects.
    mean, precision : array (n_dim,)
        Of the normal priors; precision 0 where there is none.
    half : array (n_dim,)
        Precision of half-normal priors on exp(x), with the Jacobian; 0 where there is none.
    beta : array (q (q - 1) / 2,)
        Of the Beta(b, b) priors on (1 + partial correlation) / 2, with the Jacobian of the logit.
    value : float
        Log likelihood.
    by_theta : array (n_classes, n_class_parameters)
        Its gradient.
    transform : array (n_classes * n_class_parameters, n_dim)
    jacobian : array (q (q + 1) / 2, q (q + 1) / 2)
    by_free, gradient : array (n_dim,)
        Filled: the gradient by the free parameters, without the priors, and by x.
    """
    n, size = x.shape[0], q * (q + 1) // 2
    for j in range(n):
        t = 0.0
        for r in range(transform.shape[0]):
            t += transform[r, j] * by_theta[r // by_theta.shape[1], r % by_theta.shape[1]]
        by_free[j] = t
        gradient[j] = t
    for c in range(size):
        gradient[first + c] = 0.0
        for e in range(size):
            gradient[first + c] += jacobian[e, c] * by_free[first + e]
    for j in range(n):
        away = x[j] - mean[j]
        value -= 0.5 * precision[j] * away * away
        gradient[j] -= precision[j] * away
        if half[j] > 0.0:
            square = half[j] * math.exp(2.0 * x[j])
            value += x[j] - 0.5 * square
            gradient[j] += 1.0 - square
    for p in range(beta.shape[0]):
        logit = x[first + q + p]
        value -= beta[p] * (abs(logit) + 2.0 * math.log1p(math.exp(-abs(logit))))
        gradient[first + q + p] -= beta[p] * math.tanh(0.5 * logit)
    total = value
    for j in range(n):
        total += 0.0 * gradient[j]
    if not math.isfinite(total):
        for j in range(n):
            gradient[j] = 0.0
        return -math.inf
    return value


@dataclass(frozen=True)
class CoordinatePriors:
    """The priors of the free coordinates, and the way from coordinates to theta.

    Attributes
    ----------
    layout : Layout
    mean, precision : array (n_dim,)
        Of the normal coordinates; precision 0 where there is none.
    half : array (n_dim,)
        Precision of the half-normal priors on exp(x); 0 where there is none.
    beta : array (q (q - 1) / 2,)
        Of the Beta(b, b) priors on (1 + partial correlation) / 2 of the q random effects.
    first : int
        Where the coordinates of the random effects' covariance start.
    """

    layout: Layout
    mean: np.ndarray
    precision: np.ndarray
    half: np.ndarray
    beta: np.ndarray
    first: int

    @classmethod
    def of(cls, layout: Layout, priors: Priors) -> "CoordinatePriors":
        """The priors of a layout's coordinates."""
        q = len(layout.random_effects)
        mean, precision, half = (np.zeros(layout.n_parameters) for _ in range(3))
        first, start = 0, 0
        for block in layout.blocks:
            if block.sharing == ABSENT:
                continue
            if block.name == "random_effect_cholesky":
                first, start = start, start + len(block.terms)
                continue
            moved, stretched = where_data_are(block, layout)
            for prior in term_priors(block, layout) * layout.copies(block):
                scale = 1.0 / (stretched * getattr(priors, prior.sd)) ** 2
                if prior.kind == "half_normal":
                    half[start] = scale
                else:
                    precision[start] = scale
                    mean[start] = moved + (getattr(priors, prior.mean) if prior.mean else 0.0)
                start += 1
        half[first : first + q] = 1.0 / priors.random_effect_sd**2
        level = np.array([k for j in range(q) for k in range(j)], dtype=float)
        return cls(layout, mean, precision, half, priors.correlation_eta + (q - 2 - level) / 2.0, first)

    @property
    def arguments(self) -> tuple:
        """What the compiled density takes."""
        return self.mean, self.precision, self.half, self.beta, self.first

    @property
    def log_sd(self) -> slice:
        """Coordinates of the random effects' standard deviations."""
        return slice(self.first, self.first + len(self.layout.random_effects))

    @property
    def logit(self) -> slice:
        """Coordinates of their partial correlations."""
        return slice(self.log_sd.stop, self.log_sd.stop + len(self.beta))

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Coordinates drawn from the priors: array (n, n_dim)."""
        x = np.empty((n, len(self.mean)))
        normal, half = self.precision > 0, self.half > 0
        x[:, normal] = rng.normal(self.mean[normal], self.precision[normal] ** -0.5, (n, int(normal.sum())))
        x[:, half] = np.log(np.abs(rng.normal(0.0, self.half[half] ** -0.5, (n, int(half.sum())))))
        x[:, self.logit] = logit(rng.beta(self.beta, self.beta, (n, len(self.beta))))
        return x

    def log_density(self, x) -> np.ndarray:
        """Log prior density, up to a constant, of coordinates (..., n_dim); the reference of the compiled one."""
        x = np.asarray(x, dtype=float)
        value = -0.5 * ((x - self.mean) ** 2) @ self.precision
        half = self.half > 0
        with np.errstate(over="ignore"):
            value += (x[..., half] - 0.5 * self.half[half] * np.exp(2.0 * x[..., half])).sum(axis=-1)
        away = np.abs(x[..., self.logit])
        found: np.ndarray = value - (away + 2.0 * np.log1p(np.exp(-away))) @ self.beta
        return found

    def coordinates(self, thetas) -> np.ndarray:
        """The inverse of `thetas`: array (n, n_dim) of (n, n_classes, n_class_parameters), none at an edge."""
        x = np.stack([self.layout.to_free(theta) for theta in thetas])
        if self.layout.random_effects:
            natural = self.layout.own(np.asarray(thetas))
            x[:, self.log_sd] = np.log(natural["random_effect_sd"])
            x[:, self.logit] = 2.0 * np.arctanh(partial_of_corr(natural["random_effect_corr"]))
        return x

    def thetas(self, draws) -> np.ndarray:
        """theta of coordinates: array (..., n_classes, n_class_parameters) of (..., n_dim)."""
        flat = np.array(np.reshape(draws, (-1, len(self.mean))), dtype=float)
        q = len(self.layout.random_effects)
        if q:
            jacobian = np.empty((q * (q + 1) // 2,) * 2)
            for x, free in zip(flat.copy(), flat, strict=True):
                factor_of_coordinates(x, self.first, q, free, jacobian)
        return (flat @ self.layout.transform.T).reshape(*np.shape(draws)[:-1], self.layout.n_classes, -1)


class Posterior:
    """Log posterior density of one specification on one cohort, with its gradient.

    Parameters
    ----------
    analysis : Analysis
    centre : array (n_classes, n_class_parameters)
        theta at which the nodes of a quadrature are placed.
    follow : bool
        Whether the nodes move from there to each theta; else they stay. The gradient leaves out what their motion does
        to the quadrature's error. Draws are of the density that is computed all the same: leapfrog steps keep volume
        and can be reversed whatever function of x alone pushes them (Neal, Handbook of MCMC, 2011, section 5.3).
    """

    def __init__(self, analysis: Analysis, centre, follow: bool = False):
        design = analysis.design
        self.design, self.layout = design, design.layout
        self.evaluator = analysis.evaluator()
        self.evaluator.centre(centre)
        self._home = self.evaluator.own.place() if follow else None
        self.transform = np.ascontiguousarray(self.layout.transform)
        self.q = len(self.layout.random_effects)
        self._theta = np.empty((self.layout.n_classes, design.sizes.n_class_parameters))
        self._free_parameters, self._by_free = np.empty(self.n_dim), np.empty(self.n_dim)
        self._jacobian = np.empty((self.q * (self.q + 1) // 2,) * 2)
        self.prior = CoordinatePriors.of(self.layout, design.spec.priors)

    @property
    def n_dim(self) -> int:
        """Number of coordinates."""
        return self.layout.n_parameters

    def __call__(self, x) -> tuple[float, np.ndarray]:
        """Log density up to a constant, and its gradient: arrays (n_dim,). Minus infinity where it is not finite."""
        gradient = np.empty(self.n_dim)
        _spread(x, self.q, self.prior.first, self.transform, self._free_parameters, self._jacobian, self._theta)
        if self._home is not None:  # from the same place each time: the density is a function of x alone
            self.evaluator.follow(self._theta, self._home)
        log_likelihood, by_theta = self.evaluator.own_total(self._theta)
        value = _gather(
            x,
            self.q,
            *self.prior.arguments,
            log_likelihood,
            by_theta,
            self.transform,
            self._jacobian,
            self._by_free,
            gradient,
        )
        return value, gradient

    def coordinates(self, theta) -> np.ndarray:
        """Coordinates of a theta, moved off the edge of the covariance."""
        x = self.layout.to_free(theta)
        if self.q:
            natural = self.layout.own(theta)
            partial = LARGEST_CORR * partial_of_corr(natural["random_effect_corr"])
            x[self.prior.log_sd] = np.log(np.maximum(natural["random_effect_sd"], SMALLEST_SD))
            x[self.prior.logit] = 2.0 * np.arctanh(partial)
        return x

    def start(self, theta) -> np.ndarray:
        """Coordinates of a theta, no further than `PRIOR_REACH` standard deviations from the means of normal priors.

        The likelihood alone may put a curve where it is hardly identified hundreds of them away, from where a chain
        would take off for anywhere.
        """
        x, prior = self.coordinates(theta), self.prior
        normal = prior.precision > 0.0
        reach = PRIOR_REACH / np.sqrt(prior.precision[normal])
        x[normal] = np.clip(x[normal], prior.mean[normal] - reach, prior.mean[normal] + reach)
        return x

    def thetas(self, draws) -> np.ndarray:
        """theta of coordinates: array (..., n_classes, n_class_parameters) of (..., n_dim)."""
        return self.prior.thetas(draws)
