"""The Aalen-Johansen estimate of cumulative incidence, if competing events end follow-up.

The probability of an event of cause c by t is the sum over event times u up to t of S(u-) d_c(u) / n(u): S the
product-limit estimate of being free of every event, d_c the events of the cause and n those at risk (Aalen and
Johansen, Scand J Stat 1978;5:141). With one cause it is 1 - Kaplan-Meier, and over the causes it sums to 1 - S.
"""

import numpy as np
from numpy.typing import ArrayLike

from bayesctc.time_to_event.risk_sets import at_risk, still_there, sums_by_time


def aalen_johansen(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray, months: ArrayLike, n_causes: int, start: float = 0.0
) -> np.ndarray:
    """Cumulative incidence with delayed entry, on a grid, fast enough for thousands of cohorts.

    Parameters
    ----------
    time, event, entry : array (n_patients,)
        Months; 1, 2, ... = event by its cause, 0 = censored; months. At risk at t are those with entry < t <= time.
    months : array (n_months,)
    n_causes : int
    start : float
        Months from which the estimate starts, at 0.

    Returns
    -------
    array (n_causes, n_months)
        Cumulative incidence given being free of every event at `start`; NaN after the last follow-up.
    """
    months = np.asarray(months, dtype=float)
    happened = (event > 0) & (time > np.maximum(entry, start))
    at, which = np.unique(time[happened], return_inverse=True)
    by_cause = np.zeros((n_causes, len(at)))
    np.add.at(by_cause, (event[happened].astype(int) - 1, which), 1.0)
    n = at_risk(time, entry, at)
    free = np.concatenate([[1.0], np.cumprod(1.0 - by_cause.sum(axis=0) / n)])
    steps = np.cumsum(np.column_stack([np.zeros(n_causes), free[:-1] * by_cause / n]), axis=1)
    curve = steps[:, np.searchsorted(at, months, side="right")]
    return np.where(months <= time.max(initial=-np.inf), curve, np.nan)


def observed_risk(time: ArrayLike, event: ArrayLike, horizon: float, weights: np.ndarray | None = None) -> np.ndarray:
    """Estimated probability of the event by a horizon, of weighted patients: array (n_replicates,).

    Parameters
    ----------
    time, event : array (n,)
        Months; 1 = event, 2 = event of another cause, 0 = censored.
    horizon : float
        Months.
    weights : array (n_replicates, n), optional
        One row of ones unless given.
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event)
    weights = np.ones((1, len(time))) if weights is None else weights
    own, any_cause, n = _by_time(time, event, horizon, weights)
    n = np.where(n <= 0.0, 1.0, n)
    free = np.cumprod(1.0 - any_cause / n, axis=1)
    before = np.column_stack([np.ones(len(weights)), free[:, :-1]])[:, : own.shape[1]]
    return np.sum(before * own / n, axis=1)


def incidence_variance(time: ArrayLike, event: ArrayLike, horizon: float) -> float:
    """Variance of the estimated probability of the event by a horizon, by the delta method.

    The sum over event times u of (F - F(u))^2 d / (n (n - d)) + S(u-)^2 d_1 (n - d_1) / n^3 - 2 (F - F(u)) S(u-) d_1 /
    n^2, F the estimate and F(u) its value at u, d_1 the events of the cause and d all of them (Dinse and Larson,
    Biometrika 1986;73:379; Marubini and Valsecchi, Analysing Survival Data, 1995, section 10.4). With one cause it is
    Greenwood's.

    Parameters
    ----------
    time, event : array (n,)
        As for `observed_risk`.
    horizon : float
        Months.
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event)
    own, d, n = (values[0] for values in _by_time(time, event, horizon, np.ones((1, len(time)))))
    free = np.cumprod(1.0 - d / n)
    before = np.concatenate([[1.0], free[:-1]])[: len(free)]
    risk = np.cumsum(before * own / n)
    ahead = risk[-1] - risk if len(risk) else risk
    of_survival = np.divide(d, n * (n - d), out=np.zeros_like(d), where=n > d)
    parts = ahead**2 * of_survival + before**2 * own * (n - own) / n**3 - 2.0 * ahead * before * own / n**2
    return float(parts.sum())


def _by_time(time, event, horizon, weights):
    """Events of the cause, events of all causes and patients at risk at each event time up to a horizon."""
    times, at_each = sums_by_time(time)
    own, any_cause = (at_each(weights * np.asarray(which, dtype=float)) for which in (event == 1, event > 0))
    counted = np.isin(times, time[event > 0]) & (times <= horizon)
    return own[:, counted], any_cause[:, counted], still_there(at_each(weights))[:, counted]
