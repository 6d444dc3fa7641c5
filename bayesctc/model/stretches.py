"""Follow-up in stretches, for patients whose event lies between two visits or whose covariates change.

A stretch is a time during which a patient's covariates do not change. Stretches are in runs: run 0 was survived free of
the cause's event, or ends with it; an event between two visits is in the runs from 1 onwards; run -1 is the time before
entry. If several causes are looked for, the time between the two visits is cut into `CUTS` runs, over each of which
their hazards are taken as proportional (`backends.compiled.stretches`); a single cause needs no cutting.

If some causes are looked for at visits and others are known to the day (progression at scans, and death), the former
may have occurred unseen, and the hazards of the latter are assumed to be the same whether they have or not (Joly et
al., Biostatistics 2002;3:433, discuss the consequences of that assumption). A death at T then contributes its density,
with progression excluded up to the last visit: S_P(L) h_D(T) S_D(T). A patient seen at R to have progressed survived
until then: (S_P(L) - S_P(R)) S_D(R). The probabilities of all possible observations sum to 1.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayesctc.model.packed import Packed

BEFORE_ENTRY, SURVIVED = -1, 0
CUTS = 16  # of the time between two visits, where several causes are looked for


@dataclass(frozen=True, eq=False)
class Changes:
    """Terms of the hazard that change in time.

    Attributes
    ----------
    patient : array of int (n,)
        Position, in order.
    start : array (n,)
        Months from which `x` applies, until the patient's next row if any; in order, each patient's first is 0.
    x : array (n, n_survival)
        All survival terms, on the scale of the fit.
    """

    patient: np.ndarray
    start: np.ndarray
    x: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """The first row of each patient, array of int (n_patients,)."""
        return np.flatnonzero(np.append(True, self.patient[1:] != self.patient[:-1]))

    def known_at(self, months) -> "Changes":
        """Rows that start up to `months` (array (n_patients,) or number); the last values then apply indefinitely."""
        first = np.zeros(len(self.patient), dtype=bool)
        first[self.first] = True
        kept = first | (self.start <= np.broadcast_to(months, first.sum())[self.patient])
        return Changes(self.patient[kept], self.start[kept], self.x[kept])

    def take(self, positions) -> "Changes":
        """Those of a subset, or a resample, of the patients by position."""
        first = np.searchsorted(self.patient, positions)
        n = np.searchsorted(self.patient, positions, side="right") - first
        rows = np.repeat(first - np.cumsum(n) + n, n) + np.arange(n.sum())
        return Changes(np.repeat(np.arange(len(n)), n), self.start[rows], self.x[rows])


def shares(patient: np.ndarray, start: np.ndarray, entry: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Each row's share of its patient's time at risk, array (n,): a patient's rows sum to 1.

    A patient without time at risk is represented by the row that applies at entry.

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
class Stretches:
    """Stretches of follow-up: arrays (n,), of a patient, cause and run in order of time.

    Attributes
    ----------
    patient, cause, run : array of int
        Position of the patient; cause from 0.
    start, stop : array
        Months.
    event : array of bool
        Whether the cause's event happened at `stop`, known to the day.
    x : array (n, n_survival)
        Terms of the hazard.
    """

    patient: np.ndarray
    cause: np.ndarray
    run: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    event: np.ndarray
    x: np.ndarray

    @classmethod
    def of(cls, packed: "Packed") -> "Stretches":
        """The stretches of packed patients."""
        runs = [_runs_of_cause(packed, cause) for cause in range(packed.sizes.n_causes)]
        whole = [np.concatenate(column) for column in zip(*runs, strict=True)]
        patient, _, _, start, stop, _ = whole
        here = stop > start
        patient, cause, run, start, stop, event = (column[here] for column in whole)
        changes = packed.changes
        if changes is None or len(patient) == 0:
            return cls(patient, cause, run, start, stop, event, packed.terms("survival")[patient])
        # each run is cut where a row of `changes` starts within it
        first = _last_row(changes, patient, start, "right")
        n = _last_row(changes, patient, stop, "left") - first + 1
        each = np.repeat(np.arange(len(n)), n)
        row = first[each] + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        begins = np.append(True, each[1:] != each[:-1])
        ends = np.append(begins[1:], True)
        starts = np.where(begins, start[each], changes.start[row])
        stops = np.where(ends, stop[each], np.append(changes.start[row][1:], 0.0))
        return cls(patient[each], cause[each], run[each], starts, stops, event[each] & ends, changes.x[row])

    def ends(self) -> "Stretches":
        """The same with neighbours of one run and the same terms as one stretch."""
        if len(self.patient) == 0:
            return self
        first = np.ones(len(self.patient), dtype=bool)
        same = [(each[1:] == each[:-1]) for each in (self.patient, self.cause, self.run)]
        first[1:] = ~(np.logical_and.reduce(same) & (self.x[1:] == self.x[:-1]).all(axis=1))
        last = np.append(first[1:], True)
        return Stretches(
            self.patient[first],
            self.cause[first],
            self.run[first],
            self.start[first],
            self.stop[last],
            self.event[last],
            self.x[first],
        )


def _last_row(changes, patient, time, side):
    """Row of `changes` that applies from a time onwards ("right"), or just before it ("left")."""
    found = np.empty(len(patient), dtype=int)
    for k, (who, when) in enumerate(zip(patient, time, strict=True)):
        first, last = np.searchsorted(changes.patient, [who, who + 1])
        found[k] = first + np.searchsorted(changes.start[first:last], when, side=side) - 1
    return found


def _runs_of_cause(packed, cause):
    """Patient, cause, run, start, stop, event of each run; empty ones too."""
    n, several, sought = packed.n_patients, len(packed.looked_for) > 1, cause + 1 in packed.looked_for
    patient, nought, code = np.arange(n), np.zeros(n), packed.event.astype(int)
    left = packed.time if packed.left is None else packed.left
    looked_for = np.isin(code, packed.looked_for)
    within = looked_for & (left < packed.time)
    known = (code > 0) & ~within
    own = code == cause + 1
    # a cause that is looked for is excluded up to the last visit, unless its event is known to the day
    until = np.where(sought & ~(known & own), left, packed.time)
    runs = [(SURVIVED, nought, until, known & own), (BEFORE_ENTRY, nought, packed.entry, nought > 0)]
    cuts = np.linspace(0.0, 1.0, (CUTS if several else 1) + 1) ** 2  # closer where hazards may change fast
    for k, (a, b) in enumerate(pairwise(cuts), start=1):
        start, stop = (left + c * (packed.time - left) for c in (a, b))
        here = within & sought
        runs.append((k, np.where(here, start, 0.0), np.where(here, stop, 0.0), nought > 0))
    return tuple(
        np.concatenate(column)
        for column in zip(
            *((patient, np.full(n, cause), np.full(n, k), start, stop, event) for k, start, stop, event in runs),
            strict=True,
        )
    )
