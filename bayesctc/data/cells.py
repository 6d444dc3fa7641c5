"""Cells as text: a number, a flag or a word reads the same from a file and from a frame of any type."""

import re
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data.quoting import whole

# The empty cell, R's NA, pandas' nan and SAS's dot.
MISSING_TEXT = frozenset(("", "NA", "NaN", "nan", "."))
_BOOLEANS = {"True": "True", "TRUE": "True", "true": "True", "False": "False", "FALSE": "False", "false": "False"}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_CODE = re.compile(r"[+-]?0[0-9].*")  # 007 is a code, not the number 7
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_WHOLE_FLOAT = re.compile(r"([+-]?(?:0|[1-9][0-9]*))\.0+")
LARGEST_WHOLE = 2**53  # every whole number up to here is a double


def is_number(text: str) -> bool:
    """Whether a cell is a finite number with a decimal point, such as "-1.5e3"."""
    return _NUMBER.fullmatch(text) is not None


def is_quantity(text: str) -> bool:
    """Whether a covariate's cell is a number, infinity included, rather than a code such as "007"."""
    return (is_number(text) and _CODE.fullmatch(text) is None) or _INFINITE.fullmatch(text) is not None


def has_decimal_comma(text: str) -> bool:
    """Whether a cell would be a number if its comma were a point."""
    return _DECIMAL_COMMA.fullmatch(text) is not None


def can_be_stored(text: str) -> bool:
    """Whether any file can hold a text: no lone surrogate (half a character), no NUL."""
    return text.isprintable() or ("\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text))


def texts(values: pd.Series) -> np.ndarray:
    """(rows,) the cells of a column as a file would hold them, stripped; None where one is empty.

    True, TRUE and true are "True", and so for False; 1 and 1.0 are "1".
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        categories = np.array([*map(_cell, values.cat.categories), None], dtype=object)
        return categories[values.cat.codes.to_numpy()]
    there = values.notna().to_numpy(dtype=bool)
    present = values[there]
    dtype: Any = object
    if pd.api.types.is_float_dtype(values.dtype):  # 0.1 of single precision is "0.1", and no double near it
        dtype = values.dtype.numpy_dtype if hasattr(values.dtype, "numpy_dtype") else values.dtype
    result = np.full(len(values), None, dtype=object)
    result[there] = list(map(_cell, present.to_numpy(dtype=dtype)))
    return result


def missing(values: pd.Series) -> np.ndarray:
    """(rows,) whether a cell is empty."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return np.array([text is None for text in texts(values)], dtype=bool)
    empty = values.isna().to_numpy(dtype=bool, copy=True)
    if not (is_typed_number(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)):
        present = values.to_numpy(dtype=object)[~empty]
        empty[~empty] = [isinstance(each, str) and each.strip() in MISSING_TEXT for each in present]
    return empty


def categories(values: pd.Series) -> tuple[str, ...] | None:
    """The categories of a categorical column as `texts` has them, in their order; None for another column."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return None
    return tuple(dict.fromkeys(text for text in map(_cell, values.cat.categories) if text is not None))


def unreadable(values: pd.Series) -> np.ndarray:
    """(rows,) whether a cell is something else than text, a number, a boolean or an interval of numbers: a date, ..."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        wrong = np.array([*(_plain_text(each) is None for each in values.cat.categories), False], dtype=bool)
        return wrong[values.cat.codes.to_numpy()]
    if is_typed_number(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return np.zeros(len(values), dtype=bool)
    wrong = ~values.isna().to_numpy(dtype=bool)
    wrong[wrong] = [_plain_text(value) is None for value in values.to_numpy(dtype=object)[wrong]]
    return wrong


def is_typed_number(dtype: Any) -> bool:
    """Whether a column's type holds numbers that become doubles as they are: integers and doubles, nullable or not.

    A float32 does not: 0.1 there is 0.1, not the double nearest to what it holds.
    """
    if pd.api.types.is_bool_dtype(dtype):
        return False
    return pd.api.types.is_integer_dtype(dtype) or (pd.api.types.is_float_dtype(dtype) and dtype.itemsize == 8)


def finite_numbers(values: pd.Series) -> np.ndarray:
    """(rows,) float, NaN where a cell is not a finite number; text must be a number with a decimal point."""
    if is_typed_number(values.dtype):
        result = values.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    elif pd.api.types.is_bool_dtype(values.dtype):
        result = np.full(len(values), np.nan)
    else:
        result = doubles(text if text is not None and is_number(text) else None for text in texts(values))
    result[~np.isfinite(result)] = np.nan
    return result + 0.0  # -0.0 is 0.0


def doubles(numbers: Iterable[str | None]) -> np.ndarray:
    """Cells that are numbers as doubles, correctly rounded, so that file and frame agree; NaN for None."""
    return np.array([np.nan if text is None else float(text) for text in numbers], dtype=np.float64) + 0.0


def number_text(value: float) -> str:
    """A double as `texts` has it: "2" for 2.0."""
    return _whole(str(float(value)))


def _cell(value: Any) -> str | None:
    """One cell that is not missing; what cannot be read (see `unreadable`) is quoted."""
    text = _plain_text(value)
    if text is None:
        return whole(str(value))
    return None if text in MISSING_TEXT else _BOOLEANS.get(text, text)


def _plain_text(value: Any) -> str | None:
    """A value as text; None for what is neither text, number, boolean nor an interval."""
    if isinstance(value, str):
        text = value.strip()
        return (_whole(text) if text.endswith("0") else text) if can_be_stored(text) else None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, Fraction):
        value = value.numerator if value.denominator == 1 else float(value)
    if isinstance(value, np.floating) and float(value).is_integer() and abs(float(value)) < LARGEST_WHOLE:
        value = int(value)
    if isinstance(value, int | float | np.integer | np.floating | Decimal):
        return _whole(str(value))
    return str(value) if isinstance(value, pd.Interval) else None


def _whole(text: str) -> str:
    """A whole number without its ".0", so that a level is "1" whether 1, 1.0 or "1.0" was given."""
    found = _WHOLE_FLOAT.fullmatch(text)
    text = found[1] if found else text
    return "0" if text == "-0" else text
