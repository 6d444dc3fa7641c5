"""Cohorts: reading, checking and selecting patients and their serial counts. Imports numpy and pandas only."""

from bayesctc.data.cohort import Cohort
from bayesctc.data.endpoint import EndpointData
from bayesctc.data.marker import Marker
from bayesctc.data.reading import read_cohort
from bayesctc.data.schema import ColumnType, Schema

__all__ = ["Cohort", "ColumnType", "EndpointData", "Marker", "Schema", "read_cohort"]
