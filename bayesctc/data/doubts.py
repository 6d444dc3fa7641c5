"""Valid cells that look wrong all the same: units, volumes, columns, levels."""

from collections.abc import Iterator

import pandas as pd

from bayesctc.data.cells import is_number
from bayesctc.data.content import Content
from bayesctc.data.covariates import is_measured
from bayesctc.data.schema import ColumnType
from bayesctc.data.units import unit_warnings

DEATH_ENDS = "pfs"  # by its definition, progression or death
FEW = 0.2  # share of the cells of a column of numbers that are texts, at most, to be taken for a slip


def data_warnings(content: Content) -> tuple[str, ...]:
    """What looks odd, and the remedy; empty if nothing does."""
    further = content.samples[list(content.sample_covariates)]
    tables = [
        ("", content.patients, content.schema),
        ("samples: ", content.samples, content.sample_schema),
        ("intervals: ", content.intervals, content.interval_schema),
    ]
    levels = [text for where, table, schema in tables for text in _of_levels(where, table, schema)]
    deaths = _of_deaths(content.patients) if DEATH_ENDS not in content.causes else ()
    own = content.outcome.doubts(content.samples, further)
    return (*unit_warnings(content), *_without_events(content), *own, *deaths, *levels)


def deaths_not_counted(patients: pd.DataFrame) -> int:
    """Number of deaths without documented progression, if progression-free survival treats all of them as censored.

    It does for progression seen at visits (``pfs_left``, ``pfs_right``) unless some event is known to the day.
    """
    name = DEATH_ENDS
    if not {f"{name}_left", f"{name}_right", f"{name}_event", "os_event"} <= set(patients.columns):
        return 0
    event = patients[f"{name}_event"] > 0
    if (event & patients[f"{name}_right"].isna()).any():
        return 0
    return int(((patients["os_event"] > 0) & ~event).sum())


def _without_events(content: Content) -> Iterator[str]:
    """Endpoints, or competing events, that no patient had; new patients of a model need not have had any."""
    if content.source and "like" in content.source[0].missing:
        return
    for name in content.endpoints:
        column, event = f"{name}_event", content.patients[f"{name}_event"]
        causes = content.causes.get(name, ())
        never = [f"{cause!r} ({column} {k})" for k, cause in enumerate(causes, start=1) if not (event == k).any()]
        if not (event > 0).any():
            yield f"{name}: no patient has the event ({column} is 0 everywhere), so that it cannot be analysed"
        elif never:
            yield f"{name}: no patient has the event {' or '.join(never)}; omit from causes those that never occur"


def _of_deaths(patients: pd.DataFrame) -> Iterator[str]:
    """Deaths without progression that the bounds of progression do not count as events."""
    n, name = deaths_not_counted(patients), DEATH_ENDS
    if n:
        yield (
            f"{n:,} patient{'s' if n > 1 else ''} died (os) without documented progression; {name} treats them as "
            f"censored at their last scan. If death is an event of {name}, give {name}_time and {name}_event for every "
            "patient"
        )


def _of_levels(where: str, table: pd.DataFrame | None, schema) -> Iterator[str]:
    for name, column in schema.items():
        if column.kind == "factor" and table is not None:
            yield from (f"{where}{name}: {text}" for text in (*_alike(column), *_nearly_numbers(table, name, column)))


def _alike(column: ColumnType) -> Iterator[str]:
    """Levels that differ only in capitals or blanks."""
    same: dict[str, list[str]] = {}
    for level in column.levels:
        same.setdefault("".join(level.split()).casefold(), []).append(level)
    for levels in same.values():
        if len(levels) > 1:
            shown = " and ".join(map(repr, levels))
            yield f"the levels {shown} differ only in capitals or blanks; if they are the same level, spell them alike"


def _nearly_numbers(table: pd.DataFrame, name: str, column: ColumnType) -> Iterator[str]:
    """A column of numbers that a few texts make a factor."""
    texts = [level for level in column.levels if not is_number(level)]
    if not texts or not is_measured(column.levels):
        return
    values = table[name].dropna().astype(str)
    own = values[values.isin(texts)]
    if 0 < len(own) <= FEW * len(values):
        patient = own.index[0] if table.index.name == "patient_id" else table.loc[own.index[0], "patient_id"]
        n = len(column.levels) - len(texts)
        yield (
            f"{n} different numbers and {len(texts)} text{'s' if len(texts) > 1 else ''}, such as {own.iloc[0]!r} "
            f"(patient {patient}), which make it a factor of {len(column.levels)} levels; if it is a measurement, "
            "write numbers only and leave missing cells empty"
        )
