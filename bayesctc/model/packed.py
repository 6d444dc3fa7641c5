"""Patients as the likelihood reads them: columns of numbers, side by side."""

from dataclasses import dataclass, replace

import numpy as np

from bayesctc.model.columns import BLOCK
from bayesctc.model.shape import ENTRY, EVENT, LOG_ENTRY, LOG_TIME, TIME, Shape


@dataclass(frozen=True)
class Packed:
    """Patients as the likelihood reads them.

    Attributes
    ----------
    patient_ids : tuple
    values : array (n_blocks, n_columns, BLOCK)
        One lane per patient; lanes that are left over are zeros.
    features : array (n_patients, 2)
        Mean on the scale of the growth curve, and its change from first to last sample; for starting values only.
    lanes : array of int (n_patients,)
        The lane of each patient, counted through the blocks. Where the likelihood goes through samples one by one,
        patients with as many samples are neighbours: a block costs as much as its patient with most.
    follow_up : array (3, n_patients)
        Event, time and entry (months) as they were given.
    shape : Shape
        Whose unit of time the values have.
    log_unit : array (n_patients,)
        What a density of the values as the user has them adds to that of the fit's: of a marker, minus the logarithm
        of its spread for each sample.
    """

    patient_ids: tuple
    values: np.ndarray
    features: np.ndarray
    lanes: np.ndarray
    follow_up: np.ndarray
    shape: Shape
    log_unit: np.ndarray

    @classmethod
    def of(cls, patient_ids, follow_up, terms, samples, features, shape: Shape, order=None, log_unit=None) -> "Packed":
        """Pack patients.

        Parameters
        ----------
        patient_ids : sequence
        follow_up : array (3, n_patients)
            Event, time and entry, months.
        terms : array (n_terms, n_patients)
            Of membership (intercept first) and survival, on the scale of the fit.
        samples : array (n_rows, n_patients)
            What the family needs of the samples.
        features : array (n_patients, 2)
        shape : Shape
        order : array (n_patients,), optional
            Who are neighbours: the patients' own order unless given.
        log_unit : array (n_patients,), optional
        """
        n = follow_up.shape[1]
        rows = np.vstack([_survival_rows(follow_up, shape), terms, samples])
        n_blocks = max(-(-n // BLOCK), 1)
        lanes = np.arange(n)
        if order is not None:
            lanes[np.argsort(order, kind="stable")] = np.arange(n)
        padded = np.zeros((len(rows), n_blocks * BLOCK))
        padded[:, lanes] = rows
        values = np.ascontiguousarray(np.moveaxis(padded.reshape(len(rows), n_blocks, BLOCK), 1, 0))
        log_unit = np.zeros(n) if log_unit is None else log_unit
        return cls(tuple(patient_ids), values, features, lanes, np.array(follow_up, dtype=float), shape, log_unit)

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
        return self.log_unit - np.where(self.event > 0, np.log(self.shape.months), 0.0)

    def spread(self, what, fill: float = 0.0) -> np.ndarray:
        """One number per patient (or one for all) on the lanes; array (n_blocks, BLOCK)."""
        lanes = np.full((self.values.shape[0], BLOCK), fill)
        lanes.reshape(-1)[self.lanes] = what
        return lanes

    def terms(self, part: str) -> np.ndarray:
        """Terms of "membership" or "survival" on the scale of the fit: array (n_patients, n_terms)."""
        columns = self.shape.data_columns(part)
        return np.array([self.row(c) for c in range(columns.start, columns.stop)]).reshape(-1, self.n_patients).T

    def row(self, column: int) -> np.ndarray:
        """One column's values, array (n_patients,)."""
        return self.values[:, column, :].reshape(-1)[self.lanes]

    def followed_to(self, time, event=0.0) -> "Packed":
        """The same patients and samples, followed to `time` months (array or number) with `event` there."""
        follow_up = self.follow_up.copy()
        follow_up[0], follow_up[1] = event, time
        values, rows = self.values.copy(), _survival_rows(follow_up, self.shape)
        for column in (EVENT, TIME, LOG_TIME):
            values[:, column, :] = self.spread(rows[column])
        return replace(self, values=values, follow_up=follow_up)

    def counts_only(self) -> "Packed":
        """The longitudinal part alone: nothing is known of survival after entry."""
        return self.followed_to(self.entry)

    def take(self, positions) -> "Packed":
        """A subset, or a resample, of the patients by position."""
        lanes = self.lanes[positions]
        flat = np.moveaxis(self.values, 1, 0).reshape(self.values.shape[1], -1)[:, lanes]
        start, stop = (self.shape.data_columns(part) for part in ("membership", "survival"))
        return Packed.of(
            (self.patient_ids[p] for p in positions),
            self.follow_up[:, positions],
            flat[start.start : stop.stop],
            flat[stop.stop :],
            self.features[positions],
            self.shape,
            lanes,
            self.log_unit[positions],
        )


def _survival_rows(follow_up, shape):
    """Event, time, log time, 0, entry and log entry in the fit's unit: array (6, n_patients)."""
    rows = np.zeros((6, follow_up.shape[1]))
    rows[EVENT] = follow_up[0]
    rows[TIME], rows[ENTRY] = shape.own_time(follow_up[1]), shape.own_time(follow_up[2])
    for column, log_column in ((TIME, LOG_TIME), (ENTRY, LOG_ENTRY)):
        np.log(rows[column], out=rows[log_column], where=rows[column] > 0)
    return rows
