"""validate: concordance, calibration, classes of new patients, and what it refuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import poisson

import bayesctc as bc
from bayesctc.accuracy.calibration import calibrate, calibration_slope, observed_and_expected
from bayesctc.errors import DataError, SpecError
from bayesctc.model.generative import simulate
from bayesctc.predict.patients import patient_survival
from bayesctc.results.applied import Applied

pytestmark = pytest.mark.unit
SPEC = bc.ModelSpec(
    n_classes=2,
    growth="linear",
    random_effects="intercept",
    common_shape=True,
    survival="~ arm",
    membership="~ bone",
    family="gaussian",
)


@pytest.fixture(scope="module")
def ml(reference_cohort):
    return bc.fit_ml(reference_cohort.select(reference_cohort.patients.index[:200]), SPEC, n_starts=4, progress=False)


@pytest.fixture(scope="module")
def others(reference_cohort):
    return reference_cohort.select(reference_cohort.patients.index[200:])


def by_pairs(time, event, risk, entry):
    """Harrell's C, pair by pair."""
    score, pairs = 0.0, 0
    for i in range(len(time)):
        for j in range(len(time)):
            later = time[j] > time[i] or (time[j] == time[i] and event[j] == 0)
            if event[i] == 1 and i != j and later and (entry[j] < time[i] or entry[j] == 0):
                pairs += 1
                score += 1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0
    return score / pairs, pairs


@pytest.mark.parametrize("seed", range(4))
def test_concordance_pair_by_pair(seed):
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 12, 60).astype(float), rng.binomial(1, 0.6, 60)
    risk, entry = rng.integers(0, 4, 60), np.where(rng.random(60) < 0.5, 0.0, time * rng.random(60))
    found = bc.concordance(time, event, risk, entry=entry)
    assert (found.estimate, found.n_pairs) == pytest.approx(by_pairs(time, event, risk, entry))
    assert found.lower < found.estimate < found.upper
    mirrored = bc.concordance(time, event, -risk, entry=entry)
    assert mirrored.estimate == pytest.approx(1.0 - found.estimate)
    assert mirrored.lower == pytest.approx(1.0 - found.upper)


def test_concordance_standard_error_is_that_of_the_bootstrap():
    rng = np.random.default_rng(1)
    risk = rng.normal(size=300)
    time, event = rng.exponential(np.exp(-risk)), rng.binomial(1, 0.7, 300)
    found = bc.concordance(time, event, risk)
    again = [rng.integers(0, 300, 300) for _ in range(400)]
    spread = np.std([bc.concordance(time[k], event[k], risk[k]).estimate for k in again])
    assert (found.upper - found.lower) / (2 * 1.96) == pytest.approx(spread, rel=0.15)


def test_concordance_without_pairs():
    with pytest.raises(DataError, match="no pair of patients"):
        bc.concordance([1.0, 2.0], [0, 0], [1.0, 2.0])


def test_exact_poisson_limits():
    group = pd.Series(pd.Categorical(["a", "a", "b"], categories=["a", "b", "c"]))
    table = observed_and_expected([1, 1, 0], [0.5, 1.0, 0.7], group).set_index("group")
    assert table.loc["all", ["observed", "expected"]].tolist() == pytest.approx([2, 2.2])
    lower, upper = (table.loc["a", c] * 1.5 for c in ("lower", "upper"))
    assert poisson.sf(1, lower) == pytest.approx(0.025)
    assert poisson.cdf(2, upper) == pytest.approx(0.025)
    assert table.loc["b", "lower"] == 0.0
    assert table.loc["c"].isna().sum() == 3


def test_slope_tells_risks_that_are_too_far_apart():
    rng = np.random.default_rng(2)
    log_risk = rng.normal(size=20_000)
    time = rng.exponential(np.exp(-log_risk))
    event, followed = (time < 1.0).astype(float), np.minimum(time, 1.0)
    assert calibration_slope(event, followed * np.exp(log_risk), log_risk)[0] == pytest.approx(1.0, abs=0.04)
    estimate, lower, upper = calibration_slope(event, followed * np.exp(2 * log_risk), 2 * log_risk)
    assert lower < 0.5 < upper
    assert estimate == pytest.approx(0.5, abs=0.03)
    assert np.isnan(calibration_slope(event, followed, np.zeros(20_000))).all()


def test_survival_of_a_patient_by_hand(ml):
    """The mixture of the classes' Weibull curves, weighted by P(g | y), and one minus the integral of its density."""
    natural = ml.parameters
    p = ml.class_probabilities_counts.to_numpy()[:5]
    arm = ml.cohort.patients["arm"].to_numpy(dtype=float)[:5]
    risk = np.exp(arm * float(natural["hazard_coefficient"].item()))
    shape, scale = natural["shape"].item(), natural["scale"].to_numpy()
    curves = np.exp(-((12.0 / scale) ** shape) * risk[:, None])
    np.testing.assert_allclose(patient_survival(ml, [12.0])[:5, 0], (p * curves).sum(axis=1), rtol=1e-10)

    def density(t):
        before, after = patient_survival(ml, [t - 1e-3, t + 1e-3])[0]  # times are rounded to 35 binary digits
        return (before - after) / 2e-3

    gone = quad(density, 1.0, 12.0, epsabs=1e-8)[0]
    early, late = patient_survival(ml, [1.0, 12.0])[0]
    assert gone == pytest.approx(early - late, abs=1e-5)


