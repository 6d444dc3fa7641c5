"""The end of follow-up that patients with an event would have had."""

from dataclasses import dataclass

import numpy as np

from bayesctc.time_to_event.product_limit import product_limit


@dataclass(frozen=True)
class FollowUp:
    """End of follow-up of each patient.

    Attributes
    ----------
    end : array (n_patients,)
        Months: the censoring time, or `followup_end`; NaN if it has to be drawn.
    beyond : array (n_patients,)
        Months after which a drawn end lies: the time of the event.
    times, left : array (n_times,)
        Distribution of the end that is drawn: censoring times, and the probability of a later one.
    last : float
        Longest follow-up, to which the probability after the last censoring time is assigned.
    found : str
        Description of the source.
    """

    end: np.ndarray
    beyond: np.ndarray
    times: np.ndarray
    left: np.ndarray
    last: float
    found: str

    @classmethod
    def of(cls, time, event, entry, followup_end=None) -> "FollowUp":
        """Follow-up of a cohort: time, event, entry and `followup_end`, arrays (n_patients,); months."""
        censored = event == 0
        n = int(np.sum(~censored))
        none = np.zeros(0)
        if followup_end is not None and np.isfinite(followup_end).all():
            end = np.where(censored, time, np.maximum(followup_end, time))
            found = f"followup_end for the {n} patients with an event, the censoring time for the others"
            return cls(end, time, none, none, float(time.max()), found)
        end = np.where(censored, time, np.nan)
        times = np.unique(time[censored])
        left = product_limit(time, 1.0 - event, entry, times)
        found = (
            f"for the {n} patients with an event, drawn from the estimated distribution of censoring (reverse "
            "Kaplan-Meier) beyond the event; for the others, the censoring time"
        )
        return cls(end, time, times, left, float(time.max()), found)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Ends of follow-up: array (n_patients,)."""
        unknown = np.flatnonzero(np.isnan(self.end))
        if len(unknown) == 0:
            return self.end
        steps = np.concatenate([[1.0], self.left])
        at_event = steps[np.searchsorted(self.times, self.beyond[unknown], side="right")]
        u = rng.random(len(unknown)) * at_event
        k = np.searchsorted(-self.left, -u, side="left")  # the first time that leaves no more than u
        end = self.end.copy()
        end[unknown] = np.concatenate([self.times, [self.last]])[k]
        return np.where(np.isnan(self.end), np.maximum(end, self.beyond), end)
