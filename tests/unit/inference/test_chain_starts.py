"""Where chains start, and whether the nodes of a quadrature follow them."""

import numpy as np
import pytest
from helpers import frames

import bayesctc as bc
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.nodes import nodes_for_chains
from bayesctc.model.posterior import PRIOR_REACH, Posterior

pytestmark = pytest.mark.unit


def posterior(family="negative_binomial"):
    samples, patients = frames(40, 3)
    cohort = bc.Cohort(samples, patients)
    spec = bc.ModelSpec(n_classes=2, growth="linear", family=family, random_effects="intercept", endpoint=None)
    design = Design.settle(cohort, spec)
    layout = design.layout
    natural = {
        "membership": np.zeros((2, 1)),
        "growth": np.array([[0.3, -0.5], [2.8, -0.4]]),
        "dispersion": np.array(1.5),
        "sigma": np.array(0.7),
        "random_effect_sd": np.array([0.6]),
        "random_effect_corr": np.eye(1),
    }
    theta = layout.theta(
        {
            name: value
            for name, value in natural.items()
            if name in layout.natural(np.zeros((2, design.sizes.n_class_parameters)))
        }
    )
    return Posterior(Analysis.of(cohort, design), theta), theta


def test_chains_start_within_reach_of_the_priors():
    """A curve that the likelihood leaves to itself is hundreds of prior standard deviations away."""
    made, theta = posterior()
    np.testing.assert_array_equal(made.start(theta), made.coordinates(theta))
    place = made.layout.places["growth"]
    far = theta.copy()
    far[0, place] = [-2419.0, 3770.0]
    start, from_near = made.start(far), made.coordinates(theta)
    moved = np.flatnonzero(start != from_near)
    sd = made.prior.precision[moved] ** -0.5
    np.testing.assert_allclose(np.abs(start[moved] - made.prior.mean[moved]), PRIOR_REACH * sd)
    assert len(moved) == 2
    assert made(start)[0] > made(made.coordinates(far))[0] + 1000.0


@pytest.mark.parametrize(("family", "follows"), [("negative_binomial", True), ("gaussian", False)])
def test_nodes_follow_where_one_estimate_is_all_that_is_known(family, follows):
    made, theta = posterior(family)
    analysis = Analysis.of(bc.Cohort(*frames(40, 3)), made.design)
    for may_follow in (True, False):
        _, follow = nodes_for_chains(analysis, theta[None], theta, may_follow=may_follow)
        assert follow is (follows and may_follow)
    narrow = np.stack([theta, theta])
    assert nodes_for_chains(analysis, narrow, theta, may_follow=True)[1] is False
