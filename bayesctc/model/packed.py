"""Patients as numbers, in the fit's units: what every likelihood is of."""

from dataclasses import dataclass, replace

import numpy as np

from bayesctc.model.sizes import Sizes


@dataclass(frozen=True, eq=False)
class Packed:
    """Patients as numbers.

    Attributes
    ----------
    patient_ids : tuple
    follow_up : array (3, n_patients)
        Event, time and entry (months) as they were given.
    all_terms : array (n_terms, n_patients)
        Of membership (intercept first), then of survival, on the scale of the fit.
    samples : array (n_rows, n_patients)
        What the family needs of the samples.
    features : array (n_patients, 2)
        Mean on the scale of the growth curve, and its change from first to last sample; for starting values only.
    sizes : Sizes
        Of the likelihood.
    order : array (n_patients,), optional
        Who is like whom: number of samples, where the likelihood goes through them one by one.
    log_unit : array (n_patients,) or float
        What a density of the values as the user has them adds to that of the fit's: of a marker, minus the logarithm
        of its spread for each sample.
    constant : array (n_patients, n_longitudinal), optional
        Longitudinal covariates on the scale of the fit, where the patients' curves are part of the hazard.
    """

    patient_ids: tuple
    follow_up: np.ndarray
    all_terms: np.ndarray
    samples: np.ndarray
    features: np.ndarray
    sizes: Sizes
    order: np.ndarray | None = None
    log_unit: np.ndarray | None = None
    constant: np.ndarray | None = None

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.patient_ids)

    @property
    def event(self) -> np.ndarray:
        """0 = censored, else the number of the cause, 1 where there is one: array (n_patients,)."""
        return self.follow_up[0]

    @property
    def time(self) -> np.ndarray:
        """Months to the event or the end of follow-up, array (n_patients,)."""
        return self.follow_up[1]

    @property
    def entry(self) -> np.ndarray:
        """Months from which on patients are observed, array (n_patients,)."""
        return self.follow_up[2]

    @property
    def log_jacobian(self) -> np.ndarray:
        """log density in the user's units minus that in the fit's, array (n_patients,).

        An event has a density per month.
        """
        of_event = np.where(self.event > 0, np.log(self.sizes.months), 0.0)
        return (0.0 if self.log_unit is None else self.log_unit) - of_event

    def terms(self, part: str) -> np.ndarray:
        """Terms of "membership" or "survival" on the scale of the fit: array (n_patients, n_terms)."""
        n = self.sizes.n_membership
        return (self.all_terms[:n] if part == "membership" else self.all_terms[n:]).T

    def followed_to(self, time, event=0.0) -> "Packed":
        """The same patients and samples, followed to `time` months (array or number) with `event` there."""
        follow_up = self.follow_up.copy()
        follow_up[0], follow_up[1] = event, time
        return replace(self, follow_up=follow_up)

    def counts_only(self) -> "Packed":
        """The longitudinal part alone: nothing is known of survival after entry."""
        return self.followed_to(self.entry)

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
            None if self.constant is None else self.constant[positions],
        )
