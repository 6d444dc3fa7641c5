"""The NumPy likelihood and the compiled one answer every question of the protocol alike."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import frames, read_by_user, two_cause_cohort

import bayesctc as bc
from bayesctc.model.backends.compiled.evaluator import CompiledLikelihood
from bayesctc.model.backends.plain import PlainLikelihood
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

pytestmark = pytest.mark.unit
WEIGHTS = np.random.default_rng(6).choice([0.0, 0.5, 1.0, 2.0], 20)


def both(monkeypatch, cohort, spec, weights=None, n_nodes=21):
    """The compiled likelihood, the one in NumPy, and a theta, around which the nodes of both stand."""
    made = []
    for of in (CompiledLikelihood, PlainLikelihood):
        design = Design.settle(cohort, spec)
        sizes = design.sizes if design.n_nodes == 1 else design.with_nodes(n_nodes).sizes
        made.append(of(design.pack(cohort), sizes, spec.n_classes, weights))
        monkeypatch.setitem(HAZARDS, spec.hazard_name, replace(HAZARDS[spec.hazard_name], compiled=None))
    layout = design.layout
    theta = layout.to_theta(np.random.default_rng(1).normal(0.0, 0.2, layout.n_parameters))
    for name in layout.places:
        if name.startswith("scale"):
            theta[:, layout.places[name]] += 2.0
    theta[:, layout.places["growth"].start] += 2.0
    theta = read_by_user(layout, theta)
    if spec.n_random:
        theta[:, layout.places["random_effect_cholesky"]] = {1: [0.8], 2: [0.8, -0.3, 0.6]}[spec.n_random]
    for likelihood in made:
        likelihood.centre(theta)
    return *made, theta


@pytest.mark.parametrize("effects", ["none", "intercept", "slope"])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_values_and_gradients(family, effects, monkeypatch):
    spec = bc.ModelSpec(
        n_classes=2,
        growth="linear",
        family=family,
        random_effects=effects,
        membership="~ arm",
        survival="~ bone",
        common_shape=False,
        class_specific_random_effects=effects != "none",
    )
    fast, slow, theta = both(
        monkeypatch, bc.Cohort(*frames(20, 3, entry=True)), spec, WEIGHTS, 21 if effects == "intercept" else 11
    )
    here, there = fast.evaluate(theta), slow.evaluate(theta)
    close = {"rtol": 1e-8, "atol": 1e-8 if effects == "none" else 1e-5}  # of a few nodes, where they stand matters
    np.testing.assert_allclose(here.joint, there.joint, **close)
    np.testing.assert_allclose(here.at_entry, there.at_entry, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(here.log_likelihood, there.log_likelihood, **close)

    (value, gradient), (slow_value, slow_gradient) = fast.total(theta), slow.total(theta)
    assert slow_value == pytest.approx(value, rel=1e-9 if effects == "none" else 1e-7)
    if FAMILIES[family].closed_form and effects != "none":  # the nodes of the other one are held
        return
    np.testing.assert_allclose(slow_gradient, gradient, rtol=1e-5, atol=1e-5 * np.abs(gradient).max())
    each = slow.gradients(theta)
    np.testing.assert_allclose(each, fast.gradients(theta), rtol=1e-4, atol=1e-5 * np.abs(each).max())
    np.testing.assert_allclose(np.tensordot(WEIGHTS, each, 1), slow_gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("hazard", [name for name in HAZARDS if name != "none"])
def test_competing_events(hazard, monkeypatch):
    cohort = two_cause_cohort(40)
    spec = bc.ModelSpec(
        n_classes=2,
        growth="linear",
        family="negative_binomial",  # which other tests compile with every hazard
        random_effects="none",
        endpoint=next(iter(cohort.causes)),
        hazard=hazard,
        survival="~ arm",
        common_shape=False,
    )
    fast, slow, theta = both(monkeypatch, cohort, spec)
    np.testing.assert_allclose(slow.evaluate(theta).joint, fast.evaluate(theta).joint, rtol=1e-9)
    gradient = fast.total(theta)[1]
    np.testing.assert_allclose(slow.total(theta)[1], gradient, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())


def test_nodes(monkeypatch):
    """Where they stand, how they follow, and that they go back to where they were."""
    spec = bc.ModelSpec(n_classes=2, growth="linear", family="poisson", random_effects="slope")
    fast, slow, theta = both(monkeypatch, bc.Cohort(*frames(30, 3)), spec, n_nodes=3)
    assert (fast.adaptive, slow.adaptive) == (True, True)
    for found, expected in zip(slow.posterior(), fast.posterior(), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-3)
    moved = theta + 0.1
    for likelihood in (fast, slow):
        home, before = likelihood.place(), likelihood.evaluate(theta).joint
        likelihood.follow(moved)
        away = likelihood.evaluate(moved).joint
        assert np.abs(likelihood.evaluate(theta).joint - before).max() > 1e-9
        likelihood.follow(theta)
        likelihood.follow(moved, home)
        np.testing.assert_allclose(likelihood.evaluate(moved).joint, away, atol=1e-4)
        first, second = likelihood.along(np.stack([theta, moved]))
        np.testing.assert_allclose(first.joint, before, atol=1e-4)
        np.testing.assert_allclose(second.joint, away, atol=1e-4)
    mean = np.random.default_rng(3).normal(size=(30, 2, 2))
    for likelihood in (fast, slow):
        likelihood.centre(theta)
        likelihood.move(mean)
    np.testing.assert_array_equal(fast.posterior()[0], slow.posterior()[0])
