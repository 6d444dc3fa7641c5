"""CSV whose cells a spreadsheet does not run as formulas."""

import re

import pandas as pd

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# what a spreadsheet takes for the beginning of a formula, also after blanks and in its full width
_RUNS = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")


def csv_bytes(table: pd.DataFrame, *, index: bool = True) -> bytes:
    """A table as CSV in UTF-8.

    Text that a spreadsheet would run (it begins with =, +, -, @, a tab or a new line, and is not a number) gets an
    apostrophe before it: in cells, in the index and in the names of columns. Numbers are as they are.

    Parameters
    ----------
    table : DataFrame
    index : bool
        Whether the index is written.
    """
    safe = pd.DataFrame({k: _inert_values(table.iloc[:, k]) for k in range(table.shape[1])}, index=table.index)
    safe.columns = _inert_index(table.columns)
    if index:
        safe.index = _inert_index(table.index)
    text = safe.to_csv(index=index, lineterminator="\n")
    if "\r" in text:  # which Python's writer quotes only where it ends lines: unquoted, it would end one
        text = safe.to_csv(index=index, lineterminator="\r\n")
    return text.encode("utf-8", "backslashreplace")


def inert(cell: object) -> object:
    """A cell, with an apostrophe before text that would run."""
    if isinstance(cell, str) and _RUNS.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def _inert_values(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    return pd.Series([inert(cell) for cell in column.astype(object)], index=column.index, dtype=object)


def _inert_index(index: pd.Index) -> pd.Index:
    names = [inert(name) for name in index.names]
    if isinstance(index, pd.MultiIndex):
        return pd.MultiIndex.from_arrays(
            [_inert_index(index.get_level_values(k)) for k in range(index.nlevels)], names=names
        )
    if pd.api.types.is_numeric_dtype(index) or pd.api.types.is_datetime64_any_dtype(index):
        return index.set_names(names)
    return pd.Index([inert(cell) for cell in index], dtype=object, name=names[0])
