"""Tables of other libraries, and bytes."""

import builtins
from io import StringIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bayesctc.data import Cohort, ColumnType
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit


class Stream:
    """What polars and others are to us: something that hands its columns over as Arrow."""

    def __init__(self, table: pa.Table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class Interchange:
    """A table of the older interchange protocol."""

    def __init__(self, table: pa.Table):
        self._table = table

    def __dataframe__(self, **options):
        return self._table.__dataframe__(**options)


@pytest.fixture
def rich(patients) -> pd.DataFrame:
    patients["bone"] = pd.array([True, None, False, True], dtype="boolean")
    patients["n"] = pd.array([1, None, 3, 2**53], dtype="Int64")
    patients["dose"] = pd.Categorical(["low", "high", "low", None], categories=["low", "high"])
    patients["odd"] = ["01", "2", None, "x"]
    return patients


@pytest.mark.parametrize("kind", [pa.Table.from_pandas, lambda frame: Stream(pa.Table.from_pandas(frame))])
def test_arrow_is_read_as_pandas(samples, rich, kind):
    expected = Cohort(samples, rich)
    indexed = rich.set_index("patient_id"), rich.set_axis([5, 3, 9, 1])
    for patients in (rich, *indexed):
        cohort = Cohort(kind(samples), kind(patients))
        pd.testing.assert_frame_equal(cohort.patients, expected.patients)
        assert cohort.covariate_types == expected.covariate_types
        assert cohort.fingerprint == expected.fingerprint


def test_the_interchange_protocol(samples, patients):
    table = Interchange(pa.table(patients[["patient_id", "os_time", "os_event", "age"]]))
    assert Cohort(samples, table).patients["age"].tolist() == patients["age"].tolist()


@pytest.mark.parametrize(
    ("metadata", "levels"),
    [
        (None, ("a", "m", "z")),
        ({"_PL_CATEGORICAL2": "0"}, ("a", "m", "z")),
        ({"_PL_ENUM_VALUES2": "1;z1;a1;m"}, ("z", "a", "m")),
    ],
)
def test_the_order_of_a_dictionary_counts_if_somebody_gave_it(samples, patients, metadata, levels):
    """A plain dictionary is in the order in which the rows came."""
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), pa.array(["z", "a", "m"]))
    table = pa.table(patients)
    table = table.append_column(pa.field("x", column.type, metadata=metadata), column)
    cohort = Cohort(samples, table)
    assert cohort.covariate_types["x"] == ColumnType("factor", levels)
    assert cohort.patients["x"].tolist() == ["z", "a", "m", "z"]
    ordered = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), pa.array(["z", "a", "m"]), ordered=True)
    cohort = Cohort(samples, table.set_column(table.num_columns - 1, "x", ordered))
    assert cohort.covariate_types["x"] == ColumnType("factor", ("z", "a", "m"), ordered=True)


def test_dates_of_arrow_are_refused(samples, patients):
    table = pa.table(patients).append_column("day", pa.array([1, 2, 3, 4], pa.date32()))
    with pytest.raises(DataError, match=r"column 'day': found .* \(date, in"):
        Cohort(samples, table)


@pytest.mark.parametrize("wrong", [pd.Series([1]), [1], {"patient_id": [1]}, np.zeros((2, 2)), "patients.csv"])
def test_what_is_no_table(samples, wrong):
    with pytest.raises(DataError, match=r"patients frame: found .*allowed: a pandas DataFrame, or a table of polars"):
        Cohort(samples, wrong)


def test_without_pyarrow(samples, patients, monkeypatch):
    table, real = pa.table(patients), builtins.__import__

    def refuse(name, *arguments, **options):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match=r"found pyarrow\.lib\.Table, which needs pyarrow to be read"):
        Cohort(samples, table)


def as_bytes(frame: pd.DataFrame) -> pd.DataFrame:
    """As SAS files are read without an encoding."""
    text = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{name: frame[name].map(str.encode).astype(object) for name in text})


def test_bytes_are_decoded(samples, patients):
    patients["town"] = ["Zürich", "Bern", "Genève", "Bern"]
    expected = Cohort(samples, patients)
    cohort = Cohort(as_bytes(samples), as_bytes(patients))
    pd.testing.assert_frame_equal(cohort.patients, expected.patients)
    assert cohort.fingerprint == expected.fingerprint
    ordered = pd.Categorical([b"b", b"a", b"b", None], categories=[b"b", b"a"])
    assert Cohort(samples, patients.assign(x=ordered)).covariate_types["x"] == ColumnType("factor", ("b", "a"))
    binary = pa.table(patients).append_column("x", pa.array([b"b", b"a", None, b"a"]))
    assert Cohort(samples, binary).covariate_types["x"] == ColumnType("factor", ("a", "b"))


@pytest.mark.parametrize("kind", [object, "category"])
def test_bytes_in_another_encoding_are_refused(samples, patients, kind):
    patients["town"] = pd.Series([b"Z\xfcrich", b"Bern", b"Gen\xe8ve", b"Bern"], dtype=kind)
    with pytest.raises(
        DataError, match=r"row 0, patient 'P1', column 'town': found .*; allowed: text, or bytes"
    ) as found:
        Cohort(samples, patients)
    assert found.value.problems["row"].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("samples_csv", "patients_csv", "named"),
    [
        ("patient_id,time,ctc\n", None, r"samples\.csv: found no rows; allowed: at least one sample"),
        (None, "patient_id,os_time,os_event\n", r"patients\.csv: found no rows; allowed: at least one patient"),
    ],
)
def test_files_of_a_header_only(read_text, samples_csv, patients_csv, named):
    with pytest.raises(DataError, match=named):
        read_text(samples_csv, patients_csv)


def test_columns_with_blanks_around_their_names(samples, patients, cohort):
    spaced = pd.read_csv(StringIO(patients.to_csv(index=False).replace("arm,age", "arm, age")))
    assert Cohort(samples, spaced).fingerprint == cohort.fingerprint
    assert (
        Cohort(samples.rename(columns={"ctc": " n"}), spaced, columns={"ctc": " n"}).fingerprint == cohort.fingerprint
    )
    assert Cohort(samples.rename(columns={"ctc": 7}), spaced, columns={"ctc": 7}).fingerprint == cohort.fingerprint


def test_sparse_columns_are_read_as_dense_ones(samples, patients, cohort):
    sparse = patients.assign(**{name: pd.arrays.SparseArray(patients[name]) for name in ("os_time", "os_event", "age")})
    counts = samples.assign(ctc=pd.arrays.SparseArray(samples["ctc"]))
    assert Cohort(counts, sparse).fingerprint == cohort.fingerprint


@pytest.mark.parametrize("column", ["patient_id", "os_time", "age"])
@pytest.mark.parametrize("kind", [object, "category"])
def test_whole_numbers_that_cannot_be_written_are_refused(samples, patients, column, kind):
    values = patients[column].astype(object)
    values.iloc[1] = -(10**5000)
    with pytest.raises(DataError, match=rf"row 1.*{column}.*: found a whole number of about 5,000 digits; allowed: a "):
        Cohort(samples, patients.assign(**{column: values.astype(kind)}))


def test_the_longest_whole_number_that_can_be_written_is_read(samples, patients):
    for power, refused in ((4299, False), (4300, True)):
        values = patients["patient_id"].astype(object)
        values.iloc[3] = 10**power
        if refused:
            with pytest.raises(DataError, match="4,300 digits"):
                Cohort(samples, patients.assign(patient_id=values))
        else:
            assert str(10**power) in Cohort(samples, patients.assign(patient_id=values)).patients.index
