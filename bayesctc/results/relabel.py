"""Undoing label switching: one labelling for all draws."""

import numpy as np
from scipy.optimize import linear_sum_assignment

MAX_PATIENTS = 500  # a labelling is settled by the classification of this many patients


def relabel(probabilities: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Permutation of the classes of every draw that agrees best with a common classification.

    Stephens' algorithm (J R Stat Soc B 2000;62:795): the common classification Q starts at `reference`; each draw takes
    the labelling that brings its probabilities closest to Q in Kullback-Leibler divergence; Q becomes their mean; until
    nothing changes.

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


def left_mode(probabilities: np.ndarray, reference: np.ndarray, *, tolerance: float = 0.1) -> np.ndarray:
    """Chains whose classification differs from the mode's, whatever the labels.

    Parameters
    ----------
    probabilities : array (n_chains, n_patients, n_classes)
        Mean P(g | y, T) of each chain's relabelled draws.
    reference : array (n_patients, n_classes)
    tolerance : float
        Mean share of a patient's probability that may be placed elsewhere.

    Returns
    -------
    array of bool (n_chains,)
    """
    moved = 0.5 * np.abs(probabilities - reference).sum(axis=2).mean(axis=1)
    return moved > tolerance
