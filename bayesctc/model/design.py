"""A specification settled once on a cohort: basis, formulas, scales and sizes, by which patients are packed."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.data.schema import Schema
from bayesctc.design.basis import TimeBasis, choose_basis
from bayesctc.design.formulas import Covariates, settle
from bayesctc.design.grammar import refuse_outcomes
from bayesctc.design.rounding import COARSER, rounded
from bayesctc.errors import DataError, SpecError
from bayesctc.model.analysis_tables import analysis_intervals, analysis_tables
from bayesctc.model.association import AREA, EFFECTS, NONE, VALUE, Association, first_time_nodes
from bayesctc.model.curves_of_samples import OF_CURVES, columns_of_curves, curve_matrix, features_of, with_covariates
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.histories import changing_columns, hazard_table, hazard_terms
from bayesctc.model.layout import Layout
from bayesctc.model.packed import Packed
from bayesctc.model.scales import Scales, SurvivalScale
from bayesctc.model.settling import (
    FORMULAS,
    causes_of,
    causes_text,
    check_association,
    check_family,
    check_hazard,
    check_size,
    check_values,
    middle_of,
    types_read,
)
from bayesctc.model.sizes import Sizes, first_nodes
from bayesctc.model.stretches import Changes

if TYPE_CHECKING:
    from bayesctc.model.spec import ModelSpec

TYPES = ("types", "sample_types", "interval_types")


@dataclass(frozen=True)
class Design:
    """A specification with everything that depends on the data.

    Attributes
    ----------
    spec : ModelSpec
    basis : TimeBasis
    membership, survival, survival_by_class, longitudinal, longitudinal_by_class : Covariates
    n_nodes : int
        Gauss-Hermite nodes of each random effect; 1 without quadrature.
    hazard_knots : tuple of float
        Months at which a piecewise hazard changes, knots of a spline hazard with its boundary knots; else empty.
    causes : tuple of str
        The endpoint's competing events, each with a separate hazard; empty if there is one event.
    outcome : Outcome
        What the samples hold.
    looked_for : tuple of int
        Numbers of the causes that are looked for at visits; empty if every event is known to the day.
    follow_up : SurvivalScale
        The scale of the cohort's survival times.
    location, spread : float
        Of the transformed values: 0 and 1 for counts, else their mean and standard deviation in the samples.
    types, sample_types, interval_types : mapping of ColumnType
        Types of the columns of the formulas, also for new patients: of patients, of samples, and of intervals.
    time_nodes : int
        Gauss-Legendre nodes of each stretch of time, if the hazard depends on a patient's curve; else 0.
    level : float
        The level, on the scale of the fit's curve, to which the baseline hazards then refer: the mean of the samples.
    labels : tuple of str
        The user's names of the classes; empty if they have the outcome's.
    """

    spec: "ModelSpec"
    basis: TimeBasis
    membership: Covariates
    survival: Covariates
    survival_by_class: Covariates
    longitudinal: Covariates
    longitudinal_by_class: Covariates
    n_nodes: int
    hazard_knots: tuple[float, ...] = ()
    causes: tuple[str, ...] = ()
    outcome: Outcome = CTC_COUNT
    follow_up: SurvivalScale = field(default_factory=SurvivalScale)
    location: float = 0.0
    spread: float = 1.0
    types: Schema = field(default_factory=dict)
    sample_types: Schema = field(default_factory=dict)
    interval_types: Schema = field(default_factory=dict)
    looked_for: tuple[int, ...] = ()
    time_nodes: int = 0
    level: float = 0.0
    labels: tuple[str, ...] = ()

    @classmethod
    def settle(cls, cohort: Cohort, spec: "ModelSpec") -> "Design":
        """Settle `spec` on `cohort`: knots, factor levels, means of centred covariates.

        Raises
        ------
        SpecError, DataError
            The specification cannot be used with the data.
        """
        if not isinstance(cohort, Cohort):
            found = type(cohort).__name__
            raise DataError(
                f"cohort: found a {found}; allowed: a Cohort, from read_cohort or Cohort(samples, patients)"
            )
        outcome = cohort.outcome
        check_family(spec, outcome)
        check_hazard(spec)
        samples, patients = analysis_tables(cohort, spec, require_events=True)
        check_values(spec, outcome, samples)
        check_association(spec, samples, patients)
        for what in FORMULAS:
            own = [outcome.column] if what in OF_CURVES else []
            refuse_outcomes(getattr(spec, what), what, [*own, f"{spec.endpoint}_time", f"{spec.endpoint}_event"])
        y = outcome.forward(samples[outcome.column].to_numpy(), outcome.exposure(samples))
        basis = choose_basis(
            spec.growth,
            spec.spline_df,
            spec.knots,
            samples["time"],
            float(spec.time_origin),
            float(spec.growth_unit),
            None if spec.fall_months is None else float(spec.fall_months),
            y,
            pd.factorize(samples["patient_id"])[0],
        )
        causes, read, changing = causes_of(cohort, spec), columns_of_curves(spec), changing_columns(spec, cohort)
        table = with_covariates(samples, patients, read, [c for c in read if c in samples.columns])
        people, weights = hazard_table(patients, analysis_intervals(cohort, spec), changing)
        follows_level = spec.association in (VALUE, AREA) and not outcome.standardised
        design = cls(
            spec,
            basis,
            settle(spec.membership, patients, "membership"),
            settle(spec.survival, people, "survival", weights),
            settle(spec.survival_by_class, people, "survival_by_class", weights),
            settle(spec.longitudinal, table, "longitudinal"),
            settle(spec.longitudinal_by_class, table, "longitudinal_by_class"),
            first_nodes(spec),
            HAZARDS[spec.hazard_name].knots(spec, patients),
            causes,
            outcome,
            SurvivalScale.of(patients, max(len(causes), 1)) if spec.endpoint is not None else SurvivalScale(),
            *(middle_of(y) if outcome.standardised else (0.0, 1.0)),
            types=types_read(cohort.covariate_types, spec),
            sample_types=types_read(cohort.sample_types, spec),
            interval_types={column: cohort.interval_types[column] for column in changing},
            looked_for=cohort.looked_for.get(spec.endpoint or "", ()),
            time_nodes=first_time_nodes(spec.association, HAZARDS[spec.hazard_name].has_knots),
            level=float(rounded(middle_of(y)[0], COARSER)) if follows_level else 0.0,
        )
        for what in ("survival", "longitudinal"):
            shared = set(getattr(design, what).names) & set(getattr(design, f"{what}_by_class").names)
            if shared:
                raise SpecError(f"{sorted(shared)[0]!r} is in {what} and in {what}_by_class; allowed: one of the two.")
        check_size(design, samples, patients)
        return design

    @property
    def terms(self) -> dict[str, tuple[str, ...]]:
        """Names of the terms of each part."""
        return {
            "membership": self.membership.names,
            "growth": self.basis.names,
            "longitudinal": self.longitudinal.names,
            "longitudinal_by_class": tuple(
                name if k == 0 else f"{name}:{term}"
                for name in self.longitudinal_by_class.names
                for k, term in enumerate(self.basis.names)
            ),
            "survival": self.survival.names,
            "survival_by_class": self.survival_by_class.names,
        }

    @cached_property
    def sizes(self) -> Sizes:
        """Sizes of the likelihood."""
        terms = self.terms
        return Sizes(
            family=self.spec.family,
            hazard=self.spec.hazard_name,
            n_membership=1 + len(terms["membership"]),
            n_basis=sum(len(terms[part]) for part in ("growth", *OF_CURVES)),
            n_random=self.spec.n_random,
            n_survival=len(terms["survival"]) + len(terms["survival_by_class"]),
            n_nodes=self.n_nodes,
            knots=self.hazard_knots,
            n_causes=max(len(self.causes), 1),
            months=self.follow_up.months,
            association=self._association,
        )

    @property
    def _association(self) -> Association | None:
        """The association of the curve and the hazard within a class."""
        if self.spec.association == NONE:
            return None
        terms = len(self.longitudinal.names), len(self.longitudinal_by_class.names)
        return Association(self.spec.association, self.basis, self.spec.n_random, *terms, self.level, self.time_nodes)

    @property
    def scales(self) -> Scales:
        """Between the scale of the fit and the user's."""
        return Scales(
            self.basis.to_user,
            self.membership.standard,
            self.longitudinal.standard,
            self.survival.standard,
            self.survival_by_class.standard,
            self.follow_up.months,
            self.follow_up.log_scale,
            self.follow_up.shape,
            self.location,
            self.spread,
            self.longitudinal_by_class.standard,
            self.spec.association,
            self.level,
            self.basis.unit / (self.basis.span[1] - self.basis.span[0]),
        )

    @property
    def sample_columns(self) -> tuple[str, ...]:
        """Columns of the samples, time and the outcome's apart, that the formulas of the growth curve read."""
        return tuple(c for c in columns_of_curves(self.spec) if c in self.sample_types)

    @cached_property
    def layout(self) -> Layout:
        """Names and places of the parameters."""
        return Layout.of(self.spec, self.sizes, self.terms, self.causes, self.outcome, self.scales, self.labels)

    def with_nodes(self, n_nodes: int, time_nodes: int | None = None) -> "Design":
        """The same design with another number of Gauss-Hermite nodes, and of Gauss-Legendre nodes in time."""
        return replace(self, n_nodes=n_nodes, time_nodes=self.time_nodes if time_nodes is None else time_nodes)

    def with_classes(self, n_classes: int) -> "Design":
        """The same design for another number of classes, which have no names yet."""
        return replace(self, spec=self.spec.with_(n_classes=n_classes), labels=())

    def pack(self, cohort: Cohort) -> Packed:
        """Patients of a cohort, these or new ones, with their follow-up for the endpoint.

        Raises
        ------
        DataError
            The endpoint's competing events, or the marker, are not the model's.
        """
        cohort = self.read(cohort)
        causes = causes_of(cohort, self.spec)
        if causes != self.causes:
            raise DataError(
                f"endpoint {self.spec.endpoint!r}: found {causes_text(causes)}; allowed, as in the model: "
                f"{causes_text(self.causes)}"
            )
        samples, patients = analysis_tables(cohort, self.spec)
        packed = self.pack_tables(samples, patients, analysis_intervals(cohort, self.spec))
        # whose events are looked for at visits is a matter of these patients, who need not be the fit's
        return packed if packed.left is None else replace(packed, looked_for=cohort.looked_for[str(self.spec.endpoint)])

    def read(self, cohort: Cohort) -> Cohort:
        """A cohort with the covariates of the model's formulas under its schema.

        Raises
        ------
        DataError
            A cell is not what the schema allows, or the samples hold an outcome other than the model's.
        """
        self.check_outcome(cohort)
        return cohort.under(self.types, self.sample_types, self.interval_types)

    def check_outcome(self, cohort: Cohort) -> None:
        """Refuse a cohort whose samples hold an outcome other than the model's."""
        if cohort.outcome != self.outcome:
            model = None if self.outcome == CTC_COUNT else self.outcome
            raise DataError(f"marker: found {cohort.marker}; allowed, as in the model: {model}")

    def transformed(self, value, exposure) -> np.ndarray:
        """Values on the scale of the fit's growth curve: array (n_samples,)."""
        y = self.outcome.forward(value, exposure)
        return rounded((y - self.location) / self.spread, COARSER) if self.outcome.standardised else y

    def untransformed(self, y) -> np.ndarray:
        """From the scale of the fit's growth curve to that of the outcome's."""
        return self.location + self.spread * np.asarray(y, dtype=float)

    def value(self, y) -> np.ndarray:
        """Values, in their unit and within their limits, from the scale of the fit's growth curve."""
        return self.outcome.within(self.outcome.inverse(self.untransformed(y)))

    def pack_tables(
        self, samples: pd.DataFrame, patients: pd.DataFrame, intervals: pd.DataFrame | None = None
    ) -> Packed:
        """Patients of tables: samples by patient and time, and patients with _time, _event and _entry.

        Unlike in a cohort, a count may be a fraction here: a simulated value before rounding. Intervals are read if the
        hazard reads them, without rows of other patients.
        """
        hazard = {"survival": self.survival, "survival_by_class": self.survival_by_class}
        survival, changes = hazard_terms(hazard, patients, intervals, self.interval_types)
        membership = self.membership.directions(patients, "membership")
        terms = np.column_stack([np.ones(len(patients)), membership, survival]).T
        follow_up = np.stack([patients[c].to_numpy(dtype=float) for c in ("_event", "_time", "_entry")])
        packed = self.pack_arrays(
            patients.index,
            follow_up,
            terms,
            samples[self.outcome.column].to_numpy(),
            self.outcome.exposure(samples),
            self.growth_matrix(samples, patients),
            pd.Index(patients.index).get_indexer(samples["patient_id"]),
            changes,
            self._constant(patients),
        )
        left = patients["_left"].to_numpy(dtype=float) if "_left" in patients else None
        return packed if left is None else replace(packed, left=left, looked_for=self.looked_for)

    def _constant(self, patients: pd.DataFrame) -> np.ndarray | None:
        """Longitudinal covariates of patients, if their curves are part of the hazard at all times."""
        if self.spec.association == NONE:
            return None
        if self.spec.association == EFFECTS:  # then covariates may be the samples', and play no part
            return np.zeros((len(patients), sum(len(getattr(self, what).names) for what in OF_CURVES)))
        return np.column_stack([getattr(self, what).directions(patients, what) for what in OF_CURVES])

    def pack_arrays(
        self,
        patient_ids,
        follow_up,
        terms,
        values,
        exposure,
        growth,
        positions,
        changes: Changes | None = None,
        constant=None,
    ) -> Packed:
        """Patients from existing matrices.

        Parameters
        ----------
        patient_ids : sequence of str
        follow_up : array (3, n_patients)
            Event, time, entry (months).
        terms : array (n_terms, n_patients)
            Of membership, intercept first, and survival; on the scale of the fit.
        values, exposure : array (n_samples,)
        growth : array (n_samples, n_basis)
        positions : array of int (n_samples,)
            Place of each sample's patient; samples by patient and time.
        changes : Changes, optional
            Of the survival terms.
        constant : array (n_patients, n_longitudinal), optional
            Longitudinal covariates of patients whose curves are part of the hazard.
        """
        family, n = FAMILIES[self.spec.family], len(patient_ids)
        y, log_unit = self.transformed(values, exposure), None
        rows = self.sizes.sample_rows(y if family.reads_transformed else values, exposure, growth, positions, n)
        if self.outcome.standardised:
            log_unit = -np.log(self.spread) * np.bincount(positions, minlength=n)
        order = None if self.sizes.reads_sums else np.bincount(positions, minlength=n)
        features = features_of(y, positions, n)
        kept = (rows, features, self.sizes, order, log_unit)
        return Packed(tuple(patient_ids), follow_up, terms, *kept, changes=changes, constant=constant)

    def hazard_coefficients(self, theta, cause: int) -> np.ndarray:
        """log hazard ratios per unit of each survival term, common ones first: array (..., n_classes, n_survival)."""
        own, alike = np.asarray(theta)[..., self.sizes.cause(cause)[1]], len(self.survival.names)
        return np.concatenate(
            [
                self.survival.standard.coefficients(own[..., :alike]),
                self.survival_by_class.standard.coefficients(own[..., alike:]),
            ],
            axis=-1,
        )

    def growth_matrix(self, samples: pd.DataFrame, patients: pd.DataFrame) -> np.ndarray:
        """X on the scale of the fit, array (n_samples, n_basis): growth basis, longitudinal covariates, and the
        products of each covariate by class with each function of the basis."""
        table = self.curve_table(samples, patients)
        alike, by_class = (getattr(self, what).directions(table, what) for what in OF_CURVES)
        return curve_matrix(self.basis.evaluate(samples["time"]), alike, by_class)

    def curve_table(self, samples: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
        """Samples, indexed by patient, with what the formulas of the growth curve read: of the samples where the fit
        read it there and they have it, else of the patients."""
        own = [c for c in ("time", *self.outcome.columns) if c in samples.columns]
        return with_covariates(samples, patients, columns_of_curves(self.spec), [*own, *self.sample_columns])
