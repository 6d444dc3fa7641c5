"""Endpoints that are looked for at visits: what is read, what is refused; how it is written does not matter."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesctc as bc
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit
DAYS = 30.4375
PATIENTS = pd.DataFrame(
    {
        "patient_id": ["a", "b", "c", "d", "e"],
        "pfs_left": [2.0, np.nan, 6.0, 4.0, 0.0],
        "pfs_right": [4.0, 2.0, np.nan, 4.0, np.nan],
    }
)
SAMPLES = pd.DataFrame({"patient_id": ["a", "b"], "time": [0.0, 0.0], "ctc": [3, 0]})


def endpoint(patients, **options):
    return bc.Cohort(SAMPLES, patients, **options).endpoint("pfs")


def test_bounds_alone():
    data = endpoint(PATIENTS)
    np.testing.assert_array_equal(data.event, [1, 1, 0, 1, 0])
    np.testing.assert_array_equal(data.left, [2.0, 0.0, 6.0, 4.0, 0.0])
    np.testing.assert_array_equal(data.time, [4.0, 2.0, 6.0, 4.0, 0.0])
    np.testing.assert_array_equal(data.between, [True, True, False, False, False])
    assert dict(data.table.to_numpy())["events between two visits"] == 2


def test_a_death_known_to_the_day_ends_the_endpoint():
    """With causes, progression is excluded up to the last visit only; with one event, up to death."""
    patients = PATIENTS.assign(pfs_time=[np.nan, np.nan, 8.0, np.nan, 3.0], pfs_event=[1, 1, 2, 1, 0])
    two = endpoint(patients, causes={"pfs": ("progression", "death")})
    np.testing.assert_array_equal(two.time, [4.0, 2.0, 8.0, 4.0, 3.0])
    np.testing.assert_array_equal(two.left, [2.0, 0.0, 6.0, 4.0, 0.0])
    np.testing.assert_array_equal(two.between, [True, True, False, False, False])
    assert two.looked_for == (1,)
    one = endpoint(patients.assign(pfs_event=[1, 1, 1, 1, 0]))
    np.testing.assert_array_equal(one.left, [2.0, 0.0, 8.0, 4.0, 0.0])
    np.testing.assert_array_equal(one.time, [4.0, 2.0, 8.0, 4.0, 0.0])


def test_how_it_is_written_does_not_matter(tmp_path):
    cohort = bc.Cohort(SAMPLES, PATIENTS)
    again = bc.Cohort(cohort.samples, cohort.patients.reset_index())
    days = PATIENTS.assign(pfs_left=PATIENTS["pfs_left"] * DAYS, pfs_right=PATIENTS["pfs_right"] * DAYS)
    in_days = bc.Cohort(SAMPLES, days, time_unit="days")
    SAMPLES.to_csv(tmp_path / "samples.csv", index=False)
    text = PATIENTS.astype(object).where(PATIENTS.notna(), "Inf").iloc[::-1]
    text.loc[1, "pfs_left"] = ""
    text.to_csv(tmp_path / "patients.csv", index=False)
    read = bc.read_cohort(tmp_path / "samples.csv", tmp_path / "patients.csv")
    renamed = bc.Cohort(
        SAMPLES,
        PATIENTS.rename(columns={"pfs_left": "SCAN0", "pfs_right": "SCAN1"}),
        columns={"pfs_left": "SCAN0", "pfs_right": "SCAN1"},
    )
    assert {each.fingerprint for each in (again, read, renamed)} == {cohort.fingerprint}
    np.testing.assert_allclose(in_days.endpoint("pfs").left, cohort.endpoint("pfs").left, rtol=1e-14)
    assert again.looked_for == {"pfs": (1,)}


def test_it_stays_with_part_of_a_cohort():
    """Though nobody's event lies between two visits there."""
    some = bc.Cohort(SAMPLES, PATIENTS).select(["c", "d", "e"])
    data = some.endpoint("pfs")
    assert data.looked_for == (1,)
    assert data.left is not None


def test_a_landmark_is_the_earliest_left_bound():
    """Patients whose event may lie before it are taken to be free of it there."""
    after = bc.Cohort(SAMPLES, PATIENTS).landmark(3.0).endpoint("pfs")
    assert after.patient_ids == ("a", "c", "d")
    np.testing.assert_array_equal(after.left, [3.0, 6.0, 4.0])


def test_sides_of_the_body_are_no_endpoint():
    assert bc.Cohort(SAMPLES, PATIENTS.assign(breast_left=True)).covariates == ("breast_left",)


