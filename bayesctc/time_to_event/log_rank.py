"""Log-rank test with its observed and expected events."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2
from statsmodels.duration.survfunc import survdiff

from bayesctc.errors import DataError
from bayesctc.shown import Shown


@dataclass(frozen=True, eq=False, repr=False)
class LogRank(Shown):
    """Log-rank test of equal hazards.

    Attributes
    ----------
    chi2, p : float
    df : int
        Number of groups with patients, minus 1.
    table : DataFrame
        By group: n patients, observed and expected events. Unused categories have n 0.

    Examples
    --------
    >>> patients = bc.load_trial().patients
    >>> bc.log_rank(patients["os_time"], patients["os_event"], patients["arm"]).table.columns.tolist()
    ['n', 'observed', 'expected']
    """

    chi2: float
    df: int
    p: float
    table: pd.DataFrame


def log_rank(time: ArrayLike, event: ArrayLike, group: ArrayLike, *, entry: ArrayLike | None = None) -> LogRank:
    """Log-rank test (Mantel, Cancer Chemother Rep 1966;50:163) of two or more groups.

    Expected events of a group: sum over event times of (all events) x (its share of those at risk); with delayed
    entry, at risk are those with entry < t <= time.

    Parameters
    ----------
    time, event, entry : array (n_patients,)
        Months; 1 = event, 0 = censored; months, 0 unless given.
    group : array or categorical Series (n_patients,)

    Raises
    ------
    DataError
        Missing or invalid values, no event, or fewer than two groups with patients.

    Examples
    --------
    >>> patients = bc.load_trial().patients
    >>> test = bc.log_rank(patients["os_time"], patients["os_event"], patients["arm"])
    >>> print(f"chi2 {test.chi2:.2f}, df {test.df}, p {test.p:.2f}")
    chi2 4.94, df 2, p 0.08
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=float)
    start = np.zeros(len(time)) if entry is None else np.asarray(entry, dtype=float)
    group = pd.Categorical(cast(Any, group))
    _check(time, event, start, group)
    codes = np.asarray(group.codes)
    n = np.bincount(codes, minlength=len(group.categories))
    if (n > 0).sum() < 2:
        raise DataError(f"log-rank test: found {(n > 0).sum()} group with patients; allowed: two or more")
    settings = {"entry": start} if (start > 0).any() else {}
    value, _ = survdiff(time, event, codes, **settings)
    expected = np.zeros(len(n))
    for t in np.unique(time[event == 1]):
        at_risk = np.bincount(codes[(time >= t) & ((start < t) | (start == 0))], minlength=len(n))
        expected += np.sum((time == t) & (event == 1)) * at_risk / at_risk.sum()
    observed = np.bincount(codes, weights=event, minlength=len(n)).astype(int)
    table = pd.DataFrame(
        {"n": n, "observed": observed, "expected": expected}, index=pd.Index(group.categories, name="group")
    )
    df = int((n > 0).sum()) - 1
    return LogRank(float(value), df, float(chi2.sf(value, df)), table)  # survdiff's own p is 0 below 1e-16


def _check(time, event, start, group):
    """Refuse what cannot be tested."""
    if not time.shape == event.shape == start.shape == (len(group),):
        raise DataError(
            f"log-rank test: found lengths {len(time)}, {len(event)}, {len(start)}, {len(group)}; allowed: equal"
        )
    if not (np.isfinite(time) & (time > 0) & np.isfinite(start) & (start >= 0) & (start < time)).all():
        raise DataError("log-rank test: found missing or invalid months; allowed: 0 <= entry < time")
    if not np.isin(event, (0.0, 1.0)).all() or not event.any():
        raise DataError("log-rank test: found events other than 0 and 1, or no event; allowed: 0 and 1, at least one 1")
    if (group.codes < 0).any():
        raise DataError(f"log-rank test: found {(group.codes < 0).sum()} patients without a group; allowed: none")
