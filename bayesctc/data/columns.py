"""The names of the columns and the units of time."""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from bayesctc.errors import DataError

DAYS_PER_MONTH = 30.4375
MONTHS_PER_UNIT: Mapping[str, float] = MappingProxyType(
    {"days": 1 / DAYS_PER_MONTH, "weeks": 7 / DAYS_PER_MONTH, "months": 1.0, "years": 12.0}
)
DEFAULT_VOLUME_ML = 7.5
# 1e-6 months are 2.6 seconds: times closer than this are the same moment.
TIME_TOLERANCE = 1e-6

SAMPLE_COLUMNS = ("patient_id", "time", "ctc", "volume_ml")
STATUS, REASON = "status", "status_reason"  # of samples, which need not have them
PATIENT_COLUMNS = ("patient_id", "entry", "followup_end")
INTERVAL_COLUMNS = ("patient_id", "start", "stop")
SAMPLES_AFTER = ("drop", "keep")
_ENDPOINT_COLUMN = re.compile(r"(?P<endpoint>.+)_(?:time|event)")
_BOUND_COLUMN = re.compile(r"(?P<endpoint>.+)_(?:left|right)")
_USUAL_ENDPOINTS = ("os", "pfs", "ttf")


def months_per(time_unit: str) -> float:
    """Months in one `time_unit` (a month has 30.4375 days)."""
    if time_unit not in MONTHS_PER_UNIT:
        raise DataError(f"time_unit: found {time_unit!r}; allowed: {', '.join(MONTHS_PER_UNIT)}")
    return MONTHS_PER_UNIT[time_unit]


def time_text(months: float, time_unit: str, digits: str = ".1f") -> str:
    """A time for a message: "34.6 months", or first in the unit of the user's data, "1053 days (34.6 months)"."""
    text = f"{months:{digits}} months"
    return text if time_unit == "months" else f"{months / months_per(time_unit):.10g} {time_unit} ({text})"


def endpoint_of(column: str) -> str | None:
    """The endpoint a column such as ``os_time`` or ``os_event`` belongs to, or None."""
    match = _ENDPOINT_COLUMN.fullmatch(column)
    return match["endpoint"] if match else None


def endpoints_in(columns: Iterable[str]) -> tuple[str, ...]:
    """The endpoints with a time or an event column, or both bounds: os, pfs and ttf first, then the others by name."""
    there = set(columns)
    found = {endpoint for column in there if (endpoint := endpoint_of(column)) is not None}
    bounded = {match["endpoint"] for column in there if (match := _BOUND_COLUMN.fullmatch(column))}
    found |= {endpoint for endpoint in bounded if {f"{endpoint}_left", f"{endpoint}_right"} <= there}
    usual = [endpoint for endpoint in _USUAL_ENDPOINTS if endpoint in found]
    return (*usual, *sorted(found.difference(usual)))


def endpoint_columns(endpoints: Iterable[str]) -> list[str]:
    """Columns of each endpoint: time and event, and the bounds of one that is looked for at visits."""
    return [f"{endpoint}_{part}" for endpoint in endpoints for part in ("time", "event", "left", "right")]


def checked_causes(causes: Mapping[str, Sequence[str]] | None, endpoints: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Names of the competing events of endpoints, in the order of their codes 1, 2, ...

    Parameters
    ----------
    causes : mapping, optional
        ``{endpoint: names}``; an endpoint that is not in it has one event.
    endpoints : iterable of str
        Those the patients' table has.
    """
    checked, endpoints = {}, tuple(endpoints)
    if causes is not None and not isinstance(causes, Mapping):
        raise DataError(
            f"causes: found {causes!r}; allowed: endpoints with the names of their events, such as "
            "{'ttf': ('progression', 'toxicity')}"
        )
    for endpoint, names in (causes or {}).items():
        if endpoint not in endpoints:
            raise DataError(
                f"causes: found {endpoint!r}; allowed, by the patients' columns: {', '.join(endpoints) or 'none'}"
            )
        if (
            isinstance(names, str)
            or not isinstance(names, Sequence)
            or len(names) < 2
            or len(set(names)) < len(names)
            or not all(isinstance(name, str) and name.isidentifier() for name in names)
            or any(name.startswith("by_class") for name in names)  # ends of names of parameters
        ):
            raise DataError(
                f"causes: found {names!r} for {endpoint!r}; allowed: two or more different names of letters, digits "
                "and _, such as ('progression', 'toxicity'); endpoints with one event are not listed"
            )
        checked[endpoint] = tuple(names)
    return checked


def split_mapping(columns: Mapping[str, str] | None, intervals: bool = False) -> tuple[dict[str, str], ...]:
    """The user's names for the samples' columns, for the patients' and for those of the intervals.

    Parameters
    ----------
    columns : mapping, optional
        ``{name in bayesctc: name in the user's table}``.
    intervals : bool
        Whether there is a table of intervals, whose columns may be named.

    Returns
    -------
    samples, patients, intervals : dict
        The same mapping, split by table; ``patient_id`` is in all.
    """
    columns = {ours: str(theirs).strip() for ours, theirs in (columns or {}).items()}
    of_intervals = INTERVAL_COLUMNS if intervals else ()
    unknown = [key for key in columns if not _is_ours(key) and key not in of_intervals]
    if unknown:
        more = "start and stop of the intervals, " if intervals else ""
        turned = {theirs: ours for ours, theirs in columns.items() if ours in unknown and _is_ours(theirs)}
        hint = f"; is it the other way round, columns={turned}?" if turned else ""
        raise DataError(
            f"columns: found {', '.join(map(repr, unknown))}; allowed: patient_id, time, ctc, volume_ml, status, "
            f"status_reason, entry, followup_end, {more}<endpoint>_time, <endpoint>_event, <endpoint>_left, "
            "<endpoint>_right, each with your name for that column as its value"
            f"{hint}"
        )
    names_of_samples = (*SAMPLE_COLUMNS, STATUS, REASON)
    of_samples = {ours: theirs for ours, theirs in columns.items() if ours in names_of_samples}
    others = {ours: theirs for ours, theirs in columns.items() if ours not in of_samples or ours == "patient_id"}
    of_patients = {ours: theirs for ours, theirs in others.items() if _is_ours(ours)}
    parts = (of_samples, of_patients, {ours: theirs for ours, theirs in others.items() if ours in of_intervals})
    for mapping in parts:
        names = list(mapping.values())
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"columns: {twice[0]!r} is given for more than one column; allowed: once")
    return parts


def is_of_follow_up(name: str) -> bool:
    """Whether one of our columns concerns follow-up or an endpoint."""
    return name in PATIENT_COLUMNS[1:] or endpoint_of(name) is not None or _BOUND_COLUMN.fullmatch(name) is not None


def _is_ours(key: str) -> bool:
    return key in (*SAMPLE_COLUMNS, STATUS, REASON, *PATIENT_COLUMNS) or is_of_follow_up(key)
