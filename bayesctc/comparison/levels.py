"""Levels of a reading as terms of a regression, and its estimates as rows of a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.comparison.readings import Reading
from bayesctc.errors import DataError

CARRIED, JOINT = "counts alone", "joint fit"  # the origin of the classes of a row
NO_CLASSES = ""  # of a reading without classes
JOINT_METHODS = ("joint ML", "joint Bayes", "joint")
ROW_COLUMNS = ["cause", "reading", "level", "reference", "method", "estimate", "lower", "upper", "p", "note"]
NUMBERS = ["estimate", "lower", "upper", "p"]
Reasons = Mapping[tuple[str, str], str | None]  # why a fit cannot be compared, by reading and method


@dataclass(frozen=True, eq=False)
class LevelTerms:
    """Levels of a reading as terms of a regression.

    Attributes
    ----------
    columns : DataFrame (n_patients, n_terms)
        A 0/1 column for each level with patients except the base.
    base : str
        The reference, or the first level with an event if the reference has none.
    empty, silent : dict of str
        Levels without patients, and levels with patients but no event, each with the reason for having no estimate.
        Without an event in the reference no ratio can be estimated, and all levels are in `empty`.
    """

    columns: pd.DataFrame
    base: str
    empty: dict[str, str]
    silent: dict[str, str]


def level_terms(levels: pd.Series, event) -> LevelTerms:
    """Terms of a regression on the levels.

    Parameters
    ----------
    levels : Series of categorical (n_patients,)
    event : array (n_patients,)
    """
    members = {str(level): (levels == level).to_numpy() for level in levels.cat.categories}
    n = {level: int(of.sum()) for level, of in members.items()}
    silent = {
        level: f"not estimable: no event in {n[level]} patients"
        for level, of in members.items()
        if n[level] and not np.asarray(event)[of].any()
    }
    reference, *others = members
    empty = {level: "not estimable: no patient" for level in others if not n[level]}
    base = next((level for level in members if n[level] and level not in silent), reference)
    if base != reference:
        why = f"no event in its {n[reference]} patients" if n[reference] else "no patient in it"
        empty = dict.fromkeys(others, f"not estimable relative to {reference}: {why}")
    columns = {level: of.astype(float) for level, of in members.items() if n[level] and level != base}
    silent.pop(base, None)
    return LevelTerms(pd.DataFrame(columns, index=levels.index), base, empty, silent)


def level_rows(cause: str, reading: Reading, method: str, table: pd.DataFrame, missing: dict[str, str]) -> list[tuple]:
    """Rows (`ROW_COLUMNS`) of a table whose terms have the names of the levels that are not missing."""
    rows, table = [], table[~table.index.duplicated()]  # levels come first; a confounder may have the name of one
    for level in reading.levels.cat.categories[1:]:
        if level in missing:
            rows.append((cause, reading.name, level, reading.reference, method, *[pd.NA] * 4, missing[level]))
            continue
        row = table.loc[str(level)]
        numbers = (row["hazard_ratio"], row["lower"], row["upper"], row.get("p", pd.NA))
        rows.append((cause, reading.name, level, reading.reference, method, *numbers, ""))
    return rows


def regression_rows(cause: str, reading: Reading, method: str, fit, missing: dict[str, str], why: str) -> list[tuple]:
    """`level_rows` of a regression, or the reason why there is none."""
    if fit is None:
        missing = {str(level): missing.get(str(level), why) for level in reading.levels.cat.categories[1:]}
        return level_rows(cause, reading, method, pd.DataFrame(), missing)
    return level_rows(cause, reading, method, fit.table, missing)


def hazard_ratio_table(endpoint: str, rows: list[tuple], reasons: Reasons) -> pd.DataFrame:
    """Rows with their endpoint, the origin of their classes, numbers that may be <NA>, `usable` and `reason` (why a
    row is not counted).
    """
    table = with_origin(pd.DataFrame(rows, columns=ROW_COLUMNS))
    table.insert(0, "endpoint", endpoint)
    table[NUMBERS] = table[NUMBERS].astype("Float64")
    return with_reasons(table, reasons, "estimate")


def with_origin(table: pd.DataFrame) -> pd.DataFrame:
    """A table with `classes` after `method`: whether the classes of a row come from counts alone or a joint fit."""
    origins = [
        NO_CLASSES if reading != "tctc" else JOINT if method in JOINT_METHODS else CARRIED
        for reading, method in zip(table["reading"], table["method"], strict=True)
    ]
    table = table.copy()
    table.insert(list(table.columns).index("method") + 1, "classes", origins)
    return table


def with_reasons(table: pd.DataFrame, reasons: Reasons, number: str) -> pd.DataFrame:
    """A table with `usable` and `reason`, by the fit of a row's reading and method and by whether it has a `number`."""
    found = [reasons.get(key) or "" for key in zip(table["reading"], table["method"], strict=True)]
    known = np.isfinite(table[number].to_numpy(dtype=float, na_value=np.nan))
    said = [
        reason or ("" if k else note or "no number")
        for reason, k, note in zip(found, known, table["note"], strict=True)
    ]
    return table.assign(usable=[not text for text in said], reason=said)


def tried(regression: Callable, *arguments, **options) -> tuple[Any, str]:
    """The result of a regression, or None and the reason why it cannot be fitted to these data."""
    try:
        return regression(*arguments, **options), ""
    except DataError as error:
        return None, f"not estimable: {error}"
