"""Calibration: observed events compared with those a model expects, overall and by group."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.stats import chi2

from bayesctc.data.endpoint import code_of
from bayesctc.predict.patients import patient_incidence, patient_survival, survival_along
from bayesctc.process_wide import warnings_are
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_PROB

SMALLEST = 1e-12  # an expected number of events below it has no logarithm to speak of


@dataclass(frozen=True, eq=False)
class Calibration:
    """Observed events, and events expected by a model in the same patients.

    Attributes
    ----------
    events : DataFrame
        See `observed_and_expected`.
    slope, slope_lower, slope_upper : float
        See `calibration_slope`; NaN if predicted risks do not differ.
    horizon : float
        Months for which risks are predicted: the longest follow-up.
    risk : array (n_patients,)
        Predicted probability of the event by the horizon, given the counts and being free of it at entry; cumulative
        incidence with competing events.
    cause : str
        With competing events the cause concerned; "" if there is one event.
    """

    events: pd.DataFrame
    slope: float
    slope_lower: float
    slope_upper: float
    horizon: float
    risk: np.ndarray
    cause: str = ""


def calibrate(fit: Fit, group: pd.Series, cause: str = "") -> Calibration:
    """Compare a fit's predictions with the events of its patients.

    Parameters
    ----------
    fit : MLFit, BayesFit or Applied
        With an endpoint.
    group : Series of categorical (n_patients,)
        Groups to show, such as the modal classes.
    cause : str
        With competing events the cause of interest. Its expected events are the integral of its hazard over follow-up.
    """
    time, horizon = fit.packed.time, float(fit.packed.time.max())
    code = code_of(fit.design.causes, cause)
    event = (fit.packed.event == code).astype(float)
    ends = (time, np.full(len(time), horizon))
    # events are expected along what covariates that change became, risks are those known at entry
    if cause:
        followed, _ = patient_incidence(fit, ends[0], code, fit.analysis)
        ahead, risk = patient_incidence(fit, ends[1], code, fit.analysis.known_at(fit.packed.entry))
    else:
        surviving = patient_survival(fit, np.column_stack(ends))
        if fit.packed.changes is not None:
            surviving[:, :1] = survival_along(fit, time[:, None])
        (followed, ahead), risk = -np.log(np.maximum(surviving, 1e-300)).T, 1.0 - surviving[:, 1]
    followed, ahead = np.maximum(followed, SMALLEST), np.maximum(ahead, SMALLEST)
    events = observed_and_expected(event, followed, group)
    return Calibration(events, *calibration_slope(event, followed, np.log(ahead)), horizon, risk, cause)


def observed_and_expected(event, expected, group: pd.Series) -> pd.DataFrame:
    """Ratio of observed to expected events, overall and by group.

    A patient's expected events are the cumulative hazard over follow-up; under the true model the
    difference from the observed events has mean 0 (Crowson, Atkinson and Therneau, Stat Methods Med 2016;25:1692).

    Parameters
    ----------
    event, expected : array (n_patients,)
        1 = event, 0 = censored; cumulative hazard from entry to the end of follow-up.
    group : Series of categorical (n_patients,)

    Returns
    -------
    DataFrame
        group ("all" first), n_patients, observed, expected, ratio, lower, upper (95 %, exact Poisson, expected taken
        as known); <NA> for a group without patients.
    """
    event, expected = np.asarray(event, dtype=float), np.asarray(expected, dtype=float)
    tail = (1.0 - CI_PROB) / 2.0
    rows: list[tuple] = []
    members = {"all": np.ones(len(event), dtype=bool)}
    members |= {str(level): (group == level).to_numpy() for level in group.cat.categories}
    for name, member in members.items():
        o, e, n = int(event[member].sum()), float(expected[member].sum()), int(member.sum())
        if n == 0:
            rows.append((name, 0, 0, 0.0, pd.NA, pd.NA, pd.NA))
            continue
        lower = chi2.ppf(tail, 2 * o) / 2.0 if o else 0.0
        rows.append((name, n, o, e, o / e, lower / e, chi2.ppf(1.0 - tail, 2 * o + 2) / 2.0 / e))
    table = pd.DataFrame(rows, columns=["group", "n_patients", "observed", "expected", "ratio", "lower", "upper"])
    return table.astype(dict.fromkeys(["ratio", "lower", "upper"], "Float64"))


def calibration_slope(event, expected, log_risk) -> tuple[float, float, float]:
    """Calibration slope: 1 if predicted risks are spread correctly, below 1 if they are spread too widely.

    Poisson regression of events on the log risk with offset log(expected events) - log risk (Crowson et al. 2016).

    Parameters
    ----------
    event, expected, log_risk : array (n_patients,)
        1 = event, 0 = censored; cumulative hazard over each patient's follow-up, and log cumulative hazard to one month
        that is the same for all.

    Returns
    -------
    estimate, lower, upper : float
        95 % Wald. NaN if predicted risks do not differ.
    """
    log_risk = np.asarray(log_risk, dtype=float)
    if np.ptp(log_risk) < 1e-6:
        return (np.nan,) * 3
    offset = np.log(expected) - log_risk
    with warnings_are("ignore"):
        fit = sm.GLM(event, sm.add_constant(log_risk), family=sm.families.Poisson(), offset=offset).fit()
    lower, upper = fit.conf_int(1.0 - CI_PROB)[1]
    return float(fit.params[1]), float(lower), float(upper)
