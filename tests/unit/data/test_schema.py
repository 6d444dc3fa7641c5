"""How a column's type is decided, shown, kept, and refused."""

import datetime
import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesctc.data import Cohort, ColumnType
from bayesctc.data.schema import natural_levels
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit

NUMBER, FLAG = ColumnType("number"), ColumnType("flag")


def factor(*levels: str) -> ColumnType:
    return ColumnType("factor", levels)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2, 3, "X"], factor("1", "2", "3", "X")),
        ([1.0, 2.0, None, "X"], factor("1", "2", "X")),
        ([True, 1, 2, 3], factor("1", "2", "3", "True")),
        ([True, False, "unknown", None], factor("False", "True", "unknown")),
        (["TRUE", "false", None, True], FLAG),
        (["10", "2", "1", "x"], factor("1", "2", "10", "x")),
        (["10", "02", "1", "01"], factor("01", "1", "02", "10")),
        (["stage 10", "stage 2", "Stage 1", "stage 2"], factor("Stage 1", "stage 2", "stage 10")),
        ([Decimal("61.5"), Fraction(1, 2), np.float32(0.25), 7], NUMBER),
        ([None, np.nan, pd.NA, "."], NUMBER),
        (["", "NA", "x", "x"], factor("x")),
        ([float("inf"), 1.0, 2.0, None], NUMBER),
        ([pd.Interval(0, 40), pd.Interval(40, 50), None, None], factor("(0, 40]", "(40, 50]")),
    ],
)
def test_the_cells_decide(samples, patients, cells, expected):
    cohort = Cohort(samples, patients.assign(x=pd.Series(cells, dtype=object)))
    assert cohort.covariate_types["x"] == expected
    missing = [cell is None or cell is pd.NA or cell in ("", "NA", ".") or cell != cell for cell in cells]
    assert cohort.patients["x"].isna().tolist() == missing


def test_levels_cut_from_numbers_are_a_factor(samples, patients):
    cohort = Cohort(samples, patients.assign(x=pd.cut(patients["age"], [40, 50, 60, 80])))
    assert cohort.covariate_types["x"] == ColumnType("factor", ("(40, 50]", "(50, 60]", "(60, 80]"), ordered=True)


@given(st.lists(st.text(st.sampled_from("0123456789.aB "), max_size=4), unique=True))
def test_natural_order_is_one_order_and_numbers_go_by_value(levels):
    found = natural_levels(levels)
    assert natural_levels(reversed(levels)) == found
    assert sorted(found) == sorted(levels)
    whole = [int(level) for level in found if level.isdigit()]
    assert whole == sorted(whole)


@pytest.mark.parametrize("column", [NUMBER, FLAG, factor("b", "a", ""), ColumnType("factor", ("x",), True)])
def test_types_go_through_json(column):
    assert ColumnType.from_json(json.loads(json.dumps(column.to_json()))) == column


@pytest.mark.parametrize(
    "fields",
    [
        ("text",),
        ("number", ("a",)),
        ("flag", ("no", "yes")),
        ("factor", ("a", "a")),
        ("factor", (1, 2)),
        ("factor", "ab"),
    ],
)
def test_types_that_cannot_be(fields):
    with pytest.raises(DataError, match="ColumnType: found"):
        ColumnType(*fields)


def test_the_cohort_shows_its_schema(samples, patients):
    patients["bone"] = pd.array([True, None, False, True], dtype="boolean")
    cohort = Cohort(samples.assign(lab=["x", None, *"yxxxyy"]), patients)
    table = cohort.schema
    assert table.columns.tolist() == ["table", "column", "kind", "levels", "missing"]
    assert table.to_numpy().tolist() == [
        ["patients", "arm", "factor", ("A", "B"), 0],
        ["patients", "age", "number", (), 0],
        ["patients", "bone", "flag", ("False", "True"), 1],
        ["samples", "lab", "factor", ("x", "y"), 1],
    ]
    assert "arm: factor of A (reference), B; age: number; bone: flag" in repr(cohort)
    assert cohort.patients.dtypes["age"] == np.float64
    assert cohort.patients.dtypes["bone"].categories.tolist() == ["False", "True"]
    assert cohort.patients.dtypes["arm"].categories.dtype == "str"


