"""Inclusion rules: which patients are included, and from when they are at risk."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bayesctc.data.content import Content
from bayesctc.errors import DataError

THIRD_SAMPLE = "third_sample"


def include(content: Content, min_samples: int | None, entry: str | None) -> Content:
    """The content after an inclusion rule; see `Cohort.include`."""
    if isinstance(min_samples, bool) or not isinstance(min_samples, int | np.integer) or min_samples < 1:
        raise DataError(f"min_samples: found {min_samples!r}; allowed: a whole number, 1 or more")
    if entry not in (None, THIRD_SAMPLE):
        raise DataError(f"entry: found {entry!r}; allowed: None or {THIRD_SAMPLE!r}")
    n_samples = content.samples.groupby("patient_id").size().reindex(content.patients.index, fill_value=0)
    kept = content.patients.index[n_samples.to_numpy() >= min_samples]
    if len(kept) == 0:
        raise DataError(
            f"min_samples: found {min_samples}, which leaves no patient; allowed: at most {n_samples.max()}, the "
            "largest number of samples of one patient"
        )
    samples = "sample" if min_samples == 1 else "samples"
    step = f"include: {min_samples} or more {samples}"
    if entry is not None:
        step += f", entry at sample {min_samples}"
    included = content.subset(kept, step, f"fewer than {min_samples} {samples}")
    included = replace(included, min_samples=max(int(min_samples), content.min_samples))
    return included if entry is None else _with_entry(included, int(min_samples))


def _with_entry(content: Content, min_samples: int) -> Content:
    """Entry at the sample that meets the rule (months), day 0 if that was drawn earlier, and no earlier than given."""
    met = content.samples.groupby("patient_id").nth(min_samples - 1)
    entry = pd.Series(met["time"].to_numpy(), index=met["patient_id"]).loc[content.patients.index]
    given = content.patients.get("entry", 0.0)  # who was not yet under observation then could not have died in it
    patients = content.patients.assign(entry=np.maximum(np.maximum(entry.to_numpy(), 0.0), given))
    return replace(content, patients=patients, entry_by_rule=True)
