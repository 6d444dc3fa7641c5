"""What a cohort holds: two checked tables and the record of who left."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from bayesctc.data.columns import PATIENT_COLUMNS, endpoint_columns, endpoints_in
from bayesctc.data.flow import Step, step_after
from bayesctc.data.marker import Marker


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
        The least number of samples that was asked of a patient; 0 without such a rule.
    marker : Marker, optional
        What the samples hold, where it is not a count.
    """

    samples: pd.DataFrame
    patients: pd.DataFrame
    baseline_window: float
    entry_by_rule: bool
    steps: tuple[Step, ...]
    excluded: pd.DataFrame
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    min_samples: int = 0
    marker: Marker | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Endpoints in the patients' table."""
        return endpoints_in(self.patients.columns)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The patients' columns without a fixed meaning."""
        fixed = {*endpoint_columns(self.endpoints), *PATIENT_COLUMNS}
        return tuple(column for column in self.patients.columns if column not in fixed)

    def called(self, call: str) -> "Content":
        """The same, with the Python that made the last step of it; what comes after a step's call follows it."""
        last = self.steps[-1]
        record = replace(last, call=f"{last.call}.{call}" if last.call else call)
        return replace(self, steps=(*self.steps[:-1], record))

    def subset(self, kept: pd.Index, step: str, reason: str) -> "Content":
        """These patients only, in this order; the others are recorded under the reason."""
        patients = self.patients.loc[kept]
        gone = self.patients.index[~self.patients.index.isin(kept)]
        inside = self.samples["patient_id"].isin(kept)
        samples = sort_samples(self.samples[inside], patients.index)
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
            steps=(*self.steps, record),
            excluded=pd.concat([self.excluded, excluded], ignore_index=True),
        )


def natural_order(identifiers: Iterable[str]) -> np.ndarray:
    """The order that sorts identifiers with their numbers read as numbers: P2 before P10."""
    texts = list(identifiers)
    keys = [(re.sub(r"[0-9]+", lambda digits: digits.group().zfill(20), text), text) for text in texts]
    return np.asarray(sorted(range(len(texts)), key=keys.__getitem__), dtype=np.intp)


def sort_samples(samples: pd.DataFrame, patients: pd.Index) -> pd.DataFrame:
    """Samples by the order of the patients, then by time; index 0, 1, ..."""
    position = patients.get_indexer(pd.Index(samples["patient_id"]))
    order = np.lexsort((samples["time"].to_numpy(), position))
    return samples.iloc[order].reset_index(drop=True)
