"""Assumptions about covariates that change, after a landmark."""

from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data import intervals as changing
from bayesctc.data.cohort import Cohort
from bayesctc.data.columns import TIME_TOLERANCE, months_per, split_mapping, time_text
from bayesctc.data.content import sort_rows
from bayesctc.data.problems import Problems, Table
from bayesctc.data.source import time_unit_of
from bayesctc.data.tables import table_from_csv, table_from_frame
from bayesctc.errors import DataError


def assumed_after(cohort: Cohort, landmark: float, assumed: Any = None) -> tuple[pd.DataFrame | None, int]:
    """Intervals as they are known at a landmark, and then as they are assumed to be.

    Parameters
    ----------
    cohort : Cohort
    landmark : float
        Months.
    assumed : DataFrame, optional
        patient_id, start, stop (months, from the landmark on) and all covariates of the cohort's intervals. A patient
        without a row keeps the last known values, as does every patient up to the first row; the last row applies
        indefinitely.

    Returns
    -------
    DataFrame, or None of a cohort without intervals
    int
        Rows of the cohort that start after the landmark, which are not used.

    Raises
    ------
    DataError
        No values are known for a patient up to the landmark, or the assumed values cannot be read.
    """
    intervals = cohort.intervals
    if intervals is None:
        if assumed is not None:
            _read(cohort, landmark, assumed)  # which refuses it
        return None, 0
    first = intervals.drop_duplicates("patient_id")
    late = first[first["start"].to_numpy() > landmark + TIME_TOLERANCE]
    if len(late):
        row, unit = late.iloc[0], time_unit_of(cohort.source)
        raise DataError(
            f"patient {row['patient_id']!r} has no row of intervals up to the landmark of {landmark:g} months: the "
            f"first starts at {time_text(row['start'], unit, '.4g')} ({len(late)} in all); allowed: a row that starts "
            "by then"
        )
    known, n_later = changing.known_at(intervals, landmark)
    if assumed is None:
        return known, n_later
    rows = pd.concat([known, _read(cohort, landmark, assumed)], ignore_index=True)
    return sort_rows(rows, cohort.patients.index, "start"), n_later


def scenario_from_csv(path, cohort: Cohort, landmark: float, columns=None, time_unit: str = "months") -> pd.DataFrame:
    """A scenario in a file, checked, in months: what `assumed_after` takes; arguments as those of `read_cohort`."""
    problems = Problems()
    table = table_from_csv(path, split_mapping(columns, intervals=True)[2], problems)
    problems.raise_any()
    assert table is not None  # or it is a problem
    return _checked(table, cohort, landmark, problems, time_unit)


def _read(cohort: Cohort, landmark: float, assumed: Any) -> pd.DataFrame:
    problems = Problems()
    table = table_from_frame(assumed, "intervals frame (scenario)", {}, problems)
    return _checked(table, cohort, landmark, problems, "months")


def _checked(table: Table, cohort: Cohort, landmark: float, problems: Problems, unit: str) -> pd.DataFrame:
    """A scenario's rows, in months; `unit` is that of the table's times."""
    if cohort.intervals is None:
        raise DataError(
            f"{table.name}: found a scenario for a cohort without intervals; allowed: a cohort with intervals"
        )
    types = cohort.interval_types
    wanted = ["patient_id", "start", "stop", *types]
    for column in wanted:
        if column not in table.frame:
            problems.add(table.name, "no such column", f"the columns {', '.join(wanted)}", column=column)
    for column in table.frame.columns:
        if column not in wanted:
            problems.add(
                table.name, "a column that is not in the intervals", f"{', '.join(wanted)}", column=str(column)
            )
    problems.raise_any()
    frame, _ = changing.parse(table, months_per(unit), problems, types)
    unknown = ~frame["patient_id"].isin(cohort.patients.index) & (frame["patient_id"] != "")
    problems.add_rows(table, unknown.to_numpy(), "patient_id", "a patient of the cohort")
    early = frame["start"].to_numpy() < landmark - TIME_TOLERANCE
    problems.add_rows(table, early, "start", f"a time at or after the landmark, {time_text(landmark, unit, 'g')}")
    place = cohort.patients.index.get_indexer(pd.Index(frame["patient_id"]))
    changing.check_order(table, frame, np.asarray(place), problems)
    problems.raise_any()
    return frame[["patient_id", "start", "stop", *types]]
