"""Undoing label switching: one labelling for all draws."""

import numpy as np
from scipy.optimize import linear_sum_assignment

MAX_PATIENTS = 500  # a labelling is determined by the classification of this many patients


def relabel(probabilities: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Permutation of the classes of every draw that agrees best with a common classification.

    Stephens' algorithm (J R Stat Soc B 2000;62:795): the common classification Q starts at `reference`. Each draw takes
    the labelling that brings its probabilities closest to Q in Kullback-Leibler divergence, and Q becomes their mean.
    This is repeated until nothing changes.

    Parameters
    ----------
    probabilities : array (n_draws, n_patients, n_classes)
        P(g | y, T) under each draw.
    reference : array (n_patients, n_classes)
        P(g | y, T) at the mode the chains started from.

    Returns
    -------
    array of int (n_draws, n_classes)
        `probabilities[s][:, order[s]]` is draw s relabelled.
    """
    n_draws, _, K = probabilities.shape
    order = np.tile(np.arange(K), (n_draws, 1))
    if K == 1:
        return order
    common = reference
    for _ in range(20):
        log_common = np.log(np.maximum(common, 1e-10))
        agreement = np.einsum("sig,ih->shg", probabilities, log_common)  # class g of the draw in place h
        new = np.stack([linear_sum_assignment(a, maximize=True)[1] for a in agreement])
        relabelled = np.take_along_axis(probabilities, new[:, None, :], axis=2)
        common = relabelled.mean(axis=0)
        if np.array_equal(new, order):
            break
        order = new
    return order


def main_group(probabilities: np.ndarray, reference: np.ndarray, *, tolerance: float = 0.1) -> tuple[list[int], bool]:
    """Chains that classify the patients alike, and whether they agree with the mode.

    Two classifications are alike if the share of a patient's probability that they place differently is, on average, at
    most `tolerance`. The largest group is taken, and among equal ones that closest to the mode.

    Parameters
    ----------
    probabilities : array (n_chains, n_patients, n_classes)
        Mean P(g | y, T) of each chain's relabelled draws.
    reference : array (n_patients, n_classes)
        P(g | y, T) at the mode the chains started from.
    tolerance : float

    Returns
    -------
    list of int
        Chains of the group.
    bool
        Whether the group is at the mode from which the chains started.
    """
    everyone = np.concatenate([probabilities, reference[None]])
    apart = np.array([[0.5 * np.abs(a - b).sum(axis=1).mean() for b in everyone] for a in everyone])
    near = apart[:-1, :-1] <= tolerance
    centre = min(range(len(near)), key=lambda c: (-near[c].sum(), apart[c, -1]))
    group = np.flatnonzero(near[centre])
    return group.tolist(), bool(np.median(apart[group, -1]) <= tolerance)
