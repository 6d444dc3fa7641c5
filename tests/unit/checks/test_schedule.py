"""The planned visits are found in the observed times, or taken as given."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.checks.schedule import checked_schedule, planned_schedule
from bayesctc.checks.visits import visits_of
from bayesctc.data import Cohort
from bayesctc.data.outcome import CTC_COUNT
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit
PLAN = np.array([0.0, 0.92, 2.76, 4.6, 6.44])


def cohort_of(times):
    """A cohort with these sample times by patient."""
    samples = pd.DataFrame(
        [(f"P{i}", t, 1) for i, row in enumerate(times) for t in row], columns=["patient_id", "time", "ctc"]
    )
    patients = pd.DataFrame({"patient_id": [f"P{i}" for i in range(len(times))], "os_time": 50.0, "os_event": 1})
    return Cohort(samples, patients)


def scattered(n, seed, missing=0.1):
    """Visits around the plan, each missed with a probability, sampling ended at a random visit."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        number = rng.integers(1, len(PLAN) + 1)
        times = PLAN[:number] + rng.exponential(0.12, number) * (PLAN[:number] > 0)
        rows.append([-0.3 * rng.random(), *times[1:][rng.random(number - 1) > missing]])
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_the_plan_is_found_where_patients_share_one(seed):
    found = planned_schedule(cohort_of(scattered(200, seed)))
    assert len(found.months) == len(PLAN)
    np.testing.assert_allclose(found.months[1:], PLAN[1:] + 0.12 * np.log(2), atol=0.05)  # medians of the delays
    assert -0.3 < found.months[0] <= 0.0
    assert ((PLAN[1:] > found.edges) & (PLAN[:-1] < found.edges)).all()


def test_one_visit():
    found = planned_schedule(cohort_of([[0.0], [-0.2], [0.0]]))
    assert len(found.months) == 1
    assert len(found.edges) == 0


def test_no_more_visits_than_the_most_samples_of_a_patient():
    rng = np.random.default_rng(1)
    times = [np.sort(rng.uniform(0, 20, rng.integers(1, 7))) for _ in range(150)]
    found = planned_schedule(cohort_of(times))
    assert len(found.months) <= max(len(t) for t in times)
    assert (np.diff(found.months) > 0).all()


def test_months_and_tables_as_given():
    cohort = cohort_of([[0.0, 1.2], [0.1, 2.9]])
    ids = tuple(cohort.patients.index)
    months = checked_schedule([0, 1, 3], cohort, ids)
    np.testing.assert_array_equal(months.edges, [0.5, 2.0])
    table = pd.DataFrame({"patient_id": ["P0", "P0", "P1", "P1", "P1"], "time": [0.0, 1.0, 0.0, 1.5, 3.0]})
    by_patient = checked_schedule(table, cohort, ids)
    np.testing.assert_array_equal(by_patient.months, [[0.0, 1.0, np.nan], [0.0, 1.5, 3.0]])
    visits = visits_of(cohort.samples, ids, by_patient, np.random.default_rng(1), 7.5)
    np.testing.assert_array_equal(visits.present, [[True, True, False], [True, False, True]])
    assert np.isnan(visits.times[0, 2])
    assert visits.times[1, 1] == pytest.approx(1.5 + 0.2)  # the only delay of that visit


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("weekly", "months such as"),
        ([0.0, 2.0, 2.0], "increasing"),
        ([], "increasing"),
        (pd.DataFrame({"patient_id": ["P0"]}), "'time' is missing"),
        (pd.DataFrame({"patient_id": ["P0"], "time": [0.0]}), "no visit of patient 'P1'"),
        (pd.DataFrame({"patient_id": ["P0", "P1", "P1"], "time": [0.0, 1.0, 1.0]}), "different"),
    ],
)
def test_wrong_schedules_are_refused(given, says):
    cohort = cohort_of([[0.0], [0.1]])
    with pytest.raises(SpecError, match=says):
        checked_schedule(given, cohort, tuple(cohort.patients.index))


def test_a_second_sample_of_a_visit_has_a_slot_of_its_own():
    cohort = cohort_of([[0.0, 0.9, 1.2], [0.0, 1.0], [0.0, 3.1]])
    ids = tuple(cohort.patients.index)
    visits = visits_of(cohort.samples, ids, checked_schedule([0, 1, 3], cohort, ids), np.random.default_rng(1), 7.5)
    np.testing.assert_array_equal(visits.visit, [0, 1, 1, 2])
    np.testing.assert_array_equal(visits.copy, [0, 0, 1, 0])
    np.testing.assert_array_equal(visits.present.sum(axis=0), [3, 2, 1, 1])
    assert (visits.times[:, 2] > visits.times[:, 1]).all()
    assert len(visits.table(CTC_COUNT)) == 12
