"""Checks between columns and between the two tables. Values that could not be read are NaN here and pass."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesctc.data import cells
from bayesctc.data.columns import DAYS_PER_MONTH, TIME_TOLERANCE
from bayesctc.data.problems import Problems, Table
from bayesctc.data.quoting import quoted


def check_identifiers(table: Table, identifiers: np.ndarray, problems: Problems) -> None:
    """A patient has one row in the patients' table, and there is at least one."""
    if len(identifiers) == 0:
        problems.add(table.name, "no rows", "at least one patient")
    keys = pd.Series(identifiers, dtype=object)
    again = keys.duplicated().to_numpy() & (identifiers != "")
    first = _first_rows(keys, again, table)
    found = [f"{quoted(identifiers[at])} again (first in row {row})" for at, row in first]
    problems.add_rows(table, again, "patient_id", "one row per patient", found)


def check_samples(
    samples: Table,
    identifiers: np.ndarray,
    time: np.ndarray,
    patients: Table,
    patient_ids: pd.Index,
    problems: Problems,
) -> None:
    """A sample belongs to a patient of the patients' table, and no other sample of theirs has its time."""
    known = patient_ids.get_indexer(pd.Index(identifiers, dtype=object)) >= 0
    problems.add_rows(samples, ~known & (identifiers != ""), "patient_id", f"a patient_id of {patients.name}")
    keys = pd.DataFrame({"patient": pd.factorize(identifiers)[0], "time": time})
    again = keys.duplicated().to_numpy() & (identifiers != "") & ~np.isnan(time)
    first = _first_rows(keys, again, samples)
    times = samples.frame["time"]
    found = [f"{quoted(times.iloc[at])} again (first in row {row})" for at, row in first]
    problems.add_rows(samples, again, "time", "one sample of a patient at a time", found)


def check_baseline_window(samples: Table, time: np.ndarray, baseline_window: float, problems: Problems) -> None:
    """No sample is drawn more than the window (days) before time zero."""
    early = time < -baseline_window / DAYS_PER_MONTH - TIME_TOLERANCE
    problems.add_rows(samples, early, "time", f"at most {baseline_window:g} days before time 0 (baseline_window)")


def check_last_time(
    samples: Table,
    time: np.ndarray,
    position: np.ndarray,
    patients: Table,
    last: np.ndarray,
    column: str,
    problems: Problems,
) -> None:
    """No sample is drawn after its patient's `column` (os_time or followup_end).

    Parameters
    ----------
    samples, patients : Table
    time : numpy.ndarray
        (samples,) months.
    position : numpy.ndarray
        (samples,) row of the sample's patient in the patients' table, -1 without one.
    last : numpy.ndarray
        (patients,) months.
    column : str
    problems : Problems
    """
    if len(last) == 0:
        return
    late = (position >= 0) & (time > last[position] + TIME_TOLERANCE)
    problems.add_rows(samples, late, "time", _bounds("at most", patients, column, position[late]))


def check_endpoint_order(
    patients: Table, name: str, time: np.ndarray, event: np.ndarray, os_time: np.ndarray, problems: Problems
) -> None:
    """No event of another endpoint comes after os_time: death or last contact."""
    late = (event > 0) & (time > os_time + TIME_TOLERANCE)
    columns = said_in(patients, f"{name}_time")
    for column in np.unique(columns[late]):
        where = late & (columns == column)
        problems.add_rows(patients, where, column, _bounds("at most", patients, "os_time", np.flatnonzero(where)))


def check_entry(
    patients: Table, entry: np.ndarray, name: str, time: np.ndarray, event: np.ndarray, problems: Problems
) -> None:
    """Entry comes before the endpoint; a patient censored at entry is allowed, but contributes no information."""
    late = (entry > time) | ((entry == time) & (event > 0))
    bounds = _bounds("before", patients, f"{name}_time", np.flatnonzero(late))
    problems.add_rows(patients, late, "entry", [f"{bound}, or equal to it if censored" for bound in bounds])


def said_in(table: Table, column: str) -> np.ndarray:
    """(rows,) our name of the column that holds each row's time; for an endpoint with bounds, one of these."""
    names = np.full(len(table.frame), column, dtype=object)
    endpoint, part = column.rpartition("_")[::2]
    left, right = f"{endpoint}_left", f"{endpoint}_right"
    if part == "time" and left in table.frame:
        said = ~cells.missing(table.frame[column]) if column in table.frame else np.zeros(len(names), dtype=bool)
        names[~said] = left
        names[np.isfinite(cells.finite_numbers(table.frame[right]))] = right
    return names


def _bounds(word: str, table: Table, column: str, at: np.ndarray) -> Sequence[str]:
    """The bound in the user's own figures, for each row concerned."""
    said = []
    for name, row in zip(said_in(table, column)[at], at, strict=True):
        value = str(table.frame[name].iloc[row]).strip()
        said.append(f"{word} the patient's {table.column_name(name)}, {value} ({table.name}, row {table.rows[row]})")
    return said


def _first_rows(keys: pd.Series | pd.DataFrame, again: np.ndarray, table: Table) -> list[tuple[int, int]]:
    """For each repeated key, its place and the row number of its first appearance."""
    if not again.any():
        return []
    columns = keys.to_frame() if isinstance(keys, pd.Series) else keys
    group = columns.groupby(list(columns.columns), sort=False, dropna=False).ngroup().to_numpy()
    first_of_group = pd.Series(np.arange(len(group))).groupby(group).first().to_numpy()
    return [(int(at), int(table.rows[first_of_group[group[at]]])) for at in np.flatnonzero(again)]
