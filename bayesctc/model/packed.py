"""Patients as numbers, in the fit's units: what every likelihood is of."""

from dataclasses import dataclass, replace

import numpy as np

from bayesctc.model.sizes import Sizes


def shares(patient: np.ndarray, start: np.ndarray, entry: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Each row's share of its patient's time at risk, array (n,): a patient's rows sum to 1.

    A patient without time at risk counts by the row that holds at entry.

    Parameters
    ----------
    patient, start : array (n,)
        As those of `Changes`.
    entry, time : array (n_patients,)
        Months.
    """
    same = patient[1:] == patient[:-1]
    stop = np.append(np.where(same, start[1:], np.inf), np.inf)
    low, high = entry[patient], time[patient]
    own = np.clip(stop, low, high) - np.clip(start, low, high)
    total = np.bincount(patient, own, len(entry))[patient]
    at_entry = (start <= low) & (low < stop)
    return np.divide(own, total, out=at_entry.astype(float), where=total > 0.0)


@dataclass(frozen=True, eq=False)
class Changes:
    """Covariates of the hazard that change: rows by patient and start.

    Attributes
    ----------
    patient : array of int (n,)
        Place of each row's patient; sorted, each there.
    start : array (n,)
        Months from which on a row holds, until the patient's next one starts; the last holds for ever. Sorted within
        a patient, the first 0.
    x : array (n, n_survival)
        All survival terms on the scale of the fit, those that do not change too.
    """

    patient: np.ndarray
    start: np.ndarray
    x: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """Where each patient's rows begin, array of int (n_patients,)."""
        return np.flatnonzero(np.append(True, self.patient[1:] != self.patient[:-1]))

    def take(self, positions) -> "Changes":
        """Those of a subset, or a resample, of the patients by position."""
        first, chosen = self.first, np.asarray(positions, dtype=int)
        n_rows = np.diff(np.append(first, len(self.patient)))[chosen]
        patient = np.repeat(np.arange(len(chosen)), n_rows)
        rows = first[chosen][patient] + np.arange(len(patient)) - (np.cumsum(n_rows) - n_rows)[patient]
        return Changes(patient, self.start[rows], self.x[rows])

    def known_at(self, months) -> "Changes":
        """Rows that start up to `months` (array (n_patients,) or number): the last known values hold for ever."""
        first = np.zeros(len(self.patient), dtype=bool)
        first[self.first] = True
        kept = first | (self.start <= np.broadcast_to(months, len(self.first))[self.patient])
        return Changes(self.patient[kept], self.start[kept], self.x[kept])


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
    changes : Changes, optional
        Where covariates of the hazard change; `all_terms` then holds what they are at first.
    """

    patient_ids: tuple
    follow_up: np.ndarray
    all_terms: np.ndarray
    samples: np.ndarray
    features: np.ndarray
    sizes: Sizes
    order: np.ndarray | None = None
    log_unit: np.ndarray | None = None
    changes: Changes | None = None

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

    @property
    def mean_survival_terms(self) -> np.ndarray:
        """Mean survival terms of the patients, (1, n_terms); where they change, of each over the time at risk."""
        if self.changes is None:
            return self.terms("survival").mean(axis=0, keepdims=True)
        weight = shares(self.changes.patient, self.changes.start, self.entry, self.time)
        return (weight @ self.changes.x / self.n_patients)[None]

    def followed_to(self, time, event=0.0) -> "Packed":
        """The same patients and samples, followed to `time` months (array or number) with `event` there."""
        follow_up = self.follow_up.copy()
        follow_up[0], follow_up[1] = event, time
        return replace(self, follow_up=follow_up)

    def counts_only(self) -> "Packed":
        """The longitudinal part alone: nothing is known of survival after entry."""
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
            None if self.changes is None else self.changes.take(positions),
        )
