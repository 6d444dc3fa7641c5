"""Survival regression on trajectory classes after classification: modal class as if known, and BCH correction."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayesctc.errors import DataError
from bayesctc.time_to_event.weibull import WeibullFit, weibull_regression


def classification_errors(probabilities: pd.DataFrame) -> pd.DataFrame:
    """P(assigned to s | class g), from class probabilities and the modal class.

    D_gs = sum_i p_ig 1(w_i = s) / sum_i p_ig (Vermunt, Political Analysis 2010;18:450).

    Parameters
    ----------
    probabilities : DataFrame (n_patients, n_classes)
        P(g | y).

    Returns
    -------
    DataFrame (n_classes, n_classes)
        Rows sum to one: class g, columns the assigned class.
    """
    p = probabilities.to_numpy()
    assigned = np.eye(p.shape[1])[p.argmax(axis=1)]
    errors = (p.T @ assigned) / p.sum(axis=0)[:, None]
    return pd.DataFrame(errors, index=probabilities.columns, columns=probabilities.columns)


def bch_weights(probabilities: pd.DataFrame) -> pd.DataFrame:
    """Weights of each patient in each class: row w_i of the inverse of the classification errors.

    They sum to one for a patient and may be negative (Bolck, Croon and Hagenaars, Political Analysis 2004;12:3).

    Raises
    ------
    DataError
        No patient is assigned to a class, so the matrix of errors cannot be inverted.
    """
    errors = classification_errors(probabilities)
    empty = [str(name) for name, share in errors.sum().items() if share == 0.0]
    if empty:
        raise DataError(f"BCH: found no patient assigned to {', '.join(empty)}; allowed: classes with patients")
    inverse = np.linalg.inv(errors.to_numpy())
    rows = inverse[probabilities.to_numpy().argmax(axis=1)]
    return pd.DataFrame(rows, index=probabilities.index, columns=probabilities.columns)


def bch_weibull(
    time: ArrayLike,
    event: ArrayLike,
    probabilities: pd.DataFrame,
    confounders: pd.DataFrame,
    *,
    entry: ArrayLike | None = None,
) -> WeibullFit:
    """Weibull regression on the classes, corrected for their misclassification (BCH).

    Each patient enters every class with the BCH weight. Standard errors are sandwich estimates over patients and treat
    the classification as known. Hazards are proportional between classes (one shape).

    Parameters
    ----------
    time, event : array (n_patients,)
        Months; 1 = event, 0 = censored.
    probabilities : DataFrame (n_patients, n_classes)
        P(g | y): from the counts alone.
    confounders : DataFrame (n_patients, n_terms)
    entry : array (n_patients,), optional
        Months.

    Returns
    -------
    WeibullFit
        Terms are the classes except the first, which is the reference, then the confounders.

    Examples
    --------
    >>> patients = cohort.patients
    >>> probabilities = fit.class_probabilities_counts
    >>> bch = bc.bch_weibull(patients["os_time"], patients["os_event"], probabilities, patients[["age"]])
    >>> bch.table["hazard_ratio"].round(1).to_dict()
    {'class 2': 3.8, 'age': 1.0}
    """
    weights = bch_weights(probabilities)
    n, K = weights.shape
    patient, latent = np.repeat(np.arange(n), K), np.tile(np.arange(K), n)
    design = pd.DataFrame({str(weights.columns[g]): (latent == g).astype(float) for g in range(1, K)})
    for name in confounders.columns:
        design[name] = confounders[name].to_numpy()[patient]
    return weibull_regression(
        np.asarray(time)[patient],
        np.asarray(event)[patient],
        design,
        entry=None if entry is None else np.asarray(entry)[patient],
        weights=weights.to_numpy().ravel(),
        cluster=patient,
    )
