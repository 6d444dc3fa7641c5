"""Draws that failed are visits that took place: in the schedule, the visits, the process, replicates and imputation."""

import numpy as np
import pandas as pd
import pytest
from checks_helpers import simulated

import bayesctc as bc
from bayesctc.checks.replicate import Replicator
from bayesctc.checks.schedule import checked_schedule, planned_schedule
from bayesctc.checks.visits import visits_of
from bayesctc.sensitivity.dropout import next_visits

pytestmark = pytest.mark.unit
SHARE = np.array([0.0, 0.3, 0.1])


def failing(cohort: bc.Cohort, chosen: np.ndarray, status: str = "failed") -> bc.Cohort:
    """The cohort whose chosen samples have no value."""
    samples = cohort.samples.assign(status=np.where(chosen, status, "ok"))
    return bc.Cohort(samples.assign(ctc=samples["ctc"].astype(float).where(~chosen)), cohort.patients)


def some(cohort, share=0.15, seed=3):
    return np.random.default_rng(seed).random(cohort.n_samples) < share


def replicator(cohort):
    """At parameters that need no fit."""
    from helpers import fit_at

    spec = bc.ModelSpec(n_classes=1, growth="linear", family="gaussian", random_effects="none")
    natural = {"membership": [[0.0]], "growth": [[3.0, -0.5]], "sigma": 0.6, "scale": 20.0, "shape": 1.3}
    fit = fit_at(cohort, spec, {name: np.asarray(value) for name, value in natural.items()})
    return Replicator(fit.analysis, random_seed=1, theta=fit.theta), fit


def test_the_schedule_is_read_off_all_draws(cohort):
    """Of a visit all of whose draws failed too; those that were repeated at once say nothing more."""
    at_two = np.abs(cohort.samples["time"].to_numpy() - 2.0) < 0.5
    found = planned_schedule(failing(cohort, at_two))
    np.testing.assert_array_equal(found.months, planned_schedule(cohort).months)
    assert len(planned_schedule(failing(cohort, at_two, "missing")).months) == 4
    again = cohort.samples.assign(status="failed", time=cohort.samples["time"] - 0.03, ctc=np.nan)
    both = bc.Cohort(pd.concat([cohort.samples.assign(status="ok"), again]), cohort.patients)
    np.testing.assert_array_equal(planned_schedule(both).months, planned_schedule(cohort).months)


def test_a_failed_draw_is_a_visit_without_a_value(cohort):
    ids = tuple(cohort.patients.index)
    plan = checked_schedule([0.0, 1.0, 2.0, 4.0, 6.0], cohort, ids)
    chosen = some(cohort)
    lacking = failing(cohort, chosen)
    whole, found = (
        visits_of(each.samples, ids, plan, np.random.default_rng(1), 7.5, each.failed_samples)
        for each in (cohort, lacking)
    )
    np.testing.assert_array_equal(found.present, whole.present)
    assert found.failed.sum() == chosen.sum()
    np.testing.assert_array_equal(found.times[found.present], whole.times[whole.present])
    np.testing.assert_array_equal(found.ctc[found.counted], whole.ctc[found.counted])
    assert (found.volume_ml[found.failed] == 7.5).all()
    lost = failing(cohort, chosen, "missing")
    assert visits_of(lost.samples, ids, plan, np.random.default_rng(1), 7.5, lost.failed_samples).failed.sum() == 0


def test_attendance_is_estimated_from_all_draws_and_failures_apart(cohort):
    whole, lacking = (replicator(each)[0].process for each in (cohort, failing(cohort, some(cohort))))
    np.testing.assert_allclose(lacking.missed, whole.missed, atol=1e-9)
    np.testing.assert_allclose(lacking.dropout, whole.dropout, atol=1e-9)
    v, first = lacking.visits, lacking.visits.first
    np.testing.assert_allclose(lacking.failed, v.failed[:, first].sum(axis=0) / v.present[:, first].sum(axis=0))
    assert "failed" in lacking.table
    assert "failed" not in whole.table
    ignored, _ = replicator(failing(cohort, some(cohort), "missing"))
    assert (ignored.process.missed > whole.missed)[:-1].all()  # taken for visits that were missed


