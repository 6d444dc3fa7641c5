"""Visits as matrices: times of the samples taken, and planned times of the others."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bayesctc.checks.schedule import LEAST_SEPARATION, PlannedSchedule
from bayesctc.data.content import sort_samples
from bayesctc.data.outcome import Outcome
from bayesctc.data.status import FAILED


@dataclass(frozen=True)
class Visits:
    """Patients by slots; a slot is a visit's first, second, ... sample.

    Attributes
    ----------
    patient_ids : tuple of str
    months : array (n_visits,)
        Planned month of each visit.
    visit, copy : array of int (n_slots,)
        The visit of a slot, and whether it is its first (0) or a further sample.
    times : array (n_patients, n_slots)
        Months of each sample: observed (of failed draws too), or planned with a delay drawn from the observed ones of
        that slot. NaN where a plan by patient has no such visit.
    volume_ml : array (n_patients, n_slots)
        Exposure, for counts the blood volume; the patient's median for samples not taken.
    present : array of bool (n_patients, n_slots)
        Whether the sample was taken.
    ctc : array (n_patients, n_slots)
        Observed values; NaN where there is no sample, or one that failed.
    row : array of int (n_patients, n_slots)
        The row of the samples from which a slot has its covariates: its own or, without a value, the patient's previous
        or else next sample; for patients without samples one drawn from all. Empty without samples.
    """

    patient_ids: tuple
    months: np.ndarray
    visit: np.ndarray
    copy: np.ndarray
    times: np.ndarray
    volume_ml: np.ndarray
    present: np.ndarray
    ctc: np.ndarray
    row: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=int))

    @property
    def counted(self) -> np.ndarray:
        """Whether there is a value: array of bool (n_patients, n_slots)."""
        return np.isfinite(self.ctc)

    @property
    def failed(self) -> np.ndarray:
        """Whether a sample was taken and has no value: array of bool (n_patients, n_slots)."""
        return self.present & ~self.counted

    @property
    def n_visits(self) -> int:
        """Number of planned visits."""
        return len(self.months)

    @property
    def first(self) -> np.ndarray:
        """The slot of each visit's first sample: array (n_visits,)."""
        return np.flatnonzero(self.copy == 0)

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """All slots as planned samples: patient_id, time and the column of the exposure; patient by patient."""
        n_slots = len(self.visit)
        return pd.DataFrame(
            {
                "patient_id": np.repeat(np.array(self.patient_ids, dtype=object), n_slots),
                "time": np.where(np.isnan(self.times), 0.0, self.times).ravel(),
            }
            | {column: self.volume_ml.ravel() for column in outcome.columns[1:]}
        )


def visits_of(
    samples: pd.DataFrame,
    patient_ids,
    schedule: PlannedSchedule,
    rng: np.random.Generator,
    usual_volume: float,
    failed: pd.DataFrame | None = None,
) -> Visits:
    """Put samples into the slots of a schedule.

    Parameters
    ----------
    samples : DataFrame
        patient_id, time (months), ctc (values), volume_ml (exposure); by patient and time.
    patient_ids : sequence of str
    schedule : PlannedSchedule
    rng : numpy.random.Generator
        Draws the delays of visits that did not take place; they stay the same in every replicate.
    usual_volume : float
        Exposure of patients without samples.
    failed : DataFrame, optional
        `Cohort.failed_samples`. A failed draw is a visit that took place; at a visit with a value it is ignored, and
        missing samples were not taken.
    """
    samples = samples.assign(row=np.arange(len(samples)))
    if failed is not None:
        samples = _with_failed(samples, failed[failed["status"] == FAILED], pd.Index(patient_ids), schedule)
    n, row = len(patient_ids), pd.Index(patient_ids).get_indexer(samples["patient_id"])
    time = samples["time"].to_numpy(dtype=float)
    of_visit = schedule.visits(time, row)
    planned = schedule.planned(n)
    copy = pd.Series(1, index=np.arange(len(row))).groupby([row, of_visit]).cumcount().to_numpy()
    n_visits = planned.shape[1]
    copies = np.maximum(np.array([1 + copy[of_visit == v].max(initial=0) for v in range(n_visits)]), 1)
    visit = np.repeat(np.arange(n_visits), copies)
    which = np.concatenate([np.arange(c) for c in copies])
    start = np.concatenate([[0], np.cumsum(copies)[:-1]])
    slot = start[of_visit] + copy
    times, ctc, volume = (np.full((n, len(visit)), np.nan) for _ in range(3))
    times[row, slot], ctc[row, slot] = time, samples["ctc"].to_numpy(dtype=float)
    volume[row, slot] = samples["volume_ml"].to_numpy(dtype=float)
    present, source = np.zeros((n, len(visit)), dtype=bool), np.full((n, len(visit)), np.nan)
    present[row, slot], source[row, slot] = True, samples["row"].to_numpy(dtype=float)
    _fill_times(times, present, planned, visit, which, rng)
    usual = samples.groupby("patient_id")["volume_ml"].median().reindex(list(patient_ids)).fillna(usual_volume)
    volume = np.where(np.isfinite(ctc), volume, usual.to_numpy(dtype=float)[:, None])
    return Visits(tuple(patient_ids), schedule.typical, visit, which, times, volume, present, ctc, _rows(source, rng))


def _with_failed(samples, failed, patient_ids, schedule):
    """Samples with the first failed draw of each visit that has no value, as samples without value and exposure."""
    keys = []
    for table in (samples, failed):
        row = patient_ids.get_indexer(table["patient_id"])
        keys.append(pd.MultiIndex.from_arrays([row, schedule.visits(table["time"].to_numpy(dtype=float), row)]))
    alone = failed[~keys[1].isin(keys[0]) & ~keys[1].duplicated()]
    if alone.empty:
        return samples
    both = pd.concat([samples, alone[["patient_id", "time"]]], ignore_index=True)
    return sort_samples(both, patient_ids)


def _rows(source, rng):
    """Where the covariates of each slot are: rows of the samples, array of int of `source` with NaN for no value."""
    if np.isnan(source).all():
        return np.zeros((0, 0), dtype=int)
    filled = pd.DataFrame(source).ffill(axis=1).bfill(axis=1).to_numpy(copy=True)
    nobody = np.isnan(filled[:, 0])
    if nobody.any():
        own = np.random.default_rng(rng.bit_generator.seed_seq.spawn(1)[0])  # the delays' numbers stay as they are
        filled[nobody] = own.integers(0, int(np.nanmax(source)) + 1, int(nobody.sum()))[:, None]
    return filled.astype(int)


def _fill_times(times, present, planned, visit, which, rng):
    """Times of samples that were not taken: as planned, with a delay of those that were."""
    for s, v in enumerate(visit):
        delays = (times[:, s] - planned[:, v])[present[:, s]]
        absent = ~present[:, s]
        drawn = planned[absent, v] + (rng.choice(delays, absent.sum()) if len(delays) else 0.0)
        if which[s] > 0:
            drawn = np.maximum(drawn, times[absent, s - 1] + LEAST_SEPARATION)
        times[absent, s] = drawn
