"""Events in runs, in plain NumPy, for the likelihoods with and without an association."""

import numpy as np

from bayesctc.model.stretches import Stretches


def log_probability_within(of: Stretches, cumulative: np.ndarray, within: np.ndarray, n_causes: int) -> np.ndarray:
    """log P(event of its cause in the runs from 1 on | free of events before them): array (n_patients, ...).

    The formula is that of `backends.compiled.stretches`.

    Parameters
    ----------
    of : Stretches
    cumulative : array (n_stretches, ...)
        Cumulative hazard over each stretch.
    within : array of int (n_patients,)
        Number of the cause whose event lies between two visits, 0 if there is none: log P is then 0.
    n_causes : int
    """
    n_runs, later = max(int(of.run.max(initial=0)), 0), of.run > 0
    by_run = np.zeros((n_causes, n_runs, len(within), *cumulative.shape[1:]))
    np.add.at(by_run, (of.cause[later], of.run[later] - 1, of.patient[later]), cumulative[later])
    D = by_run.sum(axis=0)
    start = np.exp(-(np.cumsum(D, axis=0) - D))
    share = np.where(D > 0.0, -np.expm1(-D) / np.where(D > 0.0, D, 1.0), 1.0)
    found, who = np.zeros(by_run.shape[2:]), np.flatnonzero(within)
    own = by_run[within[who] - 1, :, who].swapaxes(0, 1)
    found[who] = np.log(np.sum(start[:, who] * share[:, who] * own, axis=0))
    return found
