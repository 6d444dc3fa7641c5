"""The score test of models whose hazard depends on a patient's curve: scores are derivatives of dense likelihoods."""

import numpy as np
import pandas as pd
import pytest
from dense_association import OfClass, dense_joint, settled, some_of
from helpers import fit_at, frames, two_cause_cohort
from scipy.special import logsumexp

import bayesctc as bc
from bayesctc.checks.score_test import patient_scores
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import natural_by_name

pytestmark = pytest.mark.unit
OPTIONS = {"family": "negative_binomial", "hazard": "piecewise", "growth": "treatment", "survival": "~ bone"}
KINDS = ("random_effects", "current_value", "current_slope", "area")
STEP = 1e-4


@pytest.fixture(scope="module")
def cohort():
    samples, patients = frames(30, 3, entry=True)
    return bc.Cohort(samples.assign(ctc=np.minimum(samples["ctc"], 20)), patients)


def beside(eta, code=1):
    """`OfClass` of a cause's hazard times exp(eta b), or exp(eta b log H_0(t)) where b is the association already."""

    class Beside(OfClass):
        def log_hazard(self, part, time, patient):
            z = np.ones(np.size(time))
            if self.spec.association == "random_effects":
                parameters = natural_by_name(HAZARDS[part.hazard].parameters, self.theta[part.baseline], 3)
                z = np.log(
                    HAZARDS[part.hazard].cumulative_hazard(np.atleast_1d(time), self.sizes.own_knots, **parameters)
                )
            moved = eta * np.outer(z, self.b[:, 0]) if part.number == code else 0.0
            return super().log_hazard(part, time, patient) + moved

    return Beside


def derivative(design, theta, tables, code=1, **options):
    """Of log L_i by eta, by differences."""
    values = []
    for eta in (-STEP, STEP):
        of = beside(eta, code)
        joint, entry = (dense_joint(design, theta, *tables, before_entry=b, of=of, **options) for b in (False, True))
        values.append(logsumexp(joint, axis=1) - logsumexp(entry, axis=1))
    return (values[1] - values[0]) / (2.0 * STEP)


@pytest.mark.parametrize("kind", KINDS)
def test_beside_an_association(kind, cohort):
    design, theta = settled(cohort, association=kind, association_by_class=True, **OPTIONS)
    fit, tables = fit_at(cohort, design.spec, theta, n_nodes=25), some_of(cohort, design.spec)
    assert tables[1]["_entry"].any()
    assert tables[1]["_event"].any()
    scores = patient_scores(fit, fit.analysis.evaluator().gradients(theta))
    assert np.abs(scores).max() > 0.3
    expected = derivative(fit.design, theta, tables)
    np.testing.assert_allclose(scores[1 : 1 + len(expected), 0], expected, rtol=1e-3, atol=1e-4)


