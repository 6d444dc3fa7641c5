"""Curves that are part of the hazard against 200 nodes and scipy's quad; gradients, and alpha = 0."""

from dataclasses import replace

import numpy as np
import pytest
from dense_association import SOME, dense_joint, settled, some_of
from helpers import frames, two_cause_cohort
from scipy.special import logsumexp

import bayesctc as bc
from bayesctc.model.analysis import Analysis
from bayesctc.model.backends.plain import PlainLikelihood
from bayesctc.model.design import Design
from bayesctc.model.hazards import HAZARDS

pytestmark = pytest.mark.unit

KINDS = ("random_effects", "current_value", "current_slope", "area")
PLAIN = [  # every family, every hazard, every kind and curve, in NumPy
    ("gaussian", "weibull", "current_value", "treatment"),
    ("censored", "gompertz", "current_slope", "quadratic"),
    ("negative_binomial", "piecewise", "current_value", "spline"),
    ("zero_inflated_negative_binomial", "exponential", "random_effects", "linear"),
    ("poisson", "weibull", "current_slope", "treatment"),
    ("poisson_log_normal", "splines", "area", "linear"),
]
CURVES = {"longitudinal": "~ age", "longitudinal_by_class": "~ arm"}  # covariates of the patients, of two kinds
COMPILED = ("negative_binomial", "piecewise"), ("gaussian", "weibull")  # `benchmarks.association` has every pair


@pytest.fixture(scope="module")
def cohort():
    """Counts up to 20: an integrand of hundreds of cells is too narrow for the dense integral's nodes."""
    samples, patients = frames(30, 3, entry=True)
    return bc.Cohort(samples.assign(ctc=np.minimum(samples["ctc"], 20)), patients)


@pytest.mark.parametrize(("family", "hazard", "kind", "growth"), PLAIN)
def test_in_numpy(family, hazard, kind, growth, cohort, monkeypatch):
    monkeypatch.setitem(HAZARDS, hazard, replace(HAZARDS[hazard], compiled=None))
    options = {**CURVES, "family": family, "hazard": hazard, "growth": growth, "survival": "~ bone"}
    design, theta = settled(cohort, association=kind, association_by_class=True, **options)
    likelihood = PlainLikelihood(design.pack(cohort), design.sizes, 2)
    likelihood.centre(theta)
    found, tables = likelihood.evaluate(theta), some_of(cohort, design.spec)
    np.testing.assert_allclose(found.joint[1 : 1 + SOME], dense_joint(design, theta, *tables), atol=1e-6, rtol=0)
    expected = dense_joint(design, theta, *tables, before_entry=True)
    np.testing.assert_allclose(found.at_entry[1 : 1 + SOME], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("family", "hazard"), COMPILED)
@pytest.mark.parametrize("kind", KINDS)
def test_compiled(family, hazard, kind, cohort):
    options = {**CURVES, "family": family, "hazard": hazard, "growth": "treatment", "survival": "~ bone"}
    design, theta = settled(cohort, association=kind, association_by_class=True, **options)
    likelihood = Analysis.of(cohort, design).evaluator().own
    likelihood.centre(theta)
    found, tables = likelihood.evaluate(theta), some_of(cohort, design.spec)
    np.testing.assert_allclose(found.joint[1 : 1 + SOME], dense_joint(design, theta, *tables), atol=1e-6, rtol=0)
    expected = logsumexp(dense_joint(design, theta, *tables, before_entry=True), axis=1)
    np.testing.assert_allclose(logsumexp(found.at_entry, axis=1)[1 : 1 + SOME], expected, atol=1e-6, rtol=0)


def test_the_two_causes_of_an_endpoint():
    cohort = two_cause_cohort(40)
    options = {"family": "negative_binomial", "hazard": "piecewise", "growth": "linear", "survival": "~ arm"}
    endpoint = next(iter(cohort.causes))
    design, theta = settled(cohort, association="current_value", endpoint=endpoint, **options)
    assert [b.name for b in design.layout.blocks if b.parameter == "association"] == [
        f"association_{cause}" for cause in design.causes
    ]
    likelihood = Analysis.of(cohort, design).evaluator().own
    likelihood.centre(theta)
    found, tables = likelihood.evaluate(theta), some_of(cohort, design.spec)
    np.testing.assert_allclose(found.joint[1 : 1 + SOME], dense_joint(design, theta, *tables), atol=1e-6, rtol=0)


def test_two_random_effects(cohort):
    """Against the reference in NumPy, which is held against the dense integral."""
    for kind in ("random_effects", "current_value"):
        options = {"family": "negative_binomial", "hazard": "piecewise", "growth": "treatment"}
        design, theta = settled(cohort, association=kind, random_effects="slope", n_nodes=9, time_nodes=7, **options)
        fast = Analysis.of(cohort, design).evaluator().own
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(HAZARDS, "piecewise", replace(HAZARDS["piecewise"], compiled=None))
            slow = PlainLikelihood(replace(design).pack(cohort), replace(design).sizes, 2)
        fast.centre(theta)
        slow.follow(theta, [fast.posterior()])
        np.testing.assert_allclose(slow.posterior()[0], fast.posterior()[0], atol=1e-2)
        slow._outcomes[0].mean, slow._outcomes[0].factor = fast.posterior()
        np.testing.assert_allclose(fast.evaluate(theta).joint, slow.evaluate(theta).joint, rtol=1e-9)
        gradient = slow.total(theta)[1]
        np.testing.assert_allclose(fast.total(theta)[1], gradient, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())


@pytest.mark.parametrize(("family", "hazard"), COMPILED)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_value(family, hazard, kind, cohort):
    options = {**CURVES, "family": family, "hazard": hazard, "growth": "treatment", "survival": "~ bone"}
    design, theta = settled(cohort, association=kind, time_nodes=6, n_nodes=9, **options)
    likelihood = Analysis.of(cohort, design).evaluator().own
    likelihood.centre(theta)
    gradient, differences = likelihood.total(theta)[1], np.zeros(theta.shape)
    for place in np.ndindex(*theta.shape):
        step = np.zeros(theta.shape)
        step[place] = 1e-5
        values = [likelihood.total(theta + k * step)[0] for k in (-2.0, -1.0, 1.0, 2.0)]
        differences[place] = (values[0] - 8.0 * values[1] + 8.0 * values[2] - values[3]) / 12e-5
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-6 * np.abs(gradient).max())


@pytest.mark.parametrize(("family", "hazard"), COMPILED)
def test_alpha_0_is_the_model_without_association(family, hazard, cohort):
    options = {
        "family": family,
        "hazard": hazard,
        "growth": "treatment",
        "random_effects": "slope",
        "survival": "~ bone",
    }
    without = Design.settle(cohort, bc.ModelSpec(n_classes=2, common_shape=False, **options)).with_nodes(21)
    plain, found = without.layout.to_theta(np.random.default_rng(5).normal(0.0, 0.2, without.layout.n_parameters)), []
    plain[:, without.layout.places["random_effect_cholesky"]] = [0.8, -0.3, 0.6]
    for kind in KINDS:
        design, _ = settled(cohort, association=kind, **options)
        places = [design.sizes.blocks["association"].start] * design.sizes.n_association
        found.append(Analysis.of(cohort, design).evaluator().patients(np.insert(plain, places, 0.0, axis=1)))
    expected = Analysis.of(cohort, without).evaluator().patients(plain)
    np.testing.assert_allclose(found, [expected] * len(KINDS), atol=1e-10, rtol=0)
