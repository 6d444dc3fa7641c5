"""Accuracy of predicted survival under censoring: weights by the inverse probability of censoring.

An event is coded 1 (with competing events 1 for the cause of interest and 2 for any other), and 0 is censored. The
definitions for competing events are those of Blanche, Proust-Lima et al. (Biometrics 2015;71:102) and, for the Brier
score, Schoop et al. (Biom J 2011;53:88): a case has the event of the cause by the horizon, and every other patient of
known state is a control: free of every event, or with an event of another cause. The prediction for a patient is then
`free` = 1 - cumulative incidence of the cause. Without events coded 2 the definitions are those for one event.

Every function takes weights of the patients, one row per replicate, so that a bootstrap over patients is one call: rows
count how often each patient was drawn.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesctc.results.intervals import CI_PROB
from bayesctc.time_to_event.aalen_johansen import incidence_variance, observed_risk
from bayesctc.time_to_event.risk_sets import still_there, sums_by_time

SAME_RISK = 1e-8  # risks closer than this are tied
LEFT_OUT_AT_ONCE = 512


def leaving_one_out(n: int) -> Iterator[np.ndarray]:
    """Weights of n patients without one after the other, some rows at a time for the sake of memory."""
    for start in range(0, n, LEFT_OUT_AT_ONCE):
        rows = np.arange(start, min(start + LEFT_OUT_AT_ONCE, n))
        weights = np.ones((len(rows), n))
        weights[np.arange(len(rows)), rows] = 0.0
        yield weights


def jackknife_error(without: np.ndarray) -> float:
    """Standard error of a measure, or of a difference of two, from its values without each patient (n,).

    sqrt((n - 1) / n sum_i (v_i - mean v)^2), the delete-one jackknife (Efron and Stein, Ann Stat 1981;9:586). Each v_i
    is computed with censoring weights that are also estimated without the patient, so that the patient's influence on
    the weights is included (Blanche et al., Biometrics 2015;71:102, give the influence function). NaN if the measure is
    undefined without some patient.
    """
    n = len(without)
    return float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))


def product_limit(time, leaves, at_risk_less=None, weights=None, at=None) -> np.ndarray:
    """Product-limit estimate, right-continuous.

    Parameters
    ----------
    time : array (n,)
        Months.
    leaves : array (n,)
        1 if `time` is an event of the estimated distribution.
    at_risk_less : array (n,), optional
        1 for patients who leave before others at the same time: events, if censoring is estimated.
    weights : array (n_replicates, n), optional
        One row of ones unless given.
    at : array (n_times,), optional
        Times of the estimate; each patient's own time unless given.

    Returns
    -------
    array (n_replicates, n_times)
    """
    time, leaves = np.asarray(time, dtype=float), np.asarray(leaves, dtype=float)
    weights = np.ones((1, len(time))) if weights is None else weights
    times, by_time = sums_by_time(time)
    gone, at_risk = by_time(weights * leaves), still_there(by_time(weights))
    if at_risk_less is not None:
        at_risk = at_risk - by_time(weights * np.asarray(at_risk_less, dtype=float))
    ratio = np.divide(gone, at_risk, out=np.zeros_like(gone), where=gone > 0)
    curve = np.column_stack([np.ones(len(gone)), np.cumprod(1.0 - ratio, axis=1)])
    return curve[:, np.searchsorted(times, time if at is None else np.asarray(at, dtype=float), side="right")]


def censoring_weights(time, event, horizon: float, weights=None) -> np.ndarray:
    """Weights of patients whose state at `horizon` is known: array (n_replicates, n); 0 where it is not.

    1 / G(T_i) for an event of any cause by the horizon and 1 / G(horizon) for a patient followed beyond it, with G the
    product-limit estimate of censoring, right-continuous, events before censorings at the same time (Graf et al., Stat
    Med 1999;18:2529; Uno et al., JASA 2007;102:527), times the patients' own weights.
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=float)
    weights = np.ones((1, len(time))) if weights is None else weights
    happened = (event > 0).astype(float)
    gone, beyond = (time <= horizon) & (event > 0), time > horizon
    at = np.where(gone, time, horizon)
    free = product_limit(time, 1.0 - happened, happened, weights, at)
    return np.divide(weights, free, out=np.zeros_like(free), where=(gone | beyond) & (free > 0))


