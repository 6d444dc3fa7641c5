"""The way into every fit: a specification settled on a cohort."""

from bayesctc import arguments
from bayesctc.data import Cohort
from bayesctc.model.design import Design
from bayesctc.model.packed import Packed
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
        What was given is no cohort or no specification, or the data cannot bear it.
    """
    arguments.of_kind("cohort", cohort, Cohort)
    arguments.of_kind("spec", spec, ModelSpec)
    return Design.settle(cohort, spec)
