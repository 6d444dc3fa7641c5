"""From the cells as given to numbers, counts, events and identifiers. Nothing is guessed or repaired."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data import cells
from bayesctc.data.problems import Problems, Table

EMPTY = "the cell may not be empty"


def required_numbers(
    table: Table,
    column: str,
    problems: Problems,
    *,
    allowed: str = "a number",
    minimum: float = -np.inf,
    maximum: float = np.inf,
    empty: str = EMPTY,
) -> np.ndarray:
    """(rows,) float of a column without empty cells; what is no number from `minimum` to `maximum` is a problem."""
    return _checked(
        table, column, problems, allowed, lambda found: (found >= minimum) & (found <= maximum), empty=empty
    )


def positive_numbers(table: Table, column: str, problems: Problems, *, allowed: str) -> np.ndarray:
    """(rows,) float of a column whose cells must be above 0."""
    return _checked(table, column, problems, allowed, lambda found: found > 0)


CELLS = "a whole number, 0 or more: cells counted, with the volume of blood in volume_ml"


# of a sample whose value is missing
NO_VALUE = "the cell may not be empty, unless the sample's status (a column of this name) is failed or missing"


def counts(table: Table, column: str, problems: Problems, *, allowed: str = CELLS) -> np.ndarray:
    """(rows,) float holding whole numbers from 0; NaN where that is a problem."""
    return _checked(
        table,
        column,
        problems,
        allowed,
        lambda found: (found >= 0) & (found == np.floor(found)) & (found < cells.LARGEST_WHOLE),
        empty=NO_VALUE,
    )


def events(table: Table, column: str, problems: Problems, causes: tuple[str, ...] = ()) -> np.ndarray:
    """(rows,) float, 1 = event and 0 = censored; NaN where a cell is anything else. True and False will do.

    With `causes`, 1 is an event of the first of them, 2 of the second, and so on.
    """
    if causes:
        codes = ["0 (censored)", *(f"{code} ({cause})" for code, cause in enumerate(causes, start=1))]
        known = np.arange(len(codes))
        return _checked(table, column, problems, ", ".join(codes), lambda found: np.isin(found, known))
    values = table.frame[column]
    allowed = f"0 (censored) or 1 (event){_recoding(values, table.column_name(column))}"
    return _checked(table, column, problems, allowed, lambda found: np.isin(found, (0.0, 1.0)), _numbers_or_flags)


def _recoding(values: pd.Series, name: str) -> str:
    """How events in another coding become 0 and 1; "" if the coding is not recognised."""
    found = values[~cells.missing(values)]
    codes = set(_numbers_or_flags(found))
    if codes == {1.0, 2.0}:
        return f"; if 1 is censored and 2 an event, as often in R, use table[{name!r}] - 1"
    if any(np.isnan(code) for code in codes):
        return f"; recode with pandas, such as table[{name!r}].map({{'alive': 0, 'dead': 1}})"
    return "; competing events, coded 1, 2, ..., have to be named in causes" if max(codes, default=0.0) > 1 else ""


def _numbers_or_flags(values: pd.Series) -> np.ndarray:
    if cells.is_typed_number(values.dtype):
        return cells.finite_numbers(values)
    flags = {"True": "1", "False": "0"}
    return cells.finite_numbers(pd.Series([flags.get(text, text) for text in cells.texts(values)], dtype=object))


def _checked(
    table: Table,
    column: str,
    problems: Problems,
    allowed: str,
    is_allowed: Callable[[np.ndarray], np.ndarray],
    read: Callable[[pd.Series], np.ndarray] = cells.finite_numbers,
    empty: str = EMPTY,
) -> np.ndarray:
    values = table.frame[column]
    missing = cells.missing(values)
    found = read(values)
    wrong = ~missing & ~is_allowed(found)
    comma = np.zeros(len(values), dtype=bool)
    if wrong.any():
        comma[wrong] = [cells.has_decimal_comma(text) for text in cells.texts(values[wrong])]
    problems.add_rows(table, missing, column, f"{allowed}; {empty}")
    problems.add_rows(table, wrong & ~comma, column, allowed)
    problems.add_rows(table, wrong & comma, column, f"{allowed}; a decimal point, not a comma")
    found[wrong] = np.nan
    return found


def beside(word: str, table: Table, column: str, where: np.ndarray) -> list[str]:
    """Limits of cells that another column sets, in the user's figures: "at most the patient's os_time, 7"."""
    found = table.frame[column].iloc[np.flatnonzero(where)]
    return [f"{word} the patient's {table.column_name(column)}, {str(value).strip()}" for value in found]


def identifiers(table: Table, problems: Problems) -> np.ndarray:
    """(rows,) the patients' identifiers as text, "" where missing (which is a problem)."""
    values = table.frame["patient_id"]
    missing = cells.missing(values)
    problems.add_rows(table, missing, "patient_id", "an identifier; the cell may not be empty")
    result = identifier_text(values.to_numpy(dtype=object))
    wrong = np.array([not cells.can_be_stored(text) for text in result], dtype=bool)
    problems.add_rows(table, wrong, "patient_id", "an identifier of valid characters, without NUL")
    result[missing | wrong] = ""
    return result


def identifier_text(values: np.ndarray) -> np.ndarray:
    """(rows,) identifiers as text without outer blanks: 7, 7.0 and "7" are one patient, "007" another."""
    codes, unique = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=False)
    texts = np.empty(len(unique), dtype=object)
    texts[:] = [_one_identifier(value) for value in unique]
    return texts[codes]


def _one_identifier(value: Any) -> str:
    if isinstance(value, float | np.floating | Decimal) and np.isfinite(float(value)) and value == int(value):
        value = int(value)
    return str(value).strip()
