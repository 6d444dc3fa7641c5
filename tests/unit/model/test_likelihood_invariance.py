"""What must not matter: labels, order, units, who else is in the cohort."""

import numpy as np
import pandas as pd
import pytest
from helpers import Case, dense, draw_natural, evaluator, frames
from scipy.special import log_softmax, logsumexp
from scipy.stats import weibull_min

from bayesctc.data import Cohort
from bayesctc.errors import DataError, SpecError
from bayesctc.model.density import log_likelihood
from bayesctc.model.spec import ModelSpec

pytestmark = pytest.mark.unit

FULL = Case(
    4,
    150,
    True,
    ("bone",),
    ("arm",),
    ("bone",),
    ("arm",),
    {"class_specific_sigma": True, "class_specific_random_effects": True},
)
BY_CLASS = (
    "membership",
    "growth",
    "sigma",
    "random_effect_scale",
    "scale",
    "shape",
    "hazard_coefficient_by_class",
)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return FULL.cohort()


@pytest.fixture(scope="module")
def natural() -> dict:
    return draw_natural(FULL, np.random.default_rng(21))


@pytest.fixture(scope="module")
def terms(cohort, natural) -> pd.Series:
    return log_likelihood(cohort, FULL.spec, natural)


def test_class_labels(cohort, natural, terms):
    order = [2, 0, 3, 1]
    permuted = {name: value[order] if name in BY_CLASS else value for name, value in natural.items()}
    pd.testing.assert_series_equal(log_likelihood(cohort, FULL.spec, permuted), terms, rtol=1e-12)
    joint = log_likelihood(cohort, FULL.spec, natural, by_class=True).to_numpy()
    found = log_likelihood(cohort, FULL.spec, permuted, by_class=True).to_numpy()
    np.testing.assert_allclose(found, joint[:, order], rtol=1e-12, atol=1e-12)


def test_classes_that_are_equal_are_one_class(cohort):
    """Two classes with the same parameters, half a cohort each, are the model with one."""
    one = Case(1, 150, True, options={"growth": "quadratic"})
    natural = draw_natural(one, np.random.default_rng(2))
    twice = {name: np.repeat(natural[name], 2, axis=0) for name in ("membership", "growth")}
    twice |= {name: np.repeat(natural[name], 2) for name in ("scale", "shape")}
    found = log_likelihood(cohort, one.spec.with_(n_classes=2), {**natural, **twice})
    pd.testing.assert_series_equal(found, log_likelihood(cohort, one.spec, natural), rtol=1e-12)


def test_membership_logits_may_be_shifted(cohort, natural, terms):
    shifted = {**natural, "membership": natural["membership"] + [[3.0, -1.0]]}
    pd.testing.assert_series_equal(log_likelihood(cohort, FULL.spec, shifted), terms, rtol=1e-10)


def test_row_order(natural, terms):
    samples, patients = frames(150, seed=154, entry=True)
    shuffled = Cohort(samples.sample(frac=1, random_state=1), patients.sample(frac=1, random_state=2))
    pd.testing.assert_series_equal(log_likelihood(shuffled, FULL.spec, natural), terms, check_exact=True)


def test_patient_order(cohort, natural, terms):
    """A patient's place in a block of neighbours does not change that patient's term."""
    order = np.random.default_rng(3).permutation(cohort.patients.index.to_numpy())
    found = log_likelihood(cohort.select(order), FULL.spec, natural)
    assert list(found.index) == list(order)
    pd.testing.assert_series_equal(found, terms.loc[order], rtol=1e-12)


def test_the_same_call_gives_the_same_bits(cohort, natural, terms):
    pd.testing.assert_series_equal(log_likelihood(cohort, FULL.spec, natural), terms, check_exact=True)
    design, compiled = evaluator(FULL, cohort)
    theta = design.layout.theta(natural)
    total, gradient = compiled.total(theta)
    compiled.total(theta + 0.3)  # memory is kept between calls
    again = compiled.total(theta)
    assert again[0] == total
    np.testing.assert_array_equal(again[1], gradient)


