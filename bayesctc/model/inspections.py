"""Visits at which events are looked for, and what becomes known of an event at them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from bayesctc.model.design import Design

SHORTEST = 0.1  # of the median gap: shorter ones between two visits are taken as that long


@dataclass(frozen=True)
class Inspections:
    """The visits of each patient, known or filled in.

    Only a patient's visits around the event, or the last one, are known. Earlier and later visits are filled in with
    gaps drawn from the gaps of all patients that contain an event, with probability inversely proportional to their
    length, because long gaps contain more events. The end of follow-up is also a visit. Events known to the day among
    those that are looked for (deaths, for a progression-free endpoint with one event) have the same share among drawn
    events, regardless of patient.

    Attributes
    ----------
    visits : array (n_patients, n_visits)
        Months, increasing; infinite after the last.
    entry : array (n_patients,)
        Months; there are no visits before, and all patients are free of the events then.
    looked_for : tuple of int
        Numbers of the causes that are looked for.
    share_known : float
        Share of the events that are looked for that are known to the day.
    """

    visits: np.ndarray
    entry: np.ndarray
    looked_for: tuple[int, ...]
    share_known: float

    @classmethod
    def of(cls, time, event, entry, left, looked_for: tuple[int, ...], rng: np.random.Generator) -> "Inspections":
        """Visits of patients as `EndpointData` or `Packed` has them: arrays (n_patients,); months."""
        time, event, entry, left = (np.asarray(values, dtype=float) for values in (time, event, entry, left))
        sought = np.isin(event, looked_for)
        between = sought & (left < time)
        gaps = (time - left)[between]
        gaps = np.maximum(gaps, SHORTEST * np.median(gaps)) if len(gaps) else np.array([np.inf])
        chance = 1.0 / gaps if len(gaps) > 1 else np.ones(1)
        chance = chance / chance.sum()
        known_to_the_day = sought & ~between
        first = np.where(known_to_the_day, entry, left)  # the earliest visit that is known, the last from which on
        last = np.where(between, time, first)
        columns, far = [np.where(first > entry, first, np.inf), np.where(between, time, np.inf)], time.max(initial=0.0)
        for at, sign in ((first, -1.0), (last, 1.0)):
            inside = np.ones(len(at), dtype=bool)
            while inside.any():
                at = at + sign * rng.choice(gaps, len(at), p=chance)
                inside = (at > entry) & (at < far)
                columns.append(np.where(inside, at, np.inf))
        visits = np.sort(np.column_stack(columns), axis=1)
        n_known, n_sought = int(known_to_the_day.sum()), int(sought.sum())
        return cls(visits, entry, tuple(looked_for), n_known / n_sought if n_sought else 0.0)

    def before(self, months) -> np.ndarray:
        """The last visit before `months` (array or number), or entry: array (n_patients,)."""
        earlier = self.visits < np.reshape(np.broadcast_to(months, len(self.visits)), (-1, 1))
        return np.maximum(np.where(earlier, self.visits, -np.inf).max(axis=1, initial=-np.inf), self.entry)

    def see(self, occurs, end, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Observed times of events.

        An event that is looked for is seen at the next visit, unless an event known to the day comes first; then it
        remains unknown.

        Parameters
        ----------
        occurs : array (n_causes, n_patients)
            Months at which each cause's event would happen.
        end : array (n_patients,)
            Months at which follow-up ends, with a visit.
        rng : numpy.random.Generator
            Draws which events are known to the day.

        Returns
        -------
        time, event, left : array (n_patients,)
            As in `EndpointData`.
        """
        n = len(self.visits)
        code, end = np.arange(1, len(occurs) + 1), np.broadcast_to(end, n).astype(float)
        sought = np.isin(code, self.looked_for)[:, None]
        at_visits = sought & (rng.random(n) >= self.share_known)
        happens = np.where(at_visits, occurs, np.inf)
        hidden, which = happens.min(axis=0), happens.argmin(axis=0)
        later = np.where(self.visits >= hidden[:, None], self.visits, np.inf).min(axis=1, initial=np.inf)
        seen = np.where(hidden <= end, np.minimum(later, end), np.inf)
        told = np.where(at_visits, np.inf, occurs)
        known, of = told.min(axis=0), told.argmin(axis=0)
        first = (known <= end) & (known < seen)  # a visit on the day of the event would have seen the other
        time = np.where(first, known, np.minimum(seen, end))
        event = np.where(first, of + 1.0, np.where(seen <= end, which + 1.0, 0.0))
        free = np.where(first, known, np.where(seen <= end, hidden, end))
        known_free = (event == 0) | (first & np.isin(event, self.looked_for))
        return time, event, np.where(known_free, time, self.before(free))


def inspected(design: "Design", patients: pd.DataFrame, rng: np.random.Generator) -> Inspections | None:
    """Visits of patients with _time, _event, _entry and _left; None if every event is known to the day."""
    if "_left" not in patients:
        return None
    time, event, entry, left = (patients[name].to_numpy(dtype=float) for name in ("_time", "_event", "_entry", "_left"))
    if not (np.isin(event, design.looked_for) & (left < time)).any():
        return None
    return Inspections.of(time, event, entry, left, design.looked_for, rng)
