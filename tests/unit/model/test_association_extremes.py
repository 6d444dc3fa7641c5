"""Curves that are part of the hazard where few would survive, or where they are steep: no probability is above 1."""

import numpy as np
import pytest
from dense_association import SOME, dense_joint, settled, some_of
from helpers import frames

import bayesctc as bc
from bayesctc.model.analysis import Analysis
from bayesctc.model.association import shared_out
from bayesctc.model.patient_hazards import PatientHazards

pytestmark = pytest.mark.unit
OPTIONS = {"family": "gaussian", "hazard": "weibull", "growth": "treatment", "survival": "~ bone"}


@pytest.fixture(scope="module")
def cohort():
    samples, patients = frames(30, 3, entry=True)
    return bc.Cohort(samples.assign(ctc=np.minimum(samples["ctc"], 20)), patients)


@pytest.mark.parametrize("effects", ["intercept", "slope"])
def test_an_entry_that_few_would_reach_is_the_dense_integral(effects, cohort):
    """As many nodes around the prior would be off by 0.002 (an intercept) and 0.01, and by any number with fewer."""
    design, theta = settled(cohort, association="current_value", random_effects=effects, **OPTIONS)
    theta[:, design.layout.places["scale"]] -= 7.0
    theta[:, design.sizes.blocks["association"]] = 3.0
    likelihood, tables = Analysis.of(cohort, design).evaluator().own, some_of(cohort, design.spec)
    likelihood.centre(theta)
    expected = dense_joint(design, theta, *tables, n_nodes=200 if effects == "intercept" else 100, before_entry=True)
    assert expected.max() < -4.0
    found = likelihood.evaluate(theta).at_entry[1 : 1 + SOME]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_weights_of_a_stretch_are_none_below_0_and_sum_to_the_whole():
    whole, weights = np.array([1.0, 1.0, 0.0]), np.array([[0.4, 0.5], [0.7, 0.5], [0.0, 0.0]])
    found = shared_out(whole, weights)
    np.testing.assert_allclose(found, [[0.1, 0.4, 0.5], [0.0, 0.7 / 1.2, 0.5 / 1.2], [0.0, 0.0, 0.0]], atol=1e-15)
    np.testing.assert_allclose(found.sum(axis=1), whole)


@pytest.mark.parametrize("shape", [0.1, 1.07])
def test_a_curve_that_is_steep_at_the_start_gives_probabilities_and_their_gradient(shape, cohort):
    """exp(alpha a(t)) falls by many orders of magnitude in the first weeks, which few nodes in time do not see."""
    design, theta = settled(cohort, association="current_slope", time_nodes=3, n_nodes=9, **OPTIONS)
    theta[:, design.layout.places["shape"]] = shape
    theta[:, design.layout.places["growth"].start + 1] = -1.0
    theta[:, design.sizes.blocks["association"]] = -1.0
    link, end = design.sizes.association, np.array([1.0])
    points, k = link.points(0.0 * end, end, []), np.exp(shape)
    weight = np.sum(points.weight * k * points.time ** (k - 1.0))  # of a hazard whose integral is 1
    assert (weight > 1.0) == (shape > 1.0)
    packed = design.pack(cohort).followed_to(20.0)
    likelihood = Analysis(cohort, design, packed).evaluator().own
    likelihood.centre(theta)
    counts = Analysis(cohort, design, packed.followed_to(0.0)).evaluator().own
    counts.centre(theta)
    assert (likelihood.evaluate(theta).joint <= counts.evaluate(theta).joint + 1e-3).all()
    hazards, b = PatientHazards.of(packed, design.layout), np.zeros((packed.n_patients, 1, 1))
    months = np.tile([0.0, 0.1, 1.0, 20.0], (packed.n_patients, 1))
    gone = hazards.given(theta[0], design.sizes.events[0], design.sizes.own_time(months), b)
    assert (np.diff(gone[:, :, 0], axis=1) > 0.0).all()
    gradient = likelihood.total(theta)[1]
    for name in ("shape", "scale", "association", "growth"):
        place = (0, design.layout.places[name].start)
        step = np.zeros(theta.shape)
        step[place] = 1e-5
        slope = (likelihood.total(theta + step)[0] - likelihood.total(theta - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-5)
