"""The flow table: who was excluded at each step, and who remained."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import pandas as pd

from bayesctc.shown import Printed


@dataclass(frozen=True)
class Step:
    """One row of the flow table.

    Parameters
    ----------
    step, reason : str
        What was done, and why patients or samples were excluded ("" if none could be).
    patients_excluded, samples_excluded : int
        Numbers excluded at this step.
    patients, patients_without_samples, samples, samples_before_day_0 : int
        Numbers that remained.
    """

    step: str
    reason: str
    patients_excluded: int
    patients: int
    patients_without_samples: int
    samples_excluded: int
    samples: int
    samples_before_day_0: int


def step_after(
    step: str,
    reason: str,
    samples: pd.DataFrame,
    patients: pd.Index,
    *,
    patients_excluded: int = 0,
    samples_excluded: int = 0,
) -> Step:
    """The step after which these samples and patients remained."""
    return Step(
        step=step,
        reason=reason,
        patients_excluded=patients_excluded,
        patients=len(patients),
        patients_without_samples=len(patients) - samples["patient_id"].nunique(),
        samples_excluded=samples_excluded,
        samples=len(samples),
        samples_before_day_0=int((samples["time"] < 0).sum()),
    )


def flow_table(steps: Sequence[Step]) -> pd.DataFrame:
    """The steps as a table, one row each."""
    return Printed([asdict(step) for step in steps], columns=[field.name for field in fields(Step)])
