"""The schema of a cohort: the type of each covariate, decided once from its cells, and values of that type."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from bayesctc.data.cells import doubles, is_number, is_quantity
from bayesctc.errors import DataError
from bayesctc.shown import Printed

FLAG_LEVELS = ("False", "True")
SHOWN_LEVELS = 6


@dataclass(frozen=True)
class ColumnType:
    """The type of a covariate, which also applies to all patients read later under the same schema.

    Attributes
    ----------
    kind : {"number", "factor", "flag"}
        Numbers; levels, which are text; or True and False.
    levels : tuple of str
        Of a factor, in order, the reference first; of a flag ("False", "True"); of a number none.
    ordered : bool
        Whether a factor was an ordered categorical.

    Raises
    ------
    DataError
        The three are incompatible.

    Examples
    --------
    >>> stage = bc.ColumnType("factor", levels=("I", "II", "III"))
    >>> print(stage)
    factor of I (reference), II, III
    """

    kind: Literal["number", "factor", "flag"]
    levels: tuple[str, ...] = ()
    ordered: bool = False

    def __post_init__(self):
        if self.kind == "flag" and self.levels == ():
            object.__setattr__(self, "levels", FLAG_LEVELS)
        texts = isinstance(self.levels, tuple) and all(isinstance(level, str) for level in self.levels)
        fits = {"number": self.levels == (), "flag": self.levels == FLAG_LEVELS, "factor": texts}
        if not fits.get(str(self.kind), False) or len(set(self.levels)) < len(self.levels):
            raise DataError(
                f"ColumnType: found {self.kind!r} with levels {self.levels!r}; allowed: 'number' without levels, "
                "'flag' with False and True, 'factor' with different texts"
            )

    def to_json(self) -> dict[str, Any]:
        """The type as `json.dumps` takes it."""
        return {"kind": self.kind, "levels": list(self.levels), "ordered": self.ordered}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The type that `to_json` wrote."""
        return cls(values["kind"], tuple(values["levels"]), bool(values["ordered"]))

    @property
    def allowed(self) -> str:
        """What a cell may hold, for a message."""
        if self.kind == "number":
            return "a number, as in the cohort whose schema is used (with leading zeros it is a code)"
        shown = ", ".join(map(repr, self.levels[:20])) + (", …" if len(self.levels) > 20 else "")
        return f"a level of the cohort whose schema is used: {shown}"

    def __str__(self) -> str:
        if self.kind != "factor":
            return self.kind
        first, *others = self.levels[:SHOWN_LEVELS] or ("none",)
        more = len(self.levels) - SHOWN_LEVELS
        shown = ", ".join([f"{first} (reference)", *others])
        return f"factor of {shown}" + (f" and {more} more" if more > 0 else "")


Schema = Mapping[str, ColumnType]


def decide(texts: np.ndarray, categories: tuple[str, ...] | None = None, ordered: bool = False) -> ColumnType:
    """The type of a column.

    Numbers if every cell is one, a flag if every cell is True or False, else a factor. Levels are in natural order
    (2 before 10), those of a categorical in its own. Numbers with leading zeros are codes, that is levels. A column
    without any value is a number.

    Parameters
    ----------
    texts : numpy.ndarray
        (rows,) cells as `cells.texts` has them, None where empty.
    categories : tuple of str, optional
        Of a categorical.
    ordered : bool
        Whether that is ordered.
    """
    if categories is not None:
        own_flag = categories == FLAG_LEVELS and not ordered
        return ColumnType("flag") if own_flag else ColumnType("factor", categories, ordered)
    present = set(texts) - {None}
    if all(map(is_quantity, present)):
        return ColumnType("number")
    if present <= set(FLAG_LEVELS):
        return ColumnType("flag")
    return ColumnType("factor", natural_levels(present))


def natural_levels(levels: Iterable[str]) -> tuple[str, ...]:
    """Levels in natural order: numbers by value, then texts with the numbers in them by value."""
    return tuple(sorted(levels, key=_level_key))


def natural_key(text: str) -> tuple[str, str]:
    """A key that sorts texts with the whole numbers in them read as numbers: P2 before P10."""
    return re.sub(r"[0-9]+", lambda digits: digits.group().zfill(20), text), text


def misfits(texts: np.ndarray, column: ColumnType) -> np.ndarray:
    """(rows,) whether a cell is one that the type cannot hold."""
    allowed = is_quantity if column.kind == "number" else set(column.levels).__contains__
    return np.array([text is not None and not allowed(text) for text in texts], dtype=bool)


def typed(texts: np.ndarray, column: ColumnType) -> pd.Series:
    """Cells under a type: float64, NaN where one is empty; or a categorical of the levels. Misfits become missing."""
    if column.kind == "number":
        kept = texts.copy()
        kept[misfits(texts, column)] = None
        return pd.Series(doubles(kept))
    levels = pd.Index(column.levels, dtype="str")
    code_of = {level: code for code, level in enumerate(column.levels)}
    codes = np.array([code_of.get(text, -1) for text in texts], dtype=np.intp)
    return pd.Series(pd.Categorical.from_codes(codes, categories=levels, ordered=column.ordered))


def schema_frame(tables: Mapping[str, tuple[pd.DataFrame, Schema]]) -> pd.DataFrame:
    """Schemas as a table: one row per column, with how many of its cells are empty."""
    rows = [
        (name, column, type_.kind, type_.levels, int(frame[column].isna().sum()))
        for name, (frame, schema) in tables.items()
        for column, type_ in schema.items()
    ]
    return Printed(rows, columns=["table", "column", "kind", "levels", "missing"])


def _level_key(text: str) -> tuple[int, float, tuple[str, str]]:
    return (0, float(text), natural_key(text)) if is_number(text) else (1, 0.0, natural_key(text))
