"""Hazards by class and cause, at any times."""

import numpy as np

from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import Sizes

N_STEPS = 64  # in which cumulative incidence is added up


def cumulative_hazard(theta, sizes: Sizes, times, survival_terms=None, cause: int = 0) -> np.ndarray:
    """Cumulative hazard of a cause in each class.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    sizes : Sizes
    times : array (n_times,)
        Months from the start of treatment.
    survival_terms : array (n_patients, n_survival), optional
        Values of the hazard's covariates on the scale of the fit; those of the mean patient unless given.
    cause : int
        From 0, for competing events; the only event is 0.

    Returns
    -------
    array (n_classes, n_patients, n_times)
    """
    hazard, time, parameters, predictors = _asked(theta, sizes, times, survival_terms, cause)
    baseline = hazard.cumulative_hazard(np.maximum(time, 0.0), sizes.own_knots, **parameters)
    with np.errstate(over="ignore"):
        return baseline[:, None, :] * np.where(baseline[:, None, :] > 0.0, np.exp(predictors)[:, :, None], 0.0)


def log_hazard(theta, sizes: Sizes, times, survival_terms=None, cause: int = 0) -> np.ndarray:
    """Log hazard of a cause in each class.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    sizes : Sizes
    times : array (n_times,)
        Months from the start of treatment, above 0.
    survival_terms : array (n_patients, n_survival), optional
        Values of the hazard's covariates on the scale of the fit; those of the mean patient unless given.
    cause : int
        From 0, for competing events; the only event is 0.

    Returns
    -------
    array (n_classes, n_patients, n_times)
        Natural logarithm of the hazard per month.
    """
    hazard, time, parameters, predictors = _asked(theta, sizes, times, survival_terms, cause)
    baseline = hazard.log_hazard(time, sizes.own_knots, **parameters)
    return baseline[:, None, :] + predictors[:, :, None] - np.log(sizes.months)


def incidence_of_steps(steps: np.ndarray) -> np.ndarray:
    """Cumulative incidence of competing causes from the increments of their cumulative hazards in steps of time.

    Within a step, events are divided among causes in proportion to the increments: exact if the ratio of the hazards is
    constant in a step, otherwise with a second-order error in its length. Over the causes the incidences sum to 1 -
    exp(- cumulative hazard of all) for any steps, so that a single cause has 1 - S.

    Parameters
    ----------
    steps : array (n_causes, n_steps, ...)
        Cumulative hazard of each cause at the end of a step minus that at its start.

    Returns
    -------
    array (n_causes, n_steps, ...)
        Probability of an event of the cause by the end of each step.
    """
    every = steps.sum(axis=0)
    before = np.cumsum(every, axis=0) - every
    leaving = np.exp(-before) * -np.expm1(-every)
    share = np.divide(steps, every, out=np.zeros_like(steps), where=every > 0.0)
    return np.cumsum(share * leaving, axis=1)


def step_ends(start, last, inside=()) -> np.ndarray:
    """Ends of steps from `start` to `last` months for `incidence_of_steps`: array (n_ends, ...), the first `start`.

    64 steps, shorter towards the start, where a hazard may be steep; `inside` are further ends (n_inside,), such as
    knots, for a start and a last that are numbers.
    """
    share = np.linspace(0.0, 1.0, N_STEPS + 1) ** 2
    ends = start + np.multiply.outer(share, np.asarray(last, dtype=float) - start)
    more = np.asarray(inside, dtype=float)
    return np.unique(np.concatenate([ends, more[(more > start) & (more < last)]])) if len(more) else ends


def _asked(theta, sizes, times, survival_terms, cause):
    """Hazard; times in the fit's unit (1, n_times); natural parameters (n_classes, 1); linear predictors."""
    theta, hazard = np.asarray(theta, dtype=float), HAZARDS[sizes.hazard]
    own, coefficients = sizes.cause(cause)
    parameters = natural_by_name(hazard.parameters, theta[:, None, own], len(sizes.knots))
    terms = np.zeros((1, sizes.n_survival)) if survival_terms is None else np.asarray(survival_terms, dtype=float)
    time = sizes.own_time(np.atleast_1d(np.asarray(times, dtype=float)))
    return hazard, np.broadcast_to(time, (len(theta), len(time))), parameters, theta[:, coefficients] @ terms.T