def test_estimates_are_not_changed(cohort, natural):
    before = {name: value.copy() for name, value in natural.items()}
    log_likelihood(cohort, FULL.spec, natural)
    for name, value in before.items():
        np.testing.assert_array_equal(natural[name], value)


def convert(natural: dict, factor: float, n_growth: int, spline: bool) -> dict:
    """Parameters for times multiplied by `factor`."""
    powers = np.array([0.0, 1.0] + [1.0] * (n_growth - 2) if spline else range(n_growth))
    converted = {**natural, "growth": natural["growth"] / factor**powers}
    if "random_effect_sd" in natural:
        converted["random_effect_sd"] = natural["random_effect_sd"] / factor ** np.arange(
            len(natural["random_effect_sd"])
        )
    if "scale" in natural:
        converted["scale"] = natural["scale"] * factor
    return converted


@pytest.mark.parametrize(
    ("growth", "random_effects", "knots", "n_growth"),
    [
        ("quadratic", "quadratic", None, 3),
        ("linear", "slope", None, 2),
        ("cubic", "none", None, 4),
        ("spline", "slope", (0.0, 2.0, 5.0, 11.0), 4),
    ],
)
@pytest.mark.parametrize("factor", [30.4375, 0.1])
def test_unit_of_time(growth, random_effects, knots, n_growth, factor):
    """Counts do not know the unit; a density of event times is one per unit."""
    options = {"growth": growth, "random_effects": random_effects, "knots": knots}
    case = Case(2, 70, True, survival=("bone",), options=options)
    natural = draw_natural(case, np.random.default_rng(4))
    samples, patients = frames(70, seed=72, entry=True)
    times = ["os_time", "entry"]
    scaled = Cohort(
        samples.assign(time=samples["time"] * factor),
        patients.assign(**{name: patients[name] * factor for name in times}),
        baseline_window=28.0 * factor,
    )
    in_other_unit = convert(natural, factor, n_growth, knots is not None)
    scaled_spec = case.spec.with_(knots=None if knots is None else tuple(k * factor for k in knots))
    months = Cohort(samples, patients)
    before = log_likelihood(months, case.spec, natural)
    after = log_likelihood(scaled, scaled_spec, in_other_unit)
    shift = -patients["os_event"].to_numpy() * np.log(factor)
    np.testing.assert_allclose(after - before, shift, rtol=1e-9, atol=1e-9)
    assert after.sum() - before.sum() == pytest.approx(-patients["os_event"].sum() * np.log(factor), rel=1e-10)

    counts = case.spec.with_(endpoint=None, survival="~ 1")
    parts = {name: value for name, value in natural.items() if name not in ("scale", "shape", "hazard_coefficient")}
    before = log_likelihood(months, counts, parts)
    after = log_likelihood(
        scaled, counts.with_(knots=scaled_spec.knots), convert(parts, factor, n_growth, knots is not None)
    )
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


def test_tables_in_days_are_converted_to_months(natural, terms):
    samples, patients = frames(150, seed=154, entry=True)
    days = 30.4375
    in_days = Cohort(
        samples.assign(time=samples["time"] * days),
        patients.assign(os_time=patients["os_time"] * days, entry=patients["entry"] * days),
        time_unit="days",
    )
    pd.testing.assert_series_equal(log_likelihood(in_days, FULL.spec, natural), terms, rtol=1e-10)


def test_blood_volume(natural, terms):
    """Twice the cells in twice the blood is the same concentration."""
    samples, patients = frames(150, seed=154, entry=True)
    doubled = samples.assign(ctc=samples["ctc"] * 2, volume_ml=samples["volume_ml"] * 2)
    found = log_likelihood(Cohort(doubled, patients), FULL.spec, natural)
    pd.testing.assert_series_equal(found, terms, rtol=1e-12)
    more_cells = log_likelihood(Cohort(samples.assign(ctc=doubled["ctc"]), patients), FULL.spec, natural)
    assert not np.allclose(more_cells, terms)


