"""Predictions and checks where covariates of the hazard change: every reader against one piece, and by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import fit_at, frames, made_bayes, two_cause_cohort

import bayesctc as bc
from bayesctc.accuracy.accuracy import carried_forward, known_at_risk
from bayesctc.accuracy.at_risk import at_risk
from bayesctc.accuracy.calibration import calibrate
from bayesctc.checks.replicate import Replicator
from bayesctc.cli.main import main
from bayesctc.errors import DataError
from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.model.design import Design
from bayesctc.model.hazard_along import cumulative_along
from bayesctc.model.stretches import Changes
from bayesctc.predict.landmark import known_at
from bayesctc.predict.patients import patient_incidence, patient_survival, survival_along
from bayesctc.predict.survival_of_groups import survival_by_assigned

pytestmark = pytest.mark.unit

N, LANDMARK = 60, 4.0
SPEC = bc.ModelSpec(
    n_classes=2,
    growth="linear",
    random_effects="intercept",
    family="gaussian",
    common_shape=False,
    survival="~ bone",
    survival_by_class="~ tx",
)


def made(intervals=None, spec=SPEC, **patients_columns):
    """A fit at parameters that are not estimated, of 60 patients of whom half entered late."""
    samples, patients = frames(N, 4, entry=True)
    cohort = bc.Cohort(samples, patients.assign(**patients_columns), intervals=intervals)
    layout = Design.settle(cohort, spec).layout
    theta = layout.to_theta(np.random.default_rng(3).normal(0.0, 0.4, layout.n_parameters))
    return fit_at(cohort, spec, theta, covariance=1e-3 * np.eye(layout.n_parameters))


@pytest.fixture(scope="module")
def switching():
    """Everybody changes to another treatment at 30 to 80 % of the follow-up."""
    _, patients = frames(N, 4, entry=True)
    at = patients["os_time"] * np.random.default_rng(1).uniform(0.3, 0.8, N)
    rows = patients[["patient_id"]].assign(start=0.0, stop=at, tx="first")
    later = rows.assign(start=at, stop=patients["os_time"] + 1.0, tx="second")
    return made(pd.concat([rows, later]))


def in_two(fit):
    """The same fit whose patients' covariates are told in two rows, the second as the first."""
    packed, n = fit.packed, fit.n_patients
    at = 0.5 * (packed.entry + packed.time)
    patient, start = np.repeat(np.arange(n), 2), np.column_stack([np.zeros(n), at]).ravel()
    changes = Changes(patient, start, packed.terms("survival")[patient])
    return replace(fit, analysis=replace(fit.analysis, packed=replace(packed, changes=changes)))


@pytest.fixture(scope="module")
def one():
    return made(tx=np.random.default_rng(2).choice(["first", "second"], N))


def same(found, expected):
    np.testing.assert_allclose(np.asarray(found, dtype=float), np.asarray(expected, dtype=float), rtol=1e-9, atol=1e-10)


def test_one_row_or_two_curves_and_ratios_are_the_same(one):
    one = replace(one, covariance=np.full_like(one.covariance, np.nan))  # limits are the same functions of draws
    two = in_two(one)
    assert two.analysis.evaluator().total(two.theta)[0] == pytest.approx(one.log_likelihood, rel=1e-12)
    for function in (bc.class_survival, survival_by_assigned):
        same(function(two)["survival_function"], function(one)["survival_function"])
    same(bc.hazard_ratios(two)["estimate"], bc.hazard_ratios(one)["estimate"])
    times = np.array([2.0, 6.0, 30.0])
    same(patient_survival(two, times), patient_survival(one, times))
    same(survival_along(two, times), patient_survival(one, times))
    group = one.class_probabilities.idxmax(axis=1).astype("category")
    a, b = calibrate(one, group), calibrate(two, group)
    same(a.events["expected"], b.events["expected"])
    same(a.risk, b.risk)
    assert bc.conditional_independence_test(two).statistic == pytest.approx(
        bc.conditional_independence_test(one).statistic, rel=1e-8
    )


def test_one_row_or_two_incidences_are_the_same():
    cohort = two_cause_cohort(n=40)
    spec = bc.ModelSpec(
        n_classes=2,
        growth="linear",
        random_effects="none",
        family="gaussian",
        endpoint="ttf",
        common_shape=False,
        survival="~ arm",
    )
    layout = Design.settle(cohort, spec).layout
    fit = fit_at(cohort, spec, layout.to_theta(np.full(layout.n_parameters, 0.1)), 1e-3 * np.eye(layout.n_parameters))
    end = fit.packed.time
    for code in (1, 2):
        a, b = (patient_incidence(each, end, code, each.analysis) for each in (fit, in_two(fit)))
        same(a[0], b[0])
        same(a[1], b[1])
    found, expected = (bc.cumulative_incidence(each, times=[3.0, 12.0]) for each in (in_two(fit), fit))
    for name in ("cumulative_incidence", "survival_function"):  # limits are of fewer draws, where kinds are many
        same(found[name], expected[name])