def test_expected_events_add_up_where_the_model_was_fitted(ml):
    """At the maximum of a proportional-hazards likelihood observed and expected events agree, all classes together."""
    found = calibrate(ml, bc.tctc(ml.class_probabilities_counts).levels)
    everybody = found.events.iloc[0]
    assert everybody["ratio"] == pytest.approx(1.0, abs=0.05)
    assert found.events["observed"].iloc[1:].sum() == everybody["observed"]
    assert found.slope == pytest.approx(1.0, abs=0.35)


def test_calibrated_on_cohorts_of_the_model_itself(ml):
    """Observed over expected and slope are 1 on average over patients the model itself makes."""
    patients = pd.concat([ml.cohort.patients] * 20, ignore_index=True).rename_axis("patient_id")
    patients.index = patients.index.map(str)
    schedule = pd.DataFrame(
        {"patient_id": np.repeat(patients.index, 4), "time": np.tile([0.0, 1.0, 3.0, 6.0], 4000), "volume_ml": 7.5}
    )
    rng = np.random.default_rng(3)
    samples, people = simulate(ml.design, ml.theta, patients, schedule, rng, follow_up=rng.uniform(10, 40, 4000))
    # every planned sample, also after the event: what is known at day 0 of a patient must not depend on survival
    packed = ml.design.pack_tables(samples[samples["time"] == 0.0].assign(ctc=lambda t: t["exact_ctc"]), people)
    made = Applied(ml, replace(ml.analysis, packed=packed))
    found = calibrate(made, bc.tctc(made.class_probabilities_counts).levels)
    inside = (found.events["lower"] < 1.0) & (found.events["upper"] > 1.0)
    assert inside.all()
    assert found.slope_lower < 1.0 < found.slope_upper


def test_new_patients(ml, others):
    found = bc.validate(ml, others)
    assert found.class_probabilities.shape == (100, 2)
    assert found.class_probabilities.index.tolist() == others.patients.index.tolist()
    cox = found.hazard_ratios.query("method == 'Cox, new patients'").iloc[0]
    levels = found.reading.levels
    data = others.endpoint("os")
    design = pd.DataFrame({"x": (levels == "class 2").astype(float)})
    assert cox["estimate"] == pytest.approx(
        bc.cox_regression(data.time, data.event, design).table["hazard_ratio"].iloc[0]
    )
    assert set(found.concordance["endpoint"]) == {"os"}
    assert found.classes["n"].sum() == 100
    assert "not predict it" in found.sentence
    assert not [w for w in found.warnings if "apparent" in w]


def test_classes_of_a_new_patient_are_those_of_an_old_one_with_her_data(ml):
    """The fit's own patients under other names: the same probabilities, and a warning that this is no validation."""
    fitted = ml.cohort
    renamed = {p: f"N{p}" for p in fitted.patients.index}
    again = bc.Cohort(
        fitted.samples.assign(patient_id=fitted.samples["patient_id"].map(renamed)),
        fitted.patients.rename(index=renamed).reset_index(),
    )
    found = bc.validate(ml, again).class_probabilities
    np.testing.assert_allclose(
        found.rename(index={v: k for k, v in renamed.items()}).loc[fitted.patients.index],
        ml.class_probabilities_counts,
        rtol=1e-12,
    )
    assert any("apparent" in w for w in bc.validate(ml, fitted).warnings)


def test_one_pretreatment_sample_and_a_landmark(ml, others):
    baseline = others.at_baseline()
    assert baseline.samples["patient_id"].is_unique
    assert (baseline.samples["time"] <= 0.0).all()
    found = bc.validate(ml, baseline)
    assert "forecast" not in found.sentence
    late = bc.validate(ml, others.landmark(4.0))
    assert "forecast" not in late.sentence
    assert late.calibration.events.loc[0, "n_patients"] == late.applied.n_patients < 100


def test_growth_alone_has_no_calibration(reference_cohort, others):
    growth = bc.fit_ml(reference_cohort, SPEC.with_(endpoint=None, survival="~ 1"), n_starts=3, progress=False)
    found = bc.validate(growth, others)
    assert found.calibration is None
    assert found.concordance["of"].tolist() == ["class"]
    assert set(found.hazard_ratios["method"]) == {"Cox, new patients"}


def changed(cohort, **patients):
    return bc.Cohort(cohort.samples, cohort.patients.assign(**patients).reset_index())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: bc.Cohort(c.samples, c.patients.drop(columns="bone").reset_index()), "'bone' is needed but absent"),
        (lambda c: bc.Cohort(c.samples, c.patients.drop(columns=["os_time", "os_event"]).reset_index()), "endpoint"),
        (lambda c: changed(c, os_time=c.patients["os_time"] * 30.4), "time_unit"),
        (lambda c: changed(c, os_time=c.patients["os_time"] * 4.35), "time_unit"),
        (lambda c: changed(c, os_event=0), "no event"),
        (lambda c: changed(c, bone=c.patients["bone"].map({0: "no", 1: "yes"})), "'bone': allowed: .*such as 'yes'"),
    ],
)
def test_another_kind_of_cohort_is_refused(ml, others, change, message):
    with pytest.raises(DataError, match=message):
        bc.validate(ml, change(others))


def test_what_is_no_fit_or_no_list(ml, others):
    with pytest.raises(SpecError, match="a fit and a cohort"):
        bc.validate(others, others)
    with pytest.raises(SpecError, match="a fit and a cohort"):
        bc.validate(ml, others.patients)
    with pytest.raises(SpecError, match="list"):
        bc.validate(ml, others, endpoints="os")
