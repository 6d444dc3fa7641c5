"""Nonparametric survival on a grid, fast enough for thousands of cohorts, and the time at which it may start."""

import numpy as np
from numpy.typing import ArrayLike

from bayesctc.time_to_event.risk_sets import at_risk
from bayesctc.time_to_event.turnbull import turnbull

ENOUGH_AT_RISK = 10


def product_limit(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray, months: ArrayLike, start: float = 0.0
) -> np.ndarray:
    """Kaplan-Meier estimate with delayed entry.

    Parameters
    ----------
    time, event, entry : array (n_patients,)
        Months; 1 = event, 0 = censored; months. At risk at t are those with entry < t <= time.
    months : array (n_months,)
    start : float
        Months from which the estimate starts, at 1.

    Returns
    -------
    array (n_months,)
        Survival given being free of the event at `start`; NaN after the last follow-up.
    """
    months = np.asarray(months, dtype=float)
    happened = time[(event == 1) & (time > np.maximum(entry, start))]
    at, deaths = np.unique(happened, return_counts=True)
    steps = np.concatenate([[1.0], np.cumprod(1.0 - deaths / at_risk(time, entry, at))])
    curve = steps[np.searchsorted(at, months, side="right")]
    return np.where(months <= time.max(initial=-np.inf), curve, np.nan)


def free_of_event(
    time: np.ndarray,
    event: np.ndarray,
    entry: np.ndarray,
    left: np.ndarray | None,
    months: ArrayLike,
    start: float = 0.0,
) -> np.ndarray:
    """Nonparametric survival: Kaplan-Meier's estimate, or Turnbull's if events lie between two visits.

    Parameters as those of `product_limit` and `turnbull`, with `left` None if every event is known to the day.
    """
    if left is None:
        return product_limit(time, event, entry, months, start)
    return turnbull(left, time, event, entry).survival(months, start)


def curves_start(group: np.ndarray, time: np.ndarray, entry: np.ndarray) -> float:
    """Months at which every class first has 10 patients (or a quarter of its own) at risk; 0 without delayed entry."""
    if not (entry > 0).any():
        return 0.0
    starts = []
    for g in np.unique(group):
        entries, ends = np.sort(entry[group == g]), np.sort(time[group == g])
        at_risk_after = np.arange(1, len(entries) + 1) - np.searchsorted(ends, entries, side="right")
        enough = at_risk_after >= min(ENOUGH_AT_RISK, np.ceil(len(entries) / 4))
        starts.append(entries[enough.argmax()] if enough.any() else 0.0)
    return float(max(starts))
