"""Any table in, an equal one out; what cannot be stored is refused before it is needed."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_tables import HARD_NAMES, columns, tables

from bayesctc.errors import StorageError
from bayesctc.results.disk import container
from bayesctc.results.disk.node import Node, safe_names
from bayesctc.results.disk.tables import check_storable, decode, encode

pytestmark = pytest.mark.unit


def through_a_file(frame: pd.DataFrame) -> pd.DataFrame:
    node = Node(groups={"t": encode(frame, "the table")})
    return decode(container.read(container.write(node).getvalue()).group("t"))


def through_json(frame: pd.DataFrame) -> pd.DataFrame:
    node = encode(frame, "the table")
    return decode(Node(json.loads(json.dumps(node.facts)), node.arrays))


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_column_type=True, check_freq=True)
    assert found.columns.tolist() == expected.columns.tolist()
    for k in range(expected.shape[1]):
        a, b = found.iloc[:, k], expected.iloc[:, k]
        assert a.dtype == b.dtype
        if b.dtype == object:  # 1, 1.0 and True are equal
            assert list(map(type, a)) == list(map(type, b))
        if isinstance(b.dtype, pd.CategoricalDtype):
            assert list(map(type, a.cat.categories)) == list(map(type, b.cat.categories))


@settings(max_examples=25, deadline=None)
@given(tables())
def test_any_table_comes_back_equal(frame):
    check_storable(frame, "the table")
    assert_equal(through_a_file(frame), frame)


@pytest.mark.parametrize("kind", columns(4))
def test_each_type_comes_back_equal(kind):
    @settings(max_examples=8, deadline=None)
    @given(st.integers(0, 5).flatmap(lambda n: columns(n)[kind]))
    def check(series):
        frame = pd.DataFrame({"x": series})
        check_storable(frame, "the table")
        assert_equal(through_json(frame), frame)

    check()


def test_a_number_of_more_digits_than_python_prints():
    frame = pd.DataFrame({"x": pd.Series([10**6000, -(10**6000), None], dtype=object)})
    assert through_json(frame)["x"].tolist() == frame["x"].tolist()


def test_order_of_categories_is_kept():
    levels = pd.CategoricalDtype(["placebo", "drug", "nobody"], ordered=False)
    frame = pd.DataFrame({"arm": pd.Series(["drug", None, "placebo"], dtype=levels)})
    found = through_a_file(frame)
    assert found["arm"].cat.categories.tolist() == ["placebo", "drug", "nobody"]
    assert found["arm"].cat.codes.tolist() == [1, -1, 0]


def test_hard_names_come_back_and_never_become_names_of_netcdf():
    frame = pd.DataFrame([range(len(HARD_NAMES))], columns=pd.Index(HARD_NAMES, dtype=object))
    assert through_a_file(frame).columns.tolist() == HARD_NAMES
    node = encode(frame, "the table")
    assert all(name.isidentifier() for name in node.arrays)
    stored = safe_names([*HARD_NAMES, "chain"], "variable", taken=["row"])
    assert stored["chain"] == "chain"
    assert stored["row"] != "row"
    assert len(set(stored.values())) == len(HARD_NAMES)
    assert all(name.isascii() and name.isidentifier() for name in stored.values())


class Odd:
    """Something of the user's own."""


@pytest.mark.parametrize("cell", [Odd(), {1, 2}, object, [Odd()], {"a": Odd()}, np.array([1, Odd()], dtype=object), 1j])
def test_what_cannot_be_kept_is_named(cell):
    frame = pd.DataFrame({"fine": [1, 2], "CK18+/CD45-": pd.Series([None, None], dtype=object)})
    frame.iloc[1, 1:] = pd.Series([cell], index=["CK18+/CD45-"], dtype=object)
    for refused in (lambda: check_storable(frame, "samples"), lambda: encode(frame, "samples")):
        with pytest.raises(
            StorageError, match=r"samples, column 'CK18\+/CD45-': row 1, .*cannot be stored; allowed: text"
        ):
            refused()


def test_a_list_that_holds_itself_is_refused():
    cell: list = []
    cell.append(cell)
    with pytest.raises(StorageError, match="column 'x'"):
        check_storable(pd.DataFrame({"x": pd.Series([cell], dtype=object)}), "samples")


def test_a_name_and_an_index_that_cannot_be_kept():
    frame = pd.DataFrame({"x": [1]})
    with pytest.raises(StorageError, match="samples, names of columns"):
        check_storable(frame.set_axis(pd.Index([Odd()]), axis=1), "samples")
    with pytest.raises(StorageError, match="samples, index"):
        check_storable(frame.set_axis(pd.Index([Odd()])), "samples")
