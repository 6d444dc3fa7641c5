"""Simpler models to compare with at a landmark: Kaplan-Meier, Weibull regressions on bCTC and b2CTC, and Cox
regressions on summaries of a patient's samples.

With competing events each regression is fitted twice, to the hazard of the cause of interest and to that of all others,
with the other events censored, and both hazards give the cumulative incidence (Benichou and Gail, Biometrics
1990;46:813); the Aalen-Johansen estimate replaces Kaplan-Meier's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from bayesctc.comparison.levels import level_terms
from bayesctc.errors import DataError
from bayesctc.model.class_hazards import incidence_of_steps, step_ends
from bayesctc.time_to_event.aalen_johansen import observed_risk
from bayesctc.time_to_event.cox import baseline_cumulative_hazard, cox_regression
from bayesctc.time_to_event.weibull import weibull_log_density, weibull_regression

KAPLAN_MEIER, BCTC, B2CTC = "Kaplan-Meier", "bCTC", "b2CTC"
AALEN_JOHANSEN = "Aalen-Johansen"
COX_LAST, COX_MEAN, COX_BOTH = "Cox: last", "Cox: mean", "Cox: last + baseline"
LAST_VALUE, MEAN_VALUE, BASELINE_VALUE = "last", "mean", "baseline"
COX_TERMS = {COX_LAST: [LAST_VALUE], COX_MEAN: [MEAN_VALUE], COX_BOTH: [LAST_VALUE, BASELINE_VALUE]}
HELD = "the curve is constant beyond its last follow-up"
LARGEST = 500.0  # log hazard ratio of which a hazard can be made


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of one model for patients at a landmark.

    Attributes
    ----------
    free : array (n_patients, n_horizons)
        P(no event by L + h | T > L, data of the model): survival, or 1 - cumulative incidence of the cause.
    log_density : array (n_patients,), or None
        log of h(T)^event S(T) given T > L, per month, at the observed outcomes; None for a model without a density.
        See `density_after`.
    note : str
        Remarks on the predictions.
    """

    free: np.ndarray
    log_density: np.ndarray | None
    note: str = ""


def kaplan_meier_baseline(train, test, landmark: float, horizons: np.ndarray) -> Predicted:
    """The product-limit (Aalen-Johansen) estimate of the patients at risk at the landmark: the same for all patients.

    Parameters
    ----------
    train, test : AtRisk
    landmark : float
        Months from the start of treatment.
    horizons : array (n_horizons,)
        Months after it.
    """
    risk = np.concatenate([observed_risk(train.time, train.event, landmark + h) for h in horizons])
    return Predicted(np.tile(1.0 - risk, (len(test.time), 1)), None, _held(train, landmark, horizons))


def _held(train, landmark, horizons):
    return "" if train.time.max() >= landmark + horizons.max() else HELD


def cox_baseline(train, test, terms: list[str], landmark: float, horizons: np.ndarray) -> Predicted:
    """Cox regression on values known at the landmark, of time since the landmark (van Houwelingen, Scand J Stat 2007).

    P(T > L + h | T > L, x) = exp(-H(h) exp(x'b)), H by `baseline_cumulative_hazard`; with competing events, cumulative
    incidence by `incidence_of_steps`, with a step from one event to the next. Values are standardised in the training
    patients, so that their unit does not matter.

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
        The training patients have no event, a value that is constant or missing, or complete separation; or a value of
        a patient to predict is missing.
    """
    for what, whom in (("used for fitting", train), ("to predict", test)):
        lacking = whom.values[terms].isna().any(axis=1).sum()
        if lacking:
            n = len(whom.time)
            raise DataError(f"Cox regression: found {lacking} of {n} patients {what} without a value at {terms[-1]}")
    known = train.values[terms]
    middle, spread = known.mean(), known.std(ddof=0)
    spread = spread.where(spread > 0.0, 1.0)
    since, design = train.time - landmark, (known - middle) / spread
    of_test, hazards = (test.values[terms] - middle) / spread, []
    ends = np.unique(np.concatenate([since[(train.event > 0) & (since <= horizons.max())], horizons]))
    for event in hazard_events(train):
        b = cox_regression(since, event, design).table["log_hazard_ratio"].to_numpy()
        ratios = [np.clip(x.to_numpy() @ b, -LARGEST, LARGEST) for x in (design, of_test)]
        hazards.append(np.outer(baseline_cumulative_hazard(since, event, ratios[0], ends), np.exp(ratios[1])))
    return Predicted(_free(hazards, ends, horizons), None, _held(train, landmark, horizons))


