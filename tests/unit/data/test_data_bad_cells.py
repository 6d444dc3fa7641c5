"""Each thing that can be wrong with a cell is refused, with file, row, patient, column, found and allowed."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.data import Cohort
from bayesctc.data.problems import FIELDS
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit

COUNT = "a whole number, 0 or more: cells counted, with the volume of blood in volume_ml"
EMPTY = "may not be empty"

# table, row (position), column, cell, what the message says is allowed
BAD_CELLS = [
    pytest.param("samples", 1, "ctc", "-1", COUNT, id="negative count"),
    pytest.param("samples", 1, "ctc", "1.5", COUNT, id="fractional count"),
    pytest.param("samples", 1, "ctc", ">1000", COUNT, id="count above a limit"),
    pytest.param("samples", 1, "ctc", "<1", COUNT, id="count below a limit"),
    pytest.param("samples", 1, "ctc", "ND", COUNT, id="text count"),
    pytest.param("samples", 1, "ctc", "inf", COUNT, id="infinite count"),
    pytest.param("samples", 1, "ctc", "1,0", "a decimal point, not a comma", id="decimal comma in a count"),
    pytest.param("samples", 1, "ctc", "", EMPTY, id="empty count"),
    pytest.param("samples", 1, "ctc", "NA", EMPTY, id="count NA"),
    pytest.param("samples", 1, "time", "1,5", "a decimal point, not a comma", id="decimal comma in a time"),
    pytest.param("samples", 1, "time", "day 30", "a number", id="text time"),
    pytest.param("samples", 1, "time", "", EMPTY, id="empty time"),
    pytest.param("samples", 1, "time", "-0.5", "one sample of a patient at a time", id="duplicate sample"),
    pytest.param("samples", 1, "time", "20.1", "at most the patient's os_time, 20.0 (", id="sample after death"),
    pytest.param("samples", 4, "time", "9.6", "at most the patient's os_time, 9.5 (", id="sample after last contact"),
    pytest.param("samples", 0, "time", "-1.5", "at most 28 days before time 0", id="sample before the window"),
    pytest.param("samples", 1, "patient_id", "P9", "a patient_id of patients", id="sample without a patient"),
    pytest.param("samples", 1, "patient_id", "", EMPTY, id="sample without an identifier"),
    pytest.param("samples", 1, "volume_ml", "0", "millilitres, above 0", id="no volume"),
    pytest.param("samples", 1, "volume_ml", "", EMPTY, id="empty volume"),
    pytest.param("patients", 1, "patient_id", "P1", "one row per patient", id="duplicate patient"),
    pytest.param("patients", 3, "patient_id", "", EMPTY, id="patient without an identifier"),
    pytest.param("patients", 1, "os_event", "2", "0 (censored) or 1 (event)", id="event 2"),
    pytest.param("patients", 1, "os_event", "dead", "0 (censored) or 1 (event)", id="text event"),
    pytest.param("patients", 1, "os_event", "", EMPTY, id="empty event"),
    pytest.param("patients", 3, "os_time", "0", "a time above 0", id="time not positive"),
    pytest.param("patients", 3, "pfs_time", "", EMPTY, id="empty endpoint time"),
    pytest.param(
        "patients", 0, "pfs_time", "21", "at most the patient's os_time, 20.0 (", id="progression after death"
    ),
    pytest.param("patients", 0, "entry", "2.5", "before the patient's pfs_time, 2.0 (", id="entry after time"),
    pytest.param("patients", 0, "entry", "2.0", "or equal to it if censored", id="entry at the event"),
    pytest.param("patients", 0, "entry", "-1", "a time, 0 or more", id="entry before day 0"),
    pytest.param("patients", 0, "entry", "", EMPTY, id="empty entry"),
    pytest.param(
        "patients", 1, "followup_end", "8.5", "at most the patient's followup_end", id="sample after follow-up"
    ),
]


def spoiled(samples, patients, table, row, column, cell) -> dict[str, pd.DataFrame]:
    """The valid tables as text, one cell of them replaced; optional columns are made where needed."""
    tables = {"samples": samples.assign(volume_ml=7.5), "patients": patients.assign(entry=0.5, followup_end=30.0)}
    tables = {name: frame.astype(str) for name, frame in tables.items()}
    tables[table].iloc[row, tables[table].columns.get_loc(column)] = cell
    return tables


@pytest.mark.parametrize("source", ["csv", "frame"])
@pytest.mark.parametrize(("table", "row", "column", "cell", "allowed"), BAD_CELLS)
def test_bad_cell_is_pointed_at(samples, patients, read_text, source, table, row, column, cell, allowed):
    tables = spoiled(samples, patients, table, row, column, cell)
    if source == "csv":
        read, given = read_text, [tables[name].to_csv(index=False) for name in ("samples", "patients")]
    else:
        read, given = Cohort, [tables["samples"], tables["patients"]]
    with pytest.raises(DataError) as caught:
        read(*given)
    if column == "followup_end":  # the sample is at fault
        table, row, column, cell = "samples", 5, "time", "9.0"
    problems = caught.value.problems
    assert list(problems.columns) == FIELDS
    file = f"{table}.csv" if source == "csv" else f"{table} frame"
    line = row + 2 if source == "csv" else row
    at = problems[(problems["file"] == file) & (problems["row"] == line) & (problems["column"] == column)]
    assert len(at) == 1
    problem = at.iloc[0]
    assert problem["patient"] == tables[table]["patient_id"].iloc[row]
    assert repr(cell) in problem["found"]
    assert allowed in problem["allowed"]
    message = str(caught.value)
    patient = repr(problem["patient"])
    expected = f"{file}, row {line}, patient {patient}, column '{column}': found {problem['found']}; allowed: "
    assert expected + problem["allowed"] in message


@pytest.mark.parametrize("cell", [-1, 1.5, np.nan, np.inf, None, True, pd.Timestamp("2020-01-01")])
def test_bad_count_in_a_typed_frame(samples, patients, cell):
    samples["ctc"] = samples["ctc"].astype(object)
    samples.loc[2, "ctc"] = cell
    with pytest.raises(DataError, match=r"samples frame, row 2, patient 'P1', column 'ctc'"):
        Cohort(samples, patients)


def test_boolean_events_and_whole_floats_are_accepted(samples, patients, cohort):
    patients["os_event"] = patients["os_event"].astype(bool)
    samples["ctc"] = samples["ctc"].astype(float)
    assert Cohort(samples, patients).fingerprint == cohort.fingerprint


def test_duplicates_name_the_first(samples, patients):
    samples.loc[1, "time"] = -0.5
    with pytest.raises(DataError, match=r"found -0\.5 again \(first in row 0\)"):
        Cohort(samples, patients)


def test_window_is_settable(samples, patients):
    samples.loc[0, "time"] = -1.5
    assert Cohort(samples, patients, baseline_window=60).samples["time"].min() == -1.5
    with pytest.raises(DataError, match="at most 3 days before time 0"):
        Cohort(samples, patients, baseline_window=3)


def test_all_problems_at_once_alike_ones_in_one_line(samples, patients):
    samples = pd.concat([samples.assign(time=samples["time"] + 0.01 * i) for i in range(4)])
    samples["ctc"] = ["x"] * 30 + [1, 2]
    patients["pfs_event"] = 7
    with pytest.raises(DataError, match="samples frame, 30 rows, column 'ctc'") as caught:
        Cohort(samples, patients)
    problems = caught.value.problems
    assert str(caught.value).startswith(f"{len(problems)} problems")
    assert len(problems) >= 34
    assert str(caught.value).count("\n") == 2
    assert set(problems["file"]) == {"samples frame", "patients frame"}


def test_found_text_is_quoted_and_shortened(samples, patients):
    samples["ctc"] = samples["ctc"].astype(object)
    samples.loc[0, "ctc"] = "first\nsecond" + "x" * 500
    with pytest.raises(DataError) as caught:
        Cohort(samples, patients)
    message = str(caught.value)
    assert "first\\nsecond" in message
    assert len(message) < 300
    assert "…" in message


def test_missing_covariates_are_no_problem(samples, patients, read_text):
    patients.loc[1, "age"] = np.nan
    patients.loc[2, "arm"] = None
    for cohort in (Cohort(samples, patients), read_text(None, patients.to_csv(index=False, na_rep="NA"))):
        assert cohort.patients["age"].isna().tolist() == [False, True, False, False]
        assert cohort.patients["arm"].isna().tolist() == [False, False, True, False]


def test_covariate_with_decimal_commas_is_refused(patients, read_text):
    text = patients.astype(str).replace({"61.5": "61,5"}).to_csv(index=False)
    with pytest.raises(DataError, match=r"patients\.csv, row 2, patient 'P1', column 'age': found '61,5'"):
        read_text(None, text)


def test_censored_at_entry_is_let_through(samples, patients):
    patients["entry"] = [0.0, 0.0, 0.0, 4.0]
    cohort = Cohort(samples, patients)
    data = cohort.endpoint("os")
    assert "P11" in data.patient_ids
    assert data.entry.tolist() == [0.0, 0.0, 0.0, 4.0]


def test_censoring_after_os_time_is_no_event_and_passes(samples, patients):
    patients.loc[1, "pfs_time"] = 12.0
    assert Cohort(samples, patients).n_patients == 4


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
def test_text_that_no_file_can_hold(samples, patients, text):
    """Half a character, or NUL: a fit of such a cohort could not be written."""
    with pytest.raises(DataError, match=r"row 1, patient .*, column 'arm'"):
        Cohort(samples, patients.assign(arm=pd.Series(["A", text, "B", "B"], dtype=object)))
    ids = pd.Series(["P1", "P2", "P10", text], dtype=object)
    with pytest.raises(DataError, match=r"row 3, patient .*, column 'patient_id': found .* valid characters"):
        Cohort(samples, patients.assign(patient_id=ids))
    with pytest.raises(DataError, match="found a column named"):
        Cohort(samples, patients.set_axis(pd.Index([*patients.columns[:-1], text], dtype=object), axis=1))
