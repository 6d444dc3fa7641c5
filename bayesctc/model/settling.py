"""Checks that data support a specification."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.outcome import Outcome
from bayesctc.data.schema import Schema
from bayesctc.design.grammar import columns_of
from bayesctc.design.standardise import dependent
from bayesctc.errors import DataError, SpecError
from bayesctc.model.association import EFFECTS, NONE
from bayesctc.model.curves_of_samples import OF_CURVES
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

if TYPE_CHECKING:
    from bayesctc.model.design import Design
    from bayesctc.model.spec import ModelSpec

FORMULAS = ("membership", "survival", "survival_by_class", *OF_CURVES)


def check_family(spec: "ModelSpec", outcome: Outcome) -> None:
    """Refuse a family that cannot describe the outcome."""
    made_for = FAMILIES[spec.family].outcomes
    if outcome.kind not in made_for:
        allowed = [f"family={name!r}" for name, family in FAMILIES.items() if outcome.kind in family.outcomes]
        of = "counts" if made_for == ("count",) else f"outcomes of kind {' or '.join(map(repr, made_for))}"
        raise outcome.refusal(f"family={spec.family!r}", of, ", ".join(allowed))


def check_hazard(spec: "ModelSpec") -> None:
    """Refuse covariates of a hazard whose form is not kept when it is multiplied by a hazard ratio."""
    for what in ("survival", "survival_by_class"):
        if not HAZARDS[spec.hazard_name].closed and columns_of(getattr(spec, what), what):
            raise SpecError(f"{what}: found {getattr(spec, what)!r}; allowed under hazard={spec.hazard!r}: '~ 1'")


def check_association(spec: "ModelSpec", samples: pd.DataFrame, patients: pd.DataFrame) -> None:
    """Refuse covariates known only at the samples, if the curve is part of the hazard."""
    if spec.association == NONE:
        return
    if not HAZARDS[spec.hazard_name].closed:
        raise SpecError(
            f"association: found {spec.association!r}; allowed under hazard={spec.hazard!r}, whose form is not kept "
            f"when it is multiplied by a hazard ratio: {NONE!r}"
        )
    if spec.association == EFFECTS:
        return
    for what in OF_CURVES:
        own = [c for c in columns_of(getattr(spec, what), what) if c in samples.columns]
        if own:
            raise SpecError(
                f"{what}: found {own[0]!r}, a column of the samples, whose value is not known between samples or after "
                f"the last; allowed with association={spec.association!r}: covariates of the patients "
                f"({', '.join(c for c in patients.columns if not c.startswith('_')) or 'there are none'})"
            )


def check_values(spec: "ModelSpec", outcome: Outcome, samples: pd.DataFrame) -> None:
    """Refuse values without variation, and those whose probability would lose digits."""
    if len(samples) == 0:
        raise DataError("the cohort has no samples to fit trajectories to.")
    column, largest = outcome.column, FAMILIES[spec.family].largest
    if samples[column].min() == samples[column].max():
        found = samples[column].iloc[0]
        raise DataError(
            f"samples, column {column!r}: found {found:g} in all {len(samples)} samples; allowed: values that differ "
            "(otherwise there is no trajectory to model)."
        )
    large = samples[samples[column] > largest]
    if len(large):
        row = large.iloc[0]
        raise DataError(
            f"patient {row['patient_id']!r}, sample at {row['time']:.4g} months, column {column!r}: found "
            f"{row[column]:.0f}; allowed under family={spec.family!r}: up to {largest:,.0f} ({len(large)} such "
            "samples)."
        )


def middle_of(y: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of transformed values."""
    away = y - y[0]
    return float(y[0] + away.mean()), float(away.std())


def check_size(design: "Design", samples: pd.DataFrame, patients: pd.DataFrame) -> None:
    """Refuse a specification that data of this size cannot support."""
    spec, n = design.spec, len(patients)
    if n < 2:
        raise DataError(f"a mixture needs more than one patient; found {n}.")
    n_parameters = design.layout.n_parameters
    if (spec.n_classes > 1 and n < 5 * spec.n_classes) or n_parameters >= len(samples) + n:
        raise SpecError(
            f"n_classes={spec.n_classes} asks for {n_parameters} parameters from {n} patients with {len(samples)} "
            f"samples; allowed: at most {max(n // 5, 1)} classes (5 patients per class) and fewer parameters than "
            "data."
        )
    if dependent(design.growth_matrix(samples, patients)[:, 1:]):
        parts = ("growth", "longitudinal", "longitudinal_by_class")
        by_class = f" and longitudinal_by_class={spec.longitudinal_by_class!r}" * bool(
            design.longitudinal_by_class.names
        )
        formulas = f"longitudinal={spec.longitudinal!r}{by_class}"
        raise SpecError(
            f"growth={spec.growth!r} and {formulas} cannot be distinguished in these samples: "
            f"the terms {', '.join(name for part in parts for name in design.terms[part])} are linearly dependent "
            f"({samples['time'].nunique()} different sample times)."
        )


def types_read(types: Schema, spec: "ModelSpec") -> Schema:
    """Types of the columns that the formulas read."""
    used = {column for what in FORMULAS for column in columns_of(getattr(spec, what), what)}
    return {column: each for column, each in types.items() if column in used}


def causes_of(cohort: Cohort, spec: "ModelSpec") -> tuple[str, ...]:
    """Competing events of the endpoint."""
    return cohort.causes.get(spec.endpoint or "", ())


def causes_text(causes: tuple[str, ...]) -> str:
    """Competing events in a message."""
    return f"the competing events {', '.join(causes)}" if causes else "one event"
