"""The planned schedule: visits when samples were due, as given or inferred from the observed sample times."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.content import sort_samples
from bayesctc.data.status import other_draws
from bayesctc.errors import DataError, SpecError
from bayesctc.shown import Shown

STEP = 0.02  # months between the points of the density
GAP_SHARE = 0.25  # first bandwidth, of the 10 % quantile of the gaps between a patient's samples
WIDER = 1.25
LEAST_SHARE = 0.02  # of the patients, sampled in a visit's window; fewer are no visit of their own
LEAST_SEPARATION = 0.05  # months between two samples of one visit


@dataclass(frozen=True, repr=False)
class PlannedSchedule(Shown):
    """When samples were due.

    Attributes
    ----------
    months : array (n_visits,), or (n_patients, n_visits)
        Months from the start of treatment; by patient if the plan was given by patient, NaN after the patient's
        last planned visit.
    edges : array (..., n_visits - 1)
        A sample up to the first edge belongs to the first visit, and so on.
    found : str
        Description of the source of the schedule.

    Examples
    --------
    >>> schedule = bc.planned_schedule(cohort)
    >>> schedule.months.round(1).tolist()
    [0.0, 1.0, 2.8, 4.6, 6.5, 8.3]
    """

    months: np.ndarray
    edges: np.ndarray
    found: str

    @property
    def typical(self) -> np.ndarray:
        """Planned month of each visit, the median over patients: array (n_visits,)."""
        return self.months if self.months.ndim == 1 else np.nanmedian(self.months, axis=0)

    @property
    def table(self) -> pd.DataFrame:
        """visit (1, 2, ...) and planned month."""
        return pd.DataFrame({"visit": np.arange(1, len(self.typical) + 1), "month": self.typical})

    def visits(self, time, patient) -> np.ndarray:
        """Visit (0, 1, ...) of samples at `time` months of patients in rows `patient`: arrays (n_samples,)."""
        edges = self.edges if self.edges.ndim == 1 else self.edges[patient]
        return np.sum(np.asarray(time)[:, None] > np.atleast_2d(edges), axis=1)

    def planned(self, n_patients: int) -> np.ndarray:
        """Planned months of each patient: array (n_patients, n_visits)."""
        return np.broadcast_to(self.months, (n_patients, self.months.shape[-1]))


def planned_schedule(cohort: Cohort) -> PlannedSchedule:
    """Infer the planned visits from the times at which samples were drawn.

    A patient's observed visits end at the observed event, so they cannot serve as that patient's plan; the pooled
    sample times of all patients can. They (those before day 0 counted as day 0; including failed draws that were not
    repeated within a week, since the visit took place) are smoothed by a normal kernel. Its width starts at a quarter
    of the 10 % quantile of the gaps between a patient's samples and grows until there are no more peaks than the
    largest number of samples of one patient. The window of a visit ends at the lowest point between two peaks; windows
    in which fewer than 2 % of the patients were sampled are merged with the nearest other. A visit is due at the median
    time of its samples.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    PlannedSchedule

    Raises
    ------
    DataError
        The cohort has no samples.

    Examples
    --------
    >>> bc.planned_schedule(bc.load_trial()).months.round(1)
    array([0. , 1. , 2.8, 4.6, 6.5, 8.3])
    """
    samples = cohort.samples
    if len(samples) == 0:
        raise DataError("planned_schedule: found no samples; allowed: a cohort with samples, or a schedule given")
    failed = other_draws(cohort.failed_samples, samples)
    if len(failed):
        samples = pd.concat([samples[["patient_id", "time"]], failed[["patient_id", "time"]]])
        samples = sort_samples(samples, cohort.patients.index)
    raw = samples["time"].to_numpy()
    patient = samples["patient_id"].to_numpy()
    time = np.maximum(raw, 0.0)
    gaps = np.diff(time)[patient[1:] == patient[:-1]]
    gaps = gaps[gaps > 0]
    most = int(samples.groupby("patient_id").size().max())
    width = GAP_SHARE * float(np.quantile(gaps, 0.1)) if len(gaps) else 1.0
    edges = _valleys(time, width)
    while len(edges) >= most:
        width *= WIDER
        edges = _valleys(time, width)
    edges = _joined(edges, time, LEAST_SHARE * cohort.n_patients)
    visit = np.searchsorted(edges, time, side="left")
    months = np.array([np.median(raw[visit == v]) for v in range(len(edges) + 1)])
    found = (
        f"{len(months)} visits inferred from the sample times (peaks of their density, kernel sd {width:.2f} months)"
    )
    return PlannedSchedule(months, edges, found)


def _valleys(time, width):
    """Lowest points between the peaks of a kernel density of the times."""
    grid = np.arange(-4.0 * width, time.max() + 4.0 * width + STEP, STEP)
    counts = np.bincount(np.round((time - grid[0]) / STEP).astype(int), minlength=len(grid))
    reach = np.arange(-int(4.0 * width / STEP) - 1, int(4.0 * width / STEP) + 2) * STEP
    density = np.convolve(counts, np.exp(-0.5 * (reach / width) ** 2), mode="same")[: len(grid)]
    rising = np.diff(density) > 1e-9 * density.max()
    falling = np.diff(density) < -1e-9 * density.max()
    edges, went_up, low = [], False, None
    for k in range(len(rising)):
        if falling[k]:
            low = k + 1 if went_up or low is None or density[k + 1] < density[low] else low
            went_up = False
        elif rising[k]:
            if low is not None:
                flat = np.flatnonzero(density[low : k + 1] <= density[low] + 1e-9 * density.max())
                edges.append(grid[low] + 0.5 * STEP * flat.max())
                low = None
            went_up = True
    return np.array(edges)


def _joined(edges, time, least):
    """Edges after merging windows with fewer than `least` samples, the smallest window first."""
    edges = list(edges)
    while edges:
        windows = np.split(np.sort(time), np.searchsorted(np.sort(time), edges, side="right"))
        smallest = int(np.argmin([len(w) for w in windows]))
        if len(windows[smallest]) >= least:
            break
        ends = [edges[k] for k in (smallest - 1, smallest) if 0 <= k < len(edges)]
        middle = np.median(windows[smallest]) if len(windows[smallest]) else np.mean(ends)
        edges.remove(min(ends, key=lambda end: abs(end - middle)))
    return np.array(edges, dtype=float)


def checked_schedule(schedule, cohort: Cohort, patient_ids) -> PlannedSchedule:
    """A schedule as `predictive_check` takes it: None, a `PlannedSchedule`, months, or a frame by patient.

    Raises
    ------
    SpecError
        Months that are not increasing numbers, or a frame that lacks a column or a patient.
    """
    if schedule is None:
        return planned_schedule(cohort)
    if isinstance(schedule, PlannedSchedule):
        return schedule
    if isinstance(schedule, pd.DataFrame):
        return _of_frame(schedule, patient_ids)
    try:
        months = np.asarray(schedule, dtype=float)
    except (TypeError, ValueError) as error:
        raise SpecError(f"schedule has to be months such as [0, 1, 2, 4], or a table; found {schedule!r}.") from error
    if months.ndim != 1 or len(months) == 0 or not np.isfinite(months).all() or (np.diff(months) <= 0).any():
        raise SpecError(f"schedule has to be increasing months such as [0, 1, 2, 4]; found {schedule!r}.")
    return PlannedSchedule(months, 0.5 * (months[1:] + months[:-1]), f"{len(months)} visits, as given")


def _of_frame(table, patient_ids):
    missing = {"patient_id", "time"} - set(table.columns)
    if missing:
        raise SpecError(f"schedule: the table needs patient_id and time (months); {sorted(missing)[0]!r} is missing.")
    times = {str(p): np.sort(t.to_numpy(dtype=float)) for p, t in table.groupby("patient_id")["time"]}
    without = [p for p in patient_ids if p not in times]
    if without:
        raise SpecError(f"schedule: the table has no visit of patient {without[0]!r} ({len(without)} in all).")
    months = np.full((len(patient_ids), max(len(times[p]) for p in patient_ids)), np.nan)
    for row, p in enumerate(patient_ids):
        months[row, : len(times[p])] = times[p]
    if not np.isfinite(months[:, 0]).all() or (np.diff(months, axis=1) <= 0).any():
        raise SpecError("schedule: the planned times of a patient have to be different, in months.")
    edges = np.where(np.isnan(months[:, 1:]), np.inf, 0.5 * (months[:, 1:] + months[:, :-1]))
    return PlannedSchedule(months, edges, f"up to {months.shape[1]} visits by patient, as given")
