"""Accuracy at landmarks: who is predicted, by what, and what cross-validation keeps apart."""

import numpy as np
import pandas as pd
import pytest
from helpers import Case, dense, draw_natural, fit_at
from scipy.special import logsumexp
from scipy.stats import weibull_min

import bayesctc as bc
from bayesctc.accuracy import cross_validation as module
from bayesctc.accuracy.accuracy import known_at_risk
from bayesctc.accuracy.at_risk import at_risk
from bayesctc.accuracy.baselines import baselines, kaplan_meier_baseline, weibull_baseline
from bayesctc.accuracy.epoce import optimism
from bayesctc.errors import DataError, SpecError
from bayesctc.inference.ml import refit_from
from bayesctc.model.analysis import Analysis
from bayesctc.predict.landmark_survival import expected_at_landmark
from bayesctc.time_to_event.ipcw import auc, brier
from bayesctc.time_to_event.weibull import weibull_log_density, weibull_regression

pytestmark = pytest.mark.unit
SPEC = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")


@pytest.fixture(scope="module")
def ml(reference_cohort):
    return bc.fit_ml(reference_cohort, SPEC, n_starts=3, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def apparent(ml, reference_cohort):
    return bc.prediction_accuracy(ml, reference_cohort, [3.0, 6.0], [6, 12])


def rows(result, **where):
    """Rows of the table."""
    table = result.table
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def without_horizon(table, months):
    """Rows of the other horizons, and those of none."""
    return table[table["horizon"] != months].reset_index(drop=True)


def test_the_table_says_what_the_predictions_say(apparent, ml, reference_cohort):
    risk = at_risk(reference_cohort, "os", 6.0)
    cohort = reference_cohort.select(risk.patient_ids)
    predicted = bc.predict_survival(ml, cohort, 6.0, [6, 12])["survival_function"].to_numpy()
    for j, h in enumerate((6, 12)):
        one = rows(apparent, landmark=6.0, horizon=h, model="joint model").set_index("measure")["estimate"]
        assert one["auc"] == pytest.approx(auc(risk.time, risk.event, 1.0 - predicted[:, j], 6.0 + h)[0])
        assert one["brier"] == pytest.approx(brier(risk.time, risk.event, predicted[:, j], 6.0 + h)[0])
    told = apparent.predictions.query("landmark == 6 and model == 'joint model' and horizon == 12")
    np.testing.assert_allclose(told["survival_function"], predicted[:, 1], atol=1e-12)


def test_limits_hold_the_estimate_and_kaplan_meier_knows_nothing(apparent):
    measured = apparent.table[apparent.table["lower"].notna()]
    assert (measured["lower"] <= measured["estimate"] + 1e-12).all()
    assert (measured["estimate"] <= measured["upper"] + 1e-12).all()
    assert (rows(apparent, measure="auc", model="Kaplan-Meier")["estimate"] == 0.5).all()
    by = ["landmark", "horizon"]
    joint, simple = (rows(apparent, measure="auc", model=m).set_index(by)["estimate"] for m in ("joint model", "bCTC"))
    assert (joint > simple).all()  # as simulated
    difference = rows(apparent, measure="brier", model="Kaplan-Meier")
    assert (difference["difference"] > 0).all()
    assert any("apparent accuracy" in text for text in apparent.warnings)
    assert "apparent" in repr(apparent)


def test_everybody_is_at_risk_or_counted(apparent, reference_cohort):
    for landmark, left in apparent.left_out.groupby("landmark"):
        n = rows(apparent, landmark=landmark)["n_patients"].unique()
        assert left["n_patients"].sum() + n[0] == reference_cohort.n_patients
    groups = apparent.calibration.groupby(["landmark", "horizon", "model"])["n_patients"].sum()
    assert groups.nunique() == 2


def test_the_same_numbers_twice(apparent, ml, reference_cohort):
    """Of the first landmark, whatever else is asked for."""
    again = bc.prediction_accuracy(ml, reference_cohort, [3.0], [12])
    pd.testing.assert_frame_equal(again.table, without_horizon(rows(apparent, landmark=3.0), 6))


def test_at_risk_by_hand():
    patients = pd.DataFrame(
        {
            "patient_id": ["dead", "censored", "late", "unread", "none", "early", "in1", "in2"],
            "os_time": [4.0, 3.0, 9.0, 9.0, 9.0, 9.0, 4.001, 20.0],
            "os_event": [1, 0, 1, 1, 1, 0, 1, 0],
            "entry": [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 4.0],
        }
    )
    times = {
        "dead": [0, 1],
        "censored": [0, 1],
        "late": [0, 1],
        "unread": [1, 3],
        "none": [5],
        "early": [0, 3],
        "in1": [0, 1],
        "in2": [0, 1, 6],
    }
    samples = pd.DataFrame(
        [(p, float(t), 7 * t) for p, each in times.items() for t in each], columns=["patient_id", "time", "ctc"]
    )
    risk = at_risk(bc.Cohort(samples, patients), "os", 4.0)
    assert list(risk.patient_ids) == ["in1", "in2"]
    assert risk.left_out["n_patients"].tolist() == [2, 1, 1, 1, 1]
    assert risk.readings["b2CTC"].tolist() == ["neg-pos", "neg-pos"]
    early = at_risk(bc.Cohort(samples, patients), "os", 1.0)
    assert list(early.readings) == ["bCTC"]
    assert any("b2CTC is not known at 1 months" in text for text in early.notes)


def test_baselines_are_closed_forms(reference_cohort):
    risk, horizons = at_risk(reference_cohort, "os", 3.0), np.array([6.0, 12.0])
    keep = np.arange(len(risk.time)) % 3 > 0
    train, test = risk.take(keep), risk.take(~keep)
    found = weibull_baseline(train, test, "bCTC", 3.0, horizons)
    positive = (train.readings["bCTC"] == "pos").to_numpy(dtype=float)
    fit = weibull_regression(
        train.time, train.event, pd.DataFrame({"pos": positive}), entry=np.full(len(positive), 3.0)
    )
    ratio = np.where(test.readings["bCTC"] == "pos", fit.table.loc["pos", "hazard_ratio"], 1.0)

    def cumulative(t):
        return -weibull_min.logsf(t, fit.shape, scale=fit.scale) * ratio

    for j, h in enumerate(horizons):
        np.testing.assert_allclose(found.free[:, j], np.exp(cumulative(3.0) - cumulative(3.0 + h)), atol=1e-10)
    log_hazard = weibull_min.logpdf(test.time, fit.shape, scale=fit.scale) - weibull_min.logsf(
        test.time, fit.shape, scale=fit.scale
    )
    expected = test.event * (log_hazard + np.log(ratio)) + cumulative(3.0) - cumulative(test.time)
    np.testing.assert_allclose(found.log_density, expected, atol=1e-9)
    curve = kaplan_meier_baseline(train, test, 3.0, horizons).free
    at_risk_then = [(train.time >= t).sum() for t in train.time]
    steps = np.where(train.event == 1, 1.0 - 1.0 / np.array(at_risk_then), 1.0)  # times without ties
    np.testing.assert_allclose(curve[0], [np.prod(steps[train.time <= 3.0 + h]) for h in horizons], atol=1e-12)


def test_log_density_of_a_regression_sums_to_its_log_likelihood(reference_cohort):
    risk = at_risk(reference_cohort, "os", 3.0)
    design = pd.DataFrame({"pos": (risk.readings["bCTC"] == "pos").to_numpy(dtype=float)})
    start = np.full(len(risk.time), 3.0)
    fit = weibull_regression(risk.time, risk.event, design, entry=start)
    assert weibull_log_density(fit, risk.time, risk.event, design, start).sum() == pytest.approx(fit.log_likelihood)


def test_cross_entropy_is_the_dense_densitys():
    case = Case(2, n=90, survival=("arm",))
    cohort, natural = case.cohort(), draw_natural(case, np.random.default_rng(2))
    fit = fit_at(cohort, case.spec, natural)
    landmark = 2.0
    patients, samples = cohort.patients, cohort.samples
    alive = patients.index[patients["os_time"] > landmark]
    known = samples[(samples["time"] <= landmark) & samples["patient_id"].isin(alive)]
    risk = patients.loc[alive]
    packed = fit.design.pack_tables(known.reset_index(drop=True), risk.assign(_time=landmark, _event=0.0, _entry=0.0))
    known_then = Analysis(cohort, fit.design, packed)
    time, event = risk["os_time"].to_numpy(), risk["os_event"].to_numpy()
    _, found = expected_at_landmark(known_then, fit.theta[None], landmark, np.array([6.0]), time, event)
    then = dense(case, bc.Cohort(known, risk), natural)
    now = dense(case, bc.Cohort(known, risk.assign(os_time=landmark, os_event=0)), natural)
    np.testing.assert_allclose(found, logsumexp(then.joint, axis=1) - logsumexp(now.joint, axis=1), atol=1e-8)


def test_optimism_is_that_of_leaving_patients_out(ml, reference_cohort):
    """CVPOL against exact refits without each of 40 patients."""
    few = reference_cohort.select(reference_cohort.patients.index[:40])
    spec = bc.ModelSpec(n_classes=1, growth="linear", random_effects="intercept", family="gaussian", common_shape=False)
    fit = bc.fit_ml(few, spec, n_starts=1, progress=False)
    risk = at_risk(few, "os", 3.0)
    known = known_at_risk(few, fit.design, risk)
    places = pd.Index(fit.packed.patient_ids).get_indexer(risk.patient_ids)

    def log_density(theta, position):
        one, h = known.take([position]), np.array([6.0])
        time, event = risk.time[[position]], risk.event[[position]]
        return expected_at_landmark(one, theta[None], 3.0, h, time, event)[1][0]

    others = [refit_from(fit, np.delete(np.arange(40), place)).theta for place in places]
    gain = np.mean([log_density(fit.theta, k) - log_density(theta, k) for k, theta in enumerate(others)])
    assert optimism(fit, known, places, risk.time, risk.event) == pytest.approx(gain, rel=0.2)
    assert gain > 0.01


@pytest.fixture(scope="module")
def crossed(reference_cohort):
    return bc.cross_validate(reference_cohort, SPEC, [3.0], [6, 12], folds=4, random_seed=5, n_starts=3, progress=False)


def test_each_patient_is_predicted_without_her(crossed, reference_cohort, monkeypatch):
    """The predictions of a fold are those of a model fitted from scratch to the others; and again, of one horizon."""
    seen = []

    def kept(full, folds, rng):
        seen.append(dealt(full, folds, rng))
        return seen[-1]

    dealt = module._dealt
    monkeypatch.setattr(module, "_dealt", kept)
    again = bc.cross_validate(reference_cohort, SPEC, [3.0], [12], folds=4, random_seed=5, n_starts=3, progress=False)
    pd.testing.assert_frame_equal(again.table, without_horizon(crossed.table, 6))
    (fold,) = seen
    ids = reference_cohort.patients.index
    events = reference_cohort.patients["os_event"].to_numpy()
    sizes, n_events = np.bincount(fold), np.bincount(fold, events)
    assert np.ptp(sizes) <= 2
    assert np.ptp(n_events) <= 1
    told = crossed.predictions.query("model == 'joint model' and horizon == 12").set_index("patient_id")
    without = bc.fit_ml(reference_cohort.select(ids[fold != 0]), SPEC, n_starts=3, random_seed=9, progress=False)
    held = told.index[pd.Series(fold, index=ids).loc[told.index] == 0]
    expected = bc.predict_survival(without, reference_cohort.select(held), 3.0, [12])["survival_function"]
    np.testing.assert_allclose(told["survival_function"].loc[held], expected.to_numpy()[:, 0], atol=2e-5)


def test_cross_validated_kaplan_meier_does_not_look_worse_than_chance(crossed):
    assert (rows(crossed, measure="auc", model="Kaplan-Meier")["estimate"] == 0.5).all()
    assert crossed.kind == "4-fold cross-validated over patients"
    simple = ["bCTC", "b2CTC", "Cox: last", "Cox: mean", "Cox: last + baseline", "Kaplan-Meier"]
    assert set(crossed.table["model"]) == {"joint model", *simple}
    assert not (crossed.table["measure"] == "cvpol").any()
    assert rows(crossed, measure="auc", model="joint model")["estimate"].min() > 0.6


def test_a_baseline_without_events_says_why(reference_cohort):
    risk = at_risk(reference_cohort, "os", 3.0)
    quiet = risk.take(risk.event == 0)
    found = baselines(quiet, risk, np.array([6.0]))
    assert found["bCTC"].note.startswith("not fitted: Weibull regression: found no event")
    assert np.isnan(found["bCTC"].free).all()


def test_new_patients_and_horizons_past_the_data(ml, reference_cohort):
    some = reference_cohort.select(reference_cohort.patients.index[:150])
    last = float(reference_cohort.patients["os_time"].max())
    found = bc.prediction_accuracy(ml, some, [3.0], [6.0, last])
    assert found.kind == "in new patients"
    assert any("extrapolation" in text for text in found.warnings)
    beyond = rows(found, horizon=last, measure="auc")
    assert beyond["estimate"].isna().all()
    assert beyond["note"].str.contains("no patient is followed beyond the horizon").all()


def test_what_is_refused(ml, reference_cohort):
    with pytest.raises(DataError, match="landmarks: found 500 months, at which 0 patients are at risk"):
        bc.prediction_accuracy(ml, reference_cohort, [3.0, 500.0], [6])
    for landmarks, horizons, message in (
        ([-1.0], [6], "landmark has to be"),
        ([3.0, 3.0], [6], "landmarks: found the same month twice"),
        ([3.0], [0.0], "horizons"),
        ([], [6], "landmarks has to be a list"),
    ):
        with pytest.raises(SpecError, match=message):
            bc.prediction_accuracy(ml, reference_cohort, landmarks, horizons)
        with pytest.raises(SpecError, match=message):
            bc.cross_validate(reference_cohort, SPEC, landmarks, horizons)
    for folds in (1, 0, 2.5, True, 10_000):
        with pytest.raises(SpecError, match="folds has to be a whole number from 2"):
            bc.cross_validate(reference_cohort, SPEC, [3.0], [6], folds=folds)
    with pytest.raises(SpecError, match="endpoint=None"):
        bc.cross_validate(reference_cohort, SPEC.with_(endpoint=None, common_shape=False), [3.0], [6])
    with pytest.raises(SpecError, match="cohort has to be a Cohort; found MLFit"):
        bc.cross_validate(ml, SPEC, [3.0], [6])
