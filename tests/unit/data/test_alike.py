"""The same table, however it is written down, makes the same cohort: file or frame, any type, any order."""

from decimal import Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesctc.data import Cohort, ColumnType, read_cohort

pytestmark = pytest.mark.unit

IDS = ["P1", "P2", "P3", "P10", "P11"]
N = len(IDS)
MANY = settings(max_examples=15, deadline=None)


def base() -> pd.DataFrame:
    return pd.DataFrame({"patient_id": IDS, "os_time": [9.0, 8.5, 7.0, 6.25, 5.0], "os_event": [1, 0, 1, 0, 1]})


def names(n):
    return ["x", *(f"x{k}" for k in range(1, n))]


def cohort_of(*columns, extra=None) -> Cohort:
    """A cohort whose patients have the columns as covariates x, x1, ..., and whose samples have them too."""
    named = dict(zip(names(len(columns)), columns, strict=True))
    samples = pd.DataFrame({"patient_id": IDS, "time": 0.0, "ctc": range(N)}).assign(**named)
    return Cohort(samples, base().assign(**named, **(extra or {})))


def file_of(cells: list[str | None], copies: int = 1) -> Cohort:
    """The same from two files, the column as often as is asked."""
    header = ",".join(names(copies))
    lines = [",".join([f'"{cell}"' if cell is not None else ""] * copies) for cell in cells]
    patients = base().to_csv(index=False).splitlines()
    with TemporaryDirectory() as folder:
        one, two = Path(folder) / "samples.csv", Path(folder) / "patients.csv"
        rows = zip(IDS, lines, strict=True)
        one.write_text(
            f"patient_id,time,ctc,{header}\n" + "".join(f"{i},0.0,{k},{x}\n" for k, (i, x) in enumerate(rows))
        )
        two.write_text("\n".join(f"{row},{x}" for row, x in zip(patients, [header, *lines], strict=True)) + "\n")
        return read_cohort(one, two)


def same(left: Cohort, right: Cohort) -> None:
    pd.testing.assert_frame_equal(left.samples, right.samples, check_exact=True)
    pd.testing.assert_frame_equal(left.patients, right.patients, check_exact=True)
    assert left.covariate_types == right.covariate_types
    assert left.sample_types == right.sample_types
    assert left.fingerprint == right.fingerprint


def arrow(column, kind=None) -> pd.Series:
    return pd.Series(pd.array(column, dtype=pd.ArrowDtype(kind))) if kind else pd.Series(column)


def optional(values):
    return st.lists(st.none() | values, min_size=N, max_size=N).filter(lambda cells: any(c is not None for c in cells))


@MANY
@given(cells=optional(st.integers(-(2**53), 2**53)), numpy=st.sampled_from([np.int64, np.float64, int]))
def test_whole_numbers(cells, numpy):
    text = [None if c is None else str(c) for c in cells]
    forms = [
        pd.Series([None if c is None else numpy(c) for c in cells], dtype=object),
        pd.Series([None if c is None else Decimal(c) for c in cells], dtype=object),
        pd.Series([None if c is None else Fraction(c) for c in cells], dtype=object),
        pd.Series([None if c is None else f" {c} " for c in cells], dtype="str"),
        pd.Series([None if c is None else f"{c}.0" for c in cells], dtype=object),
        pd.Series(cells, dtype="Float64"),
        pd.Series(cells, dtype="Int64"),
        arrow(cells, pa.int64()),
        arrow([None if c is None else Decimal(c) for c in cells], pa.decimal128(20, 2)),
        arrow([None if c is None else str(c) for c in cells], pa.string()),
        pd.Series(np.array(cells, dtype=float)),
    ]
    if None not in cells:
        forms.append(pd.Series(cells, dtype="int64"))
    expected = file_of(text, len(forms))
    assert expected.covariate_types == dict.fromkeys(names(len(forms)), ColumnType("number"))
    np.testing.assert_array_equal(expected.patients["x"], np.array(cells, dtype=float))
    same(cohort_of(*forms), expected)


@MANY
@given(cells=optional(st.floats(allow_nan=False, allow_infinity=False)))
def test_doubles(cells):
    """To the last bit, and none is minus 0."""
    text = [None if c is None else repr(c) for c in cells]
    forms = (
        np.array(cells, dtype=float),
        pd.Series(cells, dtype=object),
        pd.Series(cells, dtype="Float64"),
        arrow(cells, pa.float64()),
        pd.Series([None if c is None else np.float64(c) for c in cells], dtype=object),
        pd.Series([None if c is None else repr(c) for c in cells], dtype=object),
        pd.Series([None if c is None else Decimal(repr(c)) for c in cells], dtype=object),
    )
    expected = file_of(text, len(forms))
    np.testing.assert_array_equal(expected.patients["x"], np.array(cells, dtype=float))
    assert not np.signbit(expected.patients["x"][expected.patients["x"] == 0]).any()
    same(cohort_of(*forms), expected)


