"""Leave-one-patient-out densities where PSIS fails, by moving the draws instead of sampling again.

Implicitly adaptive importance sampling (Paananen, Piironen, Buerkner and Vehtari, Stat Comput 2021;31:16): the draws
are shifted, then scaled, then rotated to the weighted mean, variances and covariance, which estimate those of the
posterior without the patient, as long as pareto_k falls. The weights are then those of the moved and the unmoved half
of the draws together (their split proposal), which is reliable even if the draws were moved too far.
"""

import numpy as np

from bayesctc.criteria.psis import HIGH_K, smoothed
from bayesctc.model.analysis import Analysis
from bayesctc.model.posterior import CoordinatePriors
from bayesctc.results.bayes_fit import BayesFit

MATCHED_DRAWS = 1000  # evenly spaced: each motion takes the likelihood of all of them
MOST_MOTIONS = 10


def log_posterior(
    analysis: Analysis, prior: CoordinatePriors, x: np.ndarray, workers: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Log posterior density up to a constant, array (n,), and log L_i, array (n, n_patients), at coordinates.

    The coordinates are an array (n, n_dim); the density is minus infinity where the likelihood is not a number.
    """
    with np.errstate(all="ignore"):  # a draw may be moved to where nothing is finite
        log_likelihood, _ = analysis.pointwise(prior.thetas(x), slice(0), workers)
        total = log_likelihood.sum(axis=1) + prior.log_density(x)
    return np.where(np.isfinite(total), total, -np.inf), log_likelihood


class MomentMatching:
    """The draws of a fit in the sampler's coordinates, to be moved for one patient after another."""

    def __init__(self, fit: BayesFit, workers: int | None = None):
        self.analysis, self.workers = fit.analysis, workers
        self.prior = CoordinatePriors.of(fit.design.layout, fit.spec.priors)
        self.x = self.prior.coordinates(fit.parameter_draws(MATCHED_DRAWS))
        self.log_density, self.log_likelihood = self._at(self.x)

    def _at(self, x):
        return log_posterior(self.analysis, self.prior, x, self.workers)

    def elpd(self, patient: int) -> tuple[float, float]:
        """log p(y_i | the others) and the pareto_k of its weights; pareto_k is infinite if there was no improvement."""
        x, density, own = self.x, self.log_density, self.log_likelihood[:, patient]
        weights, k = _weights(-own)
        slope, shift = np.eye(x.shape[1]), np.zeros(x.shape[1])
        moved = False
        for _ in range(MOST_MOTIONS):
            if moved and k <= HIGH_K:
                break
            for motion in (_shift, _scale, _rotate):
                step, offset = motion(x, np.exp(weights))
                new = x @ step.T + offset
                new_density, new_likelihood = self._at(new)
                with np.errstate(invalid="ignore"):  # moved to where nothing is finite: no weight
                    tried, new_k = _weights(new_density - new_likelihood[:, patient] - self.log_density)
                if new_k < k:
                    x, density, own = new, new_density, new_likelihood[:, patient]
                    weights, k, moved = tried, new_k, True
                    slope, shift = step @ slope, step @ shift + offset
                    break
            else:
                break
        if not moved:
            return np.nan, np.inf
        return self._split(patient, x, density, own, slope, shift)

    def _split(self, patient, x, density, own, slope, shift):
        """elpd with every second draw moved and the others unchanged: draws from the mixture of both densities."""
        turned = np.arange(len(x)) % 2 == 0
        still = ~turned
        back = np.linalg.solve(slope, (self.x[still] - shift).T).T
        at_draw = np.where(turned, density, self.log_density)
        own = np.where(turned, own, self.log_likelihood[:, patient])
        before = self.log_density.copy()  # where the motion took each draw from
        before[still] = self._at(back)[0]
        mixture = np.logaddexp(at_draw, before - np.linalg.slogdet(slope)[1])
        with np.errstate(invalid="ignore"):
            weights, k = _weights(at_draw - own - mixture)
        finite = np.isfinite(own)
        found = np.log(np.sum(np.exp(weights[finite] + own[finite] - own[finite].max()))) + own[finite].max()
        return float(found), k


def _weights(log_ratios):
    """Smoothed log weights that sum to 1, and their pareto_k, which is infinite if no weight is finite."""
    ratios = np.where(np.isnan(log_ratios), -np.inf, log_ratios)
    if np.isfinite(ratios).sum() < len(ratios) / 2:
        return np.full(len(ratios), -np.log(len(ratios))), np.inf
    weights, k = smoothed(ratios[:, None])
    return weights[:, 0], float(k[0])


def _moments(x, weights):
    """Mean and covariance of the draws, plain and weighted."""
    mean = weights @ x
    away = x - mean
    return x.mean(axis=0), np.cov(x, rowvar=False), mean, (away * weights[:, None]).T @ away


def _shift(x, weights):
    """To the weighted mean."""
    return np.eye(x.shape[1]), weights @ x - x.mean(axis=0)


def _scale(x, weights):
    """To the weighted mean and variances."""
    centre, plain, mean, wanted = _moments(x, weights)
    step = np.sqrt(np.diagonal(wanted) / np.diagonal(plain))
    return np.diag(step), mean - step * centre


def _rotate(x, weights):
    """To the weighted mean and covariance; to the mean alone if too few draws have weight for a covariance."""
    centre, plain, mean, wanted = _moments(x, weights)
    try:
        step = np.linalg.cholesky(wanted) @ np.linalg.inv(np.linalg.cholesky(plain))
    except np.linalg.LinAlgError:
        return _shift(x, weights)
    return step, mean - step @ centre
