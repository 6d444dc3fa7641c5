"""A cohort cut back to what was known at a landmark, or at baseline."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bayesctc.data.columns import TIME_TOLERANCE
from bayesctc.data.content import Content
from bayesctc.data.flow import step_after
from bayesctc.data.intervals import carried_forward, known_at
from bayesctc.errors import DataError


def landmark(content: Content, months: float) -> Content:
    """The content at a landmark; see `Cohort.landmark`."""
    if isinstance(months, bool) or not isinstance(months, int | float | np.number) or not 0 < months < np.inf:
        raise DataError(f"landmark: found {months!r}; allowed: a number of months above 0")
    times = [f"{name}_time" for name in content.endpoints]
    if not times:
        raise DataError("landmark: found a cohort without endpoints; allowed: one with <endpoint>_time columns")
    last = content.patients[times].max(axis=1)
    if months >= last.max():
        raise DataError(
            f"landmark: found {months:g} months, after the longest follow-up; allowed: below {last.max():g}"
        )
    at_risk = content.patients.index[(last > months).to_numpy()]
    step = f"landmark: {months:g} months"
    followed = content.subset(at_risk, step, "no endpoint followed beyond the landmark")
    samples = _up_to(followed.samples, months)
    record = step_after(
        step,
        "samples after the landmark",
        samples,
        followed.patients.index,
        samples_excluded=len(followed.samples) - len(samples),
    )
    earlier = followed.patients["entry"].to_numpy() if "entry" in followed.patients else 0.0
    patients = followed.patients.assign(entry=np.maximum(earlier, float(months)))
    steps, intervals = (*followed.steps, record), followed.intervals
    if intervals is not None:
        intervals, n_later = known_at(intervals, float(months))
        intervals = carried_forward(intervals, patients)
        reason = f"rows of intervals after the landmark ({n_later}): the last known values are carried forward"
        steps = (*steps, step_after(step, reason, samples, patients.index))
    failed = _up_to(followed.failed_samples, months)
    return replace(
        followed,
        samples=samples,
        patients=patients,
        entry_by_rule=True,
        steps=steps,
        failed_samples=failed,
        intervals=intervals,
    )


def samples_up_to(content: Content, months: float) -> Content:
    """The content without later samples and intervals; see `Cohort.with_samples_up_to`."""
    samples, failed = (_up_to(each, months) for each in (content.samples, content.failed_samples))
    out = len(content.samples) - len(samples)
    step, index = f"samples up to {months:g} months", content.patients.index
    record = step_after(step, "later samples", samples, index, samples_excluded=out)
    intervals = content.intervals
    if intervals is not None:
        intervals = carried_forward(known_at(intervals, months)[0], content.patients)
    steps = (*content.steps, record)
    return replace(content, samples=samples, steps=steps, failed_samples=failed, intervals=intervals)


def at_baseline(content: Content) -> Content:
    """The content as it stood at the start of treatment; see `Cohort.at_baseline`."""
    before = content.samples[content.samples["time"] <= 0.0]
    read = content.patients.index[content.patients.index.isin(before["patient_id"])]
    if len(read) == 0:
        raise DataError("at_baseline: found no sample at or before day 0; allowed: at least one")
    step = "at baseline"
    left = content.subset(read, step, "no sample at baseline")
    samples = before.drop_duplicates("patient_id", keep="last").reset_index(drop=True)
    out = len(left.samples) - len(samples)
    record = step_after(step, "samples other than the last at baseline", samples, read, samples_excluded=out)
    failed = left.failed_samples[left.failed_samples["time"] <= 0.0].reset_index(drop=True)
    return replace(left, samples=samples, steps=(*left.steps, record), failed_samples=failed)


def _up_to(samples: pd.DataFrame, months: float) -> pd.DataFrame:
    return samples[samples["time"].to_numpy() <= months + TIME_TOLERANCE].reset_index(drop=True)
