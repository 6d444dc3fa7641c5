"""CSV of which a spreadsheet runs nothing, and in which numbers are as they were."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesctc.data.csv_cells import csv_bytes

pytestmark = pytest.mark.unit

STARTS = st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", " =", "\t@", "＝", "1", "a", ""])
TEXT = st.builds(
    lambda start, rest: start + rest, STARTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)


def cells_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))


def would_run(cell: str) -> bool:
    """What OWASP says of CSV injection; numbers do not run."""
    try:
        if np.isfinite(float(cell)) and "_" not in cell:
            return False
    except ValueError:
        pass
    return cell.startswith(("\t", "\r", "\n")) or cell.lstrip().startswith(tuple("=+-@＝＋－＠"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), TEXT, TEXT)
def test_no_cell_runs_and_none_is_lost(rows, name, index_name):
    frame = pd.DataFrame([b for _, b in rows], dtype=object)
    frame.columns = pd.Index([name], dtype=object)
    frame.index = pd.Index([a for a, _ in rows], dtype=object, name=index_name)
    found = cells_of(csv_bytes(frame))
    wanted = [[index_name, name], *([a, b] for a, b in rows)]
    for own, given_ in zip(found, wanted, strict=True):
        for cell, text in zip(own, given_, strict=True):
            assert cell in (text, f"'{text}")
            assert not would_run(cell)


@pytest.mark.parametrize("text", ["-1.5", "+2", "-.5e-3", "3.", "1e5"])
def test_text_that_is_a_number_stays(text):
    assert cells_of(csv_bytes(pd.DataFrame({"x": [text]}), index=False))[1] == [text]


@pytest.mark.parametrize("text", ["=1+1", "-1_0", "-inf", "+", "@SUM(A1)", "\t=1", " =1", "-1-1", "＝1"])
def test_text_that_would_run_gets_an_apostrophe(text):
    frame = pd.DataFrame({"x": pd.Series([text], dtype=object)})
    for changed in (frame, frame.astype("str"), frame.astype("category")):
        assert cells_of(csv_bytes(changed, index=False))[1] == [f"'{text}"]


def test_tables_without_text_are_as_pandas_writes_them():
    frame = pd.DataFrame(
        {
            "x": [-1.5, np.nan, 0.1 + 0.2],
            "n": [-1, 2, 3],
            "flag": [True, False, True],
            "text": ["a", None, "b,c"],
            "when": pd.to_datetime(["2020-01-01", None, "2021-05-06"]),
            "level": pd.Categorical([1, 2, None]),
        }
    )
    for index in (True, False):
        assert csv_bytes(frame, index=index) == frame.to_csv(index=index, lineterminator="\n").encode()


def test_an_index_of_several_levels():
    index = pd.MultiIndex.from_tuples([("=a", 1), ("b", -2)], names=["@x", "n"])
    found = cells_of(csv_bytes(pd.DataFrame({"y": [1.0, 2.0]}, index=index)))
    assert found == [["'@x", "n", "y"], ["'=a", "1", "1.0"], ["b", "-2", "2.0"]]
    assert cells_of(csv_bytes(pd.DataFrame({"y": []}, index=index[:0]))) == [["'@x", "n", "y"]]
