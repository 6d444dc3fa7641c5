"""Covariates of time: rows of start, stop and values, read, checked against the patients, and cut at a landmark."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesctc.data import covariates, parsing
from bayesctc.data.columns import INTERVAL_COLUMNS, TIME_TOLERANCE, endpoints_in
from bayesctc.data.problems import Problems, Table
from bayesctc.data.quoting import quoted
from bayesctc.data.schema import Schema


def check_columns(intervals: Table, patients: Table, problems: Problems) -> None:
    """Note columns that are missing, those that the patients' table has too, and a table without covariates."""
    there = list(intervals.frame.columns)
    for column in INTERVAL_COLUMNS:
        if column not in there:
            allowed = f"patient_id, start, stop and covariates (name it with columns={{{column!r}: ...}})"
            problems.add(intervals.name, "no such column", allowed, column=column)
    further = [column for column in there if column not in INTERVAL_COLUMNS]
    if not further:
        problems.add(intervals.name, "no covariates", "at least one column besides patient_id, start and stop")
    for column in further:
        if column in patients.frame:
            allowed = f"a name that only one table has ({patients.name} holds covariates that do not change)"
            problems.add(intervals.name, f"a column that {patients.name} has too", allowed, column=column)


def parse(table: Table, months: float, problems: Problems, schema: Schema) -> tuple[pd.DataFrame, covariates.Columns]:
    """patient_id, start, stop (months) and the covariates, row by row as given."""
    parsed: dict[str, object] = {
        "patient_id": pd.array(parsing.identifiers(table, problems), dtype="str"),
        "start": months * parsing.required_numbers(table, "start", problems, allowed="a time, 0 or more", minimum=0.0),
        "stop": months * parsing.required_numbers(table, "stop", problems, allowed="a time after start"),
    }
    further = [column for column in table.frame.columns if column not in INTERVAL_COLUMNS]
    columns = covariates.read(table, further, problems, schema)
    return pd.DataFrame(parsed | columns.values), columns


def read(
    table: Table,
    months: float,
    problems: Problems,
    schema: Schema,
    patient_table: Table,
    patient_frame: pd.DataFrame,
) -> tuple[pd.DataFrame, covariates.Columns]:
    """As `parse`, checked against the patients by `check`."""
    frame, columns = parse(table, months, problems, schema)
    check(table, frame, patient_table, patient_frame, problems)
    return frame, columns


def check(
    table: Table, frame: pd.DataFrame, patient_table: Table, patient_frame: pd.DataFrame, problems: Problems
) -> None:
    """Note rows that end before they start, overlap, leave a gap, or do not cover a patient's follow-up.

    Values that could not be read are NaN here and pass.

    Parameters
    ----------
    table, patient_table : Table
        As they were given.
    frame, patient_frame : pandas.DataFrame
        As they were parsed, row by row.
    problems : Problems
    """
    start, stop = frame["start"].to_numpy(), frame["stop"].to_numpy()
    identifiers = frame["patient_id"].to_numpy(dtype=object)
    ids = pd.Index(patient_frame["patient_id"].to_numpy(dtype=object))
    first_of = np.flatnonzero(~ids.duplicated())
    found = ids[first_of].get_indexer(pd.Index(identifiers, dtype=object))
    position = np.where(found >= 0, first_of[found] if len(first_of) else -1, -1)
    unknown = (position < 0) & (identifiers != "")
    problems.add_rows(table, unknown, "patient_id", f"a patient_id of {patient_table.name}")
    without = (ids != "") & ~ids.isin(identifiers)
    problems.add_rows(patient_table, without, "patient_id", f"a patient with at least one row in {table.name}")
    first, last = check_order(table, frame, position, problems)
    _check_first(table, start, position, first, patient_table, patient_frame, problems)
    _check_last(table, stop, position, last, patient_table, patient_frame, problems)


def check_order(
    table: Table, frame: pd.DataFrame, position: np.ndarray, problems: Problems
) -> tuple[np.ndarray, np.ndarray]:
    """Note rows that end before they start, and those of a patient that do not follow each other.

    Parameters
    ----------
    table : Table
    frame : pandas.DataFrame
    position : array of int (n_rows,)
        Place of each row's patient, -1 without one.
    problems : Problems

    Returns
    -------
    first, last : array of int
        Rows at which the patients' begin, and at which they end.
    """
    start, stop = frame["start"].to_numpy(), frame["stop"].to_numpy()
    problems.add_rows(table, stop <= start, "stop", _after(table, np.flatnonzero(stop <= start)))
    order = np.lexsort((stop, start, position))
    order = order[(position[order] >= 0) & ~np.isnan(start[order]) & ~np.isnan(stop[order])]
    follows = np.append(False, position[order][1:] == position[order][:-1])[: len(order)]
    before, here = order[:-1][follows[1:]], order[follows]
    for wrong, words in (
        (start[here] < stop[before] - TIME_TOLERANCE, "rows may not overlap"),
        (start[here] > stop[before] + TIME_TOLERANCE, "rows may not leave a gap"),
    ):
        where, at = np.zeros(len(start), dtype=bool), np.argsort(here[wrong], kind="stable")
        where[here[wrong]] = True
        cells = table.frame["stop"]
        allowed = [
            f"{str(cells.iloc[k]).strip()}, where the patient's previous row stops (row {table.rows[k]}): {words}"
            for k in before[wrong][at]
        ]
        problems.add_rows(table, where, "start", allowed)
    return order[~follows], order[~np.append(follows[1:], False)[: len(order)]]


