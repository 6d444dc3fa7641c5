"""The patients who can be predicted at a landmark, and those who are excluded."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesctc.accuracy.baselines import B2CTC, BASELINE_VALUE, BCTC, LAST_VALUE, MEAN_VALUE
from bayesctc.comparison.readings import CYCLE_2, NO_BASELINE, b2ctc, bctc
from bayesctc.data import Cohort
from bayesctc.data.columns import TIME_TOLERANCE
from bayesctc.data.endpoint import code_of
from bayesctc.data.outcome import CUTOFF
from bayesctc.errors import DataError

MOST = 0.5  # share of patients a reading has to be able to read


@dataclass(frozen=True, eq=False)
class AtRisk:
    """Patients at risk at a landmark, with the data that every compared model needs.

    Attributes
    ----------
    landmark : float
        Months from the start of treatment.
    patient_ids : Index (n,)
    time, event : array (n,)
        Their outcomes: months from the start of treatment, above the landmark; 1 = event, 0 = censored. With competing
        events 1 is the cause of interest and 2 any other.
    readings : dict of Series (n,)
        Levels of bCTC and, from the end of its window, of b2CTC.
    values : DataFrame (n, 3)
        Summaries of the samples up to the landmark, by patient; see `values_up_to`.
    left_out : DataFrame
        landmark, reason, n_patients.
    notes : tuple of str
    cause, code : str, int
        With competing events the cause of interest, and its code, from 1; "" if there is one event.
    """

    landmark: float
    patient_ids: pd.Index
    time: np.ndarray
    event: np.ndarray
    readings: dict[str, pd.Series]
    values: pd.DataFrame
    left_out: pd.DataFrame
    notes: tuple[str, ...]
    cause: str = ""
    code: int = 1

    def take(self, kept: np.ndarray) -> "AtRisk":
        """Some of the patients, by a boolean array."""
        readings = {name: levels[kept] for name, levels in self.readings.items()}
        return replace(
            self,
            patient_ids=self.patient_ids[kept],
            time=self.time[kept],
            event=self.event[kept],
            readings=readings,
            values=self.values[kept],
        )


def values_up_to(cohort: Cohort, patient_ids: pd.Index, landmark: float) -> pd.DataFrame:
    """Summaries of each patient's samples up to a landmark, without a model of their course.

    Parameters
    ----------
    cohort : Cohort
    patient_ids : Index (n,)
    landmark : float
        Months from the start of treatment.

    Returns
    -------
    DataFrame (n, 3)
        By patient, on the scale of the growth curve (for counts log(1 + count per 7.5 mL)): the last value, the mean of
        all, and the value at baseline (the last sample at or before day 0, as for bCTC); missing without a sample.
    """
    samples = cohort.samples[cohort.samples["time"] <= landmark + TIME_TOLERANCE].sort_values(["patient_id", "time"])
    outcome = cohort.outcome
    y = outcome.forward(samples[outcome.column].to_numpy(), outcome.exposure(samples))
    series = pd.Series(np.asarray(y, dtype=float), index=pd.Index(samples["patient_id"]))
    first = (samples["time"] <= 0.0).to_numpy()
    of = {
        LAST_VALUE: series.groupby(level=0).last(),
        MEAN_VALUE: series.groupby(level=0).mean(),
        BASELINE_VALUE: series[first].groupby(level=0).last(),
    }
    return pd.DataFrame({name: values.reindex(patient_ids) for name, values in of.items()})


def at_risk(cohort: Cohort, endpoint: str, landmark: float, cause: str = "") -> AtRisk:
    """Patients at risk at a landmark: under observation, free of the endpoint, with a sample up to it.

    bCTC and, from 2 months, b2CTC are compared. Patients for whom they are not known are excluded and counted, so that
    all models predict the same patients; a reading that is not known for half of them is not compared. If no reading
    needs a baseline sample, patients without one are also excluded if at least half of the patients have one. With
    competing events `cause` is the cause of interest.

    Raises
    ------
    DataError
        No patient is at risk or has the endpoint later, or events lie between two visits.
    """
    data = cohort.endpoint(endpoint, require_events=False)
    data.need_known_times("accuracy of predictions (Brier score, AUC and cross-entropy of event times)")
    event, of_cause = data.seen_from(cause), f" ({cause})" if cause else ""
    ids = pd.Index(data.patient_ids)
    first = cohort.samples.groupby("patient_id")["time"].min().reindex(ids).to_numpy()
    kept, left = np.ones(len(ids), dtype=bool), []
    for reason, gone in (
        (f"{endpoint} or end of follow-up by the landmark", data.time <= landmark),
        ("under observation only after the landmark", data.entry > landmark),
        ("no sample up to the landmark", ~(first <= landmark + TIME_TOLERANCE)),
    ):
        left.append((reason, int((kept & gone).sum())))
        kept &= ~gone
    left[0] = (left[0][0], left[0][1] + len(data.excluded))
    readings, notes = {}, []
    with_cutoff = CUTOFF in cohort.outcome.answers
    if with_cutoff:
        readings[BCTC] = bctc(cohort).levels
    if not with_cutoff:
        notes.append(f"{BCTC} and {B2CTC} are for counts and are not compared")
    elif landmark >= CYCLE_2[1]:
        readings[B2CTC] = b2ctc(cohort).levels
    else:
        notes.append(f"{B2CTC} is not known at {landmark:g} months: cycle 2 lasts until {CYCLE_2[1]:g} months")
    for name in list(readings):
        readable = ids.isin(readings[name].index)
        if (kept & readable).sum() < MOST * kept.sum():
            del readings[name]
            notes.append(
                f"{name} is not known for half of the patients at risk at {landmark:g} months and is not compared"
            )
            continue
        left.append((f"{name} not known", int((kept & ~readable).sum())))
        kept &= readable
    values = values_up_to(cohort, ids, landmark)
    known = values[BASELINE_VALUE].notna().to_numpy()
    if not with_cutoff and (kept & known).sum() >= MOST * kept.sum():
        left.append((NO_BASELINE, int((kept & ~known).sum())))
        kept &= known
    if not (kept & (event == 1)).any():
        n = int(kept.sum())
        raise DataError(
            f"landmarks: found {landmark:g} months, at which {n} patients are at risk, none of whom has "
            f"{endpoint}{of_cause} later; allowed: a landmark with events after it (the last is at "
            f"{np.max(data.time[event == 1], initial=0.0):.4g} months)"
        )
    table = pd.DataFrame(left, columns=["reason", "n_patients"])
    table.insert(0, "landmark", landmark)
    levels = {name: each.loc[ids[kept]] for name, each in readings.items()}
    of_kept = (ids[kept], data.time[kept], event[kept], levels, values[kept])
    return AtRisk(landmark, *of_kept, table, tuple(notes), cause, code_of(data.causes, cause))
