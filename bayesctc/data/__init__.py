"""Cohorts: reading, checking and selecting patients and their serial counts. Imports numpy and pandas only."""

from bayesctc.data.cohort import Cohort
from bayesctc.data.endpoint import EndpointData
from bayesctc.data.outcome import Continuous, CtcCount, Marker, Outcome
from bayesctc.data.reading import read_cohort
from bayesctc.data.schema import ColumnType, Schema

__all__ = [
    "Cohort",
    "ColumnType",
    "Continuous",
    "CtcCount",
    "EndpointData",
    "Marker",
    "Outcome",
    "Schema",
    "read_cohort",
]
