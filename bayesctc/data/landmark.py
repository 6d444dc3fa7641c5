"""Less of a cohort: what was known at a landmark, or at baseline; and more of it: further covariates and samples."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bayesctc.data.columns import TIME_TOLERANCE, endpoint_columns
from bayesctc.data.content import Content, sort_samples
from bayesctc.data.flow import step_after
from bayesctc.data.marker import value_column
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
            f"landmark: found {months:g} months, after the last follow-up of anybody; allowed: below {last.max():g}"
        )
    at_risk = content.patients.index[(last > months).to_numpy()]
    step = f"landmark: {months:g} months"
    followed = content.subset(at_risk, step, "no endpoint followed beyond the landmark")
    before = followed.samples["time"].to_numpy() <= months + TIME_TOLERANCE
    samples = followed.samples[before].reset_index(drop=True)
    record = step_after(
        step,
        "samples after the landmark",
        samples,
        followed.patients.index,
        samples_excluded=len(followed.samples) - len(samples),
    )
    earlier = followed.patients["entry"].to_numpy() if "entry" in followed.patients else 0.0
    patients = followed.patients.assign(entry=np.maximum(earlier, float(months)))
    return replace(followed, samples=samples, patients=patients, entry_by_rule=True, steps=(*followed.steps, record))


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
    return replace(left, samples=samples, steps=(*left.steps, record))


def with_covariates(content: Content, columns: dict) -> Content:
    """The content with further covariates; see `Cohort.with_covariates`."""
    patients = content.patients
    fixed = {*endpoint_columns(content.endpoints), *patients.columns, "patient_id", "entry", "followup_end"}
    for name, values in columns.items():
        if name in fixed:
            raise DataError(f"with_covariates: found {name!r}, which is there already; allowed: a new name")
        missing = patients.index[~patients.index.isin(values.index)]
        if len(missing):
            raise DataError(
                f"with_covariates: {name!r} has no value for patient {missing[0]!r} ({len(missing)} in all); allowed: "
                "a value for every patient of the cohort (select() the others away first)"
            )
    return replace(content, patients=patients.assign(**{n: v.loc[patients.index] for n, v in columns.items()}))


def with_samples(content: Content, samples: pd.DataFrame, step: str) -> Content:
    """The content with further samples; see `Cohort.with_samples`."""
    patients = content.patients
    unknown = samples.loc[~samples["patient_id"].isin(patients.index), "patient_id"]
    if len(unknown):
        raise DataError(f"with_samples: found {unknown.iloc[0]!r}; allowed: patients of the cohort")
    column, marker = value_column(content.marker), content.marker
    if column not in samples:
        raise DataError(f"with_samples: found no column {column!r}; allowed: patient_id, time and {column}")
    if marker is not None and not (samples[column] >= marker.least).all():
        wrong = samples[column][~(samples[column] >= marker.least)].iloc[0]
        raise DataError(f"with_samples: found {column} = {wrong:g}; allowed: {marker.allowed}")
    for limit in ("os_time", "followup_end"):
        if limit in patients:
            late = samples["time"].to_numpy() > patients[limit].loc[samples["patient_id"]].to_numpy() + TIME_TOLERANCE
            if late.any():
                who = samples["patient_id"].to_numpy()[late][0]
                raise DataError(f"with_samples: found a sample of {who!r} after {limit}; allowed: samples up to then")
    added = sort_samples(pd.concat([content.samples, samples], ignore_index=True), patients.index)
    record = step_after(step, "", added, patients.index)
    added = added.astype({column: "int64"}) if marker is None else added
    return replace(content, samples=added, steps=(*content.steps, record))
