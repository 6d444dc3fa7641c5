"""Model of which planned samples are taken: missed visits and drop-out, independent of the counts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.checks.visits import Visits
from bayesctc.data.columns import TIME_TOLERANCE

STEPS, TOLERANCE = 500, 1e-9  # of the EM algorithm


@dataclass(frozen=True)
class ObservationProcess:
    """A patient under follow-up permanently drops out of sampling before visit j with probability `dropout[j]`.

    Otherwise the patient misses the visit with probability `missed[j]`. The probability of a second sample at a visit
    differs between the last visit attended (where unscheduled samples mark the end of treatment) and other visits. The
    draw at an attended visit fails, and leaves no value, with probability `failed[j]`; such a visit counts as attended,
    not as drop-out. These probabilities are assumed not to depend on counts, class or survival (ignorable).

    Attributes
    ----------
    visits : Visits
    kept : array of bool (n_patients, n_visits)
        Visits that stay as they were observed: those up to the sample that met the inclusion rule.
    missed, dropout, failed : array (n_visits,)
    further : array (2, n_slots)
        For slots after a visit's first: if the visit is not the patient's last one, and if it is.
    at_risk : array (n_visits,)
        Patients behind the estimates of a visit: under follow-up then, and not kept.
    """

    visits: Visits
    kept: np.ndarray
    missed: np.ndarray
    dropout: np.ndarray
    further: np.ndarray
    at_risk: np.ndarray
    failed: np.ndarray

    @classmethod
    def estimate(cls, visits: Visits, time, condition) -> "ObservationProcess":
        """Maximum likelihood by EM, with the visit of drop-out unobserved.

        A patient absent from some visit on until the end of follow-up either dropped out or missed each of them.

        Parameters
        ----------
        visits : Visits
        time : array (n_patients,)
            Months at which follow-up for the endpoint ended.
        condition : array of int (n_patients,)
            Number of a patient's samples that are kept as observed: 0, or those that the inclusion rule required.
        """
        kept = _kept(visits, condition)
        first = visits.first
        came, due = visits.present[:, first], visits.times[:, first]
        risk = ~kept & (due <= np.asarray(time)[:, None] + TIME_TOLERANCE)
        missed, dropout = _em(came & risk, risk)
        is_last = _is_last(came)
        further = np.zeros((2, len(visits.visit)))
        for s in np.flatnonzero(visits.copy > 0):
            v = visits.visit[s]
            for last in (False, True):
                free = visits.counted[:, s - 1] & ~kept[:, v] & (is_last[:, v] == last)
                further[int(last), s] = visits.present[free, s].mean() if free.any() else 0.0
        drawn = came & risk
        failed = (drawn & visits.failed[:, first]).sum(axis=0) / np.maximum(drawn.sum(axis=0), 1)
        return cls(visits, kept, missed, dropout, further, risk.sum(axis=0), failed)

    def draw(self, rng: np.random.Generator, time) -> np.ndarray:
        """Which samples are taken by patients followed to `time`: array of bool (n_patients, n_slots).

        Failed draws are left to `counted`.
        """
        v, (n, n_visits) = self.visits, self.kept.shape
        u = rng.random((n, n_visits + len(v.visit)))
        gone = np.logical_or.accumulate((u[:, :n_visits] < self.dropout) & ~self.kept, axis=1)
        due = v.times <= np.asarray(time)[:, None] + TIME_TOLERANCE
        taken = np.where(
            self.kept[:, v.visit], v.present, (u[:, n_visits:] >= self.missed[v.visit]) & ~gone[:, v.visit]
        )
        taken &= due
        further = np.flatnonzero(v.copy > 0)
        if len(further):
            chance = self.further[_is_last(taken[:, v.first])[:, v.visit[further]].astype(int), further]
            drawn = (u[:, n_visits + further] < chance) & due[:, further]
            taken[:, further] = np.where(self.kept[:, v.visit[further]], taken[:, further], drawn)
            for s in further:
                taken[:, s] &= taken[:, s - 1]
        return taken

    def counted(self, rng: np.random.Generator, taken: np.ndarray) -> np.ndarray:
        """Which of the samples taken have a value, kept visits as they are: array of bool (n_patients, n_slots)."""
        v = self.visits
        if not v.failed.any():
            return taken
        first, lost = v.first, np.zeros(taken.shape, dtype=bool)
        lost[:, first] = np.where(self.kept, v.failed[:, first], rng.random(self.kept.shape) < self.failed)
        counted = taken & ~lost
        for s in np.flatnonzero(v.copy > 0):
            counted[:, s] &= counted[:, s - 1]
        return counted

    @property
    def table(self) -> pd.DataFrame:
        """visit, month, n_at_risk, missed, dropout: the estimates; and failed, where draws failed."""
        columns = {
            "visit": np.arange(1, self.visits.n_visits + 1),
            "month": self.visits.months,
            "n_at_risk": self.at_risk,
            "missed": self.missed,
            "dropout": self.dropout,
        }
        return pd.DataFrame(columns | ({"failed": self.failed} if self.visits.failed.any() else {}))


def _kept(visits, condition):
    """Visits up to the sample number `condition` of each patient, samples with a value."""
    condition = np.asarray(condition)
    so_far = np.cumsum(visits.counted, axis=1)
    slots = (so_far - visits.counted) < condition[:, None]  # the sample that meets the rule included
    kept = np.zeros((len(slots), visits.n_visits), dtype=bool)
    for s, v in enumerate(visits.visit):
        if visits.copy[s] == 0:
            kept[:, v] = slots[:, s]
    return kept


def _is_last(came):
    """Whether a visit is the last one that a patient came to: array of bool (n_patients, n_visits)."""
    return came & (np.cumsum(came[:, ::-1], axis=1)[:, ::-1] == 1)


def _em(came, risk):
    """Probabilities of missing and of dropping out by visit: arrays (n_visits,)."""
    n, n_visits = came.shape
    last = np.where(came.any(axis=1), n_visits - 1 - came[:, ::-1].argmax(axis=1), -1)
    tail = risk & (np.arange(n_visits) > last[:, None])
    sure = risk & ~tail  # visits up to the last one attended: not dropped out
    n_came, n_missed = came.sum(axis=0), (sure & ~came).sum(axis=0)
    missed, dropout = np.full(n_visits, 0.1), np.full(n_visits, 0.1)
    for _ in range(STEPS):
        stays = np.where(tail, (1.0 - dropout) * missed, 1.0)
        before = np.cumprod(np.column_stack([np.ones(n), stays]), axis=1)
        leaves = np.where(tail, before[:, :-1] * dropout, 0.0)
        total = leaves.sum(axis=1) + before[:, -1]
        leaves /= total[:, None]
        gone = np.cumsum(leaves, axis=1)
        still = np.where(tail, 1.0 - gone, 0.0).sum(axis=0)  # there, but missed the visit
        left = leaves.sum(axis=0)
        new_missed = _share(n_missed + still, n_came + n_missed + still)
        new_dropout = _share(left, n_came + n_missed + still + left)
        change = max(np.abs(new_missed - missed).max(), np.abs(new_dropout - dropout).max())
        missed, dropout = new_missed, new_dropout
        if change < TOLERANCE:
            break
    return missed, dropout


def _share(part, whole):
    """part / whole by visit; the overall share for visits that no patient reached."""
    overall = part.sum() / max(whole.sum(), 1e-300)
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), overall)
