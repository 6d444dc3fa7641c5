"""Survival, overall and by class, and its association with the values of the samples."""

import numpy as np

from bayesctc.checks.check import Check, Label
from bayesctc.errors import DataError
from bayesctc.time_to_event.concordance import concordance
from bayesctc.time_to_event.product_limit import free_of_event
from bayesctc.time_to_event.score import score_statistics


def _overall_labels(setting):
    return [Label("all patients", "free of the event", float(m)) for m in setting.months]


def _overall(data, setting):
    return free_of_event(data.time, data.event, data.entry, data.left, setting.months, setting.start)


def _class_labels(setting):
    return [
        Label(setting.classes[g], "free of the event", float(m))
        for g, months in setting.months_by_class.items()
        for m in months
    ]


def _by_class(data, setting):
    curves = []
    for g, months in setting.months_by_class.items():
        of = data.latent_class == g
        left = None if data.left is None else data.left[of]
        curves.append(free_of_event(data.time[of], data.event[of], data.entry[of], left, months, setting.start))
    return np.concatenate(curves)


def _share_labels(setting):
    return [Label(name, "share of patients") for name in setting.classes]


def _shares(data, setting):
    return np.bincount(data.latent_class, minlength=len(setting.classes)) / len(data.time)


def summaries(data):
    """First and mean value and change from first to last, on the curve's scale: array (n_patients, 3)."""
    present = data.present
    n, rows = present.sum(axis=1), np.arange(len(present))
    mean = np.where(present, data.log_count, 0.0).sum(axis=1) / np.where(n > 0, n, np.nan)
    first = data.log_count[rows, present.argmax(axis=1)]
    last = data.log_count[rows, present.shape[1] - 1 - present[:, ::-1].argmax(axis=1)]
    return np.column_stack([first, mean, last - first])


def _association_labels(setting):
    return [Label("all patients", f"Harrell's C of the mean {setting.outcome.words.log_value}")]


def _association(data, setting):
    mean = summaries(data)[:, 1]  # times between two visits are those at which events were seen, here and below: in
    # data and replicates alike, which is all that a comparison of the two needs
    seen = np.isfinite(mean)
    try:
        return np.array([concordance(data.time[seen], data.event[seen], mean[seen], entry=data.entry[seen]).estimate])
    except DataError:  # a replicate in which no two patients can be compared
        return np.array([np.nan])


def _independence_labels(setting):
    value = setting.outcome.words.log_value
    each = f"first {value}", f"mean {value}", "change, first to last sample"
    return [Label("within classes", f"z of the {what}") for what in each]


def _independence(data, setting):
    """Given the class, the samples say no more about survival.

    Score statistics (z) of Cox models stratified by modal class. Patients in the wrong class leave some association
    within classes, in the replicates as in the data: the replicates say how much.
    """
    return score_statistics(data.time, data.event, summaries(data), entry=data.entry, strata=data.latent_class)


SURVIVAL = Check(
    "survival",
    "Survival of all patients",
    _overall_labels,
    _overall,
    "survival",
    "Free of the event",
    needs_survival=True,
)
SURVIVAL_BY_CLASS = Check(
    "survival_by_class",
    "Survival by class ({values} alone)",
    _class_labels,
    _by_class,
    "survival",
    "Free of the event",
    needs_survival=True,
    needs_classes=True,
)
CLASS_SHARES = Check(
    "class_shares",
    "Patients by class ({values} alone)",
    _share_labels,
    _shares,
    "bars",
    "Share of patients",
    needs_classes=True,
)
ASSOCIATION = Check(
    "association",
    "Association of {values} and survival",
    _association_labels,
    _association,
    "intervals",
    "Harrell's C",
    needs_survival=True,
)
INDEPENDENCE = Check(
    "independence",
    "{heading} and survival within classes",
    _independence_labels,
    _independence,
    "intervals",
    "z",
    needs_survival=True,
    needs_classes=True,
)