def test_nothing_decides_again(cohort):
    for other in (
        cohort.select(["P1", "P10"]),
        cohort.include(min_samples=3),
        cohort.landmark(3.0),
        cohort.at_baseline(),
    ):
        assert other.covariate_types == cohort.covariate_types
        assert other.patients["arm"].cat.categories.tolist() == ["A", "B"]


@pytest.mark.parametrize(
    "cells",
    [
        pd.date_range("2020-01-01", periods=4),
        [datetime.date(2020, 1, 1), None, None, None],
        pd.to_timedelta([1, 2, 3, 4], unit="D"),
        [1 + 2j, 2.0, 3.0, 4.0],
        pd.period_range("2020-01", periods=4, freq="M"),
        [[1], [2], [3], [4]],
        [{"a": 1}, "x", "y", "z"],
        [1, 2, (3,), 4],
        pd.Categorical(pd.date_range("2020-01-01", periods=4)),
    ],
)
def test_what_is_no_covariate_is_refused_once(samples, patients, cells):
    with pytest.raises(
        DataError, match=r"patients frame, row \d, patient 'P\d+', column 'x': found .* \(\w+, in"
    ) as found:
        Cohort(samples, patients.assign(x=pd.Series(cells)))
    assert len(found.value.problems) == 1


@pytest.mark.parametrize("name", ["Intercept", "_time", "_event", "_entry"])
def test_reserved_names(samples, patients, name, read_text):
    with pytest.raises(DataError, match=f"patients frame, column '{name}': found a reserved name"):
        Cohort(samples, patients.assign(**{name: 1}))
    with pytest.raises(DataError, match=rf"samples\.csv, column '{name}': found a reserved name"):
        read_text(samples.assign(**{name: 1}).to_csv(index=False))


def test_names_that_are_one_as_text_or_none(samples, patients):
    both = pd.concat([patients, pd.DataFrame({7: [1] * 4, "7": [2] * 4})], axis=1)
    with pytest.raises(DataError, match="column '7': found 2 columns of this name"):
        Cohort(samples, both)
    with pytest.raises(DataError, match="patients frame: found column 8 without a name"):
        Cohort(samples, patients.assign(**{" ": 1}))


def test_added_covariates_and_samples_have_types(samples, patients):
    samples["lab"] = list("xyxyxyxy")
    cohort = Cohort(samples, patients)
    values = pd.Series([True, None, False, True], index=cohort.patients.index, dtype=object)
    more = cohort.with_covariates(bone=values, site=values.map({True: "10", False: "2"}).fillna("z"))
    assert more.covariate_types == {**cohort.covariate_types, "bone": FLAG, "site": factor("2", "10", "z")}
    with pytest.raises(DataError, match="with_covariates, row 0, patient 'P1', column 'day'"):
        cohort.with_covariates(day=pd.Series(pd.date_range("2020-01-01", periods=4), index=values.index))
    new = pd.DataFrame({"patient_id": ["P1"], "time": [4.0], "ctc": [1.0], "volume_ml": [7.5], "imputed": ["yes"]})
    added = cohort.with_samples(new, "imputation")
    assert added.sample_types == {"lab": factor("x", "y"), "imputed": factor("yes")}
    assert added.samples["lab"].cat.categories.tolist() == ["x", "y"]
    assert added.samples.loc[added.samples["imputed"] == "yes", "time"].tolist() == [4.0]
    assert added.samples["lab"].isna().sum() == 1
    with pytest.raises(
        DataError, match=r"with_samples, row 8, patient 'P1', column 'lab': found 'z'; allowed: .* 'x', 'y'"
    ):
        cohort.with_samples(new.assign(lab="z"), "imputation")


def test_events_are_true_and_false_in_a_file_as_in_a_frame(samples, patients, read_text):
    typed = patients.assign(os_event=patients["os_event"] == 1)
    one, other = Cohort(samples, typed), read_text(None, typed.to_csv(index=False))
    assert one.fingerprint == other.fingerprint == Cohort(samples, patients).fingerprint
