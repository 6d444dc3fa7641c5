"""Moving draws to the posterior without a patient: against a regression whose answers are known."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from bayesctc.criteria import loo as loo_module
from bayesctc.criteria.loo import predicted, room
from bayesctc.criteria.moment_matching import MomentMatching, log_posterior
from bayesctc.criteria.psis import HIGH_K, smoothed, weighted
from bayesctc.model.posterior import CoordinatePriors, Posterior

pytestmark = pytest.mark.unit


class Regression(MomentMatching):
    """y_i normal around a + b z_i with variance 1 and a flat prior; the last patient lies far out in both."""

    def __init__(self, seed: int, n_draws: int = 1000):
        rng = np.random.default_rng(seed)
        z = np.append(rng.normal(size=30), 8.0)
        self.design = np.column_stack([np.ones_like(z), z])
        self.y = z * 0.5 + np.append(rng.normal(size=30), 6.0)
        covariance = np.linalg.inv(self.design.T @ self.design)
        mean = covariance @ self.design.T @ self.y
        self.x = rng.multivariate_normal(mean, covariance, n_draws)
        self.log_density, self.log_likelihood = self._at(self.x)

    def _at(self, x):
        values = norm.logpdf(self.y, x @ self.design.T, 1.0)
        return values.sum(axis=1), values

    def exact(self, i):
        """log p(y_i | the others), which is normal."""
        others, y = np.delete(self.design, i, axis=0), np.delete(self.y, i)
        covariance = np.linalg.inv(others.T @ others)
        mean = covariance @ others.T @ y
        own = self.design[i]
        return norm.logpdf(self.y[i], own @ mean, np.sqrt(1.0 + own @ covariance @ own))


def test_an_outlier_s_density_is_found_where_psis_fails():
    """On regressions that nobody picked: where the weights are good in the end, the error is a small part of PSIS's."""
    before, after = [], []
    for seed in range(10):
        model = Regression(seed)
        weights, k = smoothed(-model.log_likelihood)
        elpd, matched_k = model.elpd(30)
        if k[-1] > HIGH_K >= matched_k:
            before.append(abs(weighted(weights, model.log_likelihood)[-1] - model.exact(30)))
            after.append(abs(elpd - model.exact(30)))
    assert len(after) >= 4
    assert np.mean(before) > 1.0
    assert np.mean(after) < np.mean(before) / 4


def test_nothing_is_gained_where_nothing_can_be_moved():
    model = Regression(3)
    model._at = lambda x: (np.full(len(x), -np.inf), np.full((len(x), 31), -np.inf))
    assert model.elpd(30)[1] == np.inf


def test_the_density_is_that_of_the_sampler(made):
    """Up to a constant, with the coordinates that belong to the draws."""
    prior = CoordinatePriors.of(made.design.layout, made.spec.priors)
    thetas = made.thetas[:5]
    x = prior.coordinates(thetas)
    assert np.allclose(prior.thetas(x), thetas, atol=1e-10)
    posterior = Posterior(made.analysis, made.mode_theta)
    apart = log_posterior(made.analysis, prior, x)[0] - [posterior(each)[0] for each in x]
    assert np.allclose(apart, apart[0], atol=1e-8)


def test_refits_move_an_elpd_no_further_than_their_bounds():
    """Of the outlier: the exact value lies between the smallest density over the draws and their mean."""
    model = Regression(3)
    own = model.log_likelihood[:, -1]
    assert own.min() <= model.exact(30) <= logsumexp(own) - np.log(len(own))


def test_patients_that_psis_does_not_settle_are_matched(made, monkeypatch):
    class Half:
        def __init__(self, fit):
            pass

        def elpd(self, patient):
            return -9.0, 0.05 if patient % 2 else 0.9

    monkeypatch.setattr(loo_module, "MomentMatching", Half)
    monkeypatch.setattr(loo_module, "HIGH_K", 0.1)
    found = predicted(made)
    table = found.pointwise
    assert table["matched"].any()
    assert (table["elpd"][table["matched"]] == -9.0).all()
    assert found.elpd == pytest.approx(table["elpd"].sum())
    down, up = room(made, found)
    assert down > 0.0
    assert up > 0.0
