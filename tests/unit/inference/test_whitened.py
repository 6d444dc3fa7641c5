"""Coordinates in which the posterior has unit curvature at the mode."""

import numpy as np
import pytest
from helpers import frames
from scipy.optimize import approx_fprime

import bayesctc as bc
from bayesctc.inference.nuts import inside
from bayesctc.inference.whitened import Whitened, information
from bayesctc.model.analysis import Analysis
from bayesctc.model.posterior import Posterior

pytestmark = pytest.mark.unit
SPECS = {
    "gaussian": {"family": "gaussian", "random_effects": "slope", "endpoint": None},
    "joint": {"family": "negative_binomial", "endpoint": "os"},
}


@pytest.fixture(scope="module", params=SPECS)
def posterior(request):
    cohort = bc.Cohort(*frames(60, 3))
    ml = bc.fit_ml(
        cohort, bc.ModelSpec(n_classes=2, growth="linear", **SPECS[request.param]), n_starts=3, progress=False
    )
    return Posterior(ml.analysis, ml.theta), inside(ml.design, ml.theta)


@pytest.fixture(scope="module")
def around(posterior):
    density, mode = posterior
    return Whitened.at(density, density.start(mode))


def test_the_information_is_minus_the_second_derivative_of_the_value(posterior):
    """By differences of the density alone: the gradient is not used."""
    density, mode = posterior
    x, h = density.start(mode), 1e-3
    found = information(density, x)
    np.testing.assert_array_equal(found, found.T)
    rng = np.random.default_rng(1)
    for _ in range(5):
        way = rng.normal(size=len(x))
        way /= np.linalg.norm(way)
        second = (density(x + h * way)[0] - 2.0 * density(x)[0] + density(x - h * way)[0]) / h**2
        assert way @ found @ way == pytest.approx(-second, rel=1e-3)


def test_the_curvature_is_one_and_no_direction_is_wider_than_its_prior(posterior, around):
    density, _ = posterior
    own = around.root.T @ information(density, around.centre) @ around.root
    curvature = np.diagonal(own)
    np.testing.assert_allclose(own, np.diag(curvature), atol=1e-3)
    precision = np.where(density.prior.precision > 0.0, density.prior.precision, 1.0)
    width = np.sqrt(np.diagonal(around.root.T * precision @ around.root))
    as_wide = np.isclose(width, 1.0, rtol=1e-6)
    np.testing.assert_allclose(curvature[~as_wide], 1.0, rtol=1e-3)
    assert (width[~as_wide] < 1.0).all()
    assert (curvature[as_wide] < 1.0).all()
    assert np.count_nonzero(~as_wide) >= 6


def test_where_the_data_say_nothing_the_scale_is_the_priors():
    """The curve of a class to which nobody belongs."""
    cohort = bc.Cohort(*frames(60, 3))
    spec = bc.ModelSpec(n_classes=2, growth="linear", family="gaussian", endpoint=None)
    analysis = Analysis.settle(cohort, spec)
    empty = {"membership": [[40.0], [-40.0]], "growth": [[1.0, 0.0], [1.0, 0.0]], "sigma": 1.0}
    density = Posterior(analysis, theta := analysis.design.layout.theta({k: np.array(v) for k, v in empty.items()}))
    x = density.coordinates(theta)
    prior, own = density.prior.precision, np.diagonal(information(density, x))
    alone = np.flatnonzero(np.isclose(own, prior, rtol=1e-4))
    assert len(alone) >= 2
    root = Whitened.at(density, x).root
    np.testing.assert_allclose((root @ root.T)[np.ix_(alone, alone)], np.diag(1.0 / prior[alone]), rtol=1e-4, atol=1e-6)


def test_the_density_is_the_posteriors_with_its_gradient(posterior, around):
    density, _ = posterior
    whitened, rng = around.density(density), np.random.default_rng(2)
    z = rng.normal(size=(3, len(around.centre)))
    np.testing.assert_allclose(around.x(z)[1], around.x(z[1]), rtol=1e-12)
    for each in z:
        value, gradient = whitened(each)
        assert value == pytest.approx(density(around.x(each))[0], rel=1e-12)
        by_differences = approx_fprime(each, lambda at: whitened(at)[0], 1e-6)
        np.testing.assert_allclose(gradient, by_differences, rtol=1e-3, atol=1e-2)


def test_starts_are_a_standard_deviation_away_by_the_seed_alone(around):
    starts = np.stack([around.start(seed) for seed in range(4000)])
    np.testing.assert_array_equal(starts[7], around.start(7))
    np.testing.assert_array_equal(np.abs(starts), 1.0)
    spread = np.cov(around.x(starts).T)
    np.testing.assert_allclose(np.diagonal(spread), np.diagonal(around.root @ around.root.T), rtol=0.15)
    assert np.abs(np.corrcoef(starts.T) - np.eye(starts.shape[1])).max() < 6.0 / np.sqrt(4000)
