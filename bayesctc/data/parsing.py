"""From the cells as given to numbers, counts, events, identifiers and covariates. Nothing is guessed or repaired."""

from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data.problems import Problems, Table

# The empty cell, R's NA, pandas' nan and SAS's dot.
MISSING_TEXT = ("", "NA", "NaN", "nan", ".")
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_DECIMAL_COMMA = r"[+-]?[0-9]*,[0-9]+"
_WHOLE = r"[+-]?(?:0|[1-9][0-9]{0,17})"
_CODE = r"0[0-9]+"  # 007 is a code, not the number 7
_LARGEST_COUNT = 2**53


def missing_cells(values: pd.Series) -> np.ndarray:
    """(rows,) whether a cell is empty."""
    missing = values.isna().to_numpy(dtype=bool)
    if _holds_text(values):
        missing = missing | _stripped(values).isin(MISSING_TEXT).to_numpy(dtype=bool)
    return missing


def numbers(values: pd.Series) -> np.ndarray:
    """(rows,) float, NaN where a cell is not a finite number; text must be a number with a decimal point."""
    if pd.api.types.is_bool_dtype(values):
        return np.full(len(values), np.nan)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values):
        result = values.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    else:
        result = np.full(len(values), np.nan)
        text = _stripped(values)
        is_number = text.str.fullmatch(_NUMBER).to_numpy(dtype=bool)
        # float() rounds correctly, so that a file and a frame of the same numbers are equal to the last bit.
        result[is_number] = text.to_numpy(dtype=object)[is_number].astype(np.float64)
    result[~np.isfinite(result)] = np.nan
    return result + 0.0  # -0.0 is 0.0


def required_numbers(
    table: Table, column: str, problems: Problems, *, allowed: str = "a number", minimum: float = -np.inf
) -> np.ndarray:
    """(rows,) float of a column without empty cells; what is not a number of at least `minimum` is a problem."""
    return _checked(table, column, problems, allowed, lambda found: found >= minimum)


def positive_numbers(table: Table, column: str, problems: Problems, *, allowed: str) -> np.ndarray:
    """(rows,) float of a column whose cells must be above 0."""
    return _checked(table, column, problems, allowed, lambda found: found > 0)


def counts(table: Table, column: str, problems: Problems) -> np.ndarray:
    """(rows,) float holding whole numbers from 0; NaN where that is a problem."""
    return _checked(
        table,
        column,
        problems,
        "a whole number, 0 or more: cells counted, with the volume of blood in volume_ml",
        lambda found: (found >= 0) & (found == np.floor(found)) & (found < _LARGEST_COUNT),
    )


def events(table: Table, column: str, problems: Problems, causes: tuple[str, ...] = ()) -> np.ndarray:
    """(rows,) float, 1 = event and 0 = censored; NaN where a cell is anything else. A boolean column will do.

    With `causes`, 1 is an event of the first of them, 2 of the second, and so on.
    """
    if causes:
        codes = ["0 (censored)", *(f"{code} ({cause})" for code, cause in enumerate(causes, start=1))]
        known = np.arange(len(codes))
        return _checked(table, column, problems, ", ".join(codes), lambda found: np.isin(found, known))
    if pd.api.types.is_bool_dtype(table.frame[column].dtype) and not table.frame[column].isna().any():
        return table.frame[column].to_numpy(dtype=np.float64)
    allowed = "0 (censored) or 1 (event); competing events, coded 1, 2, ..., have to be named in causes"
    return _checked(table, column, problems, allowed, lambda found: np.isin(found, (0.0, 1.0)))


def _checked(table: Table, column: str, problems: Problems, allowed: str, is_allowed: Any) -> np.ndarray:
    values = table.frame[column]
    missing = missing_cells(values)
    found = numbers(values)
    wrong = ~missing & ~is_allowed(found)
    comma = np.zeros(len(values), dtype=bool)
    if _holds_text(values) and wrong.any():
        comma[wrong] = _stripped(values[wrong]).str.fullmatch(_DECIMAL_COMMA).to_numpy(dtype=bool)
    problems.add_rows(table, missing, column, f"{allowed}; the cell may not be empty")
    problems.add_rows(table, wrong & ~comma, column, allowed)
    problems.add_rows(table, wrong & comma, column, f"{allowed}; a decimal point, not a comma")
    found[wrong] = np.nan
    return found


def identifiers(table: Table, problems: Problems) -> np.ndarray:
    """(rows,) the patients' identifiers as text, "" where missing (which is a problem)."""
    values = table.frame["patient_id"]
    missing = missing_cells(values)
    problems.add_rows(table, missing, "patient_id", "an identifier; the cell may not be empty")
    result = identifier_text(values.to_numpy(dtype=object))
    result[missing] = ""
    return result


def identifier_text(values: np.ndarray) -> np.ndarray:
    """(rows,) identifiers as text without outer blanks: 7, 7.0 and "7" are one patient, "007" another."""
    codes, unique = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=False)
    texts = np.empty(len(unique), dtype=object)
    texts[:] = [_one_identifier(value) for value in unique]
    return texts[codes]


def _one_identifier(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def covariate(table: Table, column: str, problems: Problems) -> pd.Series:
    """A column of no fixed meaning: numbers if every cell is one, else text; empty cells are NaN and no problem.

    The columns of a frame keep their type. In a file, ``True`` and ``False`` are booleans and numbers with leading
    zeros are codes, that is text.
    """
    values = table.frame[column]
    if not table.is_text:
        return values.copy(deep=True)
    text = _stripped(values)
    missing = missing_cells(values)
    present = text[~missing]
    if present.empty:
        return pd.Series(np.full(len(values), np.nan))
    if not missing.any() and present.isin(("True", "False", "TRUE", "FALSE")).all():
        return text.str.upper() == "TRUE"
    comma = present.str.fullmatch(_DECIMAL_COMMA)
    is_number = present.str.fullmatch(_NUMBER) & ~present.str.fullmatch(_CODE)
    if comma.any() and (comma | is_number).all():
        where = np.zeros(len(values), dtype=bool)
        where[~missing] = comma.to_numpy(dtype=bool)
        problems.add_rows(table, where, column, "a number with a decimal point, not a comma")
    if not is_number.all():
        return text.mask(missing).astype("str")
    if not missing.any() and present.str.fullmatch(_WHOLE).all():
        return pd.Series(text.to_numpy(dtype=object).astype(np.int64))
    return pd.Series(numbers(values))


def _holds_text(values: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values))


def _stripped(values: pd.Series) -> pd.Series:
    return values.astype(object).map(str, na_action="ignore").fillna("").astype("str").str.strip()
