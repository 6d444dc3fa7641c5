"""Concordance of a risk score with the order of events."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit, ndtri

from bayesctc.errors import DataError
from bayesctc.results.intervals import CI_PROB
from bayesctc.shown import Shown

EVENTS_AT_ONCE = 256


@dataclass(frozen=True, repr=False)
class Concordance(Shown):
    """Harrell's C.

    Attributes
    ----------
    estimate, lower, upper : float
        Share of comparable pairs in which the patient with the higher risk has the event first, ties in risk counted
        half; 95 % interval, symmetric on the logit scale. The limits are NaN if the share is 0 or 1.
    n_pairs : int

    Examples
    --------
    >>> patients = cohort.patients
    >>> risk = fit.class_probabilities_counts["class 2"]
    >>> harrell = bc.concordance(patients["os_time"], patients["os_event"], risk)
    >>> print(f"{harrell.estimate:.2f} ({harrell.lower:.2f} to {harrell.upper:.2f})")
    0.69 (0.65 to 0.72)
    """

    estimate: float
    lower: float
    upper: float
    n_pairs: int


def concordance(time: ArrayLike, event: ArrayLike, risk: ArrayLike, *, entry: ArrayLike | None = None) -> Concordance:
    """Harrell's C (JAMA 1982;247:2543), with delayed entry.

    A pair is comparable if one patient has the event at t while the other is at risk (entry < t) and has a later time,
    or is censored at t. The standard error is that of the infinitesimal jackknife over patients.

    Parameters
    ----------
    time, event, risk : array (n_patients,)
        Months; 1 = event, 0 = censored; a higher risk means an earlier event.
    entry : array (n_patients,), optional
        Months.

    Raises
    ------
    DataError
        No comparable pair.

    Examples
    --------
    >>> harrell = bc.concordance(time=[2, 4, 6, 8], event=[1, 1, 0, 1], risk=[4, 1, 3, 2])
    >>> harrell.n_pairs, round(harrell.estimate, 2)
    (5, 0.6)
    """
    time, event, risk = (np.asarray(v, dtype=float) for v in (time, event, risk))
    if not np.isin(event, (0.0, 1.0)).all():
        raise DataError("concordance: found events other than 0 and 1; allowed: one cause coded 1, others 0")
    start = np.zeros(len(time)) if entry is None else np.asarray(entry, dtype=float)
    concordant, pairs = np.zeros(len(time)), np.zeros(len(time))
    later = 2 * np.unique(time, return_inverse=True)[1] + (event == 0)  # of two at one time the censored goes on
    first = np.flatnonzero(event == 1)
    for part in (first[k : k + EVENTS_AT_ONCE] for k in range(0, len(first), EVENTS_AT_ONCE)):
        other = later > later[part, None]
        if start.any():
            other &= (start < time[part, None]) | (start == 0.0)
        halves = (risk[part, None] > risk).view(np.int8) + (risk[part, None] >= risk).view(np.int8)
        for total, values, unit in ((concordant, halves * other, 0.5), (pairs, other, 1.0)):
            total += unit * values.sum(axis=0, dtype=np.int32)
            total[part] += unit * values.sum(axis=1, dtype=np.int32)
    n_pairs = pairs.sum() / 2.0
    if n_pairs == 0:
        raise DataError("concordance: found no pair of patients to compare; allowed: events while others are at risk")
    c = concordant.sum() / pairs.sum()
    error = np.sqrt(np.sum((concordant - c * pairs) ** 2)) / n_pairs
    inside = 0.0 < c < 1.0
    half = ndtri(0.5 + CI_PROB / 2.0) * error / (c * (1.0 - c)) if inside else np.nan
    return Concordance(float(c), float(expit(logit(c) - half)), float(expit(logit(c) + half)), int(n_pairs))
