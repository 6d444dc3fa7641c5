"""The sign of the random effects' factor means nothing, but nodes of a quadrature stand on one side of it."""

import numpy as np
import pytest

import bayesctc as bc
from bayesctc.inference.optimise import Bounds, Objective
from bayesctc.model.posterior import Posterior

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("effects", ["intercept", "slope"])
def test_a_mode_found_upside_down_is_the_same_mode_with_nodes_where_chains_are(small_cohort, effects):
    spec = bc.ModelSpec(n_classes=2, growth="linear", family="poisson", random_effects=effects, endpoint=None)
    ml = bc.fit_ml(small_cohort, spec, n_starts=2, random_seed=1, progress=False)
    layout = ml.design.layout
    turned = ml.theta.copy()
    turned[:, layout.places["random_effect_cholesky"]] *= -1.0
    found = Objective(ml.analysis, Bounds()).polish(layout.to_free(turned))
    theta = layout.to_theta(found.free)

    assert found.log_likelihood == pytest.approx(ml.log_likelihood, abs=1e-5)
    np.testing.assert_allclose(theta, ml.theta, atol=1e-4)
    assert (np.diagonal(layout.cholesky(theta), axis1=-2, axis2=-1) >= 0).all()
    posterior = Posterior(ml.analysis, theta)
    x = posterior.coordinates(theta)
    place = posterior.thetas(x)  # the mode, off the edge of the covariance
    still, follows = (Posterior(ml.analysis, place, follow) for follow in (False, True))
    assert still(x)[0] == pytest.approx(follows(x)[0], abs=1e-4)  # as near as nodes are placed
    place[:, layout.places["random_effect_cholesky"]] *= -1.0
    upside_down = Posterior(ml.analysis, place, False)
    assert upside_down(x)[0] < still(x)[0] - 100  # what the mode has to be spared
