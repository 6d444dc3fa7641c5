"""Cox regressions at a landmark: what they read, what they predict, and what becomes of one that cannot be fitted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import marker_frames
from scipy.optimize import minimize

import bayesctc as bc
from bayesctc.accuracy.at_risk import at_risk, values_up_to
from bayesctc.accuracy.baselines import COX_TERMS, baselines, cox_baseline
from bayesctc.errors import DataError
from bayesctc.time_to_event.cox import baseline_cumulative_hazard, cox_regression

pytestmark = pytest.mark.unit
HORIZONS = np.array([6.0, 12.0])


def dense_hazard(time, event, log_ratio, at):
    """Efron's cumulative hazard, event by event."""
    total = 0.0
    for t in sorted(set(time[(event == 1) & (time <= at)])):
        everybody, dying = np.exp(log_ratio[time >= t]).sum(), np.exp(log_ratio[(time == t) & (event == 1)])
        total += sum(1.0 / (everybody - k / len(dying) * dying.sum()) for k in range(len(dying)))
    return total


def dense_log_likelihood(b, time, event, x):
    """Efron's partial log likelihood, event by event."""
    log_ratio, total = x @ b, 0.0
    for t in sorted(set(time[event == 1])):
        here = (time == t) & (event == 1)
        everybody, dying = np.exp(log_ratio[time >= t]).sum(), np.exp(log_ratio[here]).sum()
        total += log_ratio[here].sum()
        total -= sum(np.log(everybody - k / here.sum() * dying) for k in range(here.sum()))
    return total


def split(risk):
    """Two thirds to learn from, one to predict."""
    keep = np.arange(len(risk.time)) % 3 > 0
    return risk.take(keep), risk.take(~keep)


def rounded(risk):
    """With ties: times to the month."""
    return replace(risk, time=np.maximum(np.round(risk.time), risk.landmark + 1.0))


def unread(risk):
    """The first of the patients without any value."""
    values = risk.values.copy()
    values.iloc[0] = np.nan
    return replace(risk, values=values)


def test_cumulative_hazard_by_hand():
    # hazard ratios 2, 1, 1, 4; two events together at month 2, when all are at risk; the last at month 5, alone
    found = baseline_cumulative_hazard(
        [2.0, 2.0, 3.0, 5.0], [1, 1, 0, 1], np.log([2.0, 1.0, 1.0, 4.0]), [1.9, 2.0, 4.9, 5.0, 99.0]
    )
    first = 1 / 8 + 1 / (8 - 1.5)
    np.testing.assert_allclose(found, [0.0, first, first, first + 1 / 4, first + 1 / 4], rtol=1e-14)


@pytest.mark.parametrize("seed", range(4))
def test_cumulative_hazard_is_the_dense_one(seed):
    rng = np.random.default_rng(seed)
    time, event, log_ratio = rng.integers(1, 9, 60).astype(float), rng.binomial(1, 0.6, 60), rng.normal(size=60)
    found = baseline_cumulative_hazard(time, event, log_ratio, [0.5, 3.0, 4.5, 9.0])
    np.testing.assert_allclose(found, [dense_hazard(time, event, log_ratio, t) for t in (0.5, 3.0, 4.5, 9.0)])
    shuffled = rng.permutation(60)
    again = baseline_cumulative_hazard(time[shuffled], event[shuffled], log_ratio[shuffled], [0.5, 3.0, 4.5, 9.0])
    np.testing.assert_allclose(again, found, rtol=1e-12)


def test_values_up_to_a_landmark_by_hand():
    patients = pd.DataFrame({"patient_id": ["a", "b", "c"], "os_time": 20.0, "os_event": [1, 1, 0]})
    samples = pd.DataFrame(
        [
            ("a", -0.5, 9, 7.5),
            ("a", 0.0, 3, 15.0),
            ("a", 4.0, 0, 7.5),
            ("a", 4.5, 50, 7.5),
            ("b", 1.0, 7, 7.5),
            ("b", 2.0, 1, 7.5),
            ("c", 5.0, 2, 7.5),
        ],
        columns=["patient_id", "time", "ctc", "volume_ml"],
    )
    cohort = bc.Cohort(samples, patients)
    found = values_up_to(cohort, cohort.patients.index, 4.0)
    y = [np.log(10.0), np.log(2.5), 0.0]  # 3 cells in 15 mL are 1.5 in 7.5 mL
    np.testing.assert_allclose(found.loc["a", ["last", "mean", "baseline"]], [0.0, np.mean(y), y[1]], rtol=1e-14)
    np.testing.assert_allclose(found.loc["b", ["last", "mean"]], [np.log(2.0), np.log(16.0) / 2], rtol=1e-14)
    assert np.isnan(found.loc["b", "baseline"])
    assert found.loc["c"].isna().all()