def hazard_events(risk) -> list[np.ndarray]:
    """Events of each hazard, 1 = event and 0 = censored: of the cause of interest, and of all others if any.

    Parameters
    ----------
    risk : AtRisk
    """
    others = [(risk.event == 2).astype(float)] if (risk.event == 2).any() else []
    return [(risk.event == 1).astype(float), *others]


def _free(hazards, ends, horizons):
    """P(no event of the first cause) at the horizons: array (n_patients, n_horizons).

    `hazards` are cumulative hazards at the ends of steps (n_ends, n_patients), the first that of the cause.
    """
    steps = np.diff(np.stack(hazards), axis=1, prepend=0.0)
    return 1.0 - incidence_of_steps(np.maximum(steps, 0.0))[0][np.searchsorted(ends, horizons)].T


def weibull_baseline(train, test, reading: str, landmark: float, horizons: np.ndarray) -> Predicted:
    """Weibull regression on the levels of a reading, from the landmark on (delayed entry at it).

    A level in which no patient had the event has no estimate and is merged with the reference, as the note reports.

    Parameters
    ----------
    train, test : AtRisk
    reading : {"bCTC", "b2CTC"}
    landmark : float
    horizons : array (n_horizons,)

    Raises
    ------
    DataError
        No event, or complete separation, in the training patients.
    """
    levels, of_test = train.readings[reading], test.readings[reading]
    entry, start = np.full(len(levels), landmark), np.full(len(of_test), landmark)
    ends = np.unique(np.concatenate([step_ends(landmark, landmark + horizons.max())[1:], landmark + horizons]))
    density, notes, hazards = np.zeros(len(start)), [], []
    for code, event in enumerate(hazard_events(train), start=1):
        terms = level_terms(levels, event)
        columns = terms.columns.drop(columns=list(terms.silent))
        fit = weibull_regression(train.time, event, columns, entry=entry)
        design = pd.DataFrame({name: (of_test == name).to_numpy(dtype=float) for name in columns}, index=of_test.index)
        hazards.append(-_alive(fit, ends, of_test, design, start))
        density += weibull_log_density(fit, test.time, test.event == code, design, start)
        joined = [str(level) for level in levels.cat.categories if level not in columns and level != terms.base]
        if joined:
            which = " of another cause" if code > 1 else ""
            notes.append(f"{', '.join(joined)} merged with {terms.base}: no event{which}")
    return Predicted(_free(hazards, ends, landmark + horizons), density, "; ".join(notes))


def _alive(fit, ends, levels, design, start):
    """Log probability of no event by each end, given none at the start: array (n_ends, n_patients).

    It is the same for all patients of a level.
    """
    codes = pd.factorize(levels)[0]
    first = np.unique(codes, return_index=True)[1]
    time, row = np.repeat(ends, len(first)), np.tile(first, len(ends))
    each = weibull_log_density(fit, time, np.zeros(len(time)), design.iloc[row], start[row])
    return each.reshape(len(ends), -1)[:, codes]


def baselines(train, test, horizons) -> dict[str, Predicted]:
    """Predictions of the simpler models, or the reason why one cannot be fitted.

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
    of_all = AALEN_JOHANSEN if test.cause else KAPLAN_MEIER
    return found | {of_all: kaplan_meier_baseline(train, test, landmark, horizons)}
