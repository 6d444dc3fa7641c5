"""What a trajectory model has to beat at a landmark: Kaplan-Meier, Weibull regressions on bCTC and b2CTC, and Cox
regressions on what a patient's samples say without a model of their course.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from bayesctc.comparison.levels import level_terms
from bayesctc.errors import DataError
from bayesctc.time_to_event.cox import baseline_cumulative_hazard, cox_regression
from bayesctc.time_to_event.ipcw import product_limit
from bayesctc.time_to_event.weibull import weibull_log_density, weibull_regression

KAPLAN_MEIER, BCTC, B2CTC = "Kaplan-Meier", "bCTC", "b2CTC"
COX_LAST, COX_MEAN, COX_BOTH = "Cox: last", "Cox: mean", "Cox: last + baseline"
LAST_VALUE, MEAN_VALUE, BASELINE_VALUE = "last", "mean", "baseline"
COX_TERMS = {COX_LAST: [LAST_VALUE], COX_MEAN: [MEAN_VALUE], COX_BOTH: [LAST_VALUE, BASELINE_VALUE]}
HELD = "beyond its last follow-up the curve is held"
LARGEST = 500.0  # log hazard ratio of which a hazard can be made


@dataclass(frozen=True, eq=False)
class Predicted:
    """What one model says about patients at a landmark.

    Attributes
    ----------
    survival : array (n_patients, n_horizons)
        P(T > L + h | T > L, what the model reads).
    log_density : array (n_patients,), or None
        log of h(T)^event S(T) given T > L, per month, at what happened to them; None for a model without a density.
    note : str
        What a reader has to know.
    """

    survival: np.ndarray
    log_density: np.ndarray | None
    note: str = ""


def kaplan_meier_baseline(train, test, landmark: float, horizons: np.ndarray) -> Predicted:
    """The product-limit estimate of the patients at risk at the landmark: the same for everybody.

    Parameters
    ----------
    train, test : AtRisk
    landmark : float
        Months from the start of treatment.
    horizons : array (n_horizons,)
        Months after it.
    """
    curve = product_limit(train.time, train.event, at=landmark + horizons)
    return Predicted(np.repeat(curve, len(test.time), axis=0), None, _held(train, landmark, horizons))


def _held(train, landmark, horizons):
    return "" if train.time.max() >= landmark + horizons.max() else HELD


def cox_baseline(train, test, terms: list[str], landmark: float, horizons: np.ndarray) -> Predicted:
    """Cox regression on values known at the landmark, of time since the landmark (van Houwelingen, Scand J Stat 2007).

    P(T > L + h | T > L, x) = exp(-H(h) exp(x'b)), H by `baseline_cumulative_hazard`. Values are counted from their mean
    in standard deviations among the patients to learn from, so that no unit matters.

    Parameters
    ----------
    train, test : AtRisk
    terms : list of str
        Columns of `AtRisk.values`.
    landmark : float
        Months from the start of treatment.
    horizons : array (n_horizons,)
        Months after it.

    Raises
    ------
    DataError
        Among the patients to learn from there is no event, a value that is the same for all or missing, or complete
        separation; or a value of a patient to predict is missing.
    """
    for what, whom in (("learn from", train), ("predict", test)):
        lacking = whom.values[terms].isna().any(axis=1).sum()
        if lacking:
            n = len(whom.time)
            raise DataError(f"Cox regression: found {lacking} of {n} patients to {what} without a value at {terms[-1]}")
    known = train.values[terms]
    middle, spread = known.mean(), known.std(ddof=0)
    spread = spread.where(spread > 0.0, 1.0)
    since, design = train.time - landmark, (known - middle) / spread
    b = cox_regression(since, train.event, design).table["log_hazard_ratio"].to_numpy()
    of_train, of_test = (
        np.clip(x.to_numpy() @ b, -LARGEST, LARGEST) for x in (design, (test.values[terms] - middle) / spread)
    )
    hazard = baseline_cumulative_hazard(since, train.event, of_train, horizons)
    return Predicted(np.exp(-np.outer(np.exp(of_test), hazard)), None, _held(train, landmark, horizons))


def weibull_baseline(train, test, reading: str, landmark: float, horizons: np.ndarray) -> Predicted:
    """Weibull regression on the levels of a reading, from the landmark on (delayed entry at it).

    A level in which no patient had the event has no estimate of its own and joins the reference, which the note says.

    Parameters
    ----------
    train, test : AtRisk
    reading : {"bCTC", "b2CTC"}
    landmark : float
    horizons : array (n_horizons,)

    Raises
    ------
    DataError
        No event, or complete separation, among the patients to learn from.
    """
    levels = train.readings[reading]
    terms = level_terms(levels, train.event)
    columns = terms.columns.drop(columns=list(terms.silent))
    entry = np.full(len(levels), landmark)
    fit = weibull_regression(train.time, train.event, columns, entry=entry)
    of_test = test.readings[reading]
    design = pd.DataFrame({name: (of_test == name).to_numpy(dtype=float) for name in columns}, index=of_test.index)
    start = np.full(len(of_test), landmark)
    alive = [
        weibull_log_density(fit, start + h, np.zeros(len(start)), design, start) for h in horizons
    ]  # an array for each horizon
    density = weibull_log_density(fit, test.time, test.event, design, start)
    joined = ", ".join(str(level) for level in levels.cat.categories if level not in columns and level != terms.base)
    note = f"{joined} joins {terms.base}: no event to learn from" if joined else ""
    return Predicted(np.exp(np.column_stack(alive)), density, note)


def baselines(train, test, horizons) -> dict[str, Predicted]:
    """Predictions of the simpler models, or why one cannot be fitted.

    Parameters
    ----------
    train, test : AtRisk
        At the same landmark.
    horizons : array (n_horizons,)
        Months after it.
    """
    landmark, fits = test.landmark, dict[str, Callable[[], Predicted]]()
    for name in test.readings:
        if name in train.readings:
            fits[name] = partial(weibull_baseline, train, test, name, landmark, horizons)
    for name, terms in COX_TERMS.items():
        fits[name] = partial(cox_baseline, train, test, terms, landmark, horizons)
    found = {}
    for name, fit in fits.items():
        try:
            found[name] = fit()
        except DataError as error:
            nothing = np.full((len(test.time), len(horizons)), np.nan)
            found[name] = Predicted(nothing, None, f"not fitted: {error}")
    return found | {KAPLAN_MEIER: kaplan_meier_baseline(train, test, landmark, horizons)}
