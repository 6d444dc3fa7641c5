"""The content of a cohort: checked tables and the record of exclusions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from bayesctc.data import status
from bayesctc.data.columns import INTERVAL_COLUMNS, PATIENT_COLUMNS, endpoint_columns, endpoints_in
from bayesctc.data.flow import Step, step_after
from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.data.schema import Schema, natural_key
from bayesctc.data.source import Call


@dataclass(frozen=True)
class Content:
    """The checked tables of a cohort.

    Parameters
    ----------
    samples : pandas.DataFrame
        patient_id, time (months), ctc (int64), volume_ml, further columns; by patient and time. With a marker, its
        column (float) in place of ctc and volume_ml.
    patients : pandas.DataFrame
        Indexed by patient_id; times in months, events int64, 0 or 1 (0, 1, 2, ... with causes).
    baseline_window : float
        Days before time zero in which a sample counts as baseline.
    entry_by_rule : bool
        Whether ``entry`` comes from an inclusion rule rather than from the user.
    steps : tuple of Step
        The flow so far.
    excluded : pandas.DataFrame
        patient_id, reason.
    causes : mapping
        Endpoint to the names of its competing events, codes 1, 2, ...; endpoints with one event are not in it.
    min_samples : int
        The minimum number of samples required of a patient; 0 without such a rule.
    outcome : Outcome
        What the samples hold, where it is not a count.
    schema, sample_schema : mapping of ColumnType
        What the patients' covariates and the samples' further columns are.
    given, sample_given : mapping of pandas.Series
        Of a column of numbers, the cells that are not written as a double is ("1.50"): text, by patient_id and by
        patient_id and time.
    samples_after_endpoint : {"drop", "keep"}
        Whether samples after an endpoint leave its analysis.
    source : tuple of Call
        The calls that made it.
    intervals : pandas.DataFrame, optional
        patient_id, start, stop (months) and covariates that act on the hazard from start on; by patient and start.
    interval_schema, interval_given : mapping
        As those of the samples, the latter by patient_id and start.
    failed_samples : pandas.DataFrame
        Samples without a value: patient_id, time (months), status ("failed" or "missing"), status_reason, further
        columns as text; by patient and time.
    looked_for : mapping
        Endpoint to the numbers of the causes that are looked for at visits; endpoints known to the day are not in it.
    assumed : tuple of str
        Optional columns of the outcome that the table of samples did not have, as far as known: a saved cohort does
        not say.
    """

    samples: pd.DataFrame
    patients: pd.DataFrame
    baseline_window: float
    entry_by_rule: bool
    steps: tuple[Step, ...]
    excluded: pd.DataFrame
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    min_samples: int = 0
    outcome: Outcome = CTC_COUNT
    schema: Schema = field(default_factory=dict)
    sample_schema: Schema = field(default_factory=dict)
    given: Mapping[str, pd.Series] = field(default_factory=dict)
    sample_given: Mapping[str, pd.Series] = field(default_factory=dict)
    samples_after_endpoint: Literal["drop", "keep"] = "drop"
    source: tuple[Call, ...] = ()
    intervals: pd.DataFrame | None = None
    interval_schema: Schema = field(default_factory=dict)
    interval_given: Mapping[str, pd.Series] = field(default_factory=dict)
    failed_samples: pd.DataFrame = field(default_factory=status.none)
    looked_for: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Endpoints in the patients' table."""
        return endpoints_in(self.patients.columns)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The patients' columns without a fixed meaning."""
        fixed = {*endpoint_columns(self.endpoints), *PATIENT_COLUMNS}
        return tuple(column for column in self.patients.columns if column not in fixed)

    @property
    def interval_covariates(self) -> tuple[str, ...]:
        """The intervals' columns without a fixed meaning; none without intervals."""
        columns = () if self.intervals is None else self.intervals.columns
        return tuple(column for column in columns if column not in INTERVAL_COLUMNS)

    @property
    def sample_covariates(self) -> tuple[str, ...]:
        """The samples' further columns."""
        fixed = ("patient_id", "time", *self.outcome.columns)
        return tuple(column for column in self.samples.columns if column not in fixed)

    def subset(self, kept: pd.Index, step: str, reason: str) -> "Content":
        """These patients only, in this order; the others are recorded under the reason."""
        patients = self.patients.loc[kept]
        gone = self.patients.index[~self.patients.index.isin(kept)]
        inside = self.samples["patient_id"].isin(kept)
        samples = sort_samples(self.samples[inside], patients.index)
        intervals = self.intervals
        if intervals is not None:
            intervals = sort_rows(intervals[intervals["patient_id"].isin(kept)], patients.index, "start")
        failed = self.failed_samples[self.failed_samples["patient_id"].isin(kept)]
        excluded = pd.DataFrame({"patient_id": gone.to_numpy(dtype=object), "reason": reason}, dtype="str")
        record = step_after(
            step,
            reason,
            samples,
            patients.index,
            patients_excluded=len(gone),
            samples_excluded=len(self.samples) - len(samples),
        )
        return replace(
            self,
            samples=samples,
            patients=patients,
            intervals=intervals,
            steps=(*self.steps, record),
            excluded=pd.concat([self.excluded, excluded], ignore_index=True),
            failed_samples=sort_samples(failed, patients.index),
        )


def natural_order(identifiers: Iterable[str]) -> np.ndarray:
    """The order that sorts identifiers with their numbers read as numbers: P2 before P10."""
    keys = list(map(natural_key, identifiers))
    return np.asarray(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def interval_rows(intervals: pd.DataFrame) -> pd.MultiIndex:
    """The key of a row of the intervals: patient_id and start."""
    return pd.MultiIndex.from_frame(intervals[["patient_id", "start"]])


def sample_rows(samples: pd.DataFrame) -> pd.MultiIndex:
    """The key of a sample: patient_id and time."""
    return pd.MultiIndex.from_frame(samples[["patient_id", "time"]])


def sort_samples(samples: pd.DataFrame, patients: pd.Index) -> pd.DataFrame:
    """Samples by the order of the patients, then by time; index 0, 1, ..."""
    return sort_rows(samples, patients, "time")


def sort_rows(table: pd.DataFrame, patients: pd.Index, by: str) -> pd.DataFrame:
    """Rows by the order of the patients, then by a column of times; index 0, 1, ..."""
    position = patients.get_indexer(pd.Index(table["patient_id"]))
    order = np.lexsort((table[by].to_numpy(), position))
    return table.iloc[order].reset_index(drop=True)
