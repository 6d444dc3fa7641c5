"""Endpoints that are looked for at visits: the event lies between the last visit without it and the first with it.

``<endpoint>_left`` is the last time at which a patient was known to be free of the event, ``<endpoint>_right`` the
first at which it was seen; an empty ``_right`` says that it was not seen. A cohort keeps the columns as given, with
three rules: ``_time`` is the time at which the event was seen, or else the end of follow-up; an empty ``_left`` is
entry, or 0, if an event was seen, and else ``_time``; and equal bounds are an event known to the day.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesctc.data import cells, parsing
from bayesctc.data.columns import TIME_TOLERANCE
from bayesctc.data.problems import Problems, Table

INFINITE = ("inf", "+inf", "infinity", "+infinity")


@dataclass(frozen=True)
class Bounds:
    """An endpoint as its four columns have it: arrays (rows,), months; NaN where a cell is empty or wrong."""

    time: np.ndarray
    event: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def between(self) -> np.ndarray:
        """Whose event lies between two visits."""
        return (self.event > 0) & (self.left < self.right)

    def columns(self, endpoint: str) -> dict[str, np.ndarray]:
        """By the names of the cohort's columns."""
        return {f"{endpoint}_{part}": getattr(self, part) for part in ("time", "event", "left", "right")}


def given(columns: object, endpoint: str) -> bool:
    """Whether an endpoint has bounds."""
    return f"{endpoint}_left" in columns or f"{endpoint}_right" in columns  # type: ignore[operator]


def read(table: Table, endpoint: str, months: float, problems: Problems, causes: tuple[str, ...]) -> Bounds:
    """The endpoint's columns, checked one by one and against each other."""
    left = _bound(table, f"{endpoint}_left", problems, "a time, 0 or more, or empty", 0.0) * months
    not_seen = "a time above 0, or empty if the event was not seen"
    right = _bound(table, f"{endpoint}_right", problems, not_seen) * months
    seen = ~cells.missing(table.frame[f"{endpoint}_right"]) & ~_infinite(table, f"{endpoint}_right")
    entry = np.zeros(len(left))
    if "entry" in table.frame:
        entry = np.nan_to_num(cells.finite_numbers(table.frame["entry"]) * months)
    time = np.full(len(left), np.nan)
    if f"{endpoint}_time" in table.frame:
        time = _bound(table, f"{endpoint}_time", problems, "a time, 0 or more, or empty", 0.0) * months
    event = _events(table, endpoint, problems, causes, seen)
    _check_order(table, endpoint, left, right, time, problems)
    _check_event(table, endpoint, event, seen, time, left, problems)
    known = ~seen & (event > 0)  # to the day
    time = np.where(seen, right, np.where(known, time, np.where(np.isnan(time), left, time)))
    left = np.where(np.isnan(left), np.where(seen, np.minimum(entry, right), time), left)
    if "entry" in table.frame:
        _check_entry(table, endpoint, entry, known, time, left, np.where(seen, right, np.inf), problems)
    return Bounds(time, event, left, np.where(seen, right, np.nan))


