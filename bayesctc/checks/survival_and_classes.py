"""Survival, overall and by class, and its association with the values of the samples."""

import numpy as np

from bayesctc.checks.check import Check, Label
from bayesctc.errors import DataError
from bayesctc.time_to_event.aalen_johansen import aalen_johansen
from bayesctc.time_to_event.concordance import concordance
from bayesctc.time_to_event.product_limit import free_of_event
from bayesctc.time_to_event.score import score_statistics


def _free(setting):
    return "free of every event" if setting.causes else "free of the event"


def _overall_labels(setting):
    return [Label("all patients", _free(setting), float(m)) for m in setting.months]


def _overall(data, setting):
    return free_of_event(data.time, data.event > 0, data.entry, data.left, setting.months, setting.start)


def _class_labels(setting):
    return [
        Label(setting.classes[g], _free(setting), float(m))
        for g, months in setting.months_by_class.items()
        for m in months
    ]


def _by_class(data, setting):
    curves = []
    for g, months in setting.months_by_class.items():
        of = data.latent_class == g
        left = None if data.left is None else data.left[of]
        curves.append(free_of_event(data.time[of], data.event[of] > 0, data.entry[of], left, months, setting.start))
    return np.concatenate(curves)


def with_event(cause: str) -> str:
    """The name of the statistic that is the share of patients with an event of a cause."""
    return f"had {cause}"


def _incidence_labels(setting):
    return [Label("all patients", with_event(c), float(m)) for c in setting.causes for m in setting.months]


def _incidence(data, setting):
    n = len(setting.causes)
    return aalen_johansen(data.time, data.event, data.entry, setting.months, n, setting.start).ravel()


def _incidence_class_labels(setting):
    return [
        Label(setting.classes[g], with_event(c), float(m))
        for g, months in setting.months_by_class.items()
        for c in setting.causes
        for m in months
    ]


def _incidence_by_class(data, setting):
    n, curves = len(setting.causes), []
    for g, months in setting.months_by_class.items():
        of = data.latent_class == g
        curves.append(aalen_johansen(data.time[of], data.event[of], data.entry[of], months, n, setting.start).ravel())
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
    words = f"Harrell's C of the mean {setting.outcome.words.log_value}"
    return [Label("all patients", each) for each in setting.of_each_cause(words)]


def _association(data, setting):
    """Association for each cause, others censored.

    Here and below, events between two visits have the time at which they were seen. This is so in data and replicates,
    so the comparison is valid.
    """
    mean = summaries(data)[:, 1]
    seen = np.isfinite(mean)
    found = []
    for event in setting.events(data):
        try:
            found.append(concordance(data.time[seen], event[seen], mean[seen], entry=data.entry[seen]).estimate)
        except DataError:  # a replicate in which no two patients can be compared
            found.append(np.nan)
    return np.array(found)


def _independence_labels(setting):
    value = setting.outcome.words.log_value
    each = f"first {value}", f"mean {value}", "change, first to last sample"
    return [Label("within classes", text) for what in each for text in setting.of_each_cause(f"z of the {what}")]


def _independence(data, setting):
    """Independence of samples and survival given the class.

    Score statistics (z) of Cox models stratified by modal class. Misclassification leaves some association within
    classes, in the replicates as in the data, so the replicates show how much to expect. For each cause, others
    censored.
    """
    values, given = summaries(data), {"entry": data.entry, "strata": data.latent_class}
    return np.ravel([score_statistics(data.time, event, values, **given) for event in setting.events(data)], "F")


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
INCIDENCE = Check(
    "incidence",
    "Cumulative incidence in all patients",
    _incidence_labels,
    _incidence,
    "incidence",
    "Cumulative incidence",
    needs_survival=True,
    needs_causes=True,
)
INCIDENCE_BY_CLASS = Check(
    "incidence_by_class",
    "Cumulative incidence by class ({values} alone)",
    _incidence_class_labels,
    _incidence_by_class,
    "incidence",
    "Cumulative incidence",
    needs_survival=True,
    needs_classes=True,
    needs_causes=True,
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
