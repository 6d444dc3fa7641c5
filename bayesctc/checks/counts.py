"""Values by visit, and how often each count occurs."""

from itertools import pairwise

import numpy as np

from bayesctc.checks.check import Check, Label
from bayesctc.data.outcome import CUTOFF, FREQUENCY
from bayesctc.predict.trajectories import POSITIVE_COUNT

BINS = np.array([0, 1, 2, 3, 5, 10, 20, 50, 100, 500])  # cells per 7.5 mL, each bin up to the next
QUANTILES = (0.5, 0.9)


def _by_visit(statistic):
    """Labels of one statistic at every visit."""
    return lambda setting: [setting.visit_label(v, statistic) for v in setting.enough_visits]


def share_by_visit(holds, data, setting):
    """Share of each visit's samples for which something holds: array (n_visits with enough samples,)."""
    n = setting.visits.n_visits
    number = np.bincount(setting.visits.visit, holds.sum(axis=0), n)
    taken = np.bincount(setting.visits.visit, data.present.sum(axis=0), n)
    return np.where(taken > 0, number / np.maximum(taken, 1), np.nan)[setting.enough_visits]


def _zeros(data, setting):
    return share_by_visit(data.ctc == 0, data, setting)


def _positive(data, setting):
    return share_by_visit(data.concentration >= POSITIVE_COUNT, data, setting)


def _samples_of(data, setting, visit):
    values = data.concentration[:, setting.visits.visit == visit]
    return values[np.isfinite(values)]


def _quantiles(data, setting):
    return np.concatenate([_of_sorted(np.sort(_samples_of(data, setting, v))) for v in setting.enough_visits])


def _of_sorted(x):
    """Quantiles of sorted values, between neighbours in proportion."""
    if len(x) == 0:
        return np.full(len(QUANTILES), np.nan)
    place = np.array(QUANTILES) * (len(x) - 1)
    k = place.astype(int)
    return x[k] + (place - k) * (x[np.minimum(k + 1, len(x) - 1)] - x[k])


def _quantile_labels(setting):
    return [setting.visit_label(v, f"{100 * q:.0f} % quantile") for v in setting.enough_visits for q in QUANTILES]


def _maximum(data, setting):
    at = [_samples_of(data, setting, v) for v in setting.enough_visits]
    return np.array([values.max() if len(values) else np.nan for values in at])


def _frequencies(data, setting):
    values = data.concentration[data.present]
    return np.bincount(np.searchsorted(BINS, values, side="right") - 1, minlength=len(BINS)) / max(len(values), 1)


def _bin_labels(setting):
    ends = [f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in pairwise(BINS)]
    return [Label(f"{text} cells", "share of samples") for text in (*ends, f"{BINS[-1]} or more")]


ZEROS = Check(
    "zeros",
    "Samples without cells, by visit",
    _by_visit("share of zeros"),
    _zeros,
    "visits",
    "Share of samples",
    needs=FREQUENCY,
)
POSITIVE = Check(
    "positive",
    f"CTC+ samples ({POSITIVE_COUNT} or more cells), by visit",
    _by_visit("share CTC+"),
    _positive,
    "visits",
    "Share of samples",
    needs=CUTOFF,
)
QUANTILE = Check(
    "quantiles",
    "Median and 90 % quantile of the {values}, by visit",
    _quantile_labels,
    _quantiles,
    "visits",
    "{heading_label}",
    of_values=True,
)
MAXIMUM = Check(
    "maximum",
    "Largest {value}, by visit",
    _by_visit("maximum"),
    _maximum,
    "visits",
    "{heading_label}",
    of_values=True,
)
FREQUENCIES = Check(
    "frequencies",
    "How often each count occurs",
    _bin_labels,
    _frequencies,
    "bars",
    "Share of samples",
    needs=FREQUENCY,
)