@MANY
@given(cells=optional(st.floats(width=32, min_value=-(2**24), max_value=2**24)))
def test_single_precision_is_read_as_it_is_written(cells):
    column = pd.Series(np.array(cells, dtype=np.float32))
    written = pd.read_csv(StringIO(column.to_frame().to_csv(index=False, na_rep="NA")), dtype=str)["0"]
    same(cohort_of(column), file_of([None if pd.isna(c) else c for c in written]))


@MANY
@given(cells=optional(st.booleans()), words=st.sampled_from([("True", "False"), ("TRUE", "FALSE"), ("true", "false")]))
def test_flags(cells, words):
    text = [None if c is None else words[0 if c else 1] for c in cells]
    forms = [
        pd.Series(cells, dtype=object),
        pd.Series(cells, dtype="boolean"),
        arrow(cells, pa.bool_()),
        pd.Series(text, dtype="str"),
        pd.Series([None if c is None else np.bool_(c) for c in cells], dtype=object),
    ]
    if None not in cells:
        forms.append(pd.Series(cells, dtype=bool))
    expected = file_of(text, len(forms))
    assert expected.covariate_types == dict.fromkeys(names(len(forms)), ColumnType("flag"))
    assert list(expected.patients["x"].cat.categories) == ["False", "True"]
    same(cohort_of(*forms), expected)


WORDS = st.sampled_from(["A", "B", "a b", "X", "unknown", "é", "1", "2", "10", "01", "2.5", "1e3", "-3", "0", "True"])


@MANY
@given(cells=optional(WORDS))
def test_text(cells):
    """Whatever it turns out to be, file and frame agree, and no cell changes."""
    forms = (
        pd.Series(cells, dtype=object),
        pd.Series(cells, dtype="str"),
        pd.Series(cells, dtype="string"),
        arrow(cells, pa.string()),
        arrow(cells, pa.large_string()),
        pd.Series([None if c is None else c.encode() for c in cells], dtype=object),
        pd.Series([c if c is None or not c.isdigit() or c[0] == "0" else int(c) for c in cells], dtype=object),
    )
    expected = file_of(cells, len(forms))
    kind = expected.covariate_types["x"].kind
    if kind != "number":
        found = expected.patients["x"].astype(object).where(expected.patients["x"].notna(), None)
        assert found.tolist() == cells
    same(cohort_of(*forms), expected)


@MANY
@given(cells=optional(WORDS), order=st.permutations(range(N)), columns=st.permutations(range(5)), index=st.booleans())
def test_order_of_rows_and_columns_and_the_index(cells, order, columns, index):
    one = cohort_of(pd.Series(cells, dtype=object), extra={"z": [3, 1, None, 2, 5]})
    samples = one.samples.iloc[order].sample(frac=1, axis=1, random_state=1)
    samples.index = pd.Index([*"abcde"])
    patients = one.patients.reset_index().iloc[order, columns]
    other = Cohort(samples, patients.set_index("patient_id") if index else patients)
    same_columns = other.patients[one.patients.columns]
    pd.testing.assert_frame_equal(same_columns, one.patients)
    pd.testing.assert_frame_equal(other.samples[one.samples.columns], one.samples)
    assert other.covariate_types == one.covariate_types
    assert other.fingerprint == one.fingerprint


@MANY
@given(
    cells=optional(st.sampled_from(["low", "mid", "high", "1", "2"])),
    levels=st.permutations(["low", "mid", "high", "1", "2"]),
    ordered=st.booleans(),
)
def test_a_categorical_keeps_its_order(cells, levels, ordered):
    column = pd.Series(pd.Categorical(cells, categories=levels, ordered=ordered))
    cohort = cohort_of(column)
    assert cohort.covariate_types == {"x": ColumnType("factor", tuple(levels), ordered)}
    same(Cohort(cohort.samples, cohort.patients), cohort)
    same(Cohort(pa.Table.from_pandas(cohort.samples), pa.Table.from_pandas(cohort.patients)), cohort)
    assert cohort.select(IDS[:2]).covariate_types == cohort.covariate_types


def test_reference_level_counts_in_the_fingerprint():
    arms = ["placebo", "drug", "drug", "placebo", None]
    one, other = (
        cohort_of(pd.Series(pd.Categorical(arms, categories=levels)))
        for levels in (["placebo", "drug"], ["drug", "placebo"])
    )
    assert one.fingerprint != other.fingerprint
    assert cohort_of(pd.Series(arms)).fingerprint == other.fingerprint  # natural order
    more = cohort_of(pd.Series(pd.Categorical(arms, categories=["nobody", "placebo", "drug"])))
    assert more.fingerprint == one.fingerprint
