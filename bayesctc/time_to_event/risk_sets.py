"""Numbers at risk, which every nonparametric estimate of survival needs."""

from collections.abc import Callable

import numpy as np


def at_risk(time: np.ndarray, entry: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Patients with entry < t <= time at each t of `at`: array of int (n_times,)."""
    entered = np.searchsorted(np.sort(entry), at, side="left")
    return entered - np.searchsorted(np.sort(time), at, side="left")


def sums_by_time(time: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Distinct times in order, and a function that sums values of patients (n_replicates, n) at each of them."""
    order = np.argsort(time, kind="stable")
    times, first = np.unique(time[order], return_index=True)
    return times, lambda values: np.add.reduceat(values[:, order], first, axis=1)


def still_there(leaving: np.ndarray) -> np.ndarray:
    """Number still at risk at each time, of those who leave at or after it: (n_replicates, n_times)."""
    return np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
