"""What the user may have to change, judged by the cells that were found."""

import codecs
import re
from pathlib import Path

import pandas as pd

from bayesctc.data.cells import is_number
from bayesctc.data.columns import DAYS_PER_MONTH, months_per

COUNTS, MARKERS, TIMES = "a whole number, 0 or more", "a number ", ("a time", "a number")
ABOVE_0 = "a time above 0"
WITHOUT_COUNT = (
    ". If no cells were found, enter 0; if there is no count, leave the cell empty and give the sample the status "
    "failed (in a column status); if there were too many to count, enter the limit"
)
MONTHS = 12
_BEYOND = re.compile(r"'(?P<side>[<>≤≥])=?\s*(?P<limit>\d[\d.,]*)'")
_WORD = re.compile(r"'[^\d<>≤≥…]*[^\W\d][^\d<>≤≥…]*'")  # letters, no digit; a text that was cut is a remark
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
        beyond = next((_beyond(match) for text in found if (match := _BEYOND.fullmatch(text))), "")
        words = allowed.startswith(COUNTS) and any(map(_WORD.fullmatch, found))
        return beyond or (WITHOUT_COUNT if words else "")
    if allowed.startswith(ABOVE_0) and any(_is_0(text) for text in found):
        return _at_once(time_unit)
    if allowed.startswith(TIMES):
        column = f"table[{alike['column'].iloc[0]!r}]"
        said = [text for each in found if (text := _in_days(each, column, time_unit))]
        return max(said, key=said.count) if said else ""
    return ""


def of_delimiter(name: str, delimiter: str) -> str:
    """The line that converts a file with another delimiter; cells stay text, so that codes such as 01 do."""
    return (
        "convert it with pandas, into another file: "
        f"pd.read_csv({name!r}, sep={delimiter!r}, dtype=str, keep_default_na=False)"
        f".replace(r'^([+-]?\\d*),(\\d+)$', r'\\1.\\2', regex=True).to_csv({_beside(name, 'commas')!r}, index=False)"
    )


def of_encoding(path: Path) -> str:
    """The line that converts a file in the encoding of Windows, or in UTF-16 if its first bytes say so."""
    with path.open("rb") as file:
        utf_16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding, said = ("utf-16", "UTF-16, as this one,") if utf_16 else ("cp1252", "Windows-1252, as from Excel,")
    return (
        f"one in {said} is converted by pathlib.Path({_beside(path.name, 'utf8')!r}).write_text("
        f"pathlib.Path({path.name!r}).read_text(encoding={encoding!r}), encoding='utf-8')"
    )


def _beside(name: str, what: str) -> str:
    """The name of a converted file, so that the original remains."""
    return f"{Path(name).stem}_{what}.csv"


def _is_0(found: str) -> bool:
    """Whether a quoted cell is 0."""
    text = found.strip("'")
    return is_number(text) and float(text) == 0.0


def _at_once(time_unit: str) -> str:
    """What to do with a patient without follow-up, or with an event on the first day."""
    half = 0.5 / DAYS_PER_MONTH / months_per(time_unit)
    return (
        ". Time 0 is no follow-up: leave the patient out, or, if the event was on the first day, enter half a day "
        f"({half:.2g} {time_unit})"
    )


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
