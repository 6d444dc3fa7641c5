"""Data frames as given: pandas as it is, polars and other Arrow tables as pandas, bytes as text."""

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data.problems import Problems, Table
from bayesctc.data.quoting import quoted
from bayesctc.errors import DataError

_ALLOWED = "allowed: a pandas DataFrame, or a table of polars, pyarrow or another library that exports Arrow"
MOST_DIGITS = 4300  # of a whole number that Python writes as text
_ENDLESS = 10**MOST_DIGITS
_POLARS_ENUM = (b"_PL_ENUM_VALUES", b"_PL_ENUM_VALUES2")


def as_pandas(frame: Any, name: str) -> pd.DataFrame:
    """A table of any library as a separate pandas frame."""
    if isinstance(frame, pd.DataFrame):
        return frame.copy(deep=True)
    found = f"{name}: found {type(frame).__module__}.{type(frame).__name__}".replace("builtins.", "")
    if not (hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__dataframe__")):
        raise DataError(f"{found}; {_ALLOWED}")
    try:
        import pyarrow as pa
        from pyarrow.interchange import from_dataframe
    except ImportError as error:
        raise DataError(f"{found}, which needs pyarrow to be read; {_ALLOWED} (install pyarrow)") from error
    try:
        table = pa.table(frame) if hasattr(frame, "__arrow_c_stream__") else from_dataframe(frame)
        return _from_arrow(table)
    except (pa.ArrowException, TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{found}, which is not a table of columns ({quoted(error)}); {_ALLOWED}") from error


def _from_arrow(table: Any) -> pd.DataFrame:
    frame = table.unify_dictionaries().to_pandas(integer_object_nulls=True)
    if frame.columns.is_unique:  # or else it is refused
        encoded = [field.name for at, field in enumerate(table.schema) if _is_encoding(table.schema, at)]
        frame = frame.astype({name: object for name in encoded if name in frame})
    return frame


def _is_encoding(schema: Any, at: int) -> bool:
    """Whether a column's dictionary is only a storage format, in the order of the rows, rather than a factor's levels.

    Levels are those of an ordered dictionary, of a pandas Categorical and of a polars Enum.
    """
    field, pandas = schema.field(at), schema.pandas_metadata or {}
    if not hasattr(field.type, "value_type") or not hasattr(field.type, "ordered"):
        return False
    of_pandas = any(
        column["field_name"] == field.name and column["pandas_type"] == "categorical"
        for column in pandas.get("columns", [])
    )
    of_polars = any(key in (field.metadata or {}) for key in _POLARS_ENUM)
    return not (field.type.ordered or of_pandas or of_polars)


def plain(table: Table, problems: Problems) -> Table:
    """The table with sparse columns dense and bytes (as SAS files are read) as text.

    Bytes that are not UTF-8 are a problem, and so are whole numbers of more digits than Python writes.
    """
    _without_endless(table, problems)
    for column in table.frame.columns:
        given = table.frame[column]
        values = _with_text_categories(_dense(given))
        is_bytes = np.zeros(len(values), dtype=bool)
        if values.dtype == object or isinstance(values.dtype, pd.ArrowDtype):
            is_bytes[:] = [isinstance(value, bytes) for value in values.to_numpy(dtype=object)]
        if is_bytes.any():
            texts = values.to_numpy(dtype=object).copy()
            texts[is_bytes] = [_text(value) for value in texts[is_bytes]]
            wrong = is_bytes & np.array([text is None for text in texts], dtype=bool)
            problems.add_rows(table, wrong, column, "text, or bytes in UTF-8 (decode the column first)")
            values = pd.Series(texts, dtype=object, index=values.index)
        if values is not given:
            table.frame[column] = values
    return table


def _without_endless(table, problems):
    """Note whole numbers that cannot be written as text, and leave their cells empty."""
    noted = []
    for column, values in table.frame.items():
        cells = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
        if cells.dtype != object or not any(map(_is_endless, cells)):
            continue
        cells = values.astype(object)
        wrong = np.array(list(map(_is_endless, cells)), dtype=bool)
        found = [
            f"a whole number of about {int(abs(int(each)).bit_length() * 0.30103):,} digits" for each in cells[wrong]
        ]
        noted.append((wrong, column, found))
        table.frame[column] = cells.mask(wrong, None)
    for wrong, column, found in noted:
        problems.add_rows(table, wrong, column, f"a whole number of at most {MOST_DIGITS:,} digits", found)


def _is_endless(value):
    return isinstance(value, int | Fraction) and abs(value) >= _ENDLESS


def _dense(values: pd.Series) -> pd.Series:
    return values.astype(values.dtype.subtype) if isinstance(values.dtype, pd.SparseDtype) else values


def _with_text_categories(values: pd.Series) -> pd.Series:
    """A categorical of bytes as one of text, in the same order, where they can be decoded; or else as bytes."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values
    categories = list(values.cat.categories)
    if not any(isinstance(each, bytes) for each in categories):
        return values
    texts = [_text(each) for each in categories]
    if None in texts or len(set(texts)) < len(texts):
        return values.astype(object)
    return values.cat.rename_categories(texts)


def column_name(name: Any) -> str:
    """A column's name as text, without outer blanks, as that of a file."""
    return str(name if _text(name) is None else _text(name)).strip()


def _text(value: Any) -> Any:
    """Bytes as text, None where they are not UTF-8; anything else as it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None
