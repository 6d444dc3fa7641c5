"""Hazards by class and cause, at any times."""

import numpy as np

from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import Sizes


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


def _asked(theta, sizes, times, survival_terms, cause):
    """Hazard; times in the fit's unit (1, n_times); natural parameters (n_classes, 1); linear predictors."""
    theta, hazard = np.asarray(theta, dtype=float), HAZARDS[sizes.hazard]
    own, coefficients = sizes.cause(cause)
    parameters = natural_by_name(hazard.parameters, theta[:, None, own], len(sizes.knots))
    terms = np.zeros((1, sizes.n_survival)) if survival_terms is None else np.asarray(survival_terms, dtype=float)
    time = sizes.own_time(np.atleast_1d(np.asarray(times, dtype=float)))
    return hazard, np.broadcast_to(time, (len(theta), len(time))), parameters, theta[:, coefficients] @ terms.T
