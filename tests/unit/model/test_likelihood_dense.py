"""The compiled likelihood against full covariance matrices and scipy's Weibull, and its gradient by differences."""

import numpy as np
import pytest
from helpers import Case, dense, draw_natural, evaluator, frames
from scipy.special import logsumexp

from bayesctc.data import Cohort
from bayesctc.model.analysis import Analysis
from bayesctc.model.density import log_likelihood
from bayesctc.model.likelihood import Evaluator

pytestmark = pytest.mark.unit

KNOTS = (0.0, 2.0, 5.0, 11.0)


def case(
    n_classes, growth, random_effects, *flags, n=70, entry=False, endpoint="os", knots=None, fall_months=None, **terms
):
    """A case in one line; `flags` are the boolean options that are on."""
    options = {
        "growth": growth,
        "random_effects": random_effects,
        "endpoint": endpoint,
        "knots": knots,
        "fall_months": fall_months,
    }
    options |= {
        {"sigma": "class_specific_sigma", "omega": "class_specific_random_effects", "shape": "common_shape"}[f]: True
        for f in flags
    }
    return Case(n_classes, n, entry, options=options, **terms)


CASES = {
    # every growth with every number of random effects it allows
    "linear_none": case(1, "linear", "none", n=64),
    "linear_intercept": case(2, "linear", "intercept", "sigma", n=64, entry=True),
    "linear_slope": case(4, "linear", "slope", "omega", entry=True),
    "quadratic_none": case(2, "quadratic", "none", "sigma", "shape", n=150),
    "quadratic_intercept": case(4, "quadratic", "intercept", "omega", "shape", n=128, entry=True),
    "quadratic_slope": case(4, "quadratic", "slope", n=150, entry="last"),
    "quadratic_quadratic": case(2, "quadratic", "quadratic", "sigma", "omega", n=65),
    "cubic_none": case(4, "cubic", "none", n=40, entry=True),
    "cubic_intercept": case(1, "cubic", "intercept", n=64, entry=True),
    "cubic_slope": case(2, "cubic", "slope", "sigma", "omega", "shape", n=100),
    "cubic_quadratic": case(4, "cubic", "quadratic", "shape", entry=True),
    "spline_none": case(2, "spline", "none", "shape", knots=KNOTS),
    "spline_intercept": case(4, "spline", "intercept", "sigma", knots=KNOTS, entry=True),
    "spline_slope": case(2, "spline", "slope", "omega", n=130),
    "treatment_none": case(4, "treatment", "none", "sigma", fall_months=0.8, entry=True),
    "treatment_intercept": case(2, "treatment", "intercept", "shape", fall_months=3.0, n=64),
    "treatment_slope": case(2, "treatment", "slope", "omega", fall_months=1.7, longitudinal=("bone_time",)),
    # no endpoint
    "counts_one_class": case(1, "quadratic", "slope", n=64, endpoint=None),
    "counts_linear": case(2, "linear", "intercept", "sigma", endpoint=None, membership=("bone",)),
    "counts_cubic": case(4, "cubic", "quadratic", "sigma", "omega", n=64, endpoint=None, longitudinal=("arm",)),
    "counts_spline": case(4, "spline", "none", n=90, endpoint=None, entry=True, membership=("arm", "age")),
    # covariates
    "membership": case(4, "quadratic", "slope", n=150, entry=True, membership=("bone", "age")),
    "membership_common_shape": case(2, "linear", "slope", "shape", "omega", n=64, membership=("arm",)),
    "survival": case(2, "quadratic", "intercept", n=64, entry=True, survival=("arm", "bone")),
    "survival_one_class": case(1, "linear", "slope", survival=("age",), survival_by_class=("bone",), entry=True),
    "survival_by_class": case(4, "quadratic", "slope", "sigma", survival_by_class=("arm",)),
    "survival_both": case(2, "cubic", "none", "shape", entry=True, survival=("age",), survival_by_class=("arm",)),
    "longitudinal": case(2, "quadratic", "quadratic", n=64, longitudinal=("bone", "age")),
    "longitudinal_time": case(4, "linear", "slope", "sigma", longitudinal=("bone", "bone_time")),
    "longitudinal_spline": case(1, "spline", "slope", knots=KNOTS, longitudinal=("arm", "bone_time")),
    "curves_by_class": case(2, "treatment", "slope", longitudinal_by_class=("arm",), fall_months=1.7),
    "curves_by_class_cubic": case(
        4, "cubic", "quadratic", "omega", n=66, longitudinal=("bone_time",), longitudinal_by_class=("age", "arm")
    ),
    "everything": case(
        4,
        "quadratic",
        "slope",
        "sigma",
        "omega",
        n=150,
        entry=True,
        membership=("arm", "bone"),
        survival=("age",),
        survival_by_class=("bone",),
        longitudinal=("log_age", "bone_time"),
    ),
    "everything_common": case(
        2,
        "spline",
        "intercept",
        "shape",
        n=64,
        entry=True,
        knots=KNOTS,
        membership=("age",),
        survival=("arm",),
        survival_by_class=("bone",),
        longitudinal=("bone",),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def drawn(request):
    """A case, its cohort, random natural parameters, and what the dense formula says of them."""
    case = CASES[request.param]
    cohort, natural = case.cohort(), draw_natural(case, np.random.default_rng(list(CASES).index(request.param)))
    return case, cohort, natural, dense(case, cohort, natural)


def test_cases_hold_full_blocks_and_patients_without_and_with_one_sample():
    assert {64, 128, 150} <= {case.n for case in CASES.values()}
    for n in {case.n for case in CASES.values()}:
        per_patient = frames(n, seed=n)[0]["patient_id"].value_counts()
        assert "P0" not in per_patient
        assert per_patient["P1"] == 1


def test_log_likelihood_equals_the_dense_formula(drawn, backend):
    case, cohort, natural, expected = drawn
    found = log_likelihood(cohort, case.spec, natural)
    assert list(found.index) == list(cohort.patients.index)
    np.testing.assert_allclose(found, expected.log_likelihood, rtol=1e-9, atol=1e-9)


def test_joint_density_by_class_equals_the_dense_formula(drawn):
    case, cohort, natural, expected = drawn
    found = log_likelihood(cohort, case.spec, natural, by_class=True)
    assert found.shape == (case.n, case.n_classes)
    np.testing.assert_allclose(found, expected.joint, rtol=1e-9, atol=1e-9)


def test_densities_and_probabilities_by_class_equal_the_dense_formula(drawn, backend):
    case, cohort, natural, expected = drawn
    design, compiled = evaluator(case, cohort)
    found = compiled.evaluate(design.layout.theta(natural))
    np.testing.assert_allclose(found.joint, expected.joint, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.at_entry, expected.log_pi + expected.entry, rtol=1e-9, atol=1e-9)
    probabilities = np.exp(expected.joint - logsumexp(expected.joint, axis=1, keepdims=True))
    np.testing.assert_allclose(found.class_probabilities, probabilities, rtol=1e-8, atol=1e-12)


def differences(function, x, step=2e-4):
    """Central differences of fourth order, entry by entry."""
    gradient = np.empty_like(x)
    for place in np.ndindex(x.shape):
        values = []
        for k in (-2, -1, 1, 2):
            moved = x.copy()
            moved[place] += k * step
            values.append(function(moved))
        gradient[place] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    return gradient


def test_gradient_equals_finite_differences(drawn):
    case, cohort, natural, _ = drawn
    rng = np.random.default_rng(5)
    weights, analysis = rng.choice([0.0, 0.5, 1.0, 2.0], case.n), Analysis.settle(cohort, case.spec)
    for given in (None, weights):
        compiled, theta = analysis.evaluator(given), analysis.design.layout.theta(natural)
        theta = theta + rng.normal(0.0, 0.02, theta.shape)  # classes no longer share what the options make common
        total, gradient = compiled.total(theta)
        assert total == pytest.approx(np.sum(compiled.patients(theta) * (1.0 if given is None else given)), rel=1e-12)
        expected = differences(lambda moved, compiled=compiled: compiled.total(moved)[0], theta)
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["quadratic_slope", "membership", "survival_both", "everything"])
def test_gradient_of_the_free_vector_equals_finite_differences(name):
    case = CASES[name]
    cohort = case.cohort()
    design, compiled = evaluator(case, cohort)
    layout = design.layout
    free = layout.to_free(layout.theta(draw_natural(case, np.random.default_rng(3))))
    gradient = layout.transform.T @ compiled.total(layout.to_theta(free))[1].ravel()
    expected = differences(lambda moved: compiled.total(layout.to_theta(moved))[0], free)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())


