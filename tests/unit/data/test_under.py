"""New patients are read under a schema: from a file, from a frame, or converted afterwards, all the same."""

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesctc.data import Cohort, ColumnType, read_cohort
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit

SAMPLES = pd.DataFrame({"patient_id": ["N1", "N2"], "time": [0.0, 0.0], "ctc": [1, 2]})
KNOWN = [
    ["1", "2", "3", "X"],
    ["01", "02", "10", "10"],
    ["True", "False", "unknown", None],
    ["1.50", "2.5", "x", "1.5"],
    ["1e3", "+4", "x", ".5"],
    ["9007199254740993", "9007199254740992", "x", None],
]


def cohort_of(cells, samples=SAMPLES, **options) -> Cohort:
    ids = [f"N{k}" for k in range(1, len(cells) + 1)]
    frame = pd.DataFrame({"patient_id": ids, "stage": pd.Series(cells)})
    known = samples[samples["patient_id"].isin(ids)]
    return Cohort(known.assign(lab=known["patient_id"].map(dict(zip(ids, cells, strict=True)))), frame, **options)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_one_patient_alone_has_the_levels_she_had(data):
    """Whatever part of the fit's patients a new file has, its cells are the fit's."""
    cells = data.draw(st.sampled_from(KNOWN))
    whole = cohort_of(cells, pd.DataFrame({"patient_id": ["N1", "N2", "N3", "N4"], "time": 0.0, "ctc": 1}))
    part = data.draw(st.lists(st.sampled_from(range(4)), min_size=1, max_size=3, unique=True))
    ids = [f"N{k + 1}" for k in part]
    expected = whole.select(ids)
    frame = pd.DataFrame({"patient_id": ids, "stage": [cells[k] for k in part]})
    samples = pd.DataFrame({"patient_id": ids, "time": 0.0, "ctc": 1, "lab": frame["stage"]})
    alone = Cohort(samples, frame)
    forms = [
        alone.under(whole.covariate_types, whole.sample_types),
        Cohort(samples, frame, like=whole),
        Cohort(samples, frame, like={**whole.sample_types, **whole.covariate_types}),
        Cohort(pa.Table.from_pandas(samples), pa.Table.from_pandas(frame), like=whole),
        alone.select(ids[::-1]).under(whole.covariate_types, whole.sample_types).select(ids),
    ]
    for form in forms:
        pd.testing.assert_frame_equal(form.patients.loc[ids], expected.patients)
        pd.testing.assert_frame_equal(form.select(ids).samples, expected.samples)
        assert form.covariate_types == whole.covariate_types
        assert form.select(ids).fingerprint == expected.fingerprint
        again = form.under(whole.covariate_types, whole.sample_types)
        pd.testing.assert_frame_equal(again.patients, form.patients)


def test_files(tmp_path):
    whole = cohort_of(["1", "2", "3", "X"])
    SAMPLES.assign(lab="").to_csv(tmp_path / "s.csv", index=False)
    (tmp_path / "p.csv").write_text("patient_id,stage\nN1,2\nN2,3.0\n")
    files = tmp_path / "s.csv", tmp_path / "p.csv"
    assert read_cohort(*files).covariate_types["stage"] == ColumnType("number")
    read = read_cohort(*files, like=whole)
    assert read.patients["stage"].tolist() == ["2", "3"]
    assert read.patients["stage"].dtype == whole.patients["stage"].dtype
    (tmp_path / "p.csv").write_text("patient_id,stage\nN1,2\nN2,7\n")
    with pytest.raises(
        DataError, match=r"p\.csv, row 3, patient 'N2', column 'stage': found '7'; allowed: .*'1', '2', '3'"
    ):
        read_cohort(*files, like=whole)


@pytest.mark.parametrize(
    ("known", "cells", "wrong"),
    [
        (["1", "2", "X"], [2, 4], "4"),
        ([1, 2, 3], [2, "X"], "X"),
        ([1, 2, 3], ["02", "1"], "02"),
        ([1, 2, 3], [True, None], "True"),
        ([1.5, 2], ["1,5", "2"], "1,5"),
        ([True, False], [1, None], "1"),
        ([True, False, "unknown"], [True, "maybe"], "maybe"),
    ],
)
def test_what_the_schema_cannot_hold(known, cells, wrong):
    whole = cohort_of(known)
    where = rf"patient 'N[12]', column 'stage': found '?{wrong}(\.0)?'?; allowed: "
    with pytest.raises(DataError, match=rf"patients frame, row [01], {where}"):
        cohort_of(cells, like=whole.covariate_types)
    if wrong != "1,5":  # which is refused as it is
        with pytest.raises(DataError, match=rf"the cohort's patients, row [01], {where}") as found:
            cohort_of(cells).under(whole.covariate_types)
        assert len(found.value.problems) == 1


def test_columns_of_one_only_are_left(cohort):
    other = cohort.under({"unknown": ColumnType("flag"), "arm": ColumnType("factor", ("B", "A"))})
    assert other.patients["arm"].cat.categories.tolist() == ["B", "A"]
    assert other.covariate_types["age"] == ColumnType("number")
    assert "unknown" not in other.covariate_types
    assert other.fingerprint != cohort.fingerprint
    assert other.under(cohort.covariate_types).fingerprint == cohort.fingerprint


def test_columns_without_a_type_get_one(cohort):
    """As those of a cohort that was stored before there were types."""
    content = cohort._content
    old = content.patients.astype({"arm": "str"}).assign(bone=[True, False, True, True], n=[1, 2, 3, 4])
    typed = Cohort.from_content(replace(content, patients=old, schema={})).under({})
    assert typed.covariate_types == {**cohort.covariate_types, "bone": ColumnType("flag"), "n": ColumnType("number")}
    pd.testing.assert_frame_equal(typed.patients[cohort.patients.columns], cohort.patients)


def test_empty_cells_suit_any_type(cohort):
    whole = cohort_of([True, None, "x"])
    assert cohort_of([None, None]).under(whole.covariate_types).patients["stage"].isna().all()


@pytest.mark.parametrize("like", ["fit.nc", {"arm": "factor"}, 3])
def test_what_has_no_schema(samples, patients, like):
    with pytest.raises(DataError, match="like: found a"):
        Cohort(samples, patients, like=like)
