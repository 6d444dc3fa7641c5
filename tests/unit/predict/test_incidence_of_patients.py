"""Patients' incidence of competing events: against integrals, and against one event that is all of them."""

import numpy as np
import pytest
from helpers import CAUSES, fit_at, two_cause_cohort
from scipy.integrate import quad
from scipy.special import logsumexp

import bayesctc as bc
from bayesctc.accuracy.accuracy import known_at_risk
from bayesctc.accuracy.at_risk import at_risk
from bayesctc.model.class_hazards import incidence_of_steps, step_ends
from bayesctc.predict.landmark_survival import density_after, expected_at_landmark, prediction_table
from bayesctc.predict.patients import patient_incidence, patient_survival

pytestmark = pytest.mark.unit
GROWTH = {"membership": [[0.4], [-0.4]], "growth": [[0.8, -0.3], [3.2, 0.1]], "sigma": 0.5}
HAZARDS = {
    "progression": {"scale": [25.0, 9.0], "shape": [1.4, 1.1], "hazard_coefficient": [-0.3]},
    "toxicity": {"scale": [45.0, 30.0], "shape": [0.7, 1.2], "hazard_coefficient": [0.4]},
}
HORIZONS = np.array([4.0, 15.0])


def fit_of(cohort, values, **options):
    usual = {"n_classes": 2, "growth": "linear", "random_effects": "none", "family": "gaussian", "common_shape": False}
    natural = {name: np.array(value) for name, value in (GROWTH | values).items()}
    return fit_at(cohort, bc.ModelSpec(endpoint="ttf", **usual | options), natural)


@pytest.fixture(scope="module")
def cohort():
    return two_cause_cohort(n=60)


@pytest.fixture(scope="module")
def merged(cohort):
    patients = cohort.patients.reset_index()
    return bc.Cohort(cohort.samples, patients.assign(ttf_event=np.minimum(patients["ttf_event"], 1)))


@pytest.fixture(scope="module")
def fit(cohort):
    values = {f"{name}_{cause}": v for cause, own in HAZARDS.items() for name, v in own.items()}
    return fit_of(cohort, values, survival="~ arm")


@pytest.fixture(scope="module")
def constant(cohort):
    return fit_of(cohort, {f"scale_{cause}": own["scale"] for cause, own in HAZARDS.items()}, hazard="exponential")


@pytest.fixture(scope="module")
def single(merged):
    """One event, whose hazard is the sum of the two of `constant`."""
    rates = sum(1.0 / np.array(own["scale"]) for own in HAZARDS.values())
    return fit_of(merged, {"scale": 1.0 / rates}, hazard="exponential")


def hazard(cause, g, t, arm_b):
    """h_gc(t | x), and below its integral over all causes, written down apart from the package."""
    own = HAZARDS[cause]
    shape, scale = own["shape"][g], own["scale"][g]
    return shape / scale * (t / scale) ** (shape - 1) * np.exp(own["hazard_coefficient"][0] * arm_b)


def of_all(g, t, arm_b):
    return sum(
        (t / own["scale"][g]) ** own["shape"][g] * np.exp(own["hazard_coefficient"][0] * arm_b)
        for own in HAZARDS.values()
    )


def integral(cause, g, start, end, arm_b):
    """P(event of the cause by `end`), given none at `start`."""
    at_start = of_all(g, start, arm_b)
    return quad(lambda t: hazard(cause, g, t, arm_b) * np.exp(at_start - of_all(g, t, arm_b)), start, end)[0]


@pytest.mark.parametrize("landmark", [0.0, 3.0])
def test_predicted_incidence_is_the_integral(fit, cohort, landmark):
    """64 steps are within 1e-4 of it, also where a hazard is infinite at 0, and sum to 1 with survival."""
    alive = cohort.select(cohort.patients.index[cohort.patients["ttf_time"] > landmark])
    found = bc.predict_survival(fit, alive, landmark, HORIZONS)
    arm_b = (alive.patients["arm"] == "B").to_numpy(dtype=int)
    p = found["class_probability"].to_numpy()
    for cause in CAUSES:
        mine = found["cumulative_incidence"].sel(cause=cause).to_numpy()
        for j, h in enumerate(HORIZONS):
            by_arm = np.array([[integral(cause, g, landmark, landmark + h, b) for g in range(2)] for b in (0, 1)])
            np.testing.assert_allclose(mine[:, j], np.sum(p * by_arm[arm_b], axis=1), atol=1e-4)
    total = found["cumulative_incidence"].sum("cause") + found["survival_function"]
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    row = prediction_table(found).iloc[0]
    assert row["cumulative_incidence of toxicity"] == found["cumulative_incidence"].to_numpy()[1, 0, 0]