def test_a_covariance_on_its_boundary():
    """A singular D, and no D at all: the likelihood and its gradient stay what they are."""
    case = CASES["membership"]
    cohort, natural = case.cohort(), draw_natural(case, np.random.default_rng(7))
    design, compiled = evaluator(case, cohort)
    theta = design.layout.theta(natural)
    for factor in ([0.6, -0.2, 0.0], [0.6, 0.0, 0.0], [0.0, 0.0, 0.0]):
        theta[:, design.layout.places["random_effect_cholesky"]] = factor
        expected = dense(case, cohort, design.layout.natural(theta)).log_likelihood
        np.testing.assert_allclose(compiled.patients(theta), expected, rtol=1e-9, atol=1e-9)
        by_differences = differences(lambda moved: compiled.total(moved)[0], theta)
        gradient = compiled.total(theta)[1]
        np.testing.assert_allclose(gradient, by_differences, rtol=1e-6, atol=1e-8 * np.abs(by_differences).max())


def test_a_class_whose_density_underflows_has_probability_zero_and_a_finite_gradient():
    case = CASES["everything"]
    cohort = case.cohort()
    design, compiled = evaluator(case, cohort)
    natural = draw_natural(case, np.random.default_rng(1))
    natural["growth"][2, 0] = 1e6
    theta = design.layout.theta(natural)
    total, gradient = compiled.total(theta)
    assert np.isfinite(total)
    assert np.isfinite(gradient).all()
    assert np.all(gradient[2, design.layout.places["growth"]] == 0.0)
    assert np.all(gradient[0, design.layout.places["growth"]] != 0.0)
    with_samples = cohort.patients.index.isin(cohort.samples["patient_id"])
    probabilities = compiled.evaluate(theta).class_probabilities
    assert np.all(probabilities[with_samples, 2] == 0.0)
    assert np.all(probabilities[~with_samples, 2] > 0.0)