def test_volume_is_seven_and_a_half_unless_given(natural):
    samples, patients = frames(150, seed=154, entry=True)
    without = log_likelihood(Cohort(samples.drop(columns="volume_ml"), patients), FULL.spec, natural)
    given = log_likelihood(Cohort(samples.assign(volume_ml=7.5), patients), FULL.spec, natural)
    pd.testing.assert_series_equal(without, given, check_exact=True)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 149])
def test_leaving_patients_out_changes_nobody_elses_term(n, cohort, natural, terms):
    design, compiled = evaluator(FULL, cohort)
    compiled = type(compiled)(design.pack(cohort.select(terms.index[:n])), design.sizes, 4)
    np.testing.assert_allclose(compiled.patients(design.layout.theta(natural)), terms.iloc[:n], rtol=1e-12)


def test_a_patient_taken_twice_counts_twice(cohort, natural, terms):
    design, compiled = evaluator(FULL, cohort)
    theta = design.layout.theta(natural)
    positions = np.random.default_rng(9).integers(0, 150, 200)
    again = type(compiled)(compiled.packed.take(positions), design.sizes, 4)
    np.testing.assert_allclose(again.patients(theta), terms.to_numpy()[positions], rtol=1e-12)
    weighted = type(compiled)(compiled.packed, design.sizes, 4, np.bincount(positions, minlength=150).astype(float))
    (total, gradient), (total_weighted, gradient_weighted) = again.total(theta), weighted.total(theta)
    assert total == pytest.approx(total_weighted, rel=1e-12)
    np.testing.assert_allclose(gradient, gradient_weighted, rtol=1e-9, atol=1e-9)


def test_draws_are_the_patients_terms_of_each_theta(cohort, natural, terms):
    design, compiled = evaluator(FULL, cohort)
    theta = design.layout.theta(natural)
    found = compiled.draws(np.stack([theta, theta + 0.1]))
    assert found.shape == (2, 150)
    np.testing.assert_array_equal(found[0], terms)
    np.testing.assert_array_equal(found[1], compiled.patients(theta + 0.1))


@pytest.fixture
def with_a_newcomer():
    """The cohort with one more patient, censored at entry, who has no samples."""
    samples, patients = frames(150, seed=154, entry=True)
    newcomer = patients.iloc[[3]].assign(patient_id="P999", os_time=7.0, entry=7.0, os_event=0)
    return Cohort(samples, pd.concat([patients, newcomer]))


def test_a_patient_without_samples_censored_at_entry_adds_exactly_nothing(with_a_newcomer, natural, terms):
    found = log_likelihood(with_a_newcomer, FULL.spec, natural)
    assert found["P999"] == 0.0
    pd.testing.assert_series_equal(found.drop("P999"), terms, rtol=1e-12)
    design, compiled = evaluator(FULL, with_a_newcomer, (np.arange(151) == 150).astype(float))
    _, gradient = compiled.total(design.layout.theta(natural))
    np.testing.assert_allclose(gradient, 0.0, atol=1e-14)


def test_a_patient_without_samples_adds_her_survival_alone(cohort, natural, terms):
    assert "P0" not in set(cohort.samples["patient_id"])
    parts = dense(FULL, cohort, natural)
    expected = logsumexp(parts.log_pi[0] + parts.survival[0]) - logsumexp(parts.log_pi[0] + parts.entry[0])
    assert terms["P0"] == pytest.approx(expected, rel=1e-9)
    assert terms["P0"] == pytest.approx(survival_of_what_is_read(0, cohort, natural), rel=1e-12)
    counts = FULL.spec.with_(endpoint=None, survival="~ 1", survival_by_class="~ 1")
    names = set(natural) - {"scale", "shape", "hazard_coefficient", "hazard_coefficient_by_class"}
    assert log_likelihood(cohort, counts, {name: natural[name] for name in names})["P0"] == pytest.approx(
        0.0, abs=1e-15
    )


