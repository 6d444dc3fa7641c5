"""The course of a class's median from the start of treatment to the end of its samples, in a sentence."""

from functools import partial

import numpy as np

from bayesctc.data.outcome import CUTOFF, Outcome
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.report.format import fixed, significant
from bayesctc.report.subject import Subject

NEAR_ZERO = 1.0  # cells
LEVEL = 1.5  # times as high or as low: a smaller change is not mentioned
LEVEL_WORDS = "stays about level"


def course(subject: Subject, g: int) -> str:
    """The sentence of a class: the shape of its course, and numbers at its start, between and at its end."""
    outcome, name = subject.outcome, subject.outcome.median_columns[0]
    curve = subject.curves[name].isel(latent_class=g)
    curve = curve.sel(time=(curve["time"] > 0.0) & (curve["time"] <= subject.reach[g]))
    counted = subject.counts[name].isel(latent_class=g)
    months = np.concatenate([[0.0], curve["time"].to_numpy()])
    medians = np.concatenate([[float(counted.sel(time=0.0))], curve.to_numpy()])
    verb, turn = in_words(outcome, medians)
    numbers = {0.0: medians[0]}
    middle = subject.short_months[1]
    if turn is not None:
        numbers[float(months[turn])] = medians[turn]
    elif middle < months[-1]:
        numbers[middle] = float(counted.sel(time=middle))
    numbers[float(months[-1])] = medians[-1]
    show, unit = partial(_shown, outcome), (f" {subject.words.unit}" if subject.words.unit else "")
    said = [f"{show(value)}{'' if k else unit} at {_when(month)}" for k, (month, value) in enumerate(numbers.items())]
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}, near the end of their sampling"
    return f"Their typical (median) {subject.words.value} {verb}: {listed}."


def _shown(outcome: Outcome, value: float) -> str:
    """A median: of counts, a whole number that is on the same side of the cut-off."""
    if not outcome.whole:
        return significant(value)
    if CUTOFF in outcome.answers and POSITIVE_COUNT - 0.5 <= value < POSITIVE_COUNT:
        return f"just under {POSITIVE_COUNT}"
    return fixed(value, 0)


def _when(month: float) -> str:
    return "the start of treatment" if month == 0 else f"{month:.2g} months"


def in_words(outcome: Outcome, medians: np.ndarray) -> tuple[str, int | None]:
    """A course in words, and the position of its turning point where the words mention one.

    Changes of less than 1.5-fold (`LEVEL`) are not mentioned, nor are those of a median that is not above zero. A
    course that only rises or only falls is described relative to the cut-off, if there is one.
    """
    highest = medians.max()
    if CUTOFF in outcome.answers and highest < POSITIVE_COUNT:
        return ("stays near zero" if highest < NEAR_ZERO else f"stays below {POSITIVE_COUNT}"), None
    if medians.min() <= 0 and not outcome.whole:
        return "takes the following course", None
    logs = np.log(medians + 1.0 if outcome.whole else medians) / np.log(LEVEL)
    since, until = logs - logs[0], logs[-1] - logs
    back = np.where(since * until < 0, np.minimum(np.abs(since), np.abs(until)), 0.0)
    turn = int(back.argmax())
    if back[turn] < 1.0:
        if abs(since[-1]) >= 1.0 or np.ptp(logs) < 1.0:
            return _verb(since[-1]) + _crossed(outcome, medians, since[-1]), None
        turn = int(np.maximum(np.abs(since), np.abs(until)).argmax())
    first, then = _verb(since[turn]), _verb(until[turn])
    if first == then:
        return first + _crossed(outcome, medians, since[-1]), None
    return f"{first}, then {then}", turn


def _crossed(outcome: Outcome, medians: np.ndarray, change: float) -> str:
    """Whether a median that rises or falls crosses the cut-off, to follow the verb; "" if it does so twice."""
    if CUTOFF not in outcome.answers or abs(change) < 1.0:
        return ""
    low, cut = medians < POSITIVE_COUNT, POSITIVE_COUNT
    if change < 0:
        return f" but stays at {cut} or more" if not low.any() else f" below {cut}" if low[-1] and not low[0] else ""
    return f" to {cut} or more" if low[0] and not low[-1] else ""


def _verb(change: float) -> str:
    """One change in words, given on the log scale in units of `LEVEL`."""
    if abs(change) < 1.0:
        return LEVEL_WORDS
    return "rises" if change > 0 else "falls"