@pytest.mark.parametrize("name", COX_TERMS)
@pytest.mark.parametrize("tied", [False, True])
def test_predictions_are_those_of_a_dense_fit(reference_cohort, name, tied):
    risk = at_risk(reference_cohort, "os", 3.0)
    train, test = split(rounded(risk) if tied else risk)
    x, new = (each.values[COX_TERMS[name]].to_numpy() for each in (train, test))
    time = train.time - 3.0
    best = minimize(lambda b: -dense_log_likelihood(b, time, train.event, x), np.zeros(x.shape[1]), tol=1e-10)
    found = cox_baseline(train, test, COX_TERMS[name], 3.0, HORIZONS)
    for j, h in enumerate(HORIZONS):
        hazard = dense_hazard(time, train.event, x @ best.x, h)
        np.testing.assert_allclose(found.free[:, j], np.exp(-hazard * np.exp(new @ best.x)), atol=2e-5)
    assert found.note == ""
    assert found.log_density is None


def test_row_order_and_units_do_not_matter():
    samples, patients = marker_frames(90)
    marker = bc.Marker("bili", unit="mg/dL", transform="identity")
    expected = None
    for factor in (1.0, 17.1e-9, 3e7):
        rows = np.random.default_rng(1).permutation(len(samples))
        other = samples.assign(bili=samples["bili"] * factor).iloc[rows]
        train, test = split(at_risk(bc.Cohort(other, patients, marker=marker), "os", 6.0))
        found = {name: cox_baseline(train, test, terms, 6.0, HORIZONS).free for name, terms in COX_TERMS.items()}
        expected = expected or found
        for name in COX_TERMS:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-9)


def test_a_marker_is_read_on_its_own_scale():
    samples, patients = marker_frames(90)
    for transform, scale in (("log", np.log), ("log1p", np.log1p), ("identity", np.asarray)):
        cohort = bc.Cohort(samples, patients, marker=bc.Marker("bili", transform=transform))
        risk = at_risk(cohort, "os", 6.0)
        known = samples[samples["time"] <= 6.0]
        mean = known.assign(y=scale(known["bili"])).groupby("patient_id")["y"].mean()
        np.testing.assert_allclose(risk.values["mean"], mean[risk.patient_ids], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda risk: replace(risk, event=0 * risk.event), "found no event"),
        (lambda risk: replace(risk, values=risk.values * 0.0), "found only one value of"),
        (
            lambda risk: replace(risk, values=pd.DataFrame(dict.fromkeys(risk.values, -risk.time), risk.values.index)),
            "no finite estimate|combination of other terms",
        ),
        (unread, r"found 1 of \d+ patients used for fitting without a value"),
    ],
)
def test_one_that_cannot_be_fitted_has_no_figures_and_a_reason(reference_cohort, change, reason):
    train, test = split(at_risk(reference_cohort, "os", 3.0))
    for name, terms in COX_TERMS.items():
        with pytest.raises(DataError, match=reason):
            cox_baseline(change(train), test, terms, 3.0, HORIZONS)
        found = baselines(change(train), test, HORIZONS)[name]
        assert np.isnan(found.free).all()
        assert found.note.startswith("not fitted: Cox regression")


def test_whom_nothing_is_known_of_is_not_predicted(reference_cohort):
    train, test = split(at_risk(reference_cohort, "os", 3.0))
    with pytest.raises(DataError, match=r"found 1 of \d+ patients to predict without a value"):
        cox_baseline(train, unread(test), ["last"], 3.0, HORIZONS)


def test_a_marker_that_is_missing_at_baseline_is_counted():
    samples, patients = marker_frames(90)
    few = patients["patient_id"].iloc[:10]
    late = samples[~(samples["patient_id"].isin(few) & (samples["time"] == 0.0))]
    risk = at_risk(bc.Cohort(late, patients, marker=bc.Marker("bili")), "os", 6.0)
    n = (patients.set_index("patient_id").loc[few, "os_time"] > 6.0).sum()
    assert risk.left_out.set_index("reason").loc["no sample at baseline", "n_patients"] == n > 0
    nobody = at_risk(bc.Cohort(samples[samples["time"] > 0.0], patients, marker=bc.Marker("bili")), "os", 6.0)
    found = baselines(nobody, nobody, HORIZONS)
    assert "patients used for fitting without a value at baseline" in found["Cox: last + baseline"].note
    assert np.isfinite(found["Cox: mean"].free).all()


def test_one_event_has_an_estimate_and_no_trend():
    time, x = np.arange(1.0, 9.0), np.array([0.3, 0.15, 0.1, 0.9, -0.4, 1.3, 0.2, -0.7])
    fit = cox_regression(time, time == 2.0, pd.DataFrame({"x": x}))
    assert np.isfinite(fit.table["log_hazard_ratio"]).all()
    assert fit.proportional_hazards["p"].isna().all()


def test_an_event_with_nobody_else_at_risk_has_no_estimate():
    with pytest.raises(DataError, match="no finite estimate for x"):
        cox_regression(np.arange(1.0, 6.0), [0, 0, 0, 0, 1], pd.DataFrame({"x": [1.0, 3.0, 2.0, 5.0, 4.0]}))
