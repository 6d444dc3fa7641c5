"""What the default names of four classes mean: an order of classes, and nothing about single patients."""

from bayesctc.data.outcome import CUTOFF
from bayesctc.data.outcome_base import Outcome
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.report.format import percent
from bayesctc.report.subject import Subject

MANY = 0.1  # a share at or above the cut-off in the lowest class from which its name may mislead


def names_note(subject: Subject) -> str:
    """A sentence on the default names of classes; "" with numbered classes or names given by the user."""
    labels, outcome = subject.labels, subject.outcome
    if subject.fit.design.labels or labels == Outcome.class_labels(outcome, len(labels)):
        return ""
    names = f"{', '.join(labels[:-1])} and {labels[-1]}"
    text = f"The names {names} only give the order of the classes, from low to high {subject.words.values}"
    share = positive_at_first(subject)
    if not share > MANY:
        return f"{text}."
    cells = f"{POSITIVE_COUNT} or more {outcome.words.unit}"
    return f"{text}: {percent(share)} of the patients in {labels[0]} had {cells} in their first sample."


def positive_at_first(subject: Subject) -> float:
    """Share of the patients of the lowest class whose first sample is at or above the cut-off.

    NaN if the outcome has no cut-off or no patient of the class has a sample.
    """
    samples, outcome = subject.samples, subject.outcome
    if CUTOFF not in outcome.answers:
        return float("nan")
    classes = subject.fit.assignment["latent_class"]
    own = samples[samples["patient_id"].isin(classes.index[classes == subject.labels[0]])]
    first = own.sort_values("time", kind="stable").drop_duplicates("patient_id")
    value = outcome.at_reference(first[outcome.column], outcome.exposure(first))
    return float((value >= POSITIVE_COUNT).mean())
