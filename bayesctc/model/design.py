"""A specification settled on a cohort: basis, formulas and sizes, and patients packed for the likelihood."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from bayesctc.data import Cohort, Marker
from bayesctc.data.marker import need_counts, value_column
from bayesctc.design.basis import TimeBasis, choose_basis
from bayesctc.design.formulas import Covariates, columns_of, refuse_outcomes, settle
from bayesctc.errors import DataError, SpecError
from bayesctc.model.columns import BLOCK
from bayesctc.model.families import FAMILIES
from bayesctc.model.families.gaussian import sums, transform
from bayesctc.model.hazard_knots import hazard_knots
from bayesctc.model.layout import Layout
from bayesctc.model.shape import ENTRY, EVENT, LOG_ENTRY, LOG_TIME, N_FIXED, TIME, Shape
from bayesctc.model.spec import ModelSpec

LARGEST_COUNT = 1e8  # beyond it the logarithm of a probability is wrong by more than 1e-6
FIRST_NODES = 7  # of a quadrature, before it is known how many it takes


@dataclass(frozen=True)
class Packed:
    """Patients as the likelihood reads them.

    Attributes
    ----------
    patient_ids : tuple
    values : array (n_blocks, n_columns, BLOCK)
        One lane a patient; lanes that are left over are zeros.
    features : array (n_patients, 2)
        Mean log(1 + count per 7.5 mL), or transformed marker, and its change from first to last sample; for starting
        values only.
    lanes : array of int (n_patients,)
        The lane of each patient, counted through the blocks. Where the likelihood goes through samples one by one,
        patients with as many samples are neighbours: a block costs as much as its patient with most.
    """

    patient_ids: tuple
    values: np.ndarray
    features: np.ndarray
    lanes: np.ndarray

    @classmethod
    def of(cls, patient_ids, rows, features, order=None) -> "Packed":
        """Pack rows (n_columns, n_patients); `order` says who are neighbours, the patients' own order if None."""
        n_columns, n = rows.shape
        n_blocks = max(-(-n // BLOCK), 1)
        lanes = np.arange(n)
        if order is not None:
            lanes[np.argsort(order, kind="stable")] = np.arange(n)
        padded = np.zeros((n_columns, n_blocks * BLOCK))
        padded[:, lanes] = rows
        values = np.ascontiguousarray(np.moveaxis(padded.reshape(n_columns, n_blocks, BLOCK), 1, 0))
        return cls(tuple(patient_ids), values, features, lanes)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.patient_ids)

    def spread(self, what, fill: float = 0.0) -> np.ndarray:
        """One number a patient (or one for all) on the lanes; array (n_blocks, BLOCK)."""
        lanes = np.full((self.values.shape[0], BLOCK), fill)
        lanes.reshape(-1)[self.lanes] = what
        return lanes

    def terms(self, shape: Shape, part: str) -> np.ndarray:
        """Terms of "membership" or "survival": array (n_patients, n_terms)."""
        columns = shape.data_columns(part)
        return np.array([self.row(c) for c in range(columns.start, columns.stop)]).reshape(-1, self.n_patients).T

    def row(self, column: int) -> np.ndarray:
        """One column's values, array (n_patients,)."""
        return self.values[:, column, :].reshape(-1)[self.lanes]

    def followed_to(self, time, event=0.0) -> "Packed":
        """The same patients and samples, followed to `time` months (array or number) with `event` there."""
        values = self.values.copy()
        time = np.broadcast_to(np.asarray(time, dtype=float), self.n_patients)
        for column, what in ((TIME, time), (LOG_TIME, _log(time)), (EVENT, event)):
            values[:, column, :] = self.spread(what)
        return replace(self, values=values)

    def counts_only(self) -> "Packed":
        """The longitudinal part alone: nothing is known of survival after entry."""
        return self.followed_to(self.row(ENTRY))

    def take(self, positions) -> "Packed":
        """A subset, or a resample, of the patients by position."""
        lanes = self.lanes[positions]
        flat = np.moveaxis(self.values, 1, 0).reshape(self.values.shape[1], -1)
        ids = (self.patient_ids[p] for p in positions)
        return Packed.of(ids, flat[:, lanes], self.features[positions], lanes)


@dataclass(frozen=True)
class Design:
    """A specification with everything the data decide.

    Attributes
    ----------
    spec : ModelSpec
    basis : TimeBasis
    membership, survival, survival_by_class, longitudinal : Covariates
    n_nodes : int
        Gauss-Hermite nodes of each random effect; 1 where there is nothing to integrate.
    hazard_knots : tuple of float
        Months at which a piecewise hazard changes; empty for the others.
    causes : tuple of str
        The endpoint's competing events, each with a hazard of its own; empty where there is one event.
    marker : Marker, optional
        What grows, where it is not a count.
    """

    spec: ModelSpec
    basis: TimeBasis
    membership: Covariates
    survival: Covariates
    survival_by_class: Covariates
    longitudinal: Covariates
    n_nodes: int
    hazard_knots: tuple[float, ...] = ()
    causes: tuple[str, ...] = ()
    marker: Marker | None = None

    @classmethod
    def settle(cls, cohort: Cohort, spec: ModelSpec) -> "Design":
        """Settle `spec` on `cohort`: knots, factor levels, means of centred covariates.

        Raises
        ------
        SpecError, DataError
            The specification does not fit the data.
        """
        if not isinstance(cohort, Cohort):
            found = type(cohort).__name__
            raise DataError(f"cohort: found a {found}; allowed: a Cohort, of read_cohort or Cohort(samples, patients)")
        if spec.family != "gaussian":
            need_counts(cohort.marker, f"family={spec.family!r}", "family='gaussian'")
        samples, patients = analysis_tables(cohort, spec, require_events=True)
        if len(samples) == 0:
            raise DataError("the cohort has no samples to fit trajectories to.")
        if spec.family != "gaussian":
            _check_counts(spec.family, samples)
        for what in ("membership", "survival", "survival_by_class", "longitudinal"):
            own = [value_column(cohort.marker)] if what == "longitudinal" else []
            refuse_outcomes(getattr(spec, what), what, [*own, f"{spec.endpoint}_time", f"{spec.endpoint}_event"])
        basis = choose_basis(spec.growth, spec.spline_df, spec.knots, samples["time"])
        design = cls(
            spec,
            basis,
            settle(spec.membership, patients, "membership"),
            settle(spec.survival, patients, "survival"),
            settle(spec.survival_by_class, patients, "survival_by_class"),
            settle(spec.longitudinal, _with_covariates(samples, patients, spec.longitudinal), "longitudinal"),
            1 if FAMILIES[spec.family].closed_form or spec.n_random == 0 else spec.n_nodes or FIRST_NODES,
            hazard_knots(spec, patients),
            _causes(cohort, spec),
            cohort.marker,
        )
        shared = set(design.survival.names) & set(design.survival_by_class.names)
        if shared:
            raise SpecError(
                f"{sorted(shared)[0]!r} is in survival and in survival_by_class; an effect is either alike or by class."
            )
        design._check_size(samples, patients)
        return design

    def _check_size(self, samples, patients):
        """Refuse what no data of this size can bear."""
        spec, n = self.spec, len(patients)
        if n < 2:
            raise DataError(f"a mixture needs more than one patient; found {n}.")
        n_parameters = self.layout.n_parameters
        if (spec.n_classes > 1 and n < 5 * spec.n_classes) or n_parameters >= len(samples) + n:
            raise SpecError(
                f"n_classes={spec.n_classes} asks for {n_parameters} parameters from {n} patients with {len(samples)} "
                f"samples; allowed are at most {max(n // 5, 1)} classes (5 patients a class) and fewer parameters than "
                "data."
            )
        X = self.growth_matrix(samples, patients)
        if np.linalg.matrix_rank(X) < X.shape[1]:
            raise SpecError(
                f"growth={spec.growth!r} and longitudinal={spec.longitudinal!r} cannot be told apart on these samples: "
                f"the terms {', '.join(self.terms['growth'] + self.terms['longitudinal'])} are linearly dependent "
                f"({samples['time'].nunique()} different sample times)."
            )

    @property
    def terms(self) -> dict[str, tuple[str, ...]]:
        """Names of the terms of each part."""
        return {
            "membership": self.membership.names,
            "growth": self.basis.names,
            "longitudinal": self.longitudinal.names,
            "survival": self.survival.names,
            "survival_by_class": self.survival_by_class.names,
        }

    @cached_property
    def shape(self) -> Shape:
        """Sizes of the likelihood."""
        terms = self.terms
        return Shape(
            family=self.spec.family,
            hazard=self.spec.hazard_name,
            n_membership=1 + len(terms["membership"]),
            n_basis=len(terms["growth"]) + len(terms["longitudinal"]),
            n_random=self.spec.n_random,
            n_survival=len(terms["survival"]) + len(terms["survival_by_class"]),
            n_nodes=self.n_nodes,
            knots=self.hazard_knots,
            n_causes=max(len(self.causes), 1),
        )

    @cached_property
    def layout(self) -> Layout:
        """Names and places of the parameters."""
        return Layout.of(self.spec, self.shape, self.terms, self.causes, self.marker is None)

    def with_nodes(self, n_nodes: int) -> "Design":
        """The same design with another number of Gauss-Hermite nodes."""
        return replace(self, n_nodes=n_nodes)

    def with_classes(self, n_classes: int) -> "Design":
        """The same design for another number of classes."""
        return replace(self, spec=self.spec.with_(n_classes=n_classes))

    def pack(self, cohort: Cohort) -> Packed:
        """Patients of a cohort, these or new ones, with their follow-up for the endpoint.

        Raises
        ------
        DataError
            The endpoint's competing events, or the marker, are not the model's.
        """
        self.check_marker(cohort)
        causes = _causes(cohort, self.spec)
        if causes != self.causes:
            raise DataError(
                f"endpoint {self.spec.endpoint!r}: found {_causes_text(causes)}; allowed, as in the model: "
                f"{_causes_text(self.causes)}"
            )
        return self.pack_tables(*analysis_tables(cohort, self.spec))

    def check_marker(self, cohort: Cohort) -> None:
        """Refuse a cohort whose samples hold something else than the model's."""
        if cohort.marker != self.marker:
            raise DataError(f"marker: found {cohort.marker}; allowed, as in the model: {self.marker}")

    @property
    def value_column(self) -> str:
        """Column of the samples with what grows: counts, or a marker."""
        return value_column(self.marker)

    def volume_ml(self, samples: pd.DataFrame) -> np.ndarray:
        """Blood volume of each sample; of a marker 7.5 mL, which nothing reads."""
        return samples["volume_ml"].to_numpy() if self.marker is None else np.full(len(samples), 7.5)

    def transformed(self, value, volume_ml) -> np.ndarray:
        """Counts or values of the marker on the scale of the growth curve: array (n_samples,)."""
        return transform(value, volume_ml) if self.marker is None else self.marker.forward(value)

    def pack_tables(self, samples: pd.DataFrame, patients: pd.DataFrame) -> Packed:
        """Patients of two tables: samples by patient and time, and patients with _time, _event and _entry.

        Unlike a cohort's, `ctc` may be a fraction here: a simulated value before rounding.
        """
        X = self.growth_matrix(samples, patients)
        positions = pd.Index(patients.index).get_indexer(samples["patient_id"])
        p, s = N_FIXED + self.shape.n_membership, N_FIXED + self.shape.n_membership + self.shape.n_survival
        rows = np.zeros((s, len(patients)))
        rows[EVENT], rows[TIME], rows[ENTRY] = (patients[c].to_numpy() for c in ("_event", "_time", "_entry"))
        rows[LOG_TIME], rows[LOG_ENTRY] = _log(rows[TIME]), _log(rows[ENTRY])
        rows[N_FIXED] = 1.0
        rows[N_FIXED + 1 : p] = self.membership.evaluate(patients, "membership").T
        rows[p : p + len(self.survival.names)] = self.survival.evaluate(patients, "survival").T
        rows[p + len(self.survival.names) : s] = self.survival_by_class.evaluate(patients, "survival_by_class").T
        values = samples[self.value_column].to_numpy()
        return self.pack_arrays(patients.index, rows, values, self.volume_ml(samples), X, positions)

    def pack_arrays(self, patient_ids, rows, ctc, volume_ml, growth, positions) -> Packed:
        """Patients whose matrices are there already.

        Parameters
        ----------
        patient_ids : sequence of str
        rows : array (n_rows, n_patients)
            What is the same whatever the counts: event, times, entry, membership and survival terms.
        ctc, volume_ml : array (n_samples,)
            Counts, or values of the marker.
        growth : array (n_samples, n_basis)
        positions : array of int (n_samples,)
            Place of each sample's patient; samples by patient and time.
        """
        family, n = FAMILIES[self.spec.family], len(patient_ids)
        y = self.transformed(ctc, volume_ml)
        if self.marker is None:
            samples_part = family.columns(ctc, volume_ml, growth, positions, n)
        else:
            samples_part = sums(y, growth, positions, n)
        order = None if family.closed_form else np.bincount(positions, minlength=n)
        features = _features(y, positions, n)
        return Packed.of(patient_ids, np.vstack([rows, samples_part]), features, order)

    def growth_matrix(self, samples: pd.DataFrame, patients: pd.DataFrame) -> np.ndarray:
        """X, growth basis and longitudinal covariates of each sample: array (n_samples, n_basis)."""
        table = _with_covariates(samples, patients, self.longitudinal.formula)
        return np.column_stack(
            [self.basis.evaluate(samples["time"]), self.longitudinal.evaluate(table, "longitudinal")]
        )


def _check_counts(family, samples):
    """Refuse counts whose probability would lose digits."""
    large = samples[samples["ctc"] > LARGEST_COUNT]
    if len(large):
        row = large.iloc[0]
        raise DataError(
            f"patient {row['patient_id']!r}, sample at {row['time']:.4g} months, column 'ctc': found {row['ctc']:.0f}; "
            f"allowed under family={family!r}: up to {LARGEST_COUNT:,.0f} ({len(large)} such samples)."
        )


def _causes(cohort, spec):
    """Competing events of the endpoint."""
    return cohort.causes.get(spec.endpoint, ())


def _causes_text(causes):
    return f"the competing events {', '.join(causes)}" if causes else "one event"


def analysis_tables(cohort, spec, require_events=False):
    """Samples, and patients with _time, _event, _entry, of the endpoint's analysis."""
    patients = cohort.patients
    if spec.endpoint is None:
        return cohort.samples, patients.assign(_time=0.0, _event=0.0, _entry=0.0)
    endpoint = cohort.endpoint(spec.endpoint, require_events=require_events)
    patients = patients.loc[list(endpoint.patient_ids)]
    return endpoint.samples, patients.assign(_time=endpoint.time, _event=endpoint.event, _entry=endpoint.entry)


def _with_covariates(samples, patients, formula):
    """Samples with the patient covariates that a formula reads, indexed by patient."""
    table = samples.set_index("patient_id")
    for column in columns_of(formula, "longitudinal"):
        if column not in table.columns and column in patients.columns:
            table[column] = patients[column].reindex(table.index)
    return table


def _features(y, positions, n_patients):
    """Mean on the growth curve's scale and its change by patient; 0 without samples. Samples are in order of time."""
    n = np.bincount(positions, minlength=n_patients)
    features = np.zeros((n_patients, 2))
    features[:, 0] = np.bincount(positions, weights=y, minlength=n_patients) / np.maximum(n, 1)
    present, first = np.unique(positions, return_index=True)
    features[present, 1] = y[first + n[present] - 1] - y[first]
    return features


def _log(x):
    """log x, and 0 where x is 0: the likelihood does not read it there."""
    x = np.asarray(x, dtype=float)
    return np.log(x, out=np.zeros_like(x), where=x > 0)
