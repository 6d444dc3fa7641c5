"""Texts of the page about the fit: its patients, what is computed, and what it must not be used for."""

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
    """What the intervals are; a remark if there are none."""
    return subject.interval if subject.fit.has_intervals else f"{CI_TEXT} interval (not available)"


def purpose(subject: Subject) -> str:
    """What the page computes, in a sentence."""
    values, free = subject.words.full_values, free_of_event(subject)
    classes = "the class of their course so far and " if subject.spec.n_classes > 1 else ""
    known = f"serial {values} since the start of treatment"
    return f"Computes for one patient, from {known}, {classes}the probability of staying {free}."


def notice(warnings: Sequence[str]) -> str:
    """What should be read before any number."""
    text = (
        "The model has not been validated in patients other than those it was fitted to. Do not use it for decisions "
        "about a patient's care; until it is validated in similar patients, use it for research only."
    )
    if not warnings:
        return text
    return f"{text} The fit has {len(warnings)} warning{'s' if len(warnings) > 1 else ''}, listed at the end."


def limits(subject: Subject) -> list[tuple[str, str]]:
    """Headings and texts, in the order of a reader's questions."""
    fit, words, free = subject.fit, subject.words, free_of_event(subject)
    rows = [
        (
            "What is computed",
            f"The probability that a patient who is {free} on the chosen day is still {free} a given time later, given "
            f"the {words.values} up to that day and the covariates; and the probability of each class given the same. "
            "Treatment after that day is assumed to be as in the patients of the fit. The page does not show what "
            "would happen if treatment were changed.",
        ),
        ("Patients", _population(subject)),
        ("Follow-up", _follow_up(subject)),
        ("Interval", _interval(subject)),
        (
            "Classes",
            "Classes are a statistical summary of curves, not a diagnosis. Class probabilities depend on the number of "
            "samples and on when they were taken.",
        ),
    ]
    if fit.design.causes:
        causes = f"Competing events: {', '.join(fit.design.causes)}. The curve is of having had none of them. "
        causes += "The table below it has the probability of each."
        rows.insert(1, ("Events", causes))
    return rows


def _population(subject):
    """The patients of the fit, and exclusions."""
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
    return text + " The page does not apply to patients unlike these."


def _follow_up(subject):
    last, median = subject.last_follow_up, float(np.median(subject.fit.packed.time))
    return (
        f"From the start of treatment to the event or to the end of follow-up: median {median:.1f} months, at most "
        f"{last:.1f}. Beyond that the curve is extrapolated without support from data, and it is grey."
    )


def _interval(subject):
    """What the interval covers."""
    if not subject.fit.has_intervals:
        return "None, because the uncertainty of the model's parameters is not known."
    return (
        f"The {subject.interval} is for the probability and reflects the uncertainty of the model's parameters. It "
        "does not show whether the model is right, and it is not a range for the outcome of a single patient."
    )


def class_words(subject: Subject) -> list[dict[str, str]]:
    """Each class by its label, in words (size, course of the values, survival), with its colour in pictures."""
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
    """The median at a few months."""
    show = count if outcome.whole else significant
    values = ", ".join(f"{show(value)} at month {month:.2g}" for value, month in zip(median, months, strict=True))
    return f"median {outcome.words.value} {values}"


def form_words(subject: Subject) -> dict[str, Any]:
    """Words and ranges with which the form is built and checked."""
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
