"""Survival as a ratio of two likelihoods, and incidence, if a patient's own curve acts on the hazard."""

from collections.abc import Callable

import numpy as np

from bayesctc.model.analysis import Analysis
from bayesctc.model.patient_hazards import PatientHazards
from bayesctc.model.random_effects import WeightedEffects


def followed(analysis: Analysis, start, times: np.ndarray) -> Callable:
    """Probability of being free of the event at later times, given the samples and being free of it at the start.

    p(y, T > t) / p(y, T > start), with class and random effects integrated out of both. The distribution of a patient's
    random effects changes with the time survived, so survival is not a product of class curves.

    Parameters
    ----------
    analysis : Analysis
        Of a model with an association.
    start : float or array (n_patients,)
        Months.
    times : array (n_times, n_patients) or (n_times, 1)
        Months from the start of treatment; up to the start the probability is 1.

    Returns
    -------
    function (theta) -> array (n_patients, n_times)
    """
    n = analysis.n_patients
    since = np.broadcast_to(np.asarray(start, dtype=float), n)
    now = analysis.followed_to(since).evaluator()
    later = [analysis.followed_to(np.maximum(np.broadcast_to(t, n), since)).evaluator() for t in times]

    def survival(theta):
        before = now.patients(theta)
        return np.exp(np.minimum(np.column_stack([each.patients(theta) for each in later]) - before[:, None], 0.0))

    return survival


def followed_incidence(analysis: Analysis, start, times: np.ndarray) -> Callable:
    """Cumulative incidence of each competing event after the start, given the samples and being free of all then.

    The incidence given class and random effects, averaged over their distribution at the start. Arguments are as in
    `followed`; times increase and are the ends of the steps over which it is summed.

    Returns
    -------
    function (theta) -> array (n_causes, n_patients, n_times)
    """
    n = analysis.n_patients
    since = np.broadcast_to(np.asarray(start, dtype=float), n)
    known, hazards = (
        WeightedEffects(analysis.followed_to(since)),
        PatientHazards.of(analysis.packed, analysis.design.layout),
    )
    months = np.column_stack([since, np.maximum(np.broadcast_to(times, (len(times), n)), since).T])

    def incidence(theta):
        return hazards.incidence(theta, months, *known(theta)).sum(axis=1)

    return incidence
