"""A patient's curve in a hazard whose covariates change: survival and draws against dense integrals and each other."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dense_association import OfClass, dense_joint, over_effects, settled, some_of
from helpers import fit_at, frames, made_bayes
from scipy.special import logsumexp

import bayesctc as bc
from bayesctc.model.generative import Simulator
from bayesctc.model.patient_hazards import PatientHazards
from bayesctc.model.stretches import Changes

pytestmark = pytest.mark.unit
OPTIONS = {"family": "negative_binomial", "hazard": "piecewise", "growth": "treatment", "longitudinal": "~ arm"}
CHANGING = {**OPTIONS, "survival": "~ tx", "survival_by_class": "~ bone"}
KINDS = ("random_effects", "current_value")


@pytest.fixture(scope="module")
def cohort():
    """Everybody goes over to another treatment at 30 to 90 % of the follow-up; half of them entered late."""
    samples, patients = frames(30, 3, entry=True)
    at = patients["os_time"] * np.random.default_rng(1).uniform(0.3, 0.9, len(patients))
    rows = patients[["patient_id"]].assign(start=0.0, stop=at, tx="first")
    intervals = pd.concat([rows, rows.assign(start=at, stop=patients["os_time"] + 1.0, tx="second")])
    return bc.Cohort(samples.assign(ctc=np.minimum(samples["ctc"], 20)), patients, intervals=intervals)


@pytest.fixture(scope="module", params=KINDS)
def fit(request, cohort):
    design, theta = settled(cohort, association=request.param, **CHANGING)
    return fit_at(cohort, design.spec, theta, n_nodes=15)


def test_survival_of_a_class_is_the_dense_integral(fit, cohort):
    _, patients = some_of(cohort, fit.spec)
    hazards = PatientHazards.of(fit.packed, fit.design.layout).take(np.arange(1, 1 + len(patients)))
    months = np.tile([3.0, 9.0, 25.0], (len(patients), 1))
    found, (u, log_weight) = hazards.survival(fit.theta, months), over_effects(1)
    for g in range(2):
        of_class = OfClass(fit.design, fit.theta, g, u, cohort.intervals)
        for i, k in np.ndindex(months.shape):
            gone = of_class.cumulative(fit.design.sizes.events[0], months[i, k], of_class.patient(patients, i))
            assert found[g, i, k] == pytest.approx(np.exp(log_weight - gone).sum(), abs=1e-4)


def test_curves_by_class_are_the_mean_of_the_patients(fit):
    times = np.array([0.0, 9.0, 25.0])
    months = np.tile(times, (fit.n_patients, 1))
    expected = PatientHazards.of(fit.packed, fit.design.layout).survival(fit.theta, months).mean(axis=1)
    found = bc.class_survival(fit, times)  # at other times too, so that nodes in time stand elsewhere
    np.testing.assert_allclose(found["survival_function"], expected, atol=1e-5)
    assert "along each patient's own" in found.attrs["estimand"]


def test_a_row_that_changes_nothing_changes_no_draw(cohort):
    """The same draws from one row of terms, and from two rows that are alike."""
    design, theta = settled(cohort, association="current_value", **OPTIONS, survival="~ bone")
    _, patients = some_of(cohort, design.spec)
    schedule = pd.DataFrame({"patient_id": patients.index, "time": 0.0, "volume_ml": 7.5})
    one = Simulator.of(design, patients, schedule, entry=1.0)
    patient, start = np.repeat(np.arange(len(patients)), 2), np.tile([0.0, 7.0], len(patients))
    two = replace(one, changes=Changes(patient, start, one.survival[patient]))
    drawn = [each.draw_patients(theta, np.random.default_rng(3), 90.0) for each in (one, two)]
    np.testing.assert_array_equal(drawn[1][0], drawn[0][0])
    np.testing.assert_allclose(drawn[1][1], drawn[0][1], rtol=1e-3)  # the nodes in time stand elsewhere


def test_draws_survive_along_the_covariates(fit, cohort):
    """Many copies of one patient, given being free at entry: the share alive before the change and after it."""
    n, entry, times = 4000, 2.0, np.array([4.0, 8.0, 16.0])
    one = cohort.patients.iloc[[5]]
    patients = one.loc[one.index.repeat(n)].set_axis([f"P{i}" for i in range(n)])
    rows = pd.DataFrame({"patient_id": patients.index, "start": 0.0, "tx": "first"})
    intervals = pd.concat([rows, rows.assign(start=6.0, tx="second")])
    schedule = pd.DataFrame({"patient_id": patients.index, "time": 0.0, "volume_ml": 7.5})
    simulator = Simulator.of(fit.design, patients, schedule, entry, intervals)
    classes, time, _, _, _ = simulator.draw_patients(fit.theta, np.random.default_rng(2), 500.0)
    free = simulator.hazards.take([0]).survival(fit.theta, np.append(entry, times)[None])[:, 0]
    for g in range(2):
        found, expected = np.mean(time[classes == g, None] > times, axis=0), free[g, 1:] / free[g, 0]
        spread = np.sqrt(expected * (1.0 - expected) / np.sum(classes == g))
        assert (np.abs(found - expected) < 4.0 * spread).all()


def test_checks_and_predictions_go_along(fit, cohort):
    """One call of each; a prediction under a scenario is the dense ratio."""
    near = fit.theta + np.random.default_rng(4).normal(0.0, 1e-2, (1, 20, *fit.theta.shape))
    posterior = made_bayes(fit, near)
    check = bc.predictive_check(posterior, n_replicates=20, progress=False)
    assert check.summary.loc["survival", "n_statistics"] > 0
    curves = bc.class_survival(posterior, [9.0])
    assert (curves["lower"] < curves["survival_function"]).all()
    assert (curves["survival_function"] < curves["upper"]).all()
    late = cohort.select([i for i, t in cohort.patients["os_time"].items() if t > 4.0][:2])
    rows = pd.DataFrame({"patient_id": late.patients.index, "start": 4.0, "stop": 30.0, "tx": "second"})
    found = bc.predict_survival(fit, late, 4.0, [6.0], intervals=rows)["survival_function"][:, 0]
    samples, patients = late.samples[late.samples["time"] <= 4.0], late.patients.assign(_event=0, _entry=0.0)
    known = cohort.intervals[
        (cohort.intervals["start"] < 4.0) & cohort.intervals["patient_id"].isin(rows["patient_id"])
    ]
    along = {"intervals": pd.concat([known, rows]).sort_values(["patient_id", "start"])}
    joint = [dense_joint(fit.design, fit.theta, samples, patients.assign(_time=t), **along) for t in (4.0, 10.0)]
    expected = np.exp(logsumexp(joint[1], axis=1) - logsumexp(joint[0], axis=1))
    np.testing.assert_allclose(found, expected, atol=1e-4)
