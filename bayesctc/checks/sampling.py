"""Numbers of samples per patient, and whether patients who stopped sampling had different values."""

import numpy as np

from bayesctc.checks.check import Check, Label


def _number_labels(setting):
    most = int(setting.visits.counted.sum(axis=1).max())
    numbers = [Label(f"{k} sample{'s' * (k != 1)}", "share of patients", np.nan) for k in range(1, most)]
    return [*numbers, Label(f"{most} or more samples", "share of patients")]


def _numbers(data, setting):
    most = int(setting.visits.counted.sum(axis=1).max())
    n = np.minimum(data.present.sum(axis=1), most)
    return np.bincount(n, minlength=most + 1)[1:] / len(n)


def _dropout_labels(setting):
    group, value = "patients who stopped versus those who went on", setting.outcome.words.log_value
    return [Label(group, f"correlation with the {which} {value}") for which in ("last", "mean")]


def _dropout(data, setting):
    """Correlation, within visits, between the values so far and having no further sample although one was due.

    A failed draw counts as a sample, so a patient with only failed draws after a visit did not stop. A visit is due if
    it is replicated and planned before the end of the patient's follow-up.
    """
    visits, present = setting.visits, data.present
    first = visits.first
    covariance, spread_y, spread_l = np.zeros(2), np.zeros(2), 0.0
    number = np.cumsum(present, axis=1)
    total = np.cumsum(np.where(present, data.log_count, 0.0), axis=1)
    latest = np.maximum.accumulate(np.where(present, np.arange(present.shape[1]), 0), axis=1)
    for v in range(visits.n_visits - 1):
        end = first[v + 1] - 1  # the visit's last slot
        before = number[:, first[v] - 1] if v else 0
        due = (visits.times[:, first[v + 1]] <= data.time) & ~setting.kept[:, v + 1]
        rows = np.flatnonzero((number[:, end] > before) & due)
        if len(rows) < 2:
            continue
        y = np.column_stack([data.log_count[rows, latest[rows, end]], total[rows, end] / number[rows, end]])
        y -= y.mean(axis=0)
        left = (~data.taken[rows, end + 1 :].any(axis=1)).astype(float)
        left -= left.mean()
        covariance += left @ y
        spread_y += (y**2).sum(axis=0)
        spread_l += left @ left
    product = np.sqrt(spread_y * spread_l)
    return np.where(product > 0, covariance / np.where(product > 0, product, 1.0), np.nan)


N_SAMPLES = Check("n_samples", "Samples of a patient", _number_labels, _numbers, "bars", "Share of patients")
DROPOUT = Check(
    "dropout",
    "{heading} of patients who stopped being sampled",
    _dropout_labels,
    _dropout,
    "intervals",
    "Correlation",
)
