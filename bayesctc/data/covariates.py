"""Covariates, the columns without a fixed meaning: their types, decided or given, and their cells read accordingly."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.data import cells
from bayesctc.data.problems import Problems, Table
from bayesctc.data.quoting import quoted
from bayesctc.data.schema import ColumnType, Schema, decide, misfits, typed

MEASURED = 10  # different numbers from which a column is one of measurements rather than of codes
# written where a value is missing, in small letters and without blanks
MISSING_WORDS = frozenset(
    re.split(
        " +",
        "n/a na n.a. #n/a null none nil missing unknown unk notknown notavailable notdone nd n.d. nr unbekannt "
        "nichtbekannt keineangabe k.a. k.a ka fehlt fehlend inconnu desconocido sconosciuto onbekend ? ?? - -- – —",
    )
)
# The first is a formula's own word; the others are a design's columns of follow-up.
RESERVED = ("Intercept", "_time", "_event", "_entry", "_left")


@dataclass(frozen=True)
class Columns:
    """Covariates of a table.

    Attributes
    ----------
    values : dict of pandas.Series
        float64, or categorical of text.
    schema : dict of ColumnType
    given : dict of numpy.ndarray
        (rows,) of numbers that are not written as a double is, such as "1.50": the text, None elsewhere. Needed where
        the column is a factor under another schema.
    """

    values: dict[str, pd.Series]
    schema: dict[str, ColumnType]
    given: dict[str, np.ndarray]

    def given_by(self, rows: pd.Index) -> dict[str, pd.Series]:
        """`given` by row, without the rows that have none."""
        return {name: pd.Series(texts, index=rows, dtype=object).dropna() for name, texts in self.given.items()}


def read(table: Table, names: Iterable[str], problems: Problems, schema: Schema) -> Columns:
    """Columns of a table, under the types of a schema; a column that is not in it is typed by its cells."""
    values, types, given = {}, {}, {}
    for name in names:
        if name in RESERVED:
            problems.add(table.name, "a reserved name", "another name", column=table.column_name(name))
        values[name], types[name], texts = _read_one(table, name, problems, schema.get(name))
        if texts is not None:
            given[name] = texts
    return Columns(values, types, given)


def texts_of(values: pd.Series, given: Mapping[str, pd.Series], rows: pd.Index) -> np.ndarray:
    """(rows,) the cells of a covariate as they were written, None where empty; `rows` is what `given` is indexed by."""
    texts = cells.texts(values)
    written = given.get(str(values.name))
    if written is None or written.empty:
        return texts
    own = written.reindex(rows).to_numpy(dtype=object)
    there = ~pd.isna(own)
    texts[there] = own[there]
    return texts


def _read_one(
    table: Table, name: str, problems: Problems, known: ColumnType | None
) -> tuple[pd.Series, ColumnType, np.ndarray | None]:
    """Values, type and, if the values do not suffice to write the cells again, their texts."""
    values = table.frame[name]
    if (known is None or known.kind == "number") and cells.is_typed_number(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
        if not (np.abs(numbers) > cells.LARGEST_WHOLE).any():
            return pd.Series(numbers), ColumnType("number"), None
    _refuse_unreadable(table, name, problems)
    texts = cells.texts(values)
    ordered = isinstance(values.dtype, pd.CategoricalDtype) and bool(values.dtype.ordered)
    categories = cells.categories(values)
    column = known or decide(texts, categories, ordered)
    wrong = misfits(texts, column)
    if known is None and categories is None:
        _refuse_words_among_numbers(table, name, texts, problems)
    comma = _decimal_commas(texts, column, decided=known is None and categories is None)
    problems.add_rows(table, wrong & ~comma, name, column.allowed)
    problems.add_rows(table, comma, name, "a number with a decimal point, not a comma")
    series = typed(texts, column)
    if column.kind != "number":
        return series, column, None
    plain = np.array([cells.number_text(value) for value in series], dtype=object)
    texts[texts == plain] = None
    return series, column, texts if any(text is not None for text in texts) else None


def is_measured(levels: Iterable[str]) -> bool:
    """Whether the numbers among texts are measurements rather than codes: many different ones, or with decimals."""
    numbers = {text for text in levels if cells.is_number(text)}
    return len(numbers) >= MEASURED or (len(numbers) > 1 and any("." in number for number in numbers))


def _refuse_words_among_numbers(table: Table, name: str, texts: np.ndarray, problems: Problems) -> None:
    """Words such as "unknown" in a column of measurements: they would make it a factor with a level per number."""
    others = {text for text in set(texts) - {None} if not cells.is_quantity(text)}
    if others and is_measured(set(texts) - {None}) and all(_means_missing(text) for text in others):
        where = np.array([text in others for text in texts], dtype=bool)
        allowed = "a number, as in the other cells, or an empty cell where it is missing"
        problems.add_rows(table, where, name, f"{allowed} (if these are codes rather than numbers, write S1, S2, ...)")


def _means_missing(text: str) -> bool:
    return "".join(text.split()).casefold() in MISSING_WORDS


def _decimal_commas(texts: np.ndarray, column: ColumnType, decided: bool) -> np.ndarray:
    """(rows,) cells that would be numbers with a decimal point, in a column that is, or would be, of numbers."""
    comma = np.array([text is not None and cells.has_decimal_comma(text) for text in texts], dtype=bool)
    if not decided:
        return comma & (column.kind == "number")
    others = all(cells.is_quantity(text) for text in set(texts[~comma]) - {None})
    return comma & (column.kind == "factor" and others)


def _refuse_unreadable(table: Table, name: str, problems: Problems) -> None:
    """One problem for a column of dates, lists, ..., at its first such cell."""
    rows = np.flatnonzero(cells.unreadable(table.frame[name]))
    if rows.size:
        first, value = np.zeros(len(table.frame), dtype=bool), table.frame[name].iloc[rows[0]]
        first[rows[0]] = True
        found = f"{quoted(str(value))} ({type(value).__name__}, in {rows.size} rows)"
        allowed = "numbers, text, True and False; write a date as a number or as text, or drop the column"
        problems.add_rows(table, first, name, allowed, [found])
