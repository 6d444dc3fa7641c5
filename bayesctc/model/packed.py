"""Patients as arrays of numbers, in the fit's units, for the likelihood."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesctc.model.sizes import Sizes
from bayesctc.model.stretches import Changes, Stretches, shares


@dataclass(frozen=True, eq=False)
class Packed:
    """Patients as arrays of numbers.

    Attributes
    ----------
    patient_ids : tuple
    follow_up : array (3, n_patients)
        Event, time and entry (months) as given.
    all_terms : array (n_terms, n_patients)
        Of membership (intercept first), then of survival, on the scale of the fit.
    samples : array (n_rows, n_patients)
        Data of the samples that the family needs.
    features : array (n_patients, 2)
        Mean on the scale of the growth curve, and its change from first to last sample; for starting values only.
    sizes : Sizes
        Of the likelihood.
    order : array (n_patients,), optional
        Similarity of patients: number of samples, if the likelihood processes samples one by one.
    log_unit : array (n_patients,) or float
        Log density in the user's units minus that in the fit's: for a marker, minus the logarithm of its spread for
        each sample.
    left : array (n_patients,), optional
        Months up to which patients are known to be free of the events that are looked for at visits; before `time` if
        such an event lies between the two. None if every event is known to the day.
    looked_for : tuple of int
        Numbers of the causes that are looked for at visits.
    changes : Changes, optional
        Terms of survival that change in time; `all_terms` then has those at time 0.
    constant : array (n_patients, n_longitudinal), optional
        Longitudinal covariates on the scale of the fit, if the patients' curves are part of the hazard.
    """

    patient_ids: tuple
    follow_up: np.ndarray
    all_terms: np.ndarray
    samples: np.ndarray
    features: np.ndarray
    sizes: Sizes
    order: np.ndarray | None = None
    log_unit: np.ndarray | None = None
    left: np.ndarray | None = None
    looked_for: tuple[int, ...] = ()
    changes: Changes | None = None
    constant: np.ndarray | None = None

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.patient_ids)

    @property
    def event(self) -> np.ndarray:
        """0 = censored, else the number of the cause, 1 if there is only one: array (n_patients,)."""
        return self.follow_up[0]

    @property
    def time(self) -> np.ndarray:
        """Months to the event or the end of follow-up, array (n_patients,)."""
        return self.follow_up[1]

    @property
    def entry(self) -> np.ndarray:
        """Months from which patients are observed, array (n_patients,)."""
        return self.follow_up[2]

    @property
    def log_jacobian(self) -> np.ndarray:
        """log density in the user's units minus that in the fit's, array (n_patients,).

        An event known to the day has a density per month, one that lies between two visits a probability.
        """
        of_event = np.where((self.event > 0) & ~self.within, np.log(self.sizes.months), 0.0)
        return (0.0 if self.log_unit is None else self.log_unit) - of_event

    def terms(self, part: str) -> np.ndarray:
        """Terms of "membership" or "survival" on the scale of the fit: array (n_patients, n_terms)."""
        n = self.sizes.n_membership
        return (self.all_terms[:n] if part == "membership" else self.all_terms[n:]).T

    @property
    def mean_survival_terms(self) -> np.ndarray:
        """Mean survival terms of the patients, (1, n_terms); if they change, each averaged over the time at risk."""
        if self.changes is None:
            return self.terms("survival").mean(axis=0, keepdims=True)
        weight = shares(self.changes.patient, self.changes.start, self.entry, self.time)
        return (weight @ self.changes.x / self.n_patients)[None]

    @property
    def in_stretches(self) -> bool:
        """Whether follow-up is in stretches; else each patient has one piece, to a known time."""
        return self.left is not None or self.changes is not None

    @cached_property
    def stretches(self) -> Stretches:
        """Follow-up in stretches."""
        return Stretches.of(self)

    @property
    def within(self) -> np.ndarray:
        """Whose event lies between `left` and `time`: array of bool (n_patients,)."""
        if self.left is None:
            return np.zeros(self.n_patients, dtype=bool)
        return np.isin(self.event, self.looked_for) & (self.left < self.time)

    @property
    def free_until(self) -> np.ndarray:
        """Months to which patients were followed free of any event, or to an event known to the day: (n_patients,)."""
        return self.time if self.left is None else np.where(self.within, self.left, self.time)

    def followed_to(self, time, event=0.0, left=None) -> "Packed":
        """The same patients and samples, followed to `time` months (array or number) with `event` there.

        The event is known to the day unless `left` is given.
        """
        follow_up = self.follow_up.copy()
        follow_up[0], follow_up[1] = event, time
        if self.left is not None:
            left = follow_up[1] if left is None else np.asarray(left, dtype=float)
        return replace(self, follow_up=follow_up, left=left)

    def counts_only(self) -> "Packed":
        """The longitudinal part alone, without follow-up after entry."""
        return self.followed_to(self.entry)

    def known_at(self, months) -> "Packed":
        """The same with covariates of the hazard as they are known at `months`, carried forward; see `Changes`."""
        return self if self.changes is None else replace(self, changes=self.changes.known_at(months))

    def take(self, positions) -> "Packed":
        """A subset, or a resample, of the patients by position."""
        return Packed(
            tuple(self.patient_ids[p] for p in positions),
            self.follow_up[:, positions],
            self.all_terms[:, positions],
            self.samples[:, positions],
            self.features[positions],
            self.sizes,
            None if self.order is None else self.order[positions],
            None if self.log_unit is None else self.log_unit[positions],
            None if self.left is None else self.left[positions],
            self.looked_for,
            None if self.changes is None else self.changes.take(positions),
            None if self.constant is None else self.constant[positions],
        )
