"""The quantities that a sensitivity analysis follows through its variations."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import softmax

from bayesctc.data.outcome import CUTOFF
from bayesctc.errors import SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.predict.curves import class_survival, summarise
from bayesctc.predict.hazard_ratios import class_ratios
from bayesctc.predict.incidence import cumulative_incidence
from bayesctc.predict.trajectories import POSITIVE_COUNT, class_trajectories
from bayesctc.results.fit import Fit

SHARE, MEDIAN, POSITIVE = "class_share", "median_ctc", "positive_share"
MARKER_MEDIAN = "median"
RATIO, SURVIVAL, INCIDENCE, ELPD = "hazard_ratio", "survival_function", "cumulative_incidence", "elpd"
COLUMNS = ["quantity", "latent_class", "time", "estimate", "lower", "upper", "cause"]


@dataclass(frozen=True)
class Targets:
    """The times, horizon and cut-off at which quantities are compared.

    Attributes
    ----------
    months : tuple of float
        Of the trajectories.
    survival_months : tuple of float
        Of the survival functions.
    horizon : float or None
        Months up to which hazard ratios are averaged; the base's last event unless given.
    cutoff : int
        Cells per 7.5 mL from which a count is positive.
    """

    months: Sequence[float] = (0.0, 3.0, 6.0)
    survival_months: Sequence[float] = (12.0, 24.0)
    horizon: float | None = None
    cutoff: int = POSITIVE_COUNT

    def __post_init__(self):
        for name, least in (("months", "0 or more"), ("survival_months", "above 0")):
            try:
                values = tuple(float(v) for v in getattr(self, name))
            except (TypeError, ValueError) as error:
                raise SpecError(f"{name} has to be a list of months; found {getattr(self, name)!r}.") from error
            increasing = all(a < b for a, b in pairwise(values))
            low = not values or values[0] < 0 or (values[0] == 0 and name == "survival_months")
            if low or not increasing or not all(np.isfinite(values)):
                raise SpecError(f"{name} has to be increasing months, {least}; found {getattr(self, name)!r}.")
            object.__setattr__(self, name, values)


def last_event(analysis: Analysis) -> float | None:
    """The month at which the last event was seen; None without an event."""
    times = analysis.packed.time[analysis.packed.event > 0]
    return float(times.max()) if len(times) else None


def quantities(fit: Fit, targets: Targets) -> pd.DataFrame:
    """Target quantities of a fit, except its elpd.

    Parameters
    ----------
    fit : MLFit or BayesFit
    targets : Targets

    Returns
    -------
    DataFrame
        quantity, latent_class, time (months; missing if a quantity has none), estimate, lower, upper (95 %):
        class_share (probability of the class, averaged over the patients' covariates), median_ctc (cells per 7.5 mL)
        and positive_share (P(count >= cutoff)), or median (of a marker, in its unit), hazard_ratio (relative to the
        lowest class), survival_function; cause, for competing events: each has hazard_ratio and cumulative_incidence,
        and survival_function is the probability of being free of all of them.
    """
    labels = list(fit.design.layout.coords["latent_class"])
    rows = [(*row, "") for row in (*_shares(fit, labels), *_trajectories(fit, labels, targets))]
    if fit.spec.endpoint is not None:
        rows += _ratios(fit, targets.horizon) if len(labels) > 1 else []
        curves = class_survival(fit, targets.survival_months)
        rows += [(*row, "") for row in _at(curves, labels, SURVIVAL, ("survival_function", "lower", "upper"))]
    if fit.design.causes:
        curves = cumulative_incidence(fit, targets.survival_months)
        for cause in fit.design.causes:
            own = _at(curves.sel(cause=cause), labels, INCIDENCE, (INCIDENCE, "lower", "upper"))
            rows += [(*row, cause) for row in own]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shares(fit, labels):
    """Mean over patients of the prior probability of each class, before counts and survival are known."""
    terms = fit.packed.terms("membership")
    place = fit.design.sizes.blocks["membership"]

    def shares(thetas):
        return {"share": softmax(thetas[..., place] @ terms.T, axis=1).mean(axis=2)}

    found = summarise(fit, shares, n_values=fit.spec.n_classes * len(terms))
    for label, *numbers in zip(labels, *found["share"], strict=True):
        yield (SHARE, label, np.nan, *map(float, numbers))


def _trajectories(fit, labels, targets):
    outcome = fit.design.outcome
    positive = CUTOFF in outcome.answers
    curves = class_trajectories(fit, targets.months, *((targets.cutoff,) if positive else ()))
    yield from _at(curves, labels, outcome.median_columns[0], outcome.median_columns)
    if positive:
        names = ("positive_share", "positive_share_lower", "positive_share_upper")
        yield from _at(curves, labels, POSITIVE, names)


def _ratios(fit, horizon):
    """Hazard ratios relative to the lowest class, for each cause."""
    ratios = class_ratios(fit, horizon)
    numbers = ratios[["estimate", "lower", "upper"]].to_numpy(dtype=float, na_value=np.nan)
    of = zip(ratios["level"], numbers.tolist(), ratios["cause"], strict=True)
    return [(RATIO, level, np.nan, *three, cause) for level, three, cause in of]


def _at(curves, labels, quantity, names):
    """Values of a dataset (latent_class, time), row by row."""
    for g, label in enumerate(labels):
        for t, month in enumerate(curves["time"].to_numpy()):
            yield (quantity, label, float(month), *(float(curves[name].to_numpy()[g, t]) for name in names))