def survival_of_what_is_read(i, cohort, natural):
    """log p(T, event | entry) of a patient by scipy, from times and terms as the fit has rounded them."""
    design, compiled = evaluator(FULL, cohort)
    packed, own = compiled.packed, design.layout.own(design.layout.theta(natural))
    coefficients = np.column_stack([np.tile(own["hazard_coefficient"], (4, 1)), own["hazard_coefficient_by_class"]])
    log_ratio = coefficients @ packed.terms("survival")[i]
    weibull = weibull_min(own["shape"], scale=own["scale"] * np.exp(-log_ratio / own["shape"]))
    time, entry = design.sizes.own_time([packed.time[i], packed.entry[i]])
    end = weibull.logpdf(time) - np.log(design.sizes.months) if packed.event[i] == 1 else weibull.logsf(time)
    log_pi = log_softmax(own["membership"] @ packed.terms("membership")[i])
    return logsumexp(log_pi + end) - logsumexp(log_pi + weibull.logsf(entry))


def test_entry_at_zero_is_no_delayed_entry(natural):
    samples, patients = frames(150, seed=154)
    without = log_likelihood(Cohort(samples, patients), FULL.spec, natural)
    at_zero = log_likelihood(Cohort(samples, patients.assign(entry=0.0)), FULL.spec, natural)
    pd.testing.assert_series_equal(without, at_zero, check_exact=True)


def test_dimensions_of_a_dataset_go_by_name(reference_cohort):
    """Three classes by three growth terms: a transposed table has the same shape."""
    spec = ModelSpec(n_classes=3, family="gaussian", random_effects="slope", common_shape=False, growth="quadratic")
    case = Case(3)
    design, _ = evaluator(case, reference_cohort)
    dataset = design.layout.dataset(design.layout.theta(draw_natural(case, np.random.default_rng(6))))
    expected = log_likelihood(reference_cohort, spec, dataset)
    found = log_likelihood(reference_cohort, spec, dataset.transpose("growth_term", ...))
    pd.testing.assert_series_equal(found, expected)


def test_what_cannot_be_fitted_to_the_data_is_refused(reference_cohort):
    few = reference_cohort.select(reference_cohort.patients.index[:12])
    with pytest.raises(SpecError, match=r"n_classes=4 .* 12 patients .* at most 2 classes"):
        log_likelihood(
            few,
            ModelSpec(n_classes=4, family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
            {},
        )
    with pytest.raises(SpecError, match=r"membership: .*'stage'"):
        log_likelihood(
            reference_cohort,
            ModelSpec(
                membership="~ stage", family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"
            ),
            {},
        )
    with pytest.raises(DataError, match=r"cohort: found a DataFrame; allowed: a Cohort, from read_cohort"):
        log_likelihood(reference_cohort.samples, ModelSpec(), {})
    for name, formula in (("survival", "~ bone + os_time"), ("membership", "~ C(os_event)"), ("longitudinal", "~ ctc")):
        with pytest.raises(SpecError, match=rf"{name}: .* which is an outcome of the model; allowed: covariates"):
            log_likelihood(reference_cohort, ModelSpec(**{name: formula}), {})
    with pytest.raises(SpecError, match=r"growth='linear' .* longitudinal='~ time'.*linearly dependent"):
        log_likelihood(
            reference_cohort,
            ModelSpec(
                growth="linear", longitudinal="~ time", family="gaussian", random_effects="slope", common_shape=False
            ),
            {},
        )
    with pytest.raises(SpecError, match=r"'bone' is in survival and in survival_by_class"):
        log_likelihood(
            reference_cohort,
            ModelSpec(
                survival="~ bone",
                survival_by_class="~ bone",
                family="gaussian",
                random_effects="slope",
                common_shape=False,
                growth="quadratic",
            ),
            {},
        )
    with pytest.raises(SpecError, match="unknown parameter 'omega'"):
        log_likelihood(
            reference_cohort,
            ModelSpec(family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
            {"omega": 1.0},
        )
    with pytest.raises(DataError, match="endpoint: found 'pfs'"):
        log_likelihood(
            reference_cohort,
            ModelSpec(
                endpoint="pfs", family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"
            ),
            {},
        )
