"""Hazards of patients along their own changing covariates.

With covariates x_im from s_im onwards (`Changes`), H_ig(t) = sum over m of exp(x_im' gamma_g) [H_0g(t') - H_0g(s_im)],
where t' is t or the start of the next row, whichever comes first.
"""

import numpy as np

from bayesctc.model.class_hazards import cumulative_hazard, log_hazard
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import Sizes
from bayesctc.model.stretches import Changes

HIGHEST = 1e8  # hazard ratio beyond which nobody survives a day
ENDLESS = 1e290  # infinity minus infinity is NaN


def cumulative_along(theta, sizes: Sizes, changes: Changes, times, cause: int = 0) -> np.ndarray:
    """Cumulative hazard of a cause in each class, along each patient's covariates.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    sizes : Sizes
    changes : Changes
        Of n patients.
    times : array (n_times,) or (n, n_times)
        Months from the start of treatment.
    cause : int
        From 0, for competing events; the only event is 0.

    Returns
    -------
    array (n_classes, n, n_times)
    """
    times, first = np.asarray(times, dtype=float), changes.first
    at = np.minimum(cumulative_hazard(theta, sizes, times.ravel(), cause=cause)[:, 0], ENDLESS)
    at = at.reshape(len(theta), *((1, -1) if times.ndim == 1 else times.shape))
    total = np.zeros((len(theta), len(first), at.shape[2]))
    for low, high, risk, who in pieces(theta, sizes, changes, cause):
        here = at[:, who if len(at[0]) > 1 else slice(None)]
        total[:, who] += risk[:, :, None] * (np.clip(here, low[:, :, None], high[:, :, None]) - low[:, :, None])
    return total


def pieces(theta, sizes: Sizes, changes: Changes, cause: int = 0):
    """First rows of all patients, then second rows of those who have one, and so on.

    Yields
    ------
    low, high : array (n_classes, n)
        Baseline cumulative hazard at the start of the row and of the next one, infinite after the last.
    risk : array (n_classes, n)
        Hazard ratio of the row, at most `HIGHEST`.
    who : array of int (n,)
        Places of the patients.
    """
    theta = np.asarray(theta, dtype=float)
    start = np.minimum(cumulative_hazard(theta, sizes, changes.start, cause=cause)[:, 0], ENDLESS)
    with np.errstate(over="ignore"):
        risk = np.minimum(np.exp(theta[:, sizes.cause(cause)[1]] @ changes.x.T), HIGHEST)
    first = changes.first
    ends = np.append(first[1:], len(changes.patient))
    for k in range(int((ends - first).max(initial=0))):
        who = np.flatnonzero(first + k < ends)
        row = first[who] + k
        last = row + 1 == ends[who]
        after = np.where(last, np.inf, start[:, np.where(last, row, row + 1)])
        yield start[:, row], after, risk[:, row], who


def log_hazard_along(theta, sizes: Sizes, changes: Changes, times, cause: int = 0) -> np.ndarray:
    """Log hazard per month of a cause in each class just before `times`, along each patient's covariates.

    Arguments as those of `cumulative_along`, times above 0 and common to the patients: array (n_classes, n, n_times).
    """
    times, first = np.asarray(times, dtype=float), changes.first
    ends = np.append(first[1:], len(changes.patient))
    row = np.repeat(first[:, None], len(times), axis=1)
    for k in range(1, int((ends - first).max(initial=0))):
        who = np.flatnonzero(first + k < ends)
        row[who] += changes.start[first[who] + k][:, None] < times
    predictor = (np.asarray(theta)[:, sizes.cause(cause)[1]] @ changes.x.T)[:, row]
    return log_hazard(theta, sizes, times, cause=cause)[:, :1] + predictor


def patient_cumulative_hazard(theta, packed: Packed, times, cause: int = 0) -> np.ndarray:
    """Cumulative hazard of each patient at times of their own, (n_patients,): array (n_classes, n_patients)."""
    sizes = packed.sizes
    if packed.changes is not None:
        return cumulative_along(theta, sizes, packed.changes, np.asarray(times, dtype=float)[:, None], cause)[:, :, 0]
    baseline = cumulative_hazard(theta, sizes, times, cause=cause)[:, 0]
    return baseline * np.exp(np.asarray(theta)[:, sizes.cause(cause)[1]] @ packed.terms("survival").T)