def _check_first(table, start, position, first, patient_table, patient_frame, problems):
    """A patient's first row starts at 0, or at entry at the latest."""
    late = start[first] > TIME_TOLERANCE
    allowed = "0, the start of treatment: values have to be known from then on"
    bounds = [allowed] * len(first)
    if "entry" in patient_frame:
        entry, cells = patient_frame["entry"].to_numpy()[position[first]], patient_table.frame["entry"]
        late = start[first] > entry + TIME_TOLERANCE
        name, file = patient_table.column_name("entry"), patient_table.name
        bounds = [
            f"at most the patient's {name}, {str(cells.iloc[at]).strip()} ({file}, row {patient_table.rows[at]})"
            for at in position[first]
        ]
    where = np.zeros(len(start), dtype=bool)
    where[first[late]] = True
    of_row = dict(zip(first, bounds, strict=True))
    problems.add_rows(table, where, "start", [of_row[k] for k in np.flatnonzero(where)])


def _check_last(table, stop, position, last, patient_table, patient_frame, problems):
    """A patient's last row reaches as far as the last of the endpoints."""
    endpoints = endpoints_in(patient_frame.columns)
    if not endpoints or not len(last):
        return
    names = [f"{endpoint}_time" for endpoint in endpoints]
    times = patient_frame[names].to_numpy()[position[last]]
    latest = np.where(np.isnan(times), -np.inf, times).argmax(axis=1)
    early = stop[last] < times[np.arange(len(last)), latest] - TIME_TOLERANCE
    where, of_row = np.zeros(len(stop), dtype=bool), {}
    where[last[early]] = True
    for k, row, column in zip(last, position[last], latest, strict=True):
        name, cell = names[column], "when the event was seen, or the end of follow-up"
        if name in patient_table.frame:
            name, cell = patient_table.column_name(name), str(patient_table.frame[name].iloc[row]).strip()
        of_row[k] = (
            f"at least the patient's {name}, {cell} ({patient_table.name}, row {patient_table.rows[row]}): the last "
            "row has to reach the end of follow-up"
        )
    problems.add_rows(table, where, "stop", [of_row[k] for k in np.flatnonzero(where)])


def _after(table: Table, at: np.ndarray) -> Sequence[str]:
    return [f"a time after start, {quoted(table.frame['start'].iloc[k])}" for k in at]


def within_follow_up(intervals: pd.DataFrame, patients: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Rows that start before the end of a patient's follow-up, and how many do not.

    Follow-up ends with the last of the endpoints, or at ``followup_end`` where that is later; the first row stays.

    Parameters
    ----------
    intervals : pandas.DataFrame
        By patient and start.
    patients : pandas.DataFrame
        Indexed by patient.
    """
    columns = [f"{name}_time" for name in endpoints_in(patients.columns)]
    columns += ["followup_end"] if "followup_end" in patients and columns else []
    if not columns:
        return intervals, 0
    last = patients[columns].max(axis=1).loc[intervals["patient_id"]].to_numpy()
    return kept_rows(intervals, intervals["start"].to_numpy() < last - TIME_TOLERANCE)


def known_at(intervals: pd.DataFrame, months: float) -> tuple[pd.DataFrame, int]:
    """Rows that start up to a landmark, and how many start later.

    Parameters
    ----------
    intervals : pandas.DataFrame
        By patient and start.
    months : float
        A patient whose first row starts later (at entry, say) keeps that row: its values also apply before it.
    """
    return kept_rows(intervals, intervals["start"].to_numpy() <= months + TIME_TOLERANCE)


def carried_forward(intervals: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Intervals whose last row of each patient is extended to the end of follow-up, if the patients have one."""
    last = ~intervals["patient_id"].duplicated(keep="last").to_numpy()
    times = patients[[f"{name}_time" for name in endpoints_in(patients.columns)]].max(axis=1)
    end = times.loc[intervals["patient_id"]].to_numpy()
    stop = intervals["stop"].to_numpy()
    return intervals.assign(stop=np.where(last, np.fmax(stop, end), stop))


def kept_rows(intervals: pd.DataFrame, inside: np.ndarray) -> tuple[pd.DataFrame, int]:
    """Rows inside (a boolean array) and the first of each patient; and how many are left out."""
    inside = inside | ~intervals["patient_id"].duplicated().to_numpy()
    return intervals[inside].reset_index(drop=True), int((~inside).sum())
