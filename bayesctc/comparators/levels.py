"""Levels of a reading as terms of a regression, and its estimates as rows of a table."""

import pandas as pd

from bayesctc.comparators.readings import Reading

ROW_COLUMNS = ["reading", "level", "reference", "method", "estimate", "lower", "upper", "p", "note"]
NUMBERS = ["estimate", "lower", "upper", "p"]


def level_columns(levels: pd.Series, event) -> tuple[pd.DataFrame, dict[str, str], dict[str, str]]:
    """A 0/1 column for each level with patients but the first.

    Parameters
    ----------
    levels : Series of categorical (n_patients,)
    event : array (n_patients,)

    Returns
    -------
    columns : DataFrame (n_patients, n_levels)
    empty, silent : dict of str
        Levels without patients, and levels with patients but no event, each with why it has no estimate.
    """
    columns, empty, silent = {}, {}, {}
    for level in levels.cat.categories[1:]:
        member = (levels == level).to_numpy()
        if not member.any():
            empty[str(level)] = "not estimable: no patient"
            continue
        columns[str(level)] = member.astype(float)
        if not event[member].any():
            silent[str(level)] = f"not estimable: no event in {member.sum()} patients"
    return pd.DataFrame(columns, index=levels.index), empty, silent


def level_rows(reading: Reading, method: str, table: pd.DataFrame, missing: dict[str, str]) -> list[tuple]:
    """Rows (`ROW_COLUMNS`) of a table whose first terms are the levels that are not missing, in order."""
    rows, position = [], 0
    for level in reading.levels.cat.categories[1:]:
        if level in missing:
            rows.append((reading.name, level, reading.reference, method, *[pd.NA] * 4, missing[level]))
            continue
        row = table.iloc[position]
        position += 1
        numbers = (row["hazard_ratio"], row["lower"], row["upper"], row.get("p", pd.NA))
        rows.append((reading.name, level, reading.reference, method, *numbers, ""))
    return rows


def hazard_ratio_table(endpoint: str, rows: list[tuple]) -> pd.DataFrame:
    """Rows with their endpoint; numbers that may be <NA>."""
    table = pd.DataFrame(rows, columns=ROW_COLUMNS)
    table.insert(0, "endpoint", endpoint)
    table[NUMBERS] = table[NUMBERS].astype("Float64")
    return table
