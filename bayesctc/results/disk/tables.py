"""Tables on disk: any pandas table is read back equal.

Columns are stored by position, because netCDF allows fewer names than pandas.
"""

import json
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd

from bayesctc.errors import StorageError
from bayesctc.results.disk import columns
from bayesctc.results.disk.node import Node

FAILURES = (TypeError, ValueError, KeyError, AttributeError, RecursionError, NotImplementedError, ArithmeticError)


def encode(frame: pd.DataFrame, what: str) -> Node:
    """A table as a node of a file.

    Parameters
    ----------
    frame : DataFrame
    what : str
        Which it is, for messages.

    Raises
    ------
    StorageError
        Something in it cannot be stored; the message has the column.
    """
    node = Node()
    described = [
        named(f"{what}, column {name!r}", columns.encode, frame.iloc[:, k].array, f"column_{k}", node)
        for k, name in enumerate(frame.columns)
    ]
    node.facts["table"] = {
        "columns": described,
        "names": named(f"{what}, names of columns", columns.encode_index, frame.columns, "names", node),
        "index": named(f"{what}, index", columns.encode_index, frame.index, "index", node),
    }
    return node


def decode(node: Node) -> pd.DataFrame:
    """The inverse of `encode`."""
    table = node.fact("table")
    index = columns.decode_index(table["index"], node)
    series = [_series(columns.decode(described, node), index) for described in table["columns"]]
    frame = pd.DataFrame(dict(enumerate(series)), index=index)
    frame.columns = columns.decode_index(table["names"], node)
    return frame


def check_storable(frame: pd.DataFrame, what: str) -> None:
    """Refuse a table that could not be saved with the fit, before anything is fitted.

    Parameters
    ----------
    frame : DataFrame
    what : str
        Which it is, for the message: "samples", "patients".

    Raises
    ------
    StorageError
        A column, the index or the names hold something that would not be read back equal.
    """
    for k, name in enumerate(frame.columns):
        if not _always_kept(frame.dtypes.iloc[k]):
            named(f"{what}, column {name!r}", _check_column, frame.iloc[:, k])
    for label, index in (("names of columns", frame.columns), ("index", frame.index)):
        named(f"{what}, {label}", _check_index, index)


def _series(values: Any, index: pd.Index) -> pd.Series:
    # objects that are all text would become "str"
    return cast(pd.Series, pd.Series(values, index=index, dtype=values.dtype))


def _always_kept(dtype: Any) -> bool:
    return dtype.kind in "biufmM" if isinstance(dtype, np.dtype) else isinstance(dtype, pd.StringDtype)


def _check_column(values: pd.Series) -> None:
    node = Node()
    described = json.loads(json.dumps(columns.encode(values.array, "x", node)))
    again = _series(columns.decode(described, node), values.index)
    same = again.dtype == values.dtype
    if values.dtype == object:  # whose cells are compared with their types, NaN inside of them being equal to itself
        columns.encode(again.array, "x", second := Node())
        same &= second.arrays["x"][1].tolist() == node.arrays["x"][1].tolist()
    else:
        same &= again.equals(values)
    if not same:
        raise StorageError(f"a column of type {values.dtype} would not be read back equal")


def _check_index(index: pd.Index) -> None:
    node = Node()
    described = json.loads(json.dumps(columns.encode_index(index, "x", node)))
    if not columns.decode_index(described, node).identical(index):
        raise StorageError(f"an index of type {type(index).__name__} would not be read back equal")


def named(where: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, and add the place to its errors."""
    try:
        return function(*arguments)
    except StorageError as error:
        raise StorageError(f"{where}: {error}") from error
    except FAILURES as error:
        raise StorageError(f"{where}: it cannot be stored ({type(error).__name__}: {error})") from error