def test_of_a_cause_among_those_who_entered_late(cohort):
    """Free at entry of the other cause too: it says something of the random effects as well."""
    two = two_cause_cohort(30)
    late = two.patients["ttf_time"] * np.where(np.arange(30) % 2, 0.5, 0.0)
    patients = two.patients.assign(entry=late).reset_index()
    two = bc.Cohort(two.samples, patients, causes=two.causes)
    options = {**OPTIONS, "growth": "linear", "survival": "~ arm", "endpoint": "ttf"}
    design, theta = settled(two, association="current_value", **options)
    fit, tables = fit_at(two, design.spec, theta, n_nodes=25), some_of(two, design.spec)
    found = patient_scores(fit, fit.analysis.evaluator().gradients(theta), code=2)
    expected = derivative(fit.design, theta, tables, code=2)
    np.testing.assert_allclose(found[1 : 1 + len(expected), 0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["random_effects", "area"])
def test_where_covariates_of_the_hazard_change(kind, cohort):
    samples, patients = cohort.samples, cohort.patients.reset_index()
    at = patients["os_time"] * np.random.default_rng(1).uniform(0.3, 0.9, len(patients))
    rows = patients[["patient_id"]].assign(start=0.0, stop=at, tx="first")
    intervals = pd.concat([rows, rows.assign(start=at, stop=patients["os_time"] + 1.0, tx="second")])
    changing = bc.Cohort(samples, patients, intervals=intervals)
    design, theta = settled(
        changing, association=kind, **{**OPTIONS, "survival": "~ tx", "survival_by_class": "~ bone"}
    )
    fit, tables = fit_at(changing, design.spec, theta, n_nodes=25), some_of(changing, design.spec)
    found = patient_scores(fit, fit.analysis.evaluator().gradients(theta))
    expected = derivative(fit.design, theta, tables, intervals=intervals)
    np.testing.assert_allclose(found[1 : 1 + len(expected), 0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("effects", ["intercept", "slope"])
def test_at_alpha_0_the_derivative_is_the_score(effects, cohort):
    """Of the model with the random effects in the hazard; of no association the test is of their alphas."""
    options = {**OPTIONS, "random_effects": effects, "class_specific_random_effects": True}
    plain = bc.ModelSpec(n_classes=2, common_shape=False, **options)
    design, theta = settled(cohort, association="random_effects", **options)
    where = design.sizes.blocks["association"]
    fit = fit_at(cohort, plain, np.delete(theta, np.arange(where.start, where.stop), axis=1), n_nodes=25)
    theta[:, where] = 0.0
    linked = fit_at(cohort, design.spec, theta, n_nodes=25).analysis.evaluator().gradients(theta)
    q, to_user = plain.n_random, design.basis.to_user
    expected = linked[:, :, where].sum(axis=1) @ to_user[:q, :q].T * design.spread
    found = patient_scores(fit, fit.analysis.evaluator().gradients(fit.theta))
    assert np.abs(found).max() > 0.3
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_effects_that_wear_off_are_found():
    """One class; the level at the start acts on the hazard for six months, and no longer."""
    n, rng = 250, np.random.default_rng(6)
    b, first = rng.normal(0.0, 0.8, n), rng.exponential(size=n)
    early = 6.0 * np.exp(b) / 15.0
    time = np.where(first < early, first * 15.0 / np.exp(b), 6.0 + (first - early) * 15.0)
    ids = [f"P{i}" for i in range(n)]
    patients = pd.DataFrame({"patient_id": ids, "os_time": np.minimum(time, 40.0), "os_event": (time < 40.0) * 1})
    visits = pd.DataFrame({"patient_id": np.repeat(ids, 5), "time": np.tile(np.arange(5) * 1.5, n)})
    log_count = 3.0 + np.repeat(b, 5) + rng.normal(0.0, 0.4, 5 * n)
    samples = visits.assign(ctc=np.round(np.expm1(np.maximum(log_count, 0.0))).astype(int))
    samples = samples[samples["time"].to_numpy() <= np.repeat(patients["os_time"].to_numpy(), 5)]
    own = bc.ModelSpec(n_classes=1, family="gaussian", growth="linear", random_effects="intercept")
    fit = bc.fit_ml(bc.Cohort(samples, patients), own.with_(association="random_effects"), n_starts=1, progress=False)
    test = bc.conditional_independence_test(fit)
    assert test.over_time
    assert test.df == 1
    assert test.p < 0.01
    assert test.scores["intercept"] < 0.0  # who has more is at a higher risk early, less so later
    assert "change with time" in test.sentence


@pytest.mark.parametrize("kind", ["random_effects", "current_value"])
def test_where_events_lie_between_two_visits(kind, cohort):
    patients = cohort.patients.reset_index()
    last = cohort.samples.groupby("patient_id")["time"].max().reindex(patients["patient_id"]).fillna(0.0).to_numpy()
    happened = patients["os_event"] == 1
    left = np.where(happened, np.maximum(np.maximum(last, patients["entry"]), 0.0), patients["os_time"])
    seen = patients.assign(os_left=left, os_right=patients["os_time"].where(happened))
    looked_for = bc.Cohort(cohort.samples, seen)
    design, theta = settled(looked_for, association=kind, **OPTIONS)
    fit, tables = fit_at(looked_for, design.spec, theta, n_nodes=25), some_of(looked_for, design.spec)
    assert (tables[1]["_left"] < tables[1]["_time"]).any()
    found = patient_scores(fit, fit.analysis.evaluator().gradients(theta))
    expected = derivative(fit.design, theta, tables)
    np.testing.assert_allclose(found[1 : 1 + len(expected), 0], expected, rtol=1e-3, atol=1e-4)
