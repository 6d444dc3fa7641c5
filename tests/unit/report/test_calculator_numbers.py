"""The calculator's numbers are `predict_survival`'s: every family, hazard, curve and formula."""

import numpy as np
import pandas as pd
import pytest
from calculator_page import Running, assert_same
from helpers import CAUSES, MARKER_SPEC, fit_at, frames, made_bayes, marker_frames, read_by_user, two_cause_cohort

import bayesctc as bc
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.report.calculator import numbers, words
from bayesctc.report.calculator.page import render

pytestmark = pytest.mark.unit
HAZARDS = ("weibull", "exponential", "gompertz", "piecewise", "splines")
LANDMARK = 4.0
SD = 0.05  # of the free parameters, behind the intervals


@pytest.fixture(autouse=True)
def _classes_by_number(monkeypatch):
    """What is said of the classes takes longer than all else, and is another file's concern."""
    monkeypatch.setattr(words, "class_words", lambda subject: [{"label": name, "words": ""} for name in subject.labels])


@pytest.fixture(scope="module")
def cohort():
    """60 patients at irregular visits, with volumes; a flag and a number that is a code."""
    samples, patients = frames(60, 4)
    rng = np.random.default_rng(9)
    return bc.Cohort(samples, patients.assign(stage=rng.integers(1, 4, 60), treated=rng.random(60) < 0.5))


def somewhere(cohort, **options):
    """A fit at random parameters that are plausible, with a covariance: nothing is maximised."""
    usual = {"n_classes": 2, "growth": "linear", "family": "gaussian", "random_effects": "none", "common_shape": False}
    spec = bc.ModelSpec(**usual | options)
    layout = Design.settle(cohort, spec).layout
    theta = layout.to_theta(np.random.default_rng(1).normal(0.0, 0.15, layout.n_parameters))
    for name, place in layout.places.items():
        theta[:, place] += 1.5 * name.startswith("scale")
    theta[:, layout.places["growth"].start] += [1.0, 1.6] if cohort.marker is None else [-0.3, 0.3]
    if spec.n_random:
        theta[:, layout.places["random_effect_cholesky"]] = {1: [0.6], 2: [0.6, -0.2, 0.3]}[spec.n_random]
    return fit_at(cohort, spec, read_by_user(layout, theta), SD**2 * np.eye(layout.n_parameters))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_families(family, cohort):
    fit = somewhere(cohort, family=family)
    assert_same(fit, Running(render(fit)), LANDMARK)


@pytest.mark.parametrize(
    ("family", "effects", "n", "atol"),
    [
        ("gaussian", "slope", 20, 1e-9),
        ("poisson_log_normal", "intercept", 6, 1e-7),  # as few as predict_survival places nodes for once
        ("negative_binomial", "slope", 2, 1e-4),  # 16 nodes, where they stand matters
    ],
)
def test_random_effects(family, effects, n, atol, cohort):
    fit = somewhere(cohort, family=family, random_effects=effects, class_specific_random_effects=True)
    assert_same(fit, Running(render(fit)), LANDMARK, atol=atol, n=n)


@pytest.mark.parametrize("hazard", HAZARDS)
def test_hazards(hazard, cohort):
    fit = somewhere(cohort, hazard=hazard, hazard_knots=(4.0, 11.0), survival="~ bone", survival_by_class="~ arm")
    assert_same(fit, Running(render(fit)), LANDMARK, horizons=(0.5, 5.0, 9.0, 60.0))


@pytest.mark.parametrize(
    "options", [{"growth": g} for g in ("treatment", "quadratic", "cubic")] + [{"growth": "spline"}]
)
def test_curves(options, cohort):
    assert_same(fit := somewhere(cohort, **options), Running(render(fit)), LANDMARK)


@pytest.mark.parametrize(
    ("formulas", "atol"),
    [
        ({"membership": "~ arm * treated + age", "survival": "~ C(stage) : treated"}, 1e-8),
        ({"survival": "~ arm * age + stage", "longitudinal": "~ bone:time + treated"}, 1e-8),
        ({"membership": "~ log(age) + arm", "survival": "~ bs(age, df=4) + bone"}, 1e-5),
        ({"longitudinal_by_class": "~ arm + age", "longitudinal": "~ bone"}, 1e-8),
        ({"survival": "~ poly(age, 2) * arm", "survival_by_class": "~ treated"}, 1e-5),
    ],
)
def test_formulas(formulas, atol, cohort):
    fit = somewhere(cohort, **formulas)
    assert_same(fit, Running(render(fit)), LANDMARK, atol=atol)


