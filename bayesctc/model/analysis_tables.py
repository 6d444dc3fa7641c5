"""A cohort's tables for the analysis of an endpoint."""

from typing import TYPE_CHECKING

import pandas as pd

from bayesctc.data import Cohort

if TYPE_CHECKING:
    from bayesctc.model.spec import ModelSpec


def analysis_tables(
    cohort: Cohort, spec: "ModelSpec", require_events: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples, and patients with _time, _event, _entry, of the endpoint's analysis."""
    patients = cohort.patients
    if spec.endpoint is None:
        return cohort.samples, patients.assign(_time=0.0, _event=0.0, _entry=0.0)
    endpoint = cohort.endpoint(spec.endpoint, require_events=require_events)
    patients = patients[endpoint.included].assign(_time=endpoint.time, _event=endpoint.event, _entry=endpoint.entry)
    return endpoint.samples, patients if endpoint.left is None else patients.assign(_left=endpoint.left)


def analysis_intervals(cohort: Cohort, spec: "ModelSpec") -> pd.DataFrame | None:
    """Intervals of the endpoint's analysis, those that start before it; None of a cohort without."""
    intervals = cohort.intervals
    if spec.endpoint is None or intervals is None:
        return intervals
    return cohort.endpoint(spec.endpoint, require_events=False).intervals
