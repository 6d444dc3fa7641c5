"""The normal approximation of a posterior, and LOO from it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from bayesctc.criteria import approximate
from bayesctc.criteria.approximate import _drawn, _mode, approximate_loo
from bayesctc.criteria.loo import APPROXIMATED
from bayesctc.inference.settings import COMPARED

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("degrees", "made"), [(np.inf, multivariate_normal), (30.0, multivariate_t)])
def test_draws_have_the_density_that_is_said(degrees, made):
    rng, root = np.random.default_rng(1), np.array([[1.0, 0.0], [0.7, 0.5]])
    x, density = _drawn(np.array([1.0, -2.0]), root, degrees, 4000, rng)
    more = {} if np.isinf(degrees) else {"df": degrees}
    exact = made([1.0, -2.0], root @ root.T, **more).logpdf(x)
    assert np.ptp(density - exact) < 1e-9
    scale = 1.0 if np.isinf(degrees) else degrees / (degrees - 2.0)
    assert np.cov(x, rowvar=False) == pytest.approx(scale * root @ root.T, abs=0.1)


def test_the_mode_and_the_hessian_of_a_density_that_is_known():
    precision = np.array([[4.0, 1.0], [1.0, 2.0]])

    def density(x):
        return -0.5 * x @ precision @ x - np.sum(x**4), -precision @ x - 4.0 * x**3

    mode, information = _mode(density, np.array([1.0, -1.5]))
    assert mode == pytest.approx(np.zeros(2), abs=1e-5)
    assert information == pytest.approx(precision, abs=1e-4)


def test_loo_is_that_of_left_out_patients(ml_fits):
    """The worst patient left out in earnest: the others' own approximation, which its weights correct."""
    ml = ml_fits[1]
    found, why = approximate_loo(ml, COMPARED)
    assert why == ""
    assert found.method == APPROXIMATED
    assert found.approximation_k <= 0.7
    assert np.isnan(found.pointwise["elpd"].to_numpy()).sum() == 0
    again = [found, *(approximate_loo(ml, replace(COMPARED, random_seed=k))[0] for k in (1, 2, 3))]
    place = int(np.argmin(found.pointwise["elpd"].to_numpy()))
    others = [j for j in range(ml.n_patients) if j != place]
    without = replace(ml, analysis=ml.analysis.take(others))
    posterior = approximate.Posterior(without.analysis, ml.theta)
    mode, information = _mode(posterior, posterior.start(ml.theta))
    exact = []
    for k in range(4):
        rng = np.random.default_rng(k)
        x, density = _drawn(mode, np.linalg.cholesky(np.linalg.inv(information)), np.inf, 4000, rng)
        target, _ = approximate.log_posterior(without.analysis, posterior.prior, x)
        weights = np.exp(target - density - (target - density).max())
        own = np.exp(ml.analysis.take([place]).evaluator().draws(posterior.prior.thetas(x))[:, 0])
        exact.append(np.log(np.sum(weights * own) / np.sum(weights)))
    have = [each.pointwise["elpd"].iloc[place] for each in again]
    error = np.sqrt((np.var(have, ddof=1) + np.var(exact, ddof=1)) / 4)
    assert error < 0.05
    assert np.mean(have) == pytest.approx(np.mean(exact), abs=4.0 * error)


def test_a_rival_mode_is_a_reason_to_sample(ml_fits):
    ml = ml_fits[2]
    rival = ml.modes.iloc[[0]].assign(log_likelihood=ml.log_likelihood - 2.9, interior=True)
    found, why = approximate_loo(replace(ml, modes=pd.concat([ml.modes.iloc[[0]], rival])), COMPARED)
    assert found is None
    assert why == "1 rival mode(s) within 3 log-likelihood units"


def test_an_approximation_that_does_not_cover_the_posterior_is_refused(ml_fits, monkeypatch):
    ml = replace(ml_fits[1], modes=ml_fits[1].modes.iloc[[0]])

    def narrow(posterior, start):
        mode, information = _mode(posterior, start)
        return mode, 400.0 * information

    monkeypatch.setattr(approximate, "_mode", narrow)
    monkeypatch.setattr(approximate, "PROPOSALS", 1)
    found, why = approximate_loo(ml, COMPARED)
    assert found is None
    assert why.startswith("pareto_k of the approximation is")
    monkeypatch.setattr(approximate, "_mode", lambda posterior, start: (start, -np.eye(len(start))))
    assert approximate_loo(ml, COMPARED)[1] == "the posterior's mode has no positive definite Hessian"
