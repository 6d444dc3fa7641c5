"""Cox regression with Efron ties, by statsmodels, with checks before and after the fit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight

from bayesctc.errors import DataError
from bayesctc.process_wide import warnings_are
from bayesctc.results.intervals import CI_PROB
from bayesctc.shown import Shown

SETTLED = 1e-6  # of the log likelihood, which another step would gain twice
WILD = 15.0  # a log hazard ratio beyond this has no finite estimate: complete separation


@dataclass(frozen=True, eq=False, repr=False)
class CoxFit(Shown):
    """Cox regression.

    Attributes
    ----------
    table : DataFrame
        By term: log_hazard_ratio, standard_error, hazard_ratio, lower, upper (95 %, Wald), p.
    log_likelihood : float
        Partial, with Efron's handling of ties.
    aic : float
        -2 log partial likelihood + 2 terms.
    n_patients, n_events : int
    proportional_hazards : DataFrame
        By term and "GLOBAL": chi2, df, p of the test on scaled Schoenfeld residuals.

    Examples
    --------
    >>> patients = bc.load_trial().patients
    >>> cox = bc.cox_regression(patients["os_time"], patients["os_event"], patients[["age"]])
    >>> cox.n_patients, cox.n_events, list(cox.proportional_hazards.columns)
    (783, 402, ['chi2', 'df', 'p'])
    """

    table: pd.DataFrame
    log_likelihood: float
    aic: float
    n_patients: int
    n_events: int
    proportional_hazards: pd.DataFrame


def cox_regression(
    time: ArrayLike, event: ArrayLike, design: pd.DataFrame, *, entry: ArrayLike | None = None
) -> CoxFit:
    """Fit a Cox regression by maximum partial likelihood.

    Parameters
    ----------
    time, event : array (n_patients,)
        Months; 1 = event, 0 = censored.
    design : DataFrame (n_patients, n_terms)
        Covariates, without an intercept; without terms, hazards are equal.
    entry : array (n_patients,), optional
        Months at which each patient enters the risk set.

    Returns
    -------
    CoxFit

    Raises
    ------
    DataError
        No event, a constant term, terms that are linearly dependent, or a term without a finite estimate (complete
        separation).

    Examples
    --------
    >>> patients = bc.load_trial().patients
    >>> cox = bc.cox_regression(patients["os_time"], patients["os_event"], patients[["age"]])
    >>> cox.table[["log_hazard_ratio", "standard_error"]].round(4)
         log_hazard_ratio standard_error
    term
    age            0.0065         0.0046
    """
    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=float)
    _check(event, design)
    late = entry is not None and np.any(np.asarray(entry) > 0)
    if design.shape[1] == 0:
        return _equal_hazards(time, event, entry if late else None)
    model = PHReg(time, design.to_numpy(dtype=float), status=event, ties="efron", entry=entry if late else None)
    fit, wild = _maximised(model, [str(name) for name in design.columns])
    if wild:
        raise DataError(
            f"Cox regression: found no finite estimate for {', '.join(wild)} (complete separation); allowed: terms "
            "with events on both sides"
        )
    return CoxFit(
        wald_table(design.columns, fit.params, fit.bse),
        float(fit.llf),
        float(-2.0 * fit.llf + 2.0 * len(fit.params)),
        len(time),
        int(event.sum()),
        _proportional_hazards(fit, time, event, entry if late else None, design.columns),
    )


def baseline_cumulative_hazard(time, event, log_hazard_ratio, at) -> np.ndarray:
    """Cumulative hazard at a log hazard ratio of 0, right-continuous and constant after the last event.

    At a time with d events it rises by sum_l 1 / (R - l D / d), l = 0 .. d - 1, with R and D the sums of hazard ratios
    over patients at risk and over those with the event. This is Breslow's estimate if d = 1, and otherwise the one for
    Efron's ties (Efron, JASA 1977;72:557; Therneau and Grambsch, Modeling Survival Data, 2000, section 10.2), as in R's
    `survfit` of a `coxph`.

    Parameters
    ----------
    time, event : array (n_patients,)
        Months; 1 = event, 0 = censored.
    log_hazard_ratio : array (n_patients,)
    at : array (n_times,)
        Months.

    Returns
    -------
    array (n_times,)
    """
    time, event, ratio = np.asarray(time, dtype=float), np.asarray(event) == 1, np.exp(log_hazard_ratio)
    order = np.argsort(time, kind="stable")
    from_here = np.append(np.cumsum(ratio[order][::-1])[::-1], 0.0)
    times, which, deaths = np.unique(time[event], return_inverse=True, return_counts=True)
    risk = from_here[np.searchsorted(time[order], times, side="left")]
    dying = np.bincount(which, ratio[event], len(times))
    steps = [np.sum(1.0 / (r - np.arange(d) * (s / d))) for r, s, d in zip(risk, dying, deaths, strict=True)]
    return np.concatenate([[0.0], np.cumsum(steps)])[np.searchsorted(times, np.asarray(at, dtype=float), side="right")]


def _maximised(model, names):
    """statsmodels' fit, and the terms without a finite estimate.

    Newton's steps from 0 may overshoot, above all where few patients have a term. BFGS searches along its steps, and
    Newton's then start where it ends.
    """
    fit, settled = None, False
    with warnings_are("ignore"), np.errstate(all="ignore"):  # what they warn of is looked at below
        for first in (None, "bfgs"):
            try:
                fit = model.fit(start_params=model.fit(method=first).params if first else None)
            except (np.linalg.LinAlgError, ValueError):  # a Hessian without an inverse
                continue
            slope = model.score(fit.params)
            settled = abs(slope @ fit.cov_params() @ slope) < SETTLED
            if settled:
                break
    if fit is None:
        return None, names
    wild = [name for name, estimate in zip(names, fit.params, strict=True) if not abs(estimate) < WILD]
    return fit, wild or ([] if settled else names)


def _equal_hazards(time, event, entry):
    """The fit without terms."""
    model = PHReg(time, np.zeros((len(time), 1)), status=event, ties="efron", entry=entry)
    log_likelihood = float(model.loglike(np.zeros(1)))
    nothing = pd.DataFrame({"chi2": [], "df": [], "p": []}, index=pd.Index([], name="term", dtype="str"))
    return CoxFit(wald_table([], [], []), log_likelihood, -2.0 * log_likelihood, len(time), int(event.sum()), nothing)


def _check(event, design):
    """Refuse data or terms that have no estimate."""
    if not np.isin(event, (0.0, 1.0)).all():
        raise DataError("Cox regression: found events other than 0 and 1; allowed: one cause coded 1, others 0")
    if not event.any():
        raise DataError(f"Cox regression: found no event in {len(event)} patients; allowed: at least one")
    x = design.to_numpy(dtype=float)
    if not np.isfinite(x).all():
        names = ", ".join(map(repr, design.columns[~np.isfinite(x).all(axis=0)]))
        raise DataError(f"Cox regression: found missing or infinite values of {names}; allowed: numbers")
    x = x - x.mean(axis=0)
    for j, name in enumerate(design.columns):
        if np.ptp(x[:, j]) == 0.0:
            raise DataError(f"Cox regression: found only one value of {name!r}; allowed: terms that vary")
        if np.linalg.matrix_rank(x[:, : j + 1]) <= j:
            raise DataError(f"Cox regression: found {name!r} to be a linear combination of other terms")


def _proportional_hazards(fit, time, event, entry, names):
    """Test of a trend of the scaled Schoenfeld residuals with 1 - Kaplan-Meier (Biometrika 1994;81:515).

    The variance of the residuals is taken as constant over events, as in R's survival before 3.0. NaN if all events
    are at one time.
    """
    residuals = np.asarray(fit.schoenfeld_residuals)[event == 1]
    curve = SurvfuncRight(time, event, entry=entry)
    before = np.r_[1.0, curve.surv_prob]
    g = 1.0 - before[np.searchsorted(curve.surv_times, time[event == 1], side="left")]
    g = g - g.mean()
    covariance, n = np.asarray(fit.cov_params()), int(event.sum())
    u = g @ residuals
    spread = float(np.sum(g**2)) / n
    values = np.r_[(covariance @ u) ** 2 / np.diagonal(covariance), u @ covariance @ u]
    values = values / (spread if spread > 0.0 else np.nan)
    df = np.r_[np.ones(len(names)), len(names)]
    return pd.DataFrame(
        {"chi2": values, "df": df.astype(int), "p": chi2.sf(values, df)},
        index=pd.Index([*names, "GLOBAL"], name="term"),
    )


def wald_table(names, coefficients, standard_errors) -> pd.DataFrame:
    """By term: log_hazard_ratio, standard_error, hazard_ratio, lower, upper (95 %), p."""
    coefficients, standard_errors = np.asarray(coefficients, dtype=float), np.asarray(standard_errors, dtype=float)
    half = norm.ppf(0.5 + CI_PROB / 2.0) * standard_errors
    return pd.DataFrame(
        {
            "log_hazard_ratio": coefficients,
            "standard_error": standard_errors,
            "hazard_ratio": np.exp(coefficients),
            "lower": np.exp(coefficients - half),
            "upper": np.exp(coefficients + half),
            "p": 2.0 * norm.sf(np.abs(coefficients) / standard_errors),
        },
        index=pd.Index(names, name="term"),
    )
