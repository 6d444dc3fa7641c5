"""What the page says of the fit: whom it is of, what it computes, and what it may not be used for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesctc.data.outcome import Outcome
from bayesctc.model.describe_survival import endpoint_words
from bayesctc.plots.style import class_colours
from bayesctc.report.first_page import free_of_event
from bayesctc.report.format import count, percent, significant
from bayesctc.report.subject import Subject
from bayesctc.results.intervals import CI_TEXT


def interval_words(subject: Subject) -> str:
    """What the intervals are; what stands in their place where there are none."""
    return subject.interval if subject.fit.has_intervals else f"{CI_TEXT} interval (not known)"


def purpose(subject: Subject) -> str:
    """What the page does, in a sentence."""
    values, free = subject.words.full_values, free_of_event(subject)
    classes = "the class of their course so far and " if subject.spec.n_classes > 1 else ""
    known = f"For one patient, from serial {values} since the start of treatment"
    return f"{known}: {classes}the probability of staying {free}."


def notice(warnings: Sequence[str]) -> str:
    """What has to be read before a number is."""
    text = (
        "Nothing here has been shown to hold in patients other than those it was fitted to. It is not for decisions "
        "about a patient's care: before a validation in patients like them, its place is in research."
    )
    if not warnings:
        return text
    return f"{text} The fit itself has {len(warnings)} warning{'s' if len(warnings) > 1 else ''}, listed at the end."


def limits(subject: Subject) -> list[tuple[str, str]]:
    """Heading and text, in the order in which somebody asks."""
    fit, words, free = subject.fit, subject.words, free_of_event(subject)
    rows = [
        (
            "What is computed",
            f"The probability that a patient who is {free} at the chosen day is still {free} a given time later, given "
            f"the {words.values} up to that day and the covariates; and the probability of each class given the same. "
            "What becomes of treatment after that day is as it was in the patients of the fit. Nothing here says what "
            "would follow if treatment were changed.",
        ),
        ("Patients", _population(subject)),
        ("Follow-up", _follow_up(subject)),
        ("Interval", _interval(subject)),
        (
            "Classes",
            "Classes are a summary of curves by a statistical model, not a diagnosis. Samples are read at the times "
            "given, and a class probability depends on how many there are.",
        ),
    ]
    if fit.design.causes:
        causes = f"Competing events: {', '.join(fit.design.causes)}. The curve is of having had none of them. "
        causes += "The probability of each is in the table below it."
        rows.insert(1, ("Events", causes))
    return rows


def _population(subject):
    """Who the fit is of, and how they came in."""
    samples, fit = subject.samples, subject.fit
    by_patient = samples.groupby("patient_id").size()
    text = (
        f"{fit.n_patients:,} patients with {len(samples):,} samples (median {by_patient.median():.0f} per patient, at "
        f"{samples['time'].min():.1f} to {samples['time'].max():.1f} months) and {subject.n_events:,} events of "
        f"{endpoint_words(subject.spec)}."
    )
    flow = fit.cohort.flow(subject.spec.endpoint)
    left = [row for row in flow.itertuples() if row.patients_excluded > 0]
    if left:
        text += f" Not in the fit: {'; '.join(f'{row.patients_excluded:,} with {row.reason}' for row in left)}."
    return text + " The page knows nothing of patients unlike them."


def _follow_up(subject):
    last, median = subject.last_follow_up, float(np.median(subject.fit.packed.time))
    return (
        f"To the event or to the end of follow-up: median {median:.1f} months, {last:.1f} at most, from the start of "
        "treatment. Beyond that the curve is the formula's continuation, which no data support; it is grey."
    )


def _interval(subject):
    """What the interval is of."""
    if not subject.fit.has_intervals:
        return "There is none: how uncertain the model's parameters are is not known."
    return (
        f"The {subject.interval} is of the probability itself: how uncertain the model's parameters are. It says "
        "nothing of whether the model is right, and a single patient either has the event or has not."
    )


def class_words(subject: Subject) -> list[dict[str, str]]:
    """Each class by its label, in words (size, course of the values, survival), and the colour it has in pictures."""
    outcome, months = subject.outcome, subject.short_months
    curves, horizon = subject.counts.sel(time=months), subject.short_horizon
    survival = subject.survival["survival_function"].sel(time=horizon).to_numpy()
    median = curves[outcome.median_columns[0]].to_numpy()
    found = []
    colours = class_colours(len(subject.labels))
    for g, label in enumerate(subject.labels):
        course = _course(outcome, median[g], months)
        share = percent(subject.fit.quality["share_modal"].iloc[g])
        later = f"{percent(survival[g])} {free_of_event(subject)} at {horizon:.3g} months"
        words = f"{course}; {share} of the fit's patients; {later}"
        found.append({"label": str(label), "words": words, "colour": colours[g]})
    return found


def _course(outcome: Outcome, median: np.ndarray, months: list[float]) -> str:
    """The median at two months."""
    show = count if outcome.whole else significant
    values = ", ".join(f"{show(value)} at month {month:.2g}" for value, month in zip(median, months, strict=True))
    return f"median {outcome.words.value} {values}"


def form_words(subject: Subject) -> dict[str, Any]:
    """Words and ranges by which the form is made and checked."""
    outcome, samples = subject.outcome, subject.samples
    values = samples[outcome.column].to_numpy(dtype=float)
    volumes = samples["volume_ml"].to_numpy() if "volume_ml" in outcome.columns else None
    bounded = np.isfinite(outcome.lower)
    return {
        "valueWord": outcome.words.noun,
        "valueLabel": "cells counted" if outcome.whole else outcome.words.label,
        "whole": outcome.whole,
        "allowed": outcome.allowed.split(" (transform")[0],
        "least": float(outcome.lower) if bounded else None,
        "values": [float(values.min()), float(values.max())],
        "times": [float(samples["time"].min()), float(samples["time"].max())],
        "volumes": None if volumes is None else [float(volumes.min()), float(volumes.max())],
        "usualVolume": outcome.reference,
    }
