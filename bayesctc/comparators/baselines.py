"""What a trajectory model has to beat at a landmark: Kaplan-Meier, and Weibull regressions on bCTC and b2CTC."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.comparators.ipcw import product_limit
from bayesctc.comparators.levels import level_terms
from bayesctc.comparators.weibull import weibull_log_density, weibull_regression

KAPLAN_MEIER, BCTC, B2CTC = "Kaplan-Meier", "bCTC", "b2CTC"


@dataclass(frozen=True, eq=False)
class Predicted:
    """What one model says of patients at a landmark.

    Attributes
    ----------
    survival : array (n_patients, n_horizons)
        P(T > L + h | T > L, what the model reads).
    log_density : array (n_patients,), or None
        log of h(T)^event S(T) given T > L, per month, at what became of them; None for a model without a density.
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
    note = "" if train.time.max() >= landmark + horizons.max() else "beyond its last follow-up the curve is held"
    return Predicted(np.repeat(curve, len(test.time), axis=0), None, note)


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