def test_a_class_whose_cumulative_hazard_overflows_has_probability_zero_and_a_finite_gradient():
    """An optimiser or a sampler may try such a shape: the other classes still have a likelihood."""
    case = CASES["everything"]
    cohort = case.cohort()
    design, compiled = evaluator(case, cohort)
    natural = draw_natural(case, np.random.default_rng(1))
    natural["shape"][1], natural["scale"][1] = 2000.0, 2.0
    theta = design.layout.theta(natural)
    total, gradient = compiled.total(theta)
    assert np.isfinite(total)
    assert np.all(compiled.evaluate(theta).class_probabilities[cohort.patients["os_time"] > 4.0, 1] == 0.0)
    assert np.isfinite(gradient).all()


def test_other_follow_up_of_packed_patients(backend):
    """`followed_to` is the density of patients followed to then, `counts_only` the longitudinal part alone."""
    case = CASES["everything"]
    cohort = case.cohort()
    natural = draw_natural(case, np.random.default_rng(8))
    design, compiled = evaluator(case, cohort)
    packed = compiled.packed

    def found(packed):
        return Evaluator(packed, design.sizes, case.n_classes).patients(design.layout.theta(natural))

    parts = dense(case, cohort, natural)
    counts_only = logsumexp(parts.log_pi + parts.entry + parts.counts, axis=1)
    counts_only -= logsumexp(parts.log_pi + parts.entry, axis=1)
    np.testing.assert_allclose(found(packed.counts_only()), counts_only, rtol=1e-9, atol=1e-9)

    later = np.linspace(30.0, 60.0, case.n)
    later += np.maximum(0.0, cohort.patients["entry"].to_numpy())
    for event in (0, 1):
        moved = Cohort(cohort.samples, cohort.patients.assign(os_time=later, os_event=event))
        expected = dense(case, moved, natural).log_likelihood
        np.testing.assert_allclose(found(packed.followed_to(later, event)), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(compiled.patients(design.layout.theta(natural)), found(packed))  # left as it was
