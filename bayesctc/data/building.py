"""From the user's two tables to a cohort's content: parse, check, convert to months, sort."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from bayesctc.data import covariates, interval_censored, parsing, status, validation
from bayesctc.data import intervals as changing
from bayesctc.data.columns import (
    PATIENT_COLUMNS,
    SAMPLES_AFTER,
    checked_causes,
    endpoint_columns,
    endpoints_in,
    months_per,
)
from bayesctc.data.content import Content, interval_rows, natural_order, sample_rows, sort_rows, sort_samples
from bayesctc.data.flow import step_after
from bayesctc.data.outcome import Outcome
from bayesctc.data.problems import Problems, Table
from bayesctc.data.schema import Schema
from bayesctc.data.tables import check_columns
from bayesctc.errors import DataError

_NOBODY = pd.DataFrame({"patient_id": [], "reason": []}, dtype="str")  # who is excluded


def build_content(
    samples: Table,
    patients: Table,
    *,
    time_unit: str,
    baseline_window: float,
    causes: Mapping[str, Sequence[str]] | None = None,
    outcome: Outcome,
    samples_after_endpoint: Literal["drop", "keep"] = "drop",
    schemas: tuple[Schema, ...] = ({}, {}, {}),
    intervals: Table | None = None,
) -> Content:
    """The content of a cohort, or a `DataError` with everything that is wrong.

    Parameters
    ----------
    samples, patients : Table
    time_unit : {"days", "weeks", "months", "years"}
        Unit of every time in both tables.
    baseline_window : float
        Days before time zero in which a sample counts as baseline.
    causes : mapping, optional
        Endpoint to the names of its competing events.
    outcome : Outcome
        What the samples hold.
    samples_after_endpoint : {"drop", "keep"}
        Whether samples after an endpoint are excluded from its analysis.
    schemas : tuple of three mappings
        Types of patients' covariates, samples' further columns and intervals' covariates; else the cells decide.
    intervals : Table, optional
        Covariates that change.
    """
    months, problems = months_per(time_unit), Problems(time_unit)
    _check_options(baseline_window, samples_after_endpoint)
    check_columns(samples, patients, problems, outcome.required)
    if intervals is not None:
        changing.check_columns(intervals, patients, problems)
    problems.raise_any()

    names = checked_causes(causes, endpoints_in(patients.frame.columns))
    patient_frame, own, looked_for = _parse_patients(patients, months, problems, names, schemas[0])
    samples, without = status.split(samples, outcome, problems)
    sample_frame, further = _parse_samples(samples, months, problems, outcome, schemas[1])
    failed = status.parse(without, months, outcome, problems)
    _check_patients(patients, patient_frame, problems)
    _check_samples(samples, sample_frame, patients, patient_frame, baseline_window, problems)
    if without is not None:
        _check_samples(without, failed, patients, patient_frame, baseline_window, problems)
    over_time = None
    if intervals is not None:
        over_time = changing.read(intervals, months, problems, schemas[2], patients, patient_frame)
    problems.raise_any()

    given = own.given_by(pd.Index(patient_frame["patient_id"]))
    sample_given = further.given_by(sample_rows(sample_frame)) if further.given else {}
    patient_frame = patient_frame.iloc[natural_order(patient_frame["patient_id"])].set_index("patient_id")
    events = [f"{endpoint}_event" for endpoint in endpoints_in(patient_frame.columns)]
    patient_frame = patient_frame.assign(**{event: patient_frame[event].astype(np.int64) for event in events})
    sample_frame = outcome.typed(sort_samples(sample_frame, patient_frame.index))
    content = Content(
        samples=sample_frame,
        patients=patient_frame,
        baseline_window=float(baseline_window),
        entry_by_rule=False,
        steps=status.steps(sample_frame, failed, patient_frame.index),
        excluded=_NOBODY.copy(deep=False),
        causes=names,
        outcome=outcome,
        schema=own.schema,
        sample_schema=further.schema,
        given=given,
        sample_given=sample_given,
        samples_after_endpoint=samples_after_endpoint,
        failed_samples=sort_samples(failed, patient_frame.index),
        looked_for=looked_for,
        assumed=tuple(column for column in outcome.optional if column not in samples.frame),
    )
    return content if over_time is None else _with_intervals(content, *over_time)


def _check_options(baseline_window: float, samples_after_endpoint: str) -> None:
    if not (np.isfinite(baseline_window) and baseline_window >= 0):
        raise DataError(f"baseline_window: found {baseline_window!r}; allowed: a number of days, 0 or more")
    if samples_after_endpoint not in SAMPLES_AFTER:
        raise DataError(
            f"samples_after_endpoint: found {samples_after_endpoint!r}; allowed: {', '.join(map(repr, SAMPLES_AFTER))}"
        )


def _with_intervals(content: Content, frame: pd.DataFrame, columns: covariates.Columns) -> Content:
    """The content with the intervals up to the end of follow-up; the later rows are counted."""
    ids = content.patients.index
    kept, n_later = changing.within_follow_up(sort_rows(frame, ids, "start"), content.patients)
    steps = content.steps
    if n_later:
        reason = f"rows of intervals from the end of follow-up onwards ({n_later}) are not used"
        steps = (*steps, step_after("read", reason, content.samples, ids))
    given = columns.given_by(interval_rows(frame)) if columns.given else {}
    return replace(content, intervals=kept, interval_schema=columns.schema, interval_given=given, steps=steps)


def _parse_samples(
    table: Table, months: float, problems: Problems, outcome: Outcome, schema: Schema
) -> tuple[pd.DataFrame, covariates.Columns]:
    """patient_id, time (months), the columns of the outcome and the further ones, row by row as given."""
    parsed: dict[str, object] = {
        "patient_id": pd.array(parsing.identifiers(table, problems), dtype="str"),
        "time": parsing.required_numbers(table, "time", problems) * months,
    }
    parsed |= outcome.read(table, problems)
    further = [column for column in table.frame.columns if column not in parsed]
    columns = covariates.read(table, further, problems, schema)
    return pd.DataFrame(parsed | columns.values), columns


def _parse_patients(
    table: Table, months: float, problems: Problems, causes: Mapping[str, tuple[str, ...]], schema: Schema
) -> tuple[pd.DataFrame, covariates.Columns, dict[str, tuple[int, ...]]]:
    """patient_id, endpoints, entry, followup_end (months) and the covariates, row by row as given.

    With them the numbers of the causes that are looked for at visits, by endpoint.
    """
    endpoints = endpoints_in(table.frame.columns)
    parsed: dict[str, object] = {"patient_id": pd.array(parsing.identifiers(table, problems), dtype="str")}
    bounds, looked_for = interval_censored.read_all(table, endpoints, months, problems, causes)
    for endpoint in endpoints:
        if endpoint in looked_for:
            parsed |= {column: bounds[column] for column in endpoint_columns([endpoint])}
            continue
        time = parsing.positive_numbers(table, f"{endpoint}_time", problems, allowed="a time above 0")
        parsed[f"{endpoint}_time"] = time * months
        parsed[f"{endpoint}_event"] = parsing.events(table, f"{endpoint}_event", problems, causes.get(endpoint, ()))
    if "entry" in table.frame:
        parsed["entry"] = months * parsing.required_numbers(
            table, "entry", problems, allowed="a time, 0 or more", minimum=0.0
        )
    if "followup_end" in table.frame:
        parsed["followup_end"] = months * parsing.positive_numbers(
            table, "followup_end", problems, allowed="a time above 0"
        )
    fixed = {*PATIENT_COLUMNS, *endpoint_columns(endpoints)}
    further = [column for column in table.frame.columns if column not in fixed]
    columns = covariates.read(table, further, problems, schema)
    return pd.DataFrame(parsed | columns.values), columns, looked_for


def _check_patients(table: Table, frame: pd.DataFrame, problems: Problems) -> None:
    validation.check_identifiers(table, frame["patient_id"].to_numpy(dtype=object), problems)
    endpoints = endpoints_in(frame.columns)
    for endpoint in endpoints:
        time, event = (frame[f"{endpoint}_{part}"].to_numpy() for part in ("time", "event"))
        if "entry" in frame and f"{endpoint}_left" not in frame:
            validation.check_entry(table, frame["entry"].to_numpy(), endpoint, time, event, problems)
        if "os" in endpoints and endpoint != "os":
            validation.check_endpoint_order(table, endpoint, time, event, frame["os_time"].to_numpy(), problems)


def _check_samples(
    table: Table,
    frame: pd.DataFrame,
    patient_table: Table,
    patient_frame: pd.DataFrame,
    baseline_window: float,
    problems: Problems,
) -> None:
    identifiers, time = frame["patient_id"].to_numpy(dtype=object), frame["time"].to_numpy()
    patient_ids = pd.Index(patient_frame["patient_id"].to_numpy(dtype=object))
    first = ~patient_ids.duplicated()
    rows = np.flatnonzero(first)
    validation.check_samples(table, identifiers, time, patient_table, patient_ids[first], problems)
    validation.check_baseline_window(table, time, baseline_window, problems)
    found = patient_ids[first].get_indexer(pd.Index(identifiers, dtype=object))
    position = np.where(found >= 0, rows[found] if len(rows) else -1, -1)
    for column in ("os_time", "followup_end"):
        if column in patient_frame:
            last = patient_frame[column].to_numpy()
            validation.check_last_time(table, time, position, patient_table, last, column, problems)
