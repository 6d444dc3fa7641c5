"""Any table in, an equal one out; what cannot be kept is refused before it is needed."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from stored_tables import tables

from bayesctc.errors import StorageError
from bayesctc.results.disk import container
from bayesctc.results.disk.node import Node
from bayesctc.results.disk.tables import check_storable, decode, encode

pytestmark = pytest.mark.unit


def through_a_file(frame: pd.DataFrame) -> pd.DataFrame:
    node = Node(groups={"t": encode(frame, "the table")})
    return decode(container.read(container.write(node).getvalue()).group("t"))


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_column_type=True, check_categorical=True)
    assert found.index.name == expected.index.name
    assert list(map(type, found.columns)) == list(map(type, expected.columns))
    for k in range(expected.shape[1]):
        a, b = found.iloc[:, k], expected.iloc[:, k]
        assert a.dtype == b.dtype
        if b.dtype == object:  # 1, 1.0 and True are equal
            assert [type(x) for x in a] == [type(x) for x in b]
        if isinstance(b.dtype, pd.CategoricalDtype):
            assert list(a.cat.categories) == list(b.cat.categories)
            assert a.cat.ordered == b.cat.ordered


@settings(max_examples=80, deadline=None)
@given(tables())
def test_any_table_comes_back_equal(frame):
    check_storable(frame, "the table")
    assert_equal(through_a_file(frame), frame)
