"""Files and tables that are not what they should be as a whole."""

import pathlib
import re

import pandas as pd
import pytest

from bayesctc.data import Cohort, read_cohort
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit

HEADER = "patient_id,time,ctc\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"", r"samples\.csv: found an empty file", id="empty"),
        pytest.param(b"\n\n", r"samples\.csv: found an empty file", id="blank lines only"),
        pytest.param(HEADER.encode("utf-16"), "not UTF-8", id="utf-16"),
        pytest.param("patient_id,time,ctc,né\n".encode("latin-1"), "not UTF-8", id="latin-1"),
        pytest.param(b"patient_id;time;ctc\nP1;0;1\n", r"row 1: found a header separated by ';'", id="semicolons"),
        pytest.param(b"patient_id\ttime\tctc\nP1\t0\t1\n", r"separated by '\\t'", id="tabs"),
        pytest.param(b"patient_id,time,ctc\nP1,0\n", r"row 2: found 2 cells; allowed: 3 cells", id="short row"),
        pytest.param(b"patient_id,time,ctc\nP1,0,1\nP1,1,1,5\n", r"row 3: found 4 cells", id="long row"),
        pytest.param(b'patient_id,time,ctc\nP1,0,"1\n', r"a line that is not CSV", id="open quote"),
        pytest.param(b",patient_id,time,ctc\n0,P1,0,1\n", "column 1 without a name", id="row names"),
        pytest.param(b"patient_id,time,ctc,ctc\nP1,0,1,1\n", "2 columns of this name", id="twice the same column"),
        pytest.param(b"patient_id,time\nP1,0\n", r"column 'ctc': found no such column", id="missing column"),
    ],
)
def test_bad_samples_file(read_text, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_text(text)
    assert set(caught.value.problems["file"]) == {"samples.csv"}


def test_files_that_are_not_there_are_both_named(tmp_path):
    with pytest.raises(DataError, match=r"no_samples\.csv: found No such file") as caught:
        read_cohort(tmp_path / "no_samples.csv", tmp_path / "no_patients.csv")
    assert len(caught.value.problems) == 2


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match="a CSV file that can be read"):
        read_cohort(tmp_path, tmp_path)


def test_zero_patients(read_text):
    with pytest.raises(DataError, match=r"patients\.csv: found no rows; allowed: at least one patient"):
        read_text(HEADER, "patient_id,os_time,os_event\n")


@pytest.mark.parametrize(("dropped", "left"), [("os_event", "os_time"), ("pfs_time", "pfs_event")])
def test_half_an_endpoint(samples, patients, dropped, left):
    with pytest.raises(
        DataError, match=f"column '{dropped}': found no such column; allowed: {dropped} as well as {left}"
    ):
        Cohort(samples, patients.drop(columns=dropped))


def test_missing_columns_of_both_frames_are_reported_together(samples, patients):
    with pytest.raises(DataError, match="samples frame") as caught:
        Cohort(samples.drop(columns=["time", "ctc"]), patients.drop(columns="patient_id"))
    assert caught.value.problems["column"].tolist() == ["time", "ctc", "patient_id"]


def test_line_numbers_count_blank_and_quoted_lines(read_text):
    text = 'patient_id,time,ctc,note\n\nP1,0,1,"two\nlines"\nP1,1,x,\n'
    with pytest.raises(DataError, match=r"samples\.csv, row 5, patient 'P1', column 'ctc': found 'x'"):
        read_text(text)


def test_byte_order_mark_and_windows_lines_are_read(read_text, samples, cohort):
    text = samples.to_csv(index=False, lineterminator="\r\n")
    assert read_text(b"\xef\xbb\xbf" + text.encode()).fingerprint == cohort.fingerprint


@pytest.mark.parametrize("wrong", [None, [1, 2], {"patient_id": [1]}])
def test_not_a_frame(wrong, patients):
    with pytest.raises(DataError, match="allowed: a pandas DataFrame"):
        Cohort(wrong, patients)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_unit": "fortnights"}, "time_unit: found 'fortnights'; allowed: days, weeks, months, years"),
        ({"baseline_window": -1}, "baseline_window: found -1"),
        ({"baseline_window": float("nan")}, "baseline_window: found nan"),
        ({"columns": {"count": "ctc"}}, "columns: found 'count'; allowed: patient_id, time"),
        ({"columns": {"ctc": "n", "time": "n"}}, "'n' is given for more than one column"),
        ({"columns": {"ctc": "cells"}}, r"column 'cells': found no such column \(given for ctc\)"),
        ({"columns": {"ctc": "time"}}, "a column 'ctc' as well as 'time'"),
    ],
)
def test_bad_arguments(samples, patients, options, message):
    with pytest.raises(DataError, match=message):
        Cohort(samples, patients, **options)


def test_frame_columns_that_are_not_text(samples, patients):
    cohort = Cohort(samples.assign(**{"7": 1}).rename(columns={"7": 7}), patients)
    assert "7" in cohort.samples
    assert isinstance(cohort.samples, pd.DataFrame)


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8"), ("\t", "utf-8"), (";", "cp1252"), (";", "utf-16")])
def test_the_advised_lines_convert_a_file(tmp_path, monkeypatch, delimiter, encoding):
    """Run as they stand, they leave the original and the codes in it, and give a file that is read."""
    monkeypatch.chdir(tmp_path)
    rows = [
        ("patient_id", "time", "ctc", "site", "note"),
        ("é", "0,5", "3", "01", "1,2,3"),
        ("é", ",75", "8", "02", "NA"),
    ]
    name = "samples.csv"
    pathlib.Path(name).write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding=encoding)
    original = pathlib.Path(name).read_bytes()
    pathlib.Path("patients.csv").write_text("patient_id,os_time,os_event\né,9,1\n", encoding="utf-8")
    for _ in range(1 + (encoding != "utf-8")):
        with pytest.raises(DataError) as caught:
            read_cohort(name, "patients.csv")
        (line,) = re.findall(r"(?:pd|pathlib)\..*", caught.value.problems["allowed"].iloc[0])
        exec(line, {"pd": pd, "pathlib": pathlib})
        name = re.findall(r"\w+_(?:commas|utf8)\.csv", line)[-1 if line.startswith("pd") else 0]
    assert pathlib.Path("samples.csv").read_bytes() == original
    read = read_cohort(name, "patients.csv").samples
    assert read["time"].tolist() == [0.5, 0.75]
    assert read["site"].tolist() == ["01", "02"]
    assert read["note"].iloc[0] == "1,2,3"
    assert read["patient_id"].tolist() == ["é", "é"]
