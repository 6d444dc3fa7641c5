"""From a frame, or the lines of a file, to a table under our column names."""

import csv
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data import remedies
from bayesctc.data.cells import can_be_stored
from bayesctc.data.columns import SAMPLE_COLUMNS, endpoints_in
from bayesctc.data.frames import as_pandas, column_name, plain
from bayesctc.data.problems import Problems, Table
from bayesctc.data.quoting import quoted


def table_from_frame(frame: Any, name: str, mapping: Mapping[str, str], problems: Problems) -> Table:
    """A frame as a `Table`. An index named like the patient column serves as that column."""
    copied = as_pandas(frame, name)
    if copied.index.name in {mapping.get("patient_id", "patient_id"), "patient_id"} - set(copied.columns):
        copied = copied.reset_index()
    names = [column_name(column) for column in copied.columns]
    copied.columns = pd.Index(names, dtype=object)
    copied = copied.reset_index(drop=True)
    if "" in names:
        problems.add(name, f"column {names.index('') + 1} without a name", "a name for each column")
    table = _renamed(Table(name, copied, np.arange(len(copied))), mapping, problems)
    return plain(table, problems) if table.frame.columns.is_unique else table


def table_from_csv(path: str | PathLike[str], mapping: Mapping[str, str], problems: Problems) -> Table | None:
    """A CSV file as a `Table` of text cells; None if it cannot be read as one (which is a problem)."""
    name = Path(path).name
    lines = _lines(Path(path), problems)
    if lines is None:
        return None
    header, cells, rows = lines
    frame = pd.DataFrame(dict(enumerate(_transposed(cells, len(header)))), dtype=object)
    frame.columns = pd.Index(header, dtype=object)
    return _renamed(Table(name, frame, np.asarray(rows, dtype=np.int64)), mapping, problems)


def _lines(path: Path, problems: Problems) -> tuple[list[str], list[list[str]], list[int]] | None:
    """Header, cells and line numbers of a CSV file; blank lines are passed over."""
    header: list[str] = []
    cells: list[list[str]] = []
    rows: list[int] = []
    start = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for record in reader:
                if record and not header:
                    header = [cell.strip() for cell in record]
                elif record:
                    cells.append(record)
                    rows.append(start)
                start = reader.line_num + 1
    except UnicodeDecodeError as error:
        allowed = f"a CSV file in UTF-8; {remedies.of_encoding(path)}"
        problems.add(path.name, f"bytes that are not UTF-8 ({error.reason})", allowed)
        return None
    except csv.Error as error:
        problems.add(path.name, f"a line that is not CSV ({error})", "a CSV file, cells with commas quoted", row=start)
        return None
    except OSError as error:
        problems.add(str(path), error.strerror or type(error).__name__, "a CSV file that can be read")
        return None
    if not header:
        problems.add(path.name, "an empty file", "a CSV file with a header line")
        return None
    return _checked_lines(path.name, header, cells, rows, problems)


def _checked_lines(
    name: str, header: list[str], cells: list[list[str]], rows: list[int], problems: Problems
) -> tuple[list[str], list[list[str]], list[int]] | None:
    delimiter = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
    if delimiter is not None:
        allowed = f"commas between cells, and decimal points; {remedies.of_delimiter(name, delimiter)}"
        problems.add(name, f"a header separated by {delimiter!r}: {quoted(header[0])}", allowed, row=1)
        return None
    if "" in header:
        at = header.index("") + 1
        problems.add(
            name, f"column {at} without a name", "a name for each column (write the file without row names)", row=1
        )
        return None
    ragged = [(row, len(record)) for row, record in zip(rows, cells, strict=True) if len(record) != len(header)]
    for row, length in ragged:
        allowed = f"{len(header)} cells, as in the header; a cell with a comma must be quoted"
        problems.add(name, f"{length} cells", allowed, row=row)
    return None if ragged else (header, cells, rows)


def _transposed(cells: list[list[str]], n_columns: int) -> list[tuple[str, ...]]:
    return list(zip(*cells, strict=True)) if cells else [()] * n_columns


def _renamed(table: Table, mapping: Mapping[str, str], problems: Problems) -> Table:
    """The table under our column names."""
    given = list(table.frame.columns)
    for name in sorted({name for name in given if given.count(name) > 1}):
        problems.add(table.name, f"{given.count(name)} columns of this name", "one", column=name)
    for name in given:
        if not can_be_stored(name):
            problems.add(table.name, f"a column named {name!a}", "names of valid characters, without NUL")
    for ours, theirs in mapping.items():
        if theirs in given and ours in given and ours not in mapping.values():
            problems.add(table.name, f"a column {ours!r} as well as {theirs!r}, given for it", "one", column=ours)
        # patient_id may go by another name in one of the two tables only
        if theirs not in given and not (ours == "patient_id" and ours in given):
            problems.add(table.name, f"no such column (given for {ours})", _choice(given, theirs), column=theirs)
    used = {ours: theirs for ours, theirs in mapping.items() if theirs in given and ours != theirs}
    ours_of = {theirs: ours for ours, theirs in used.items()}
    names = pd.Index([ours_of.get(name, name) for name in given], dtype=object)  # whatever they hold
    frame = table.frame.set_axis(names, axis=1)
    return Table(table.name, frame, table.rows, used)


def refuse_swapped(samples: Table | None, patients: Table | None, own: Iterable[str], names: Mapping[str, str]) -> None:
    """Refuse patients in place of samples; `own` are the columns of the outcome, `names` the user's for columns."""
    wanted = {names.get(column, column) for column in ("time", *own)}
    if samples is None or patients is None:
        return
    there, other = (
        {table.column_name(str(column)) for column in table.frame.columns} & wanted for table in (samples, patients)
    )
    if other == wanted and not there:
        problems = Problems()
        allowed = "samples first, then patients: are the two swapped?"
        problems.add(patients.name, f"the columns of samples ({', '.join(sorted(other))})", allowed)
        problems.raise_any()


def check_columns(samples: Table, patients: Table, problems: Problems, own: Iterable[str] = ("ctc",)) -> None:
    """Note missing columns (`own` are those of the outcome), and endpoints with only one of their two columns."""
    for table, needed in ((samples, ("patient_id", "time", *own)), (patients, ("patient_id",))):
        for column in needed:
            if column not in table.frame:
                hint = f"columns={{{column!r}: ...}}" if column in SAMPLE_COLUMNS else "Marker(column=...)"
                allowed = f"{_choice(table.frame.columns, column)} (name it with {hint})"
                problems.add(table.name, "no such column", allowed, column=column)
    for endpoint in endpoints_in(patients.frame.columns):
        pair, bounds = ([f"{endpoint}_{part}" for part in parts] for parts in (("time", "event"), ("left", "right")))
        bounded = [column for column in bounds if column in patients.frame]
        wanted = bounds if bounded else pair
        half = bounded or [column for column in pair if column in patients.frame]
        if len(half) == 1:
            missing = (set(wanted) - set(half)).pop()
            allowed = f"{missing} as well as {half[0]}; rename {half[0]} if it does not belong to an endpoint"
            problems.add(patients.name, "no such column", allowed, column=missing)


def _choice(columns: Iterable[object], wanted: str) -> str:
    """The existing columns, and the one that was probably meant."""
    names = [quoted(str(name)) for name in columns]
    lowered = {name.lower(): name for name in names}
    nearest = get_close_matches(quoted(wanted).lower(), list(lowered), 1)
    meant = f"; did you mean {lowered[nearest[0]]}?" if nearest else ""
    return "one of the existing columns: " + ", ".join(names[:20]) + (", …" if len(names) > 20 else "") + meant