def test_what_happened_has_the_density_of_its_cause(fit, cohort):
    """log sum_g P(g | ...) h_gc(T) S_g(T) / S_g(L), by hand; other causes than the one in question are 2."""
    risk = at_risk(cohort, "ttf", 3.0, "toxicity")
    known = known_at_risk(cohort, fit.design, risk)
    found = density_after(known, risk.time, risk.event, risk.code)(fit.theta)
    p = known.evaluator().evaluate(fit.theta).class_probabilities
    arm_b = (cohort.patients.loc[risk.patient_ids, "arm"] == "B").to_numpy(dtype=int)
    assert set(risk.event) == {0.0, 1.0, 2.0}
    names = {1.0: "toxicity", 2.0: "progression"}
    for i, (t, e) in enumerate(zip(risk.time, risk.event, strict=True)):
        surviving = [of_all(g, 3.0, arm_b[i]) - of_all(g, t, arm_b[i]) for g in range(2)]
        event = [np.log(hazard(names[e], g, t, arm_b[i])) if e else 0.0 for g in range(2)]
        assert found[i] == pytest.approx(logsumexp(np.log(p[i]) + event + surviving), abs=1e-9)


def test_causes_add_up_to_the_event_that_they_make(constant, single, cohort, merged):
    """Incidence, density and expected events, those of one event with the sum of the hazards: to 1e-10."""
    one = at_risk(merged, "ttf", 2.0)
    given = (single.theta[None], 2.0, HORIZONS, one.time, one.event)
    free, density = expected_at_landmark(known_at_risk(merged, single.design, one), *given)
    risks, densities = 0.0, []
    for code in (1, 2):  # each event as if it had been of that cause
        known = known_at_risk(cohort, constant.design, one)
        found = expected_at_landmark(known, constant.theta[None], *given[1:], code)
        risks, densities = risks + 1.0 - found[0], [*densities, found[1]]
    np.testing.assert_allclose(risks, 1.0 - free, atol=1e-10)
    happened = one.event == 1
    np.testing.assert_allclose(np.logaddexp(*densities)[happened], density[happened], atol=1e-10)
    np.testing.assert_allclose(densities[0][~happened], density[~happened], atol=1e-10)
    time = cohort.patients["ttf_time"].to_numpy()
    survival = patient_survival(single, time[:, None])[:, 0]
    expected, incidence = zip(
        *(patient_incidence(constant, time, code, constant.analysis) for code in (1, 2)), strict=True
    )
    np.testing.assert_allclose(sum(expected), -np.log(survival), atol=1e-10)
    np.testing.assert_allclose(sum(incidence), 1.0 - survival, atol=1e-10)


def test_expected_events_are_the_integral_of_the_hazard(fit, cohort):
    """Of one patient: the hazard of the cause, averaged over the classes of who is still free, from 0 to T."""
    found = patient_incidence(fit, cohort.patients["ttf_time"].to_numpy(), 2, fit.analysis)[0]
    arm_b = (cohort.patients["arm"] == "B").to_numpy(dtype=int)
    p = fit.class_probabilities_counts.to_numpy()
    for i in (0, 7, 31):

        def now(t, i=i):
            left = p[i] * np.exp([-of_all(g, t, arm_b[i]) for g in range(2)])
            return left @ [hazard("toxicity", g, t, arm_b[i]) for g in range(2)] / left.sum()

        assert found[i] == pytest.approx(quad(now, 0.0, cohort.patients["ttf_time"].iloc[i])[0], abs=2e-3)


def test_one_cause_is_exact_and_one_that_never_happens_changes_nothing():
    ends = step_ends(0.0, 20.0)[1:, None]
    own = np.diff((ends / 9.0) ** 1.7, axis=0, prepend=0.0)
    alone = incidence_of_steps(own[None])[0]
    np.testing.assert_allclose(alone, 1.0 - np.exp(-((ends / 9.0) ** 1.7)), atol=1e-14)
    np.testing.assert_allclose(incidence_of_steps(np.stack([own, 0.0 * own]))[0], alone, atol=1e-14)
