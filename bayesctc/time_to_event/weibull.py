"""Weibull proportional-hazards regression by maximum likelihood: the joint model with one class and no counts.

The density is the likelihood's own (`model.backends`), evaluated on patients without samples.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from bayesctc.design import differences
from bayesctc.errors import DataError
from bayesctc.model.families.gaussian import GAUSSIAN
from bayesctc.model.hazards.weibull import WEIBULL
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import Sizes
from bayesctc.shown import Shown
from bayesctc.time_to_event.cox import WILD, wald_table

STEP = 1e-5


@dataclass(frozen=True, eq=False, repr=False)
class WeibullFit(Shown):
    """Weibull regression, H(t | x) = (t / scale)^shape exp(x' gamma), t in months.

    Attributes
    ----------
    table : DataFrame
        By term: log_hazard_ratio, standard_error, hazard_ratio, lower, upper (95 %, Wald), p.
    scale : float
        Months; the time at which the cumulative hazard is 1 if all terms are 0.
    shape : float
    log_likelihood : float
        With the density of an event per month.
    aic : float
        -2 log likelihood + 2 (terms + 2).
    n_patients, n_events : int

    Examples
    --------
    >>> patients = bc.load_trial().patients
    >>> weibull = bc.weibull_regression(patients["os_time"], patients["os_event"], patients[["age"]])
    >>> weibull.table.columns.tolist()
    ['log_hazard_ratio', 'standard_error', 'hazard_ratio', 'lower', 'upper', 'p']
    """

    table: pd.DataFrame
    scale: float
    shape: float
    log_likelihood: float
    aic: float
    n_patients: int
    n_events: int


def weibull_regression(
    time: ArrayLike,
    event: ArrayLike,
    design: pd.DataFrame,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> WeibullFit:
    """Fit a Weibull regression by maximum (weighted) likelihood.

    Parameters
    ----------
    time, event : array (n,)
        Months; 1 = event, 0 = censored.
    design : DataFrame (n, n_terms)
        Covariates, without an intercept.
    entry : array (n,), optional
        Months at which each patient enters the risk set.
    weights : array (n,), optional
        Weight of each row, possibly negative; standard errors are then sandwich estimates.
    cluster : array (n,), optional
        Patient of each row, if patients have several.

    Returns
    -------
    WeibullFit

    Raises
    ------
    DataError
        No event, or a term without a finite estimate (complete separation).

    Examples
    --------
    >>> patients = bc.load_trial().patients
    >>> weibull = bc.weibull_regression(patients["os_time"], patients["os_event"], patients[["age"]])
    >>> print(f"shape {weibull.shape:.2f}, scale {weibull.scale:.1f} months")
    shape 1.14, scale 50.0 months
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=float)
    if not np.isin(event, (0.0, 1.0)).all():
        raise DataError("Weibull regression: found events other than 0 and 1; allowed: one cause coded 1, others 0")
    if not event.any():
        raise DataError(f"Weibull regression: found no event in {len(event)} patients; allowed: at least one")
    centre = design.to_numpy(dtype=float).mean(axis=0)
    x = design.to_numpy(dtype=float) - centre
    sizes = Sizes(GAUSSIAN.name, WEIBULL.name, 1, 1, 0, x.shape[1])
    packed = _pack(sizes, time, event, np.zeros(len(time)) if entry is None else np.asarray(entry, dtype=float), x)
    evaluator = Evaluator(packed, sizes, 1, weights)
    free = np.r_[sizes.blocks["hazard"]]

    def theta(values):
        full = np.zeros((1, sizes.n_class_parameters))
        full[0, free] = values
        return full

    def objective(values):
        value, gradient = evaluator.total(theta(values))
        return -value, -gradient[0, free]

    w = np.ones(len(time)) if weights is None else np.asarray(weights, dtype=float)
    start = np.r_[np.log(np.sum(w * time) / max(np.sum(w * event), 1.0)), np.zeros(len(free) - 1)]
    best = minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 500}).x
    best, hessian = _newton(objective, best)
    _check(best[2:], hessian, design.columns)
    covariance = np.linalg.inv(hessian)
    if weights is not None:
        covariance = _sandwich(covariance, _scores(evaluator, theta, best) * w[:, None], cluster)
    se = np.sqrt(np.diagonal(covariance))[2:]
    alpha, log_likelihood = np.exp(best[1]), -objective(best)[0]
    return WeibullFit(
        wald_table(design.columns, best[2:], se),
        float(np.exp(best[0] + centre @ best[2:] / alpha)),
        float(alpha),
        float(log_likelihood),
        float(-2.0 * log_likelihood + 2.0 * len(best)),
        len(np.unique(cluster)) if cluster is not None else len(time),
        round(float(np.sum(w * event))),
    )


