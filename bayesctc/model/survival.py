"""Survival by class and cause."""

import numpy as np

from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.shape import Shape


def cumulative_hazard(theta, shape: Shape, times, survival_terms=None, cause: int = 0) -> np.ndarray:
    """Cumulative hazard of a cause in each class.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    shape : Shape
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
    hazard, time, parameters, predictors = _asked(theta, shape, times, survival_terms, cause)
    baseline = hazard.cumulative_hazard(np.maximum(time, 0.0), shape.own_knots, **parameters)
    with np.errstate(over="ignore"):
        return baseline[:, None, :] * np.where(baseline[:, None, :] > 0.0, np.exp(predictors)[:, :, None], 0.0)


def log_hazard(theta, shape: Shape, times, survival_terms=None, cause: int = 0) -> np.ndarray:
    """Log hazard of a cause in each class.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    shape : Shape
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
    hazard, time, parameters, predictors = _asked(theta, shape, times, survival_terms, cause)
    baseline = hazard.log_hazard(time, shape.own_knots, **parameters)
    return baseline[:, None, :] + predictors[:, :, None] - np.log(shape.months)


def _asked(theta, shape, times, survival_terms, cause):
    """Hazard; times in the fit's unit (1, n_times); natural parameters (n_classes, 1); linear predictors."""
    theta, hazard = np.asarray(theta, dtype=float), HAZARDS[shape.hazard]
    own, coefficients = shape.cause(cause)
    parameters = natural_by_name(hazard.parameters, theta[:, None, own], len(shape.knots))
    terms = np.zeros((1, shape.n_survival)) if survival_terms is None else np.asarray(survival_terms, dtype=float)
    time = shape.own_time(np.atleast_1d(np.asarray(times, dtype=float)))
    return hazard, np.broadcast_to(time, (len(theta), len(time))), parameters, theta[:, coefficients] @ terms.T