def test_replicates_fail_as_often_as_the_data():
    cohort = simulated(400, seed=9)
    visit = np.searchsorted([0.5, 1.5], cohort.samples["time"])
    chosen = np.random.default_rng(5).random(cohort.n_samples) < SHARE[visit]
    made, fit = replicator(failing(cohort, chosen))
    rng = np.random.default_rng(2)
    drawn = [made.draw(fit.theta, rng) for _ in range(30)]
    first = made.visits.first
    taken, counted = (
        np.mean([getattr(d, name)[:, first] for d in drawn], axis=(0, 1)) for name in ("taken", "present")
    )
    np.testing.assert_allclose(1.0 - counted / taken, made.process.failed, atol=0.02)
    assert (np.stack([d.present & ~d.taken for d in drawn]) == 0).all()
    rule = failing(cohort, chosen).include(min_samples=2)
    made, fit = replicator(rule)
    data = made.draw(fit.theta, rng)
    assert (data.present.sum(axis=1) >= 2).all()  # samples with a value, as the rule asked


def test_who_has_failed_draws_did_not_stop():
    """Two visits; of those who have no value at the second, half were there."""
    n = 40
    patients = pd.DataFrame({"patient_id": [f"P{i:02d}" for i in range(n)], "os_time": 9.0, "os_event": 0})
    patients.loc[0, "os_event"] = 1
    rows = [(p, 0.0, 10 + i, "ok") for i, p in enumerate(patients["patient_id"])]
    rows += [
        (p, 3.0, np.nan if i < 10 else 20, "failed" if i < 10 else "ok")
        for i, p in enumerate(patients["patient_id"][:30])
    ]
    samples = pd.DataFrame(rows, columns=["patient_id", "time", "ctc", "status"])
    found = bc.Cohort(samples, patients)
    made, _ = replicator(found)
    assert made.observed.taken.sum() == 70
    assert made.observed.present.sum() == 60
    from bayesctc.checks.check import Setting
    from bayesctc.checks.sampling import DROPOUT

    setting = Setting(made.visits, made.process.kept, made.observed, ("class 1",), True)
    y = np.log1p(10.0 + np.arange(n))
    expected = np.corrcoef(y, np.arange(n) >= 30)[0, 1]
    np.testing.assert_allclose(DROPOUT.values(made.observed, setting), expected, atol=1e-9)


def test_the_next_visit_comes_after_the_last_draw():
    samples = pd.DataFrame({"patient_id": ["a", "a", "b", "b"], "time": [0.0, 2.0, 0.0, 2.0]})
    samples = pd.concat([samples, pd.DataFrame({"patient_id": ["c", "c"], "time": [0.0, 8.0]})])
    patients = pd.DataFrame({"_time": [20.0, 20.0, 20.0]}, index=["a", "b", "c"])
    failed = pd.DataFrame(
        {"patient_id": ["a", "b"], "time": [4.0, 4.0], "status": ["failed", "missing"], "status_reason": None}
    )
    plain, _ = next_visits(samples, patients)
    assert plain.set_index("patient_id")["time"].to_dict() == {"a": 4.0, "b": 4.0}
    found, gap = next_visits(samples, patients, failed)
    assert gap == 2.0
    assert found.set_index("patient_id")["time"].to_dict() == {"a": 6.0, "b": 4.0}


def test_it_is_said(cohort):
    found = bc.prior_predictive(
        failing(cohort, some(cohort)),
        bc.ModelSpec(n_classes=1, growth="linear", family="gaussian", random_effects="none"),
        n_replicates=20,
        checks=("n_samples",),
        progress=False,
    )
    assert any("A failed draw counts as a visit that took place" in each for each in found.assumptions)
    assert found.process["failed"].max() > 0
