"""What the user may have to change, judged by the cells that were found."""

import re

import pandas as pd

COUNTS, MARKERS, TIMES = "a whole number, 0 or more", "a number ", ("a time", "a number")
MONTHS = 12
_BEYOND = re.compile(r"'(?P<side>[<>≤≥])=?\s*(?P<limit>\d[\d.,]*)'")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d(?: .*)?")
_DURATION = re.compile(r"-?\d+ days(?: .*)?")
_DATE_TEXT = re.compile(
    r"'(?:(?P<ymd>\d{4}(?P<a>[-/.])\d{1,2}(?P=a)\d{1,2})|(?P<dmy>\d{1,2}(?P<b>[-/.])\d{1,2}(?P=b)(?:\d{4}|\d\d))"
    r"|(?P<name>\d{1,2}(?P<c>[-/. ]?)[A-Za-z]{3}(?P=c)\d{4}))(?:[ T].*)?'"
)


def of_cells(alike: pd.DataFrame, allowed: str, time_unit: str) -> str:
    """How cells of one column that are limits, dates or durations become numbers, to end a message; otherwise "".

    Parameters
    ----------
    alike : DataFrame
        Problems of one column, as of a `DataError`.
    allowed : str
    time_unit : str
        The unit that the times were read in.
    """
    found = [str(text) for text in alike["found"]]
    if allowed.startswith((COUNTS, MARKERS)):
        return next((_beyond(match) for text in found if (match := _BEYOND.fullmatch(text))), "")
    if allowed.startswith(TIMES):
        column = f"table[{alike['column'].iloc[0]!r}]"
        said = [text for each in found if (text := _in_days(each, column, time_unit))]
        return max(said, key=said.count) if said else ""
    return ""


def _beyond(found: re.Match[str]) -> str:
    """What to enter for a value beyond a limit of measurement."""
    above = found["side"] in ">≥"
    limit = found["limit"].rstrip(".,")
    enter, vary = (f"the limit, {limit},", "a larger value") if above else (f"a value below {limit}", "another one")
    return (
        f". {found[0]} is not a failed or missing sample: enter {enter} and repeat the analysis with {vary}, because "
        "the results may depend on it"
    )


def _in_days(found: str, column: str, time_unit: str) -> str:
    """How a date or a duration becomes a time in days."""
    unit = "" if time_unit == "days" else ", and give all times in days, with time_unit='days'"
    if _DURATION.fullmatch(found):
        return f". Turn durations into numbers with {column}.dt.days{unit}"
    if _DATE_TIME.fullmatch(found):
        return f". Turn dates into days from the start of treatment, ({column} - start).dt.days{unit}"
    match = _DATE_TEXT.fullmatch(found)
    if match is None:
        return ""
    return (
        ". Turn dates into days from the start of treatment, such as "
        f"(pd.to_datetime({column}, format='{_format(match)}') - start).dt.days{unit}"
    )


def _format(date: re.Match[str]) -> str:
    """The format of a date in text; if the year is last, the day comes before the month unless it has to be a month."""
    if date["ymd"]:
        return date["a"].join(("%Y", "%m", "%d"))
    if date["name"]:
        return date["c"].join(("%d", "%b", "%Y"))
    _, second, year = date["dmy"].split(date["b"])
    first = ("%m", "%d") if int(second) > MONTHS else ("%d", "%m")
    return date["b"].join((*first, "%Y" if len(year) == len("2016") else "%y"))