def _sandwich(covariance: np.ndarray, scores: np.ndarray, cluster: ArrayLike | None) -> np.ndarray:
    """Sandwich covariance of the estimates if rows are weighted or clustered by patient."""
    rows = np.arange(len(scores)) if cluster is None else pd.factorize(np.asarray(cluster))[0]
    summed = np.zeros((rows.max() + 1, scores.shape[1]))
    np.add.at(summed, rows, scores)
    return covariance @ (summed.T @ summed) @ covariance


def weibull_log_density(fit: WeibullFit, time, event, design: pd.DataFrame, entry) -> np.ndarray:
    """log of h(t | x)^event S(t | x) / S(entry | x) of patients under a fitted regression, per month: array (n,).

    Parameters
    ----------
    fit : WeibullFit
    time, event, entry : array (n,)
        Months; 1 = event, 0 = censored (the density is then the probability of surviving until `time`); months.
    design : DataFrame (n, n_terms)
        The terms of the fit.
    """
    sizes = Sizes(GAUSSIAN.name, WEIBULL.name, 1, 1, 0, design.shape[1])
    theta = np.zeros((1, sizes.n_class_parameters))
    theta[0, sizes.cause(0)[0]] = np.log(fit.scale), np.log(fit.shape)
    theta[0, sizes.cause(0)[1]] = fit.table["log_hazard_ratio"].loc[list(design.columns)]
    arrays = (np.asarray(values, dtype=float) for values in (time, event, entry, design))
    return Evaluator(_pack(sizes, *arrays), sizes, 1).patients(theta)


def _pack(sizes, time, event, entry, x):
    """Patients with follow-up and covariates, without samples."""
    n, nothing = len(time), np.zeros(0)
    samples = sizes.sample_rows(nothing, nothing, np.zeros((0, 1)), np.zeros(0, dtype=int), n)
    terms = np.column_stack([np.ones(n), x]).T
    ids = tuple(map(str, range(n)))
    return Packed(ids, np.stack([event, time, entry]), terms, samples, np.zeros((n, 2)), sizes)


def _newton(objective, x, steps=10):
    """Newton steps from central differences of the gradient, until they no longer matter."""
    for _ in range(steps):
        step = np.linalg.lstsq(_hessian(objective, x), objective(x)[1], rcond=None)[0]
        x = x - np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    return x, _hessian(objective, x)


def _hessian(objective, x):
    return differences.hessian(lambda at: objective(at)[1], x, STEP)


def _scores(evaluator, theta, x):
    """Derivatives of each row's log likelihood: array (n, n_parameters)."""
    return differences.jacobian(lambda at: evaluator.patients(theta(at)), x, STEP).T


def _check(coefficients, hessian, names):
    singular = np.linalg.eigvalsh(hessian).min() <= 1e-8
    wild = [str(name) for name, value in zip(names, coefficients, strict=True) if not abs(value) < WILD]
    if singular or wild:
        which = ", ".join(wild) or "the terms together"
        raise DataError(
            f"Weibull regression: found no finite estimate for {which} (complete separation, or collinear terms); "
            "allowed: levels that have patients with and without events"
        )
