"""The figures of one landmark: every measure of every model in the same patients, with limits and differences."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd

from bayesctc.accuracy.at_risk import AtRisk
from bayesctc.accuracy.baselines import Predicted
from bayesctc.process_wide import warnings_are
from bayesctc.results.intervals import CI_PROB
from bayesctc.time_to_event.ipcw import (
    auc,
    brier,
    calibration_groups,
    censoring_weights,
    jackknife_error,
    leaving_one_out,
    observed_expected,
)

JOINT = "joint model"
AUC, BRIER, OE, EPOCE = "auc", "brier", "observed_expected", "epoce"
RESAMPLES, GROUPS = 500, 4
DIFFERENCES = ["difference", "difference_se", "difference_lower", "difference_upper"]
COLUMNS = [
    "landmark",
    "horizon",
    "measure",
    "model",
    "estimate",
    "lower",
    "upper",
    *DIFFERENCES,
    "n_patients",
    "n_events",
    "note",
]


@dataclass(frozen=True, eq=False)
class Assessment:
    """The figures of one landmark.

    Attributes
    ----------
    risk : AtRisk
    rows : list of tuple
        Rows of `Accuracy.table`.
    calibration, predictions : DataFrame
    """

    risk: AtRisk
    rows: list[tuple]
    calibration: pd.DataFrame
    predictions: pd.DataFrame

    @classmethod
    def of(cls, risk: AtRisk, models: Mapping[str, Predicted], horizons, rng, fold=None) -> "Assessment":
        """Measure the models on the patients at risk; patients of one `fold` have the same models."""
        n, L, competing = len(risk.time), risk.landmark, bool(risk.cause)
        told_as = "cumulative_incidence" if competing else "survival_function"
        weights = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES)])
        rows, groups, told = [], [], []
        for j, h in enumerate(horizons):
            months = L + h
            n_events = int(np.sum((risk.time <= months) & (risk.event == 1)))
            followed = bool((risk.time > months).any())
            missing = (
                ""
                if followed and n_events
                else ("no patient is followed beyond the horizon" if n_events else "no event by the horizon")
            )
            known = partial(censoring_weights, risk.time, risk.event, months)
            for measure, of in ((AUC, partial(_auc, fold)), (BRIER, brier), (OE, _observed_expected)):
                measures = {
                    name: None
                    if missing or np.isnan(model.free[:, j]).any()
                    else partial(of, risk.time, risk.event, model.free[:, j], months)
                    for name, model in models.items()
                }
                notes = {name: "; ".join(t for t in (missing, model.note) if t) for name, model in models.items()}
                rows += _rows((L, h, measure), measures, weights, known, notes, n_events)
            for name, model in models.items():
                head = {"landmark": L, "horizon": h, "model": name}
                told.append(
                    pd.DataFrame(
                        {
                            "patient_id": risk.patient_ids,
                            "time": risk.time,
                            "event": risk.event,
                            told_as: 1.0 - model.free[:, j] if competing else model.free[:, j],
                        }
                    ).assign(**head)
                )
                if not missing and np.isfinite(model.free[:, j]).all():
                    table = calibration_groups(risk.time, risk.event, model.free[:, j], months, GROUPS, fold)
                    groups.append(table.assign(**head))
        entropies = {
            name: None if model.log_density is None else partial(_entropy, model.log_density)
            for name, model in models.items()
        }
        notes = {name: "no density" if model.log_density is None else model.note for name, model in models.items()}
        rows += _rows((L, np.nan, EPOCE), entropies, weights, None, notes, int(np.sum(risk.event == 1)))
        return cls(risk, rows, pd.concat(groups) if groups else pd.DataFrame(), pd.concat(told))


def _auc(fold, time, event, free, months, weights, known):
    return auc(time, event, 1.0 - free, months, weights, fold, known)


def _observed_expected(time, event, free, months, weights, known):
    return observed_expected(time, event, free, months, weights)


def _entropy(log_density, weights, known):
    return -(weights @ log_density) / weights.sum(axis=1)


def _rows(head, measures: Mapping[str, Callable | None], weights, known, notes, n_events):
    """Rows of the table: the first replicate of the weights is the estimate, the others give the limits.

    `known` is a function of weights, what they are with censoring, once for all models; None where nothing asks for it.
    """
    n, asked = weights.shape[1], {name: of for name, of in measures.items() if of is not None}
    values: dict[str, list[np.ndarray]] = {name: [] for name in asked}
    for replicates in chain([weights], leaving_one_out(n)):
        censored = None if known is None else known(replicates)
        for name, of in asked.items():
            values[name].append(of(replicates, censored))
    found = {name: (own[0], np.concatenate(own[1:])) for name, own in values.items()}
    for name in measures:
        if name not in found:
            yield (*head, name, *[np.nan] * 7, n, n_events, notes[name])
            continue
        from_joint = [np.nan] * 4
        if name != JOINT and JOINT in found:
            apart, without = (mine - joint for mine, joint in zip(found[name], found[JOINT], strict=True))
            difference, lower, upper = _with_limits(apart)
            from_joint = [difference, jackknife_error(without), lower, upper]
        yield (*head, name, *_with_limits(found[name][0]), *from_joint, n, n_events, notes[name])


def _with_limits(values):
    tail = (1.0 - CI_PROB) / 2.0
    with warnings_are("ignore", RuntimeWarning):  # a replicate without cases has no value
        return [values[0], *np.nanquantile(values[1:], [tail, 1.0 - tail])]
