"""Covariates that change during follow-up: read, refused with the cell, kept through every step, cut at a landmark."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.data import Cohort, read_cohort
from bayesctc.data.scenario import assumed_after, scenario_from_csv
from bayesctc.errors import DataError
from bayesctc.results.disk.parts import _cohort_facts

pytestmark = pytest.mark.unit

SAMPLES = pd.DataFrame({"patient_id": ["a", "a", "b", "c"], "time": [0.0, 1.0, 0.0, 0.0], "ctc": [12, 3, 0, 5]})
PATIENTS = pd.DataFrame(
    {"patient_id": ["a", "b", "c"], "os_time": [12.0, 20.0, 8.0], "os_event": [1, 0, 1], "age": [50, 60, 70]}
)
ROWS = pd.DataFrame(
    {
        "patient_id": ["b", "a", "a", "c", "a"],
        "start": [0, 5, 0, 0, 12],
        "stop": [20, 12, 5, 9, 15],
        "tx": ["A", "B", "A", "A", "C"],
        "dose": ["1.50", "2", "1", "", "3"],
        "on": [True, False, True, True, False],
    }
)


def cohort(rows=ROWS, patients=PATIENTS, **options):
    return Cohort(SAMPLES, patients, intervals=rows, **options)


def test_rows_are_sorted_typed_and_cut_at_the_end_of_follow_up():
    read = cohort()
    assert read.intervals["patient_id"].tolist() == ["a", "a", "b", "c"]
    assert read.intervals["start"].tolist() == [0.0, 5.0, 0.0, 0.0]
    assert {name: str(each) for name, each in read.interval_types.items()} == {
        "tx": "factor of A (reference), B, C",
        "dose": "number",
        "on": "flag",
    }
    of_intervals = read.schema[read.schema["table"] == "intervals"].set_index("column")
    assert of_intervals["missing"].to_dict() == {"tx": 0, "dose": 1, "on": 0}
    assert read.flow()["reason"].tolist()[-1] == "rows of intervals from the end of follow-up onwards (1) are not used"
    assert "4 rows; 1 of 3 patients have more than one" in repr(read)


def test_nothing_is_different_without_the_table():
    without = Cohort(SAMPLES, PATIENTS)
    assert without.intervals is None
    assert without.interval_types == {}
    assert "interval" not in repr(without)
    assert "interval_schema" not in _cohort_facts(without._content)
    # the fingerprint of these two tables before there were intervals
    assert without.fingerprint.startswith("ea9f6c683e7f")


def test_the_fingerprint_is_of_the_rows_in_any_order():
    assert cohort().fingerprint == cohort(ROWS.sample(frac=1.0, random_state=1)).fingerprint
    assert cohort().fingerprint != cohort(ROWS.assign(tx=["A", "B", "A", "B", "C"])).fingerprint
    assert cohort().fingerprint != Cohort(SAMPLES, PATIENTS).fingerprint


def test_files_are_read_as_frames_are(tmp_path):
    for name, table in (("samples", SAMPLES), ("patients", PATIENTS), ("intervals", ROWS)):
        table.rename(columns={"start": "TSTART"}).to_csv(tmp_path / f"{name}.csv", index=False)
    path = [tmp_path / f"{name}.csv" for name in ("samples", "patients", "intervals")]
    read = read_cohort(path[0], path[1], intervals=path[2], columns={"start": "TSTART"})
    assert read.fingerprint == cohort().fingerprint
    assert read.source[0].arguments["intervals"] == str(path[2])
    days = read_cohort(path[0], path[1], intervals=path[2], columns={"start": "TSTART"}, time_unit="years")
    assert days.intervals["start"].tolist() == [0.0, 60.0, 0.0, 0.0]
    ROWS.assign(stop=[20, 12, 6, 9, 15]).rename(columns={"start": "TSTART"}).to_csv(path[2], index=False)
    with pytest.raises(DataError, match=r"intervals.csv, row 3, patient 'a', column 'TSTART': found '5'; allowed: 6"):
        read_cohort(path[0], path[1], intervals=path[2], columns={"start": "TSTART"})
    with pytest.raises(DataError, match="'start'; allowed: patient_id, time"):
        read_cohort(path[0], path[1], columns={"start": "TSTART"})


BAD = {
    "negative": (
        {"start": [-1, 5, 0, 0, 12]},
        "row 0, patient 'b', column 'start': found -1; allowed: a time, 0 or more",
    ),
    "backwards": (
        {"stop": [20, 5, 5, 9, 15]},
        "row 1, patient 'a', column 'stop': found 5; allowed: a time after start, 5",
    ),
    "overlap": (
        {"start": [0, 4, 0, 0, 12]},
        r"row 1, patient 'a', column 'start': found 4; allowed: 5, .* \(row 2\): rows may",
    ),
    "gap": ({"start": [0, 6, 0, 0, 12]}, r"row 1, patient 'a', column 'start': found 6; .* rows may not leave a gap"),
    "twice": ({"start": [0, 0, 0, 0, 12]}, r"patient 'a', column 'start': found 0; .* rows may not overlap"),
    "late": (
        {"start": [1, 5, 0, 0, 12]},
        "row 0, patient 'b', column 'start': found 1; allowed: 0, the start of treatment",
    ),
    "early": (
        {"stop": [20, 12, 5, 7, 15]},
        r"column 'stop': found 7; allowed: at least the patient's os_time, 8.0 \(patients frame, row 2\)",
    ),
    "unknown": (
        {"patient_id": ["b", "a", "a", "z", "a"]},
        "row 3, patient 'z', column 'patient_id': found 'z'; allowed: a patient_id of patients",
    ),
    "without": (
        {"patient_id": ["b", "a", "a", "z", "a"]},
        "patients frame, row 2, patient 'c'.* allowed: a patient with at least one row",
    ),
    "text": (
        {"start": [0, "x", 0, 0, 12]},
        "row 1, patient 'a', column 'start': found 'x'; allowed: a time, 0 or more",
    ),
    "empty": ({"stop": [20, None, 5, 9, 15]}, "column 'stop': .* the cell may not be empty"),
    "name": ({"age": [1, 2, 3, 4, 5]}, "column 'age': found a column that patients frame has too"),
    "endpoint": ({"os_time": [1, 2, 3, 4, 5]}, "column 'os_time': found a column that patients frame has too"),
    "reserved": ({"_time": [1, 2, 3, 4, 5]}, "column '_time': found a reserved name"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    values, message = BAD[name]
    with pytest.raises(DataError, match=message) as caught:
        cohort(ROWS.assign(**values))
    assert {"file", "row", "patient", "column", "found", "allowed"} == set(caught.value.problems.columns)


def test_tables_without_their_columns_are_refused():
    with pytest.raises(DataError, match="column 'stop': found no such column"):
        cohort(ROWS.drop(columns="stop"))
    with pytest.raises(DataError, match="found no covariates; allowed: at least one column besides"):
        cohort(ROWS[["patient_id", "start", "stop"]])


def test_the_first_row_may_start_at_entry():
    patients = PATIENTS.assign(entry=[0.0, 3.0, 0.0])
    late = ROWS.assign(start=[3, 5, 0, 0, 12])
    assert "in 1 the first starts after 0, and its values are also used before it" in repr(cohort(late, patients))
    with pytest.raises(DataError, match=r"allowed: at most the patient's entry, 3.0 \(patients frame, row 1\)"):
        cohort(late.assign(start=[4, 5, 0, 0, 12]), patients)


def test_every_step_takes_the_rows_along():
    read = cohort()
    assert read.select(["c", "a"]).intervals["patient_id"].tolist() == ["c", "a", "a"]
    assert read.include(min_samples=2).intervals["patient_id"].tolist() == ["a", "a"]
    assert read.at_baseline().intervals.equals(read.intervals)
    assert len(read.with_samples(SAMPLES.iloc[:1].assign(time=2.0), "more").intervals) == 4
    with pytest.raises(DataError, match="'tx', which exists already"):
        read.with_covariates(tx=pd.Series(1, index=["a", "b", "c"]))


def test_a_landmark_keeps_what_was_known_and_counts_the_rest():
    read = cohort()
    at = read.landmark(4.0)
    assert at.intervals[["patient_id", "tx"]].to_numpy().tolist() == [["a", "A"], ["b", "A"], ["c", "A"]]
    assert at.intervals["stop"].tolist() == [12.0, 20.0, 9.0]
    assert (
        at.flow()["reason"].tolist()[-1]
        == "rows of intervals after the landmark (1): the last known values are carried forward"
    )
    assert read.landmark(5.0).intervals["tx"].tolist() == [
        "A",
        "B",
        "A",
        "A",
    ]  # what holds from the landmark on is known


def test_an_endpoint_reads_the_rows_before_it():
    patients = PATIENTS.assign(pfs_time=[5.0, 20.0, 8.0], pfs_event=[1, 0, 1])
    read = cohort(patients=patients)
    assert read.endpoint("pfs").intervals["tx"].tolist() == ["A", "A", "A"]
    assert read.endpoint("os").intervals["tx"].tolist() == ["A", "B", "A", "A"]
    assert "rows of intervals from pfs onwards (1) are not used" in read.flow("pfs")["reason"].tolist()
    assert not read.flow("os")["reason"].str.contains("intervals from os").any()


def test_rows_reach_where_an_event_was_seen_at_a_visit():
    patients = PATIENTS.drop(columns=["os_time", "os_event"]).assign(
        pfs_left=[4.0, 20.0, 5.0], pfs_right=[6.0, None, 8.0]
    )
    assert cohort(patients=patients).endpoint("pfs").intervals["tx"].tolist() == ["A", "B", "A", "A"]
    with pytest.raises(DataError, match=r"pfs_time, when the event was seen, or .* \(patients frame, row 2\)"):
        cohort(ROWS.assign(stop=[20, 12, 5, 7, 15]), patients)


def test_new_patients_are_read_under_the_schema():
    whole = cohort()
    one = ROWS.iloc[:1].assign(tx="B", dose="1.50")
    new = Cohort(SAMPLES[2:3], PATIENTS[1:2], intervals=one, like=whole)
    assert new.interval_types == whole.interval_types
    alone = Cohort(SAMPLES[2:3], PATIENTS[1:2], intervals=one)
    assert alone.under({}, {}, whole.interval_types).fingerprint == new.fingerprint
    as_level = alone.under({}, {}, {"dose": type(whole.interval_types["tx"])("factor", ("1.50", "2"))})
    assert as_level.intervals["dose"].tolist() == ["1.50"]  # as it was written
    with pytest.raises(DataError, match="a level of the cohort whose schema is used: 'A', 'B', 'C'"):
        Cohort(SAMPLES[2:3], PATIENTS[1:2], intervals=one.assign(tx="D"), like=whole)


def test_what_is_assumed_after_a_landmark():
    read = cohort()
    known, n_later = assumed_after(read, 4.0)
    assert (known["tx"].tolist(), n_later) == (["A", "A", "A"], 1)
    scenario = pd.DataFrame({"patient_id": ["b"], "start": [6.0], "stop": [9.0], "tx": ["C"], "dose": 1.0, "on": True})
    rows, _ = assumed_after(read, 4.0, scenario)
    assert rows[["patient_id", "start", "tx"]].to_numpy().tolist() == [
        ["a", 0, "A"],
        ["b", 0, "A"],
        ["b", 6, "C"],
        ["c", 0, "A"],
    ]
    for changed, message in (
        (scenario.assign(start=3.0), "allowed: a time at or after the landmark, 4 months"),
        (scenario.assign(patient_id="z"), "found 'z'; allowed: a patient of the cohort"),
        (scenario.assign(tx="D"), "found 'D'; allowed: a level"),
        (scenario.drop(columns="dose"), "column 'dose': found no such column"),
        (scenario.assign(other=1), "column 'other': found a column that is not in the intervals"),
        (pd.concat([scenario, scenario.assign(start=8.0, stop=12.0)]), "rows may not overlap"),
    ):
        with pytest.raises(DataError, match=message):
            assumed_after(read, 4.0, changed)
    assert assumed_after(Cohort(SAMPLES, PATIENTS), 4.0) == (None, 0)
    with pytest.raises(DataError, match="found a scenario for a cohort without intervals"):
        assumed_after(Cohort(SAMPLES, PATIENTS), 4.0, scenario)
    entered = cohort(ROWS.assign(start=[6, 5, 0, 0, 12]), PATIENTS.assign(entry=[0.0, 6.0, 0.0]))
    with pytest.raises(
        DataError, match="patient 'b' has no row of intervals up to the landmark of 4 months: the first"
    ):
        assumed_after(entered, 4.0)


def test_times_of_rows_are_told_in_the_unit_of_the_file(tmp_path):
    rows = ROWS.assign(start=[6, 5, 0, 0, 12])
    days = cohort(rows, PATIENTS.assign(entry=[0.0, 6.0, 0.0]), time_unit="days")
    with pytest.raises(DataError, match=r"patient 'b' .* the first starts at 6 days \(0.1971 months\)"):
        assumed_after(days, 0.1)
    path = tmp_path / "scenario.csv"
    rows.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"a time at or after the landmark, 60.875 days \(2 months\)"):
        scenario_from_csv(path, days, 2.0, time_unit="days")


def test_tables_are_copies():
    read = cohort()
    own = read.intervals
    own.loc[0, "start"] = 99.0
    assert read.intervals["start"].max() == 5.0
    assert np.isfinite(read.intervals["stop"]).all()
