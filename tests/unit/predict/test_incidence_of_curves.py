"""Competing events whose hazards depend on a patient's curve: against dense integrals, draws, and survival."""

import numpy as np
import pandas as pd
import pytest
from dense_association import OfClass, dense_incidence, over_effects, settled
from helpers import fit_at, two_cause_cohort

import bayesctc as bc
from bayesctc.model.generative import Simulator
from bayesctc.model.patient_hazards import PatientHazards
from bayesctc.predict.landmark import at_landmark
from bayesctc.predict.landmark_survival import expected_at_landmark
from bayesctc.predict.patients import patient_incidence

pytestmark = pytest.mark.unit
OPTIONS = {"endpoint": "ttf", "growth": "linear", "survival": "~ arm"}
KINDS = [("current_value", "negative_binomial", "piecewise"), ("random_effects", "gaussian", "weibull")]
TIMES, LANDMARK, HORIZONS = np.array([0.0, 6.0, 20.0]), 4.0, [3.0, 10.0]


@pytest.fixture(scope="module")
def cohort():
    return two_cause_cohort(40)


@pytest.fixture(scope="module", params=KINDS)
def fit(request, cohort):
    kind, family, hazard = request.param
    design, theta = settled(cohort, association=kind, family=family, hazard=hazard, **OPTIONS)
    return fit_at(cohort, design.spec, theta, n_nodes=15)


def test_of_a_class_it_is_the_dense_integral(fit, cohort):
    found = bc.cumulative_incidence(fit, TIMES)
    share = cohort.patients["arm"].value_counts(normalize=True)
    patients = pd.DataFrame({"arm": share.index}, index=share.index)
    u, log_weight = over_effects(1)
    for g in range(2):
        of_class = OfClass(fit.design, fit.theta, g, u)
        for k, time in enumerate(TIMES[1:], start=1):
            expected = sum(
                p * of_class.incidence(patients, i, 0.0, time) @ np.exp(log_weight) for i, p in enumerate(share)
            )
            np.testing.assert_allclose(found["cumulative_incidence"][:, g, k], expected, atol=2e-4)
    total = found["cumulative_incidence"].sum("cause") + found["survival_function"]
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    np.testing.assert_array_equal(found["cumulative_incidence"].sel(time=0.0), 0.0)
    survival = bc.class_survival(fit, TIMES)["survival_function"]
    np.testing.assert_allclose(found["survival_function"], survival, atol=1e-4)


def test_of_a_patient_it_is_given_the_counts(fit, cohort):
    late = cohort.select([i for i, t in cohort.patients["ttf_time"].items() if t > LANDMARK][:2])
    found = bc.predict_survival(fit, late, LANDMARK, HORIZONS)
    samples = late.samples[late.samples["time"] <= LANDMARK]
    for k, ahead in enumerate(HORIZONS):
        expected = dense_incidence(fit.design, fit.theta, samples, late.patients, LANDMARK, LANDMARK + ahead)
        np.testing.assert_allclose(found["cumulative_incidence"][:, :, k], expected, atol=2e-4)
    total = found["cumulative_incidence"].sum("cause") + found["survival_function"]
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    known = at_landmark(fit, late, LANDMARK)  # the same survival as a ratio of two likelihoods
    one_step = expected_at_landmark(known, fit.theta[None], LANDMARK, np.array(HORIZONS), [30.0] * 2, [0] * 2)
    later = at_landmark(fit, late, LANDMARK).followed_to(LANDMARK + HORIZONS[1])
    ratio = np.exp(later.evaluator().patients(fit.theta) - known.evaluator().patients(fit.theta))
    np.testing.assert_allclose(found["survival_function"][:, 1], ratio, atol=3e-4)
    np.testing.assert_allclose(one_step[0], 1.0 - found["cumulative_incidence"][0], atol=1e-12)


def test_draws_have_it(fit, cohort):
    """Shares of each event by a time, of many patients of one arm."""
    n, time, design = 4000, 12.0, fit.design
    patients = pd.DataFrame({"arm": "A"}, index=[f"P{i}" for i in range(n)])
    schedule = pd.DataFrame({"patient_id": patients.index, "time": 0.0, "volume_ml": 7.5})
    simulator = Simulator.of(design, patients, schedule)
    classes, at, event, _, _ = simulator.draw_patients(fit.theta, np.random.default_rng(1), 60.0)
    one, ends = simulator.hazards.take([0]), np.linspace(0.0, time, 200)
    expected = one.incidence(fit.theta, ends[None], *one.prior(fit.theta))[:, :, 0, -1]
    for g in range(2):
        found = [np.mean((event == code) & (at <= time) & (classes == g)) / np.mean(classes == g) for code in (1, 2)]
        spread = np.sqrt(expected[:, g] * (1.0 - expected[:, g]) / np.sum(classes == g))
        assert (np.abs(found - expected[:, g]) < 4.0 * spread).all()


def test_events_expected_while_followed_add_up(fit):
    """Over both causes: minus the logarithm of survival; and incidence is 1 minus it."""
    entry, time = fit.packed.entry, fit.packed.time
    both = np.sum([patient_incidence(fit, time, code, fit.analysis) for code in (1, 2)], axis=0)
    free = fit.analysis.followed_to(time).evaluator().patients(fit.theta)
    at_entry = fit.analysis.followed_to(entry).evaluator().patients(fit.theta)
    np.testing.assert_allclose(both[0], at_entry - free, atol=2e-3)
    np.testing.assert_allclose(both[1], 1.0 - np.exp(free - at_entry), atol=1e-3)


def test_one_cause_alone_has_one_minus_survival(cohort):
    """Whatever the steps: the incidence of a cause whose competitor never comes."""
    design, theta = settled(cohort, association="current_value", family="gaussian", hazard="weibull", **OPTIONS)
    theta = theta.copy()
    theta[:, design.layout.places[f"scale_{design.causes[1]}"]] = 60.0
    hazards = PatientHazards.of(design.pack(cohort), design.layout).take([0, 3])
    months = np.tile([0.0, 5.0, 20.0], (2, 1))
    found = hazards.incidence(theta, months, *hazards.prior(theta))
    np.testing.assert_allclose(found[0], 1.0 - hazards.survival(theta, months)[:, :, 1:], atol=1e-12)
    np.testing.assert_allclose(found[1], 0.0, atol=1e-12)