def looked_for(bounds: Bounds, causes: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of the causes that are looked for at visits: the only event, or those with an event between two."""
    if not causes:
        return (1,)
    return tuple(int(code) for code in np.unique(bounds.event[bounds.between]))


def settled(bounds: Bounds, numbers: tuple[int, ...], causes: tuple[str, ...]) -> Bounds:
    """`left` as the likelihood reads it: the last time at which the events that are looked for are known to be absent.

    For an event known to the day: the event itself if it is one of those looked for, or the only one; else `left`.
    """
    known = (bounds.event > 0) & np.isnan(bounds.right) & np.isin(bounds.event, numbers)
    end = np.isnan(bounds.right) & (bounds.event == 0) & (not causes)
    left = np.where(known, bounds.time, bounds.left)
    return Bounds(np.where(end, bounds.left, bounds.time), bounds.event, left, bounds.right)


def read_all(table: Table, endpoints: tuple[str, ...], months: float, problems: Problems, causes: Mapping) -> tuple:
    """Columns of the endpoints with bounds, and the numbers of the causes that are looked for, by endpoint."""
    columns: dict[str, np.ndarray] = {}
    numbers = {}
    for endpoint in endpoints:
        if given(table.frame, endpoint):
            own = causes.get(endpoint, ())
            bounds = read(table, endpoint, months, problems, own)
            numbers[endpoint] = looked_for(bounds, own)
            columns |= settled(bounds, numbers[endpoint], own).columns(endpoint)
    return columns, numbers


def _infinite(table: Table, column: str) -> np.ndarray:
    """Which cells are infinite: the event is never seen."""
    values = table.frame[column]
    if cells.is_typed_number(values.dtype):
        return np.isposinf(values.to_numpy(dtype=float, na_value=np.nan))
    return np.array([text is not None and text.lower() in INFINITE for text in cells.texts(values)], dtype=bool)


def _bound(table: Table, column: str, problems: Problems, allowed: str, minimum: float | None = None) -> np.ndarray:
    """(rows,) a column of times whose cells may be empty; infinite ones are, of `_right`."""
    values = table.frame[column]
    empty = cells.missing(values)
    if minimum is None and column.endswith("_right"):
        empty = empty | _infinite(table, column)
    found = cells.finite_numbers(values)
    with np.errstate(invalid="ignore"):
        right = found > 0.0 if minimum is None else found >= minimum
    problems.add_rows(table, ~empty & ~right, column, allowed)
    return np.where(empty | ~right, np.nan, found)


def _events(table, endpoint, problems, causes, seen):
    """Codes of the events: the column's, or without one whether the event was seen."""
    column = f"{endpoint}_event"
    if column in table.frame:
        return parsing.events(table, column, problems, causes)
    if causes:
        allowed = f"{column}, which gives the cause of each patient's event"
        problems.add(table.name, "no such column", allowed, column=column)
    return seen.astype(float)


def _check_order(table, endpoint, left, right, time, problems):
    """left <= right, and `_time`, where it is given, between them."""
    with np.errstate(invalid="ignore"):
        wrong = left > right + TIME_TOLERANCE
        problems.add_rows(
            table, wrong, f"{endpoint}_left", parsing.beside("at most", table, f"{endpoint}_right", wrong)
        )
        early, late = time < left - TIME_TOLERANCE, time > right + TIME_TOLERANCE
    for where, word, bound in ((early, "at least", "left"), (late & ~early, "at most", "right")):
        allowed = parsing.beside(word, table, f"{endpoint}_{bound}", where)
        problems.add_rows(table, where, f"{endpoint}_time", allowed)


def _check_event(table, endpoint, event, seen, time, left, problems):
    """An event has a right bound or, known to the day, a time; a patient without one has no right bound."""
    column = f"{endpoint}_right"
    problems.add_rows(
        table, (event == 0) & seen, column, f"empty, because {table.column_name(f'{endpoint}_event')} is 0 (not seen)"
    )
    nowhere = (event > 0) & ~seen & np.isnan(time)
    other = f"{table.column_name(f'{endpoint}_time')} if it is known to the day"
    problems.add_rows(table, nowhere, column, f"a time, because there was an event, or {other}")
    nothing = (event == 0) & ~seen & np.isnan(time) & np.isnan(left)
    problems.add_rows(table, nothing, f"{endpoint}_left", "a time, because the event was not seen")


def _check_entry(table, endpoint, entry, known, time, left, right, problems):
    """Entry comes before the event, and the last visit without the event is not before entry."""
    before, gone = right <= entry, known & (time <= entry)
    across = (left < entry - TIME_TOLERANCE) & ~before & ~gone
    for where, word, part in (
        (before, "after", "right"),
        (gone, "after", "time"),
        (across, "empty, or at least", "left"),
    ):
        problems.add_rows(table, where, f"{endpoint}_{part}", parsing.beside(word, table, "entry", where))