def test_one_row_or_two_draws_are_the_same(one):
    two = in_two(one)
    drawn = [
        Replicator(each.analysis, random_seed=4, theta=one.theta).draw(one.theta, np.random.default_rng(5))
        for each in (one, two)
    ]
    # a simulator packs the tables, in which nothing changes: its rows are given
    replicator = Replicator(two.analysis, random_seed=4, theta=one.theta)
    replicator.simulator = replace(replicator.simulator, changes=two.packed.changes)
    drawn.append(replicator.draw(one.theta, np.random.default_rng(5)))
    for each in drawn[1:]:
        same(each.time, drawn[0].time)
        np.testing.assert_array_equal(each.latent_class, drawn[0].latent_class)


def test_one_row_or_two_pits_are_the_same(one):
    draws = one.parameter_draws(100)[None]
    a, b = (bc.loo_pit(made_bayes(each, draws), n_draws=100) for each in (one, in_two(one)))
    same(a.counts["pit"], b.counts["pit"])
    same(a.survival["pit"], b.survival["pit"])


def test_curves_of_classes_follow_each_patients_values(switching):
    times = np.array([1.0, 8.0, 25.0])
    found = bc.class_survival(switching, times=times)
    along = np.exp(-cumulative_along(switching.theta, switching.design.sizes, switching.packed.changes, times))
    same(found["survival_function"], along.mean(axis=1))
    assert "along each patient's own" in found.attrs["estimand"]


def test_a_prediction_knows_what_was_known_at_the_landmark(switching):
    """Values at the landmark are carried forward; rows that start later are counted, and change nothing."""
    cohort = switching.cohort
    late = cohort.patients.index[(cohort.patients["os_time"] > LANDMARK).to_numpy()]
    sampled = cohort.samples.loc[cohort.samples["time"] <= LANDMARK, "patient_id"].unique()
    patients = cohort.select([who for who in late if who in sampled])
    found = bc.predict_survival(switching, patients, LANDMARK, [3.0, 9.0])
    intervals = patients.intervals
    assert found.attrs["n_intervals_after_landmark"] == (intervals["start"] > LANDMARK).sum() > 5
    assert found.attrs["covariates"] == "known at the landmark, carried forward"
    # by hand: one term for each patient from the landmark on, P(g | .) with the history up to it
    theta, sizes = switching.theta, switching.design.sizes
    known = known_at(switching.design, patients, LANDMARK)
    p = known.evaluator().evaluate(theta).class_probabilities
    packed = known.packed
    last = packed.changes.x[np.append(packed.changes.first[1:], len(packed.changes.patient)) - 1]
    risk = np.exp(theta[:, sizes.cause(0)[1]] @ last.T)
    H = cumulative_hazard(theta, sizes, [LANDMARK, LANDMARK + 3.0, LANDMARK + 9.0])[:, 0]
    expected = np.einsum("ng,gnt->nt", p, np.exp(-risk[:, :, None] * (H[:, None, 1:] - H[:, None, :1])))
    same(found["survival_function"], expected)
    # another future is the same prediction
    future = intervals.assign(tx=np.where(intervals["start"] > LANDMARK, "first", intervals["tx"].astype(str)))
    other = bc.Cohort(patients.samples, patients.patients.reset_index(), intervals=future, like=cohort)
    same(bc.predict_survival(switching, other, LANDMARK, [3.0, 9.0])["survival_function"], found["survival_function"])
    unseen = intervals.assign(tx=np.where(intervals["start"] > LANDMARK, "third", intervals["tx"].astype(str)))
    other = bc.Cohort(patients.samples, patients.patients.reset_index(), intervals=unseen)
    same(bc.predict_survival(switching, other, LANDMARK, [3.0, 9.0])["survival_function"], found["survival_function"])