@pytest.mark.parametrize("hazard", ["weibull", "piecewise"])
def test_competing_events(hazard):
    cohort = two_cause_cohort(60)
    fit = somewhere(cohort, endpoint="ttf", survival="~ arm", hazard=hazard, hazard_knots=(6.0, 11.0))
    text = render(fit)
    assert f"free of every event ({CAUSES[0]}, {CAUSES[1]})" in text
    assert_same(fit, Running(text), LANDMARK)


@pytest.mark.parametrize("transform", ["log", "identity"])
def test_a_marker(transform):
    samples, patients = marker_frames(40)
    cohort = bc.Cohort(samples, patients, marker=bc.Marker("bili", "mg/dL", transform))
    fit = somewhere(cohort, **MARKER_SPEC)
    page = Running(render(fit))
    assert_same(fit, page, LANDMARK)
    assert page.markup.data["volumes"] is None


def test_a_posterior_and_fifty_patients(cohort):
    """Means over draws; as many of them as behind predict_survival, and fifty patients."""
    samples, patients = frames(110, 6)
    ml = somewhere(bc.Cohort(samples, patients), family="poisson_log_normal", growth="treatment", survival="~ arm")
    bayes = made_bayes(ml, ml.parameter_draws(400)[None].reshape(2, 200, *ml.theta.shape))
    page = Running(render(bayes))
    assert page.markup.data["model"]["estimate"] is None
    assert page.markup.data["model"]["nDraws"] == 200
    assert_same(bayes, page, LANDMARK, n=50)


def test_without_a_hessian_there_is_no_interval(cohort):
    ml = somewhere(cohort)
    fit = fit_at(cohort, ml.spec, ml.theta)
    page = Running(render(fit))
    assert_same(fit, page, LANDMARK)  # both have NaN
    assert "the uncertainty of the model's parameters is not known" in "".join(page.markup.shown)


def test_thinned_draws_are_equal_within_monte_carlo_error(cohort, monkeypatch):
    fit = somewhere(cohort, survival="~ arm")
    monkeypatch.setattr(numbers, "MOST_BYTES", 8 * fit.theta.size * 130)
    page = Running(render(fit))
    assert page.markup.data["model"]["nDraws"] == 130
    with pytest.raises(AssertionError):
        assert_same(fit, page, LANDMARK)
    # the standard error of a 2.5 % quantile of 130 draws is 0.23 standard deviations of what is drawn, here below 0.03
    assert_same(fit, page, LANDMARK, atol=4 * 0.23 * 0.03)


def test_special_functions():
    """Against scipy, in the tails too."""
    from scipy.special import gammaln, log_ndtr

    page = Running(render(somewhere(bc.Cohort(*frames(40, 4)), family="censored")))
    x = np.concatenate([np.linspace(-60.0, 9.0, 200), [-2.5, 2.5, 0.0]])
    np.testing.assert_allclose([page.ask("logNormalCdf", v) for v in x], log_ndtr(x), rtol=1e-12, atol=1e-18)
    x = np.concatenate([np.geomspace(1e-4, 1e8, 200), [1.0, 2.0]])
    np.testing.assert_allclose([page.ask("logGamma", v) for v in x], gammaln(x), rtol=1e-13, atol=1e-13)
    values = np.sort(np.random.default_rng(0).normal(size=37))
    assert page.ask("quantile", values.tolist(), 0.025) == pytest.approx(np.quantile(values, 0.025), abs=1e-15)


def test_terms_far_from_the_fits_patients_follow_the_formula(cohort):
    """A straight line goes on beyond the range, as in the formula."""
    fit = somewhere(cohort, survival="~ age * arm")
    part = numbers.parts_of(fit)["survival"]
    table = pd.DataFrame({"age": [5.0, 130.0], "arm": ["A", "C"]})
    found = np.column_stack([t.at({c: table[c].to_numpy() for c in table}) for t in part.terms])
    np.testing.assert_allclose(found, fit.design.survival.evaluate(table, "survival"), rtol=1e-10)