def auc(time, event, risk, horizon: float, weights=None, strata=None, known=None) -> np.ndarray:
    """Cumulative/dynamic area under the ROC curve: array (n_replicates,); NaN without cases or controls.

    The share of pairs of a case (event by the horizon) and a control (followed beyond it, or with an event of another
    cause by then) in which the case has the higher risk, ties counted half, those with an event weighted by 1 / G(T_i)
    (Uno et al., JASA 2007;102:527; Hung and Chiang, Can J Stat 2010;38:8; Blanche et al., Biometrics 2015;71:102).

    Parameters
    ----------
    time, event, risk : array (n,)
        Months; 1 = event, 2 = event of another cause, 0 = censored; a higher risk means an earlier event.
    horizon : float
        Months, on the scale of `time`.
    weights : array (n_replicates, n), optional
    strata : array (n,), optional
        Pairs are formed within strata only. Risks from different folds of a cross-validation cannot be compared,
        because a fold with many events is predicted by a model fitted to fewer events.
    known : array (n_replicates, n), optional
        `censoring_weights` of these arguments, if several risks are measured.
    """
    time, event, risk = (np.asarray(values, dtype=float) for values in (time, event, risk))
    known = censoring_weights(time, event, horizon, weights) if known is None else known
    cases = np.flatnonzero((time <= horizon) & (event == 1))
    controls = np.flatnonzero((time > horizon) | (event == 2))
    strata = np.zeros(len(time)) if strata is None else np.asarray(strata)
    won, pairs = np.zeros(len(known)), np.zeros(len(known))
    for stratum in np.unique(strata):
        own = strata == stratum
        own_cases, own_controls = cases[own[cases]], controls[own[controls]]
        own_controls = own_controls[np.argsort(risk[own_controls])]
        lower, at = risk[own_controls], risk[own_cases]
        total = np.pad(np.cumsum(known[:, own_controls], axis=1), ((0, 0), (1, 0)))  # of the controls below each
        below = total[:, np.searchsorted(lower, at - SAME_RISK, "left")]
        not_above = total[:, np.searchsorted(lower, at + SAME_RISK, "right")]
        won += np.sum(known[:, own_cases] * 0.5 * (below + not_above), axis=1)
        pairs += np.sum(known[:, own_cases] * total[:, -1:], axis=1)
    return np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)


def brier(time, event, free, horizon: float, weights=None, known=None) -> np.ndarray:
    """Brier score at a horizon: array (n_replicates,); the mean of (state - free)^2, weighted (Graf et al. 1999).

    Parameters
    ----------
    time, event, free : array (n,)
        Months; 1 = event, 2 = event of another cause, 0 = censored; predicted probability of not having had the event
        by the horizon: survival, or 1 - cumulative incidence.
    horizon : float
    weights, known : array (n_replicates, n), optional
        As of `auc`.
    """
    weights = np.ones((1, len(np.asarray(time)))) if weights is None else weights
    known = censoring_weights(time, event, horizon, weights) if known is None else known
    state = ((np.asarray(time) > horizon) | (np.asarray(event) == 2)).astype(float)
    return known @ (state - np.asarray(free, dtype=float)) ** 2 / weights.sum(axis=1)


def observed_expected(time, event, free, horizon: float, weights=None) -> np.ndarray:
    """Observed over expected risk by the horizon, over the mean predicted risk: array (n_replicates,).

    Observed is 1 - Kaplan-Meier, and with competing events the Aalen-Johansen estimate of the cause's incidence.
    """
    weights = np.ones((1, len(np.asarray(time)))) if weights is None else weights
    observed = observed_risk(time, event, horizon, weights)
    expected = weights @ (1.0 - np.asarray(free, dtype=float)) / weights.sum(axis=1)
    return np.divide(observed, expected, out=np.full(len(observed), np.nan), where=expected > 0)


def calibration_groups(time, event, free, horizon: float, n_groups: int, strata=None) -> pd.DataFrame:
    """Predicted and observed risk by the horizon, in groups of patients with similar predictions.

    Groups are cut at quantiles of the predicted risk, within `strata` (see `auc`) if given; patients with equal risk
    stay together, so there may be fewer groups. Observed is 1 - Kaplan-Meier, and with competing
    events the Aalen-Johansen estimate, with its 95 % interval on the log(-log) scale (Greenwood's variance; see
    `incidence_variance`); NaN if a group's follow-up ends before the horizon.

    Parameters
    ----------
    time, event, free : array (n,)
        As for `brier`.
    horizon : float
    n_groups : int

    Returns
    -------
    DataFrame
        group (1 the lowest risk), n_patients, n_events (by the horizon), predicted, observed, lower, upper.
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=float)
    risk = np.round(1.0 - np.asarray(free, dtype=float), 10)
    strata = np.zeros(len(time)) if strata is None else np.asarray(strata)
    group = np.zeros(len(time), dtype=int)
    for stratum in np.unique(strata):
        own = strata == stratum
        edges = np.quantile(risk[own], np.linspace(0.0, 1.0, n_groups + 1)[1:-1], method="inverted_cdf")
        edges = np.unique(edges[edges < risk[own].max()])
        group[own] = np.searchsorted(edges, risk[own], side="left")
    rows = []
    for k, g in enumerate(np.unique(group)):
        inside = group == g
        events = int(np.sum((event[inside] == 1) & (time[inside] <= horizon)))
        observed = _risk_with_limits(time[inside], event[inside], horizon)
        rows.append((k + 1, int(inside.sum()), events, float(risk[inside].mean()), *observed))
    return pd.DataFrame(rows, columns=["group", "n_patients", "n_events", "predicted", "observed", "lower", "upper"])


def _risk_with_limits(time, event, horizon):
    """Observed risk by the horizon and its 95 % interval."""
    risk = float(observed_risk(time, event, horizon, np.ones((1, len(time))))[0])
    if time.max() < horizon and (event[time == time.max()] == 0).any():
        return np.nan, np.nan, np.nan
    if not 0.0 < risk < 1.0:
        return risk, np.nan, np.nan
    free = 1.0 - risk
    error = np.sqrt(incidence_variance(time, event, horizon)) / (free * abs(np.log(free)))
    half = ndtri(0.5 + CI_PROB / 2.0) * error
    return risk, 1.0 - free ** np.exp(-half), 1.0 - free ** np.exp(half)
