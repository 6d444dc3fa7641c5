"""The course of a patient's values: change from baseline, variation within patients, baseline to cycle 2."""

import numpy as np

from bayesctc.checks.check import ENOUGH, Check, Label
from bayesctc.data.outcome import CUTOFF
from bayesctc.predict.trajectories import POSITIVE_COUNT

CYCLE_2 = (0.0, 2.0)  # months, as `comparison.readings.b2ctc` has it
TRANSITIONS = ("neg-neg", "neg-pos", "pos-neg", "pos-pos")


def _later(setting):
    return [v for v in setting.enough_visits if v > 0]


def _change_labels(setting):
    return [setting.visit_label(v, s) for v in _later(setting) for s in ("mean change", "sd of change")]


def _change(data, setting):
    baseline = data.log_count[:, :1]
    out = []
    for v in _later(setting):
        change = (data.log_count[:, setting.visits.visit == v] - baseline).ravel()
        change = change[np.isfinite(change)]
        out += [change.mean(), change.std()] if len(change) > 1 else [np.nan, np.nan]
    return np.array(out)


def _variation_labels(setting):
    values = setting.outcome.words.log_values
    # equal values that are not whole come of rounding, which is not modelled
    still = [Label("within patients", "share with no variation")] if setting.outcome.whole else []
    return [
        Label("within patients", f"mean sd of {values}"),
        Label("within patients", "90 % quantile of sd"),
        *still,
        Label("from sample to sample", "mean absolute change"),
        Label("from sample to sample", f"correlation of {values}"),
        Label("between patients", f"sd of mean {values}"),
    ]


def _variation(data, setting):
    row, _ = np.nonzero(data.present)
    y, n = data.log_count[data.present], data.present.sum(axis=1)
    mean = np.bincount(row, y, len(n)) / np.maximum(n, 1)
    several = n > 1
    square = np.bincount(row, (y - mean[row]) ** 2, len(n))[several]
    sd = np.sqrt(square / (n[several] - 1))
    pair = row[1:] == row[:-1]
    first, second = y[:-1][pair], y[1:][pair]
    if len(first) < 2 or first.std() == 0 or second.std() == 0:
        return np.full(len(_variation_labels(setting)), np.nan)
    still = [np.mean(sd < 1e-9)] if setting.outcome.whole else []
    return np.array(
        [
            sd.mean(),
            np.quantile(sd, 0.9),
            *still,
            np.abs(second - first).mean(),
            np.corrcoef(first, second)[0, 1],
            mean[n > 0].std(),
        ]
    )


def _signs(data, setting):
    """CTC+ at baseline and at cycle 2 of the patients who have both: arrays of bool."""
    times, number = setting.visits.times, data.concentration
    before = data.present & (times <= 0.0)
    inside = data.present & (times > CYCLE_2[0]) & (times <= CYCLE_2[1])
    both = before.any(axis=1) & inside.any(axis=1)
    last = before.shape[1] - 1 - before[:, ::-1].argmax(axis=1)
    rows = np.flatnonzero(both)
    return (number[rows, slot[rows]] >= POSITIVE_COUNT for slot in (last, inside.argmax(axis=1)))


def _transition_labels(setting):
    first, _ = _signs(setting.observed, setting)
    return [Label(t, "share of patients") for t in TRANSITIONS] if len(first) >= ENOUGH else []


def _transitions(data, setting):
    first, second = _signs(data, setting)
    return np.bincount(2 * first + second, minlength=4) / max(len(first), 1)


CHANGE = Check("change", "Change from baseline, by visit", _change_labels, _change, "visits", "{scale}")
VARIATION = Check(
    "variation",
    "Variation within and between patients",
    _variation_labels,
    _variation,
    "intervals",
    "{scale}",
)
TRANSITION = Check(
    "transitions",
    "Baseline to cycle 2 (b2CTC)",
    _transition_labels,
    _transitions,
    "bars",
    "Share of patients",
    needs=CUTOFF,
)
