"""The way into every fit: the specification settled on the cohort, and what no fit could answer refused."""

from bayesctc import arguments
from bayesctc.data import Cohort
from bayesctc.errors import DataError
from bayesctc.model.design import Design, Packed, analysis_tables
from bayesctc.model.spec import ModelSpec


def settled(cohort: Cohort, spec: ModelSpec) -> tuple[Design, Packed]:
    """A specification settled on a cohort, and its patients; see `checked`."""
    design = checked(cohort, spec)
    return design, design.pack(cohort)


def checked(cohort: Cohort, spec: ModelSpec) -> Design:
    """A specification settled on a cohort.

    Raises
    ------
    SpecError, DataError
        What was given is no cohort or no specification, or the data cannot bear it: there is no sample, all counts
        are 0, or, under the gaussian family, all values are the same.
    """
    arguments.of_kind("cohort", cohort, Cohort)
    arguments.of_kind("spec", spec, ModelSpec)
    design = Design.settle(cohort, spec)
    _check_values(cohort, design)
    return design


def _check_values(cohort, design):
    """Refuse samples that say nothing of a level or its scatter."""
    samples, _ = analysis_tables(cohort, design.spec)
    column, n = design.value_column, len(samples)
    if n == 0:
        raise DataError(f"samples: found none in the analysis of {design.spec.endpoint}; allowed: one or more")
    values = samples[column]
    if design.marker is None and not (values > 0).any():
        raise DataError(
            f"{column}: found 0 in all {n:,} samples of the analysis; allowed: at least one with a cell (zeros alone "
            "do not say how low counts are)"
        )
    if design.spec.family == "gaussian" and values.nunique() == 1 and n > 1:
        raise DataError(
            f"{column}: found {values.iloc[0]:g} in all {n:,} samples of the analysis; allowed under "
            "family='gaussian': values that differ"
        )
