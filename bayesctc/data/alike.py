"""Problems of the data with similar ones in one line: how many, a few examples, and the likely remedy."""

import re
from collections.abc import Iterable

import pandas as pd

from bayesctc.data import remedies
from bayesctc.data.columns import DAYS_PER_MONTH, MONTHS_PER_UNIT
from bayesctc.data.quoting import quoted

ALIKE = 4  # problems of one kind from here on are one line
EXAMPLES = 3
FEW = 20  # lines
SHORTER_UNITS = {"years": ("months", "weeks", "days"), "months": ("weeks", "days"), "weeks": ("days",), "days": ()}
_WHOSE = re.compile(r", [^,()]*(?: \([^()]*, row \d+\))?(?=$|,)")  # the patient's own figure, and where it stands
_LIMIT = re.compile(r"at most the patient's [^,]+, ([-+.\deE]+)")


def grouped(problems: pd.DataFrame, time_unit: str) -> str:
    """All problems in a few lines.

    Parameters
    ----------
    problems : DataFrame
        That of a `DataError`: file, row, patient, column, found, allowed.
    time_unit : str
        The unit that the times were read in.

    Returns
    -------
    str
    """
    total, lines = len(problems), []
    kind = problems["allowed"].map(_kind)
    for (_, column, allowed), alike in problems.groupby(["file", "column", kind], sort=False, dropna=False):
        of_cells = remedies.of_cells(alike, str(allowed), time_unit)
        if len(alike) < ALIKE or alike["row"].isna().any():
            lines += [_line(problem) for problem in alike.to_dict("records")]
            lines[-1] += of_cells
            continue
        examples = "; ".join(_example(problem) for problem in alike.head(EXAMPLES).to_dict("records"))
        place = f"{alike.iloc[0]['file']}, {len(alike):,} rows" + ("" if column is None else f", column {column!r}")
        remedy = of_cells
        if of_cells in ("", remedies.WITHOUT_COUNT):  # many words may also be no counts at all
            remedy += _remedy(alike, str(allowed), time_unit)
        lines.append(f"  {place}: allowed: {allowed}; found such as {examples}{remedy}")
    heading = "1 problem in the data:" if total == 1 else f"{total:,} problems in the data:"
    if len(lines) > FEW:
        lines = [*lines[:FEW], f"  and {len(lines) - FEW} more lines (the error's .problems lists all)"]
    return "\n".join([heading, *lines])


def _kind(allowed: str) -> str:
    """What is allowed, without the values of single patients."""
    return _WHOSE.sub("", allowed) if "the patient's" in allowed else allowed


def _line(problem) -> str:
    """One problem."""
    known = {name: value for name, value in problem.items() if not pd.isna(value)}
    place = [str(known["file"])]
    place += [f"row {known['row']}"] if "row" in known else []
    place += [f"{name} {quoted(str(known[name]))}" for name in ("patient", "column") if name in known]
    return f"  {', '.join(place)}: found {problem['found']}; allowed: {problem['allowed']}"


def _example(problem) -> str:
    """What was found and where."""
    patient = "" if problem["patient"] is None else f", patient {problem['patient']}"
    limit = _LIMIT.search(problem["allowed"])
    return f"{problem['found']} (row {problem['row']}{patient}{f', whose limit is {limit[1]}' if limit else ''})"


def _remedy(alike: "pd.DataFrame", allowed: str, time_unit: str) -> str:
    """What the user may have to change, if many problems of one kind suggest it; otherwise ""."""
    if allowed.startswith("at most") and "days before time 0" in allowed:
        return _other_unit(_numbers(alike["found"]), allowed, time_unit)
    if allowed.startswith("at most the patient's"):
        limits = [float(found[1]) if (found := _LIMIT.search(text)) else 0.0 for text in alike["allowed"]]
        far = [value > 5 * limit for value, limit in zip(_numbers(alike["found"]), limits, strict=False)]
        if sum(far) > len(far) / 2:
            return (
                ". Are the samples' times in days and the follow-up in months? All times of both files have to be in "
                "one unit, such as days with time_unit='days'"
            )
    if allowed.startswith("a patient_id of"):
        return ". Are identifiers written the same way in both files (leading zeros, prefixes)?"
    if allowed.startswith(remedies.COUNTS):
        return ". If this is not a count of cells, use marker=bc.Marker(...), family='gaussian'"
    return ""


def _other_unit(times: list[float], allowed: str, time_unit: str) -> str:
    """A shorter unit in which nearly all early samples would be inside the baseline window."""
    days = {unit: months * DAYS_PER_MONTH for unit, months in MONTHS_PER_UNIT.items()}
    window = float(re.search(r"at most ([\d.]+) days", allowed)[1])  # type: ignore[index]
    for unit in SHORTER_UNITS[time_unit][::-1]:
        inside = sum(-time * days[unit] <= window for time in times)
        if inside >= 0.9 * len(times):
            return f". Are times in {unit}? If so, give time_unit={unit!r}"
    return ""


def _numbers(found: Iterable[str]) -> list[float]:
    """Cells as numbers; cells that are not numbers are left out."""
    values = []
    for text in found:
        try:
            values.append(float(text.strip("'")))
        except ValueError:
            continue
    return values