def test_a_scenario_is_what_is_assumed_after_the_landmark(switching):
    cohort = switching.cohort
    table = cohort.patients
    who = table.index[((table["os_time"] > LANDMARK) & (table["entry"] < LANDMARK)).to_numpy()]
    sampled = cohort.samples.loc[cohort.samples["time"] <= LANDMARK, "patient_id"].unique()
    patients = cohort.select([each for each in who if each in sampled])
    unchanged = bc.predict_survival(switching, patients, LANDMARK, [3.0, 9.0])
    ids = patients.patients.index
    rows = pd.DataFrame({"patient_id": ids, "start": LANDMARK + 5.0, "stop": 100.0, "tx": "second"})
    found = bc.predict_survival(switching, patients, LANDMARK, [3.0, 9.0], intervals=rows)
    assert found.attrs["covariates"] == "as assumed"
    same(found["survival_function"][:, 0], unchanged["survival_function"][:, 0])  # before it changes
    theta, sizes = switching.theta, switching.design.sizes
    known = known_at(switching.design, patients, LANDMARK, assumed=rows)
    p = known.evaluator().evaluate(theta).class_probabilities
    H = cumulative_along(theta, sizes, known.packed.changes, np.array([LANDMARK, LANDMARK + 9.0]))
    same(found["survival_function"][:, 1], np.einsum("ng,gn->n", p, np.exp(H[:, :, 0] - H[:, :, 1])))
    assert np.abs(found["survival_function"][:, 1] - unchanged["survival_function"][:, 1]).max() > 1e-3
    with pytest.raises(DataError, match="allowed: a time at or after the landmark, 4 months"):
        bc.predict_survival(switching, patients, LANDMARK, [3.0], intervals=rows.assign(start=1.0))


def test_a_scenario_needs_a_hazard_that_reads_it(one):
    who = one.cohort.samples.loc[one.cohort.samples["time"] <= 1.0, "patient_id"].unique()[:1]
    rows = pd.DataFrame({"patient_id": who, "start": 2.0, "stop": 9.0, "tx": "second"})
    with pytest.raises(DataError, match="found a scenario; allowed: if the hazard uses covariates of inter"):
        bc.predict_survival(one, one.cohort.select(who), 1.0, [3.0], intervals=rows)


def test_accuracy_at_a_landmark_reads_nothing_later(switching):
    cohort = switching.cohort
    risk = at_risk(cohort, "os", LANDMARK)
    known = known_at_risk(cohort, switching.design, risk)
    assert (known.packed.changes.start <= LANDMARK).all()
    later = (cohort.intervals["start"] > LANDMARK) & cohort.intervals["patient_id"].isin(risk.patient_ids)
    assert later.any()
    said = f"tx: values known at the landmark are carried forward; later rows excluded: {later.sum()} at 4 months"
    assert carried_forward(switching.design, cohort, [risk]) == [said]


def test_risks_read_what_was_known_at_entry_and_expected_events_what_came(switching):
    packed = switching.packed
    group = switching.class_probabilities.idxmax(axis=1).astype("category")
    found = calibrate(switching, group)
    own = survival_along(switching, packed.time[:, None])[:, 0]
    assert found.events["expected"][0] == pytest.approx(-np.log(own).sum(), rel=1e-9)
    frozen = replace(switching, analysis=switching.analysis.known_at(packed.entry))
    same(found.risk, 1.0 - survival_along(frozen, [packed.time.max()])[:, 0])
    assert np.abs(own - patient_survival(switching, packed.time[:, None])[:, 0]).max() > 1e-3


def test_a_saved_fit_has_its_intervals(switching, tmp_path, capsys):
    bayes = made_bayes(switching, switching.parameter_draws(50)[None])
    bayes.save(tmp_path / "fit.nc")
    again = bc.load_fit(tmp_path / "fit.nc")
    pd.testing.assert_frame_equal(again.cohort.intervals, switching.cohort.intervals)
    assert again.cohort.interval_types == switching.cohort.interval_types
    assert again.cohort.fingerprint == switching.cohort.fingerprint
    np.testing.assert_array_equal(again.packed.changes.x, switching.packed.changes.x)

    # the command line predicts new patients by it, from three files
    sampled = again.cohort.samples.loc[again.cohort.samples["time"] <= LANDMARK, "patient_id"]
    late = again.cohort.patients["os_time"] > LANDMARK
    new = again.cohort.select([who for who in again.cohort.patients.index[late] if who in set(sampled)])
    paths = {name: str(tmp_path / f"{name}.csv") for name in ("samples", "patients", "intervals")}
    new.samples.to_csv(paths["samples"], index=False)
    new.patients.to_csv(paths["patients"])
    new.intervals.to_csv(paths["intervals"], index=False)
    argv = [
        "predict",
        "--fit",
        tmp_path / "fit.nc",
        "--landmark",
        LANDMARK,
        "--horizons",
        9,
        "--out",
        tmp_path / "p.csv",
    ]
    argv += [each for name, path in paths.items() for each in (f"--{name}", path)]
    assert main([str(each) for each in argv]) == 0
    found = pd.read_csv(tmp_path / "p.csv")["survival_function"]
    same(found, bc.predict_survival(again, new, LANDMARK, [9.0])["survival_function"][:, 0])
    n = (new.intervals["start"] > LANDMARK).sum()
    assert f"rows of intervals after the landmark, not used: {n}; the values known" in capsys.readouterr().out
