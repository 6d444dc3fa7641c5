"""Survival by class and cause, from the hazard in the likelihood itself."""

from functools import cache

import numba
import numpy as np

from bayesctc.model.hazards import HAZARDS
from bayesctc.model.shape import Shape


@cache
def _compile(hazard):
    terms = HAZARDS[hazard].terms

    @numba.njit(error_model="numpy")
    def fill(theta, positive, h0, knots, times, log_times, predictors, out):
        unused = np.empty((max(theta.shape[1] - h0, 1), 1))
        first = h0 - h0
        for g in range(theta.shape[0]):
            for i in range(predictors.shape[1]):
                for j in range(times.shape[0]):
                    value, _ = terms(
                        theta,
                        positive,
                        g,
                        h0,
                        knots,
                        0.0,
                        times[j],
                        log_times[j],
                        predictors[g, i],
                        unused,
                        first,
                        first,
                    )
                    out[g, i, j] = -value

    return fill


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
    theta = np.ascontiguousarray(theta, dtype=float)
    times = np.atleast_1d(np.asarray(times, dtype=float))
    if survival_terms is None:
        survival_terms = np.zeros((1, shape.n_survival))
    hazard, coefficients = shape.cause(cause)
    predictors = theta[:, coefficients] @ np.asarray(survival_terms, dtype=float).T
    times = shape.own_time(times)
    log_times = np.log(times, out=np.zeros_like(times), where=times > 0)
    out = np.empty((len(theta), predictors.shape[1], len(times)))
    knots = shape.own_knots
    _compile(shape.hazard)(theta, np.exp(theta), hazard.start, knots, times, log_times, predictors, out)
    return out


@cache
def _compile_log_hazard(hazard):
    terms = HAZARDS[hazard].terms

    @numba.njit(error_model="numpy")
    def fill(theta, positive, h0, knots, times, log_times, shift, out):
        unused = np.empty((max(theta.shape[1] - h0, 1), 1))
        first = h0 - h0
        for g in range(theta.shape[0]):
            for j in range(times.shape[0]):
                value, _ = terms(
                    theta, positive, g, h0, knots, 1.0, times[j], log_times[j], -shift, unused, first, first
                )
                out[g, j] = value + shift

    return fill


def log_hazard(theta, shape: Shape, times, survival_terms=None, cause: int = 0) -> np.ndarray:
    """Log hazard of a cause in each class.

    The likelihood's term for an event is log h0(t) + x' gamma - H0(t) exp(x' gamma). At a linear predictor of -300 the
    second part vanishes (for H0 below 1e100) and what remains is log h0(t) - 300, whatever the hazard.

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
    theta = np.ascontiguousarray(theta, dtype=float)
    times = np.atleast_1d(np.asarray(times, dtype=float))
    if survival_terms is None:
        survival_terms = np.zeros((1, shape.n_survival))
    hazard, coefficients = shape.cause(cause)
    predictors = theta[:, coefficients] @ np.asarray(survival_terms, dtype=float).T
    baseline = np.empty((len(theta), len(times)))
    knots, times = shape.own_knots, shape.own_time(times)
    _compile_log_hazard(shape.hazard)(theta, np.exp(theta), hazard.start, knots, times, np.log(times), 300.0, baseline)
    return baseline[:, None, :] + predictors[:, :, None] - np.log(shape.months)
