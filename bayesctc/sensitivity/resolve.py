"""A variation applied to a cohort, as another specification or other patients; checked before anything runs."""

from dataclasses import dataclass, replace

from bayesctc.data import Cohort
from bayesctc.errors import DataError, SpecError
from bayesctc.model.analysis import checked
from bayesctc.model.spec import ModelSpec
from bayesctc.sensitivity.plan import BASE_OPTIONS, FREE_OPTIONS, NEEDS, SPEC_OPTIONS, SensitivityPlan, Variation
from bayesctc.sensitivity.targets import Targets


@dataclass(frozen=True)
class Base:
    """The base analysis that is varied.

    Attributes
    ----------
    cohort : Cohort
    spec : ModelSpec
    treated : Cohort or None
        Before any inclusion rule.
    targets : Targets
    """

    cohort: Cohort
    spec: ModelSpec
    treated: Cohort | None
    targets: Targets


@dataclass(frozen=True)
class Resolved:
    """A variation applied to a cohort.

    Attributes
    ----------
    row : Variation
    cohort : Cohort
        That of the base if only the base fit can determine the patients.
    spec : ModelSpec
    targets : Targets
    """

    row: Variation
    cohort: Cohort
    spec: ModelSpec
    targets: Targets

    @property
    def free(self) -> bool:
        """Whether the base's draws suffice."""
        return self.row.option in FREE_OPTIONS

    @property
    def waits(self) -> bool:
        """Whether the base fit is needed first."""
        return self.row.option in BASE_OPTIONS


def resolve(plan: SensitivityPlan, base: Base) -> list[Resolved]:
    """Every variation of a plan.

    Raises
    ------
    SpecError
        A row does not fit the data or changes nothing; the message has its name.
    """
    checked(base.cohort, base.spec)
    found = []
    for k, row in enumerate(plan.rows):
        try:
            found.append(_resolved(row, base))
        except (SpecError, DataError) as error:
            raise SpecError(f"plan, row {k} ({row.variation!r}): {error}") from error
    return found


def _resolved(row, base):
    cohort, spec, targets = base.cohort, base.spec, base.targets
    if row.option in NEEDS:
        cohort.outcome.need(NEEDS[row.option], row.option)
    if row.option in SPEC_OPTIONS:
        spec = spec.with_(**{row.option: row.value})
    elif row.option == "priors":
        spec = spec.with_(priors=replace(spec.priors, **row.value))
    elif row.option == "include":
        cohort = _included(row, base)
    elif row.option == "leave_out":
        cohort = _left_out(row, cohort)
    elif row.option == "cutoff":
        targets = replace(targets, cutoff=row.value)
    if row.option in (*SPEC_OPTIONS, "priors", "include", "leave_out"):
        if (spec, cohort.fingerprint) == (base.spec, base.cohort.fingerprint):
            raise SpecError(f"{row.option} = {row.value!r} is the value of the base.")
        checked(cohort, spec)
    elif targets == base.targets and row.option == "cutoff":
        raise SpecError(f"cutoff = {row.value} is the value of the base.")
    return Resolved(row, cohort, spec, targets)


def _included(row, base):
    if base.treated is None:
        raise SpecError("include takes patients from treated=, the cohort before any inclusion rule; found none.")
    if base.treated.outcome != base.cohort.outcome:
        raise SpecError(f"treated: found marker {base.treated.marker}; allowed, as in the base: {base.cohort.marker}")
    return base.treated.include(**row.value)


def _left_out(row, cohort):
    ((column, level),) = row.value.items()
    if column not in cohort.covariates:
        raise SpecError(f"{column!r} is not a covariate; there are {', '.join(cohort.covariates) or 'none'}.")
    values = cohort.patients[column]
    gone = (values == level).fillna(False).to_numpy(dtype=bool)
    if not gone.any():
        levels = ", ".join(map(repr, values.dropna().unique()[:10]))
        raise SpecError(f"{column} has no patient with {level!r}; there are {levels}.")
    return without(cohort, gone, f"{column} {level} left out")


def without(cohort: Cohort, gone, reason: str) -> Cohort:
    """The cohort without some patients.

    Parameters
    ----------
    cohort : Cohort
    gone : array of bool (n_patients,)
    reason : str
        For the flow table.
    """
    return cohort.select(cohort.patients.index[~gone], reason)