BAD = {
    "left after right": ({"pfs_left": 5.0, "pfs_right": 3.0}, "pfs_left", "at most the patient's pfs_right, 3.0"),
    "right before entry": (
        {"pfs_left": np.nan, "pfs_right": 3.0, "entry": 4.0},
        "pfs_right",
        "after the patient's entry, 4.0",
    ),
    "across entry": ({"pfs_left": 1.0, "pfs_right": 6.0, "entry": 4.0}, "pfs_left", "at least the patient's entry"),
    "no number": ({"pfs_left": "soon", "pfs_right": 3.0}, "pfs_left", "a time, 0 or more, or empty"),
    "negative": ({"pfs_left": -1.0, "pfs_right": 3.0}, "pfs_left", "a time, 0 or more, or empty"),
    "seen at 0": ({"pfs_left": 0.0, "pfs_right": 0.0}, "pfs_right", "a time above 0, or empty"),
    "censored, but seen": (
        {"pfs_left": 1.0, "pfs_right": 3.0, "pfs_event": 0},
        "pfs_right",
        "empty, because pfs_event is 0",
    ),
    "seen nowhere": (
        {"pfs_left": 1.0, "pfs_right": np.nan, "pfs_event": 1},
        "pfs_right",
        "a time, because there was an event",
    ),
    "nothing": ({"pfs_left": np.nan, "pfs_right": np.nan}, "pfs_left", "a time, because the event was not seen"),
    "time before left": (
        {"pfs_left": 2.0, "pfs_right": 3.0, "pfs_time": 1.0, "pfs_event": 1},
        "pfs_time",
        "at least the patient's pfs_left, 2.0",
    ),
    "time after right": (
        {"pfs_left": 2.0, "pfs_right": 3.0, "pfs_time": 5.0, "pfs_event": 1},
        "pfs_time",
        "at most the patient's pfs_right, 3.0",
    ),
}


@pytest.mark.parametrize(("values", "column", "allowed"), BAD.values(), ids=BAD.keys())
def test_what_is_refused(values, column, allowed):
    with pytest.raises(DataError) as error:
        bc.Cohort(SAMPLES.iloc[:0], pd.DataFrame({"patient_id": ["x"], **{k: [v] for k, v in values.items()}}))
    (problem,) = error.value.problems.to_dict("records")
    assert (problem["row"], problem["patient"], problem["column"]) == (0, "x", column)
    assert allowed in problem["allowed"]


def test_half_of_it_is_refused():
    with pytest.raises(DataError, match="pfs_right as well as pfs_left"):
        bc.Cohort(SAMPLES, PATIENTS.drop(columns="pfs_right").assign(pfs_time=1.0, pfs_event=1))
    with pytest.raises(DataError, match="pfs_event, which gives the cause"):
        bc.Cohort(SAMPLES, PATIENTS, causes={"pfs": ("progression", "death")})


def test_survival_by_bounds_alone_and_what_comes_after_it():
    """What is late is held against the cell that says when the patient was last known, under the user's name."""
    names = {"os_left": "alive", "os_right": "dead", "pfs_right": "seen"}
    patients = pd.DataFrame({"patient_id": ["a", "b"], "alive": [2.0, 3.0], "dead": [4.0, np.nan]})
    assert bc.Cohort(SAMPLES, patients, columns={k: names[k] for k in ("os_left", "os_right")}).endpoints == ("os",)
    both = patients.assign(pfs_left=[1.0, 2.0], seen=[5.0, 3.5])
    late = pd.DataFrame({"patient_id": ["a", "b"], "time": [4.5, 3.5], "ctc": [3, 0]})
    with pytest.raises(DataError) as error:
        bc.Cohort(late, both, columns=names)
    found = error.value.problems[["patient", "column", "allowed"]].to_numpy().tolist()
    assert found == [
        [patient, column, f"at most the patient's {bound} (patients frame, row {row})"]
        for column in ("seen", "time")
        for row, (patient, bound) in enumerate([("a", "dead, 4.0"), ("b", "alive, 3.0")])
    ]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_written_is_read_or_refused_in_words(data):
    """Any of the columns of two endpoints, with any cells: a cohort, or a DataError."""
    cell = st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, np.nan, np.inf, -1.0, "", "NA", "Inf", "2", "soon"])
    names = [f"{name}_{part}" for name in ("os", "pfs") for part in ("time", "event", "left", "right")]
    columns = data.draw(st.lists(st.sampled_from([*names, "entry", "followup_end"]), unique=True))
    patients = pd.DataFrame({"patient_id": ["a", "b"], **{c: [data.draw(cell), data.draw(cell)] for c in columns}})
    causes = {"pfs": ("progression", "death")} if data.draw(st.booleans()) else {}
    with suppress(DataError):
        repr(bc.Cohort(SAMPLES, patients, causes=causes))


def test_deaths_that_bounds_say_nothing_of():
    """Counted by hand: c and e have no progression seen, and of these c died; a died after one."""
    patients = PATIENTS.assign(os_time=[9.0, 9.0, 8.0, 9.0, 9.0], os_event=[1, 0, 1, 0, 0])
    (text,) = bc.Cohort(SAMPLES, patients).warnings
    assert text.startswith("1 patient died (os) without documented progression; pfs treats them as censored")
    own = patients.assign(pfs_time=[4.0, 2.0, 8.0, 4.0, 0.5], pfs_event=[1, 1, 1, 1, 0])
    assert bc.Cohort(SAMPLES, own).warnings == ()
    assert bc.Cohort(SAMPLES, PATIENTS).warnings == ()
