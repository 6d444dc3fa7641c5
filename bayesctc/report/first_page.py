"""The first page: what was found, whether to trust it and what not to conclude, in sentences for a clinician."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.doubts import DEATH_ENDS, deaths_not_counted
from bayesctc.design.grammar import columns_of
from bayesctc.model.describe_survival import endpoint_words
from bayesctc.report.class_names import names_note
from bayesctc.report.course import course
from bayesctc.report.effects_by_class import effect_sentences
from bayesctc.report.format import percent, significant
from bayesctc.report.recommended import recommended
from bayesctc.report.requirements import Requirement, included_by
from bayesctc.report.subject import Subject
from bayesctc.results.cells import cells_of
from bayesctc.results.intervals import CI_TEXT

SURE = 0.8  # a probability of the most probable class from which a patient's class is called clear
# of an endpoint: being free of the event, having it, and the event as a noun
EVENTS = {
    "os": ("alive", "die", "death"),
    "pfs": ("alive and free of progression", "progress or die", "progression or death"),
    "ttf": ("free of treatment failure", "have treatment failure", "treatment failure"),
}
WITHOUT_DEATH = ("free of progression", "progress", "progression")  # of pfs that censors deaths


@dataclass(frozen=True)
class FirstPage:
    """What the first page says, in sentences.

    Attributes
    ----------
    found : list of str
    trusted : str
        Whether the result can be trusted.
    sound : bool
        Whether every check was passed.
    cautions : list of str
        What not to conclude.
    """

    found: list[str]
    trusted: str
    sound: bool
    cautions: list[str]


def first_page(subject: Subject, made: list[Requirement], n_warnings: int) -> FirstPage:
    """The sentences of a fit, or of the fit that a selection shows; the page after it has `n_warnings` warnings."""
    found = [_studied(subject)]
    if subject.why_not:
        found.append("This fit failed. None of its results is reported here, because none can be used.")
    else:
        effects = effect_sentences(subject, partial(_has, subject), partial(_estimated, subject))
        found += [_number(subject), names_note(subject), *_classes(subject), *effects, *_surely(subject)]
    sound = all(requirement.passed for requirement in made)
    return FirstPage(
        [text for text in found if text], _trusted(subject, made, n_warnings), sound, list(_cautions(subject))
    )


def _studied(subject: Subject) -> str:
    """Who and what was analysed."""
    spec, words = subject.spec, subject.words
    text = f"{subject.fit.n_patients:,} patients with {len(subject.samples):,} {words.full_values} were analysed"
    if spec.endpoint is None:
        return f"{text}. Survival was not analysed, so nothing here shows who lives longer."
    events = "deaths" if spec.endpoint == "os" else f"events of {endpoint_words(spec)}"
    followed = f"during up to {subject.last_follow_up:.0f} months of follow-up"
    return f"{text}. {subject.n_events:,} {events} were observed {followed}."


def _number(subject: Subject) -> str:
    """How many classes there are, how they were formed and why so many."""
    spec, values = subject.spec, subject.words.values
    if spec.n_classes == 1:
        text = f"One typical course of the {values} was fitted to all patients, without dividing them into classes."
    else:
        by = f"the course of their {values}" + (f" and by {_follow_up(subject)}" if spec.endpoint is not None else "")
        text = (
            f"Patients were grouped into {spec.n_classes} classes by {by}. Each patient is counted in their most "
            "probable class."
        )
    if subject.selection is not None and len(subject.selection.table) > 1:
        tried = list(subject.selection.table.index)
        text += f" {len(tried)} numbers of classes were tried, from {min(tried)} to {max(tried)}. "
        known = subject.selection.recommended == spec.n_classes
        text += recommended(subject.selected) if known else "None of them meets the rule for choosing one."
    return text


def _follow_up(subject: Subject) -> str:
    """What the follow-up of an endpoint observes, in words."""
    return "their survival" if subject.spec.endpoint == "os" else f"the time to {_event_of(subject)}"


def _event_of(subject: Subject) -> str:
    """The event as a noun."""
    causes, name = subject.fit.design.causes, str(subject.spec.endpoint)
    return " or ".join(causes) if causes else event_words(subject.fit.cohort, name)[2]


def _classes(subject: Subject) -> Iterator[str]:
    """For each class, its size, its course, its survival and its rate of events relative to the reference."""
    quality = subject.fit.quality
    for g, label in enumerate(subject.labels):
        text = course(subject, g)
        if subject.spec.n_classes > 1:
            n, share = int(quality["n_modal"].iloc[g]), quality["share_modal"].iloc[g]
            by = f"{subject.words.values} and follow-up" if subject.spec.endpoint is not None else subject.words.values
            patients = f"{n:,} of {subject.fit.n_patients:,} patients ({percent(share)}, classified by their {by})"
            text = f"{_called(subject, g)}: {patients}. {text}"
        if subject.spec.endpoint is not None:
            text += f" {_survival(subject, g)}" + "".join(f" {each}" for each in _rates(subject, label))
        yield text


def _called(subject: Subject, g: int) -> str:
    """The name of a class in a sentence; a name given by the user is quoted."""
    label = subject.labels[g]
    return f'"{label}"' if subject.fit.design.labels else label


def free_of_event(subject: Subject) -> str:
    """Being free of the event, in words."""
    causes, name = subject.fit.design.causes, str(subject.spec.endpoint)
    if causes:
        return f"free of every event ({', '.join(causes)})"
    return event_words(subject.fit.cohort, name)[0]


def event_words(cohort: Cohort, name: str) -> tuple[str, str, str]:
    """Being free of the event of an endpoint, having it, and the event as a noun, as the data define it."""
    if name == DEATH_ENDS and deaths_not_counted(cohort.patients):
        return WITHOUT_DEATH
    return EVENTS.get(name, (f"free of the event {name}", f"have the event {name}", f"the event {name}"))


def _survival(subject: Subject, g: int) -> str:
    """Survival at a month within the follow-up."""
    month = subject.short_horizon
    each = subject.survival.sel(time=month).isel(latent_class=g)
    estimate, lower, upper = (float(each[v]) for v in ("survival_function", "lower", "upper"))
    value = _with_interval(subject, estimate, lower, upper, percent)
    if subject.spec.endpoint == "os" and not subject.fit.design.causes:
        return f"Their estimated survival at {month:.3g} months is {value}."
    return f"The estimated share who are {free_of_event(subject)} at {month:.3g} months is {value}."


def _with_interval(subject: Subject, estimate: float, lower: float, upper: float, show) -> str:
    if not (np.isfinite(lower) and np.isfinite(upper)):
        return f"{show(estimate)} (no interval could be computed)"
    return f"{show(estimate)} ({subject.interval} {show(lower)} to {show(upper)})"


def _rates(subject: Subject, label: str) -> Iterator[str]:
    """The rate of events of a class relative to that of the reference class, by cause."""
    reference = _called(subject, 0)
    rows: Any = subject.ratios[subject.ratios["comparison"] == f"{label} vs {subject.labels[0]}"]
    for row in rows.itertuples():
        what = _has(subject, row.cause)
        if pd.isna(row.estimate):
            yield f"There are too few events to estimate at how many times the rate of {reference} they {what}."
            continue
        ratio, interval = _estimated(subject, row).split(" (", 1)
        who = "Among patients still free of every event, they" if row.cause else "They"
        text = f"{who} {what} at {ratio} times the rate of {reference} ({interval}"
        text += "" if row.kind == "constant over time" else ", on average over the follow-up"
        text += f"{_held(subject)}."
        if np.isfinite(row.lower) and row.lower <= 1 <= row.upper:
            text += " The interval includes 1, so these data do not show whether the rates differ."
        c = subject.fit.design.causes.index(row.cause) if row.cause else 0
        for g in (subject.labels.index(label), 0):
            for cell in cells_of(subject.fit.empty_cells, c, g):
                why = f"{_called(subject, g)} has {cell.words}"
                text += f" This number rests on an effect that cannot be estimated: {why}."
        yield text


def having(cohort: Cohort, name: str, cause: str) -> str:
    """Having the event of an endpoint, or of one of its causes, in words."""
    return f"have {cause}" if cause else event_words(cohort, name)[1]


def _has(subject: Subject, cause: str) -> str:
    return having(subject.fit.cohort, str(subject.spec.endpoint), cause)


def _estimated(subject: Subject, row) -> str:
    """A ratio in words, as an estimate with its interval."""
    return "an estimated " + _with_interval(subject, row.estimate, row.lower, row.upper, partial(significant, digits=2))


def _held(subject: Subject) -> str:
    """How a comparison of classes accounts for the covariates of the hazard."""
    alike = columns_of(subject.spec.survival, "survival")
    by_class = columns_of(subject.spec.survival_by_class, "survival_by_class")
    text = f", adjusted for {', '.join(alike)}" if alike else ""
    return text + (f", averaged over {', '.join(by_class)}, whose effect may differ by class" if by_class else "")


def _surely(subject: Subject) -> Iterator[str]:
    """How many patients clearly belong to one class."""
    if subject.spec.n_classes == 1:
        return
    clear = int((subject.fit.class_probabilities.max(axis=1) >= SURE).sum())
    n = subject.fit.n_patients
    others = "" if clear == n else " The class of the others is uncertain."
    yield (
        f"{clear:,} of {n:,} patients ({percent(clear / n)}) belong to one class with a probability of "
        f"{percent(SURE)} or more.{others}"
    )


def _trusted(subject: Subject, made: list[Requirement], n_warnings: int) -> str:
    """Whether the result can be trusted."""
    if subject.why_not:
        return (
            "No. This is a FAILED FIT: the computation did not reach a reliable result. The statistician's pages give "
            "the reason."
        )
    failed = [requirement for requirement in made if not requirement.passed]
    if failed:
        why = "; ".join(dict.fromkeys(requirement.plain for requirement in failed))
        return f"Only with care, because {len(failed)} of {len(made)} checks failed: {why}."
    parts = ["repeated runs of the computation agree" if subject.bayesian else "the search for the best fit converged"]
    if subject.spec.n_classes > 1:
        parts.append("the classes are large enough and well separated")
    if subject.spec.endpoint is not None:
        parts.append("there are enough events" + (" in each class" if subject.spec.n_classes > 1 else ""))
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
    also = {0: "", 1: ". The warning on the next page still applies"}
    warned = also.get(n_warnings, f". The {n_warnings} warnings on the next page still apply")
    return f"Yes, as far as {len(made)} checks can show: {listed}{warned}."


def _cautions(subject: Subject) -> Iterator[str]:
    """What the result does not show."""
    spec, values = subject.spec, subject.words.values
    several, survival = spec.n_classes > 1, spec.endpoint is not None
    if survival and several:
        yield (
            f"That the {values} cause the outcome. Even if classes differ in outcome, it has not been shown that "
            f"changing a patient's {values} would change their outcome."
        )
    if several:
        yield (
            "That the classes are distinct types of disease. They summarise many individual courses. Patients within "
            "a class differ, and there is no sharp border between classes."
        )
        yield f"That a patient's treatment should be changed because of their class. {_switching(subject)}"
        if columns := _acting_by_class(subject):
            yield (
                f"That patients in the same class differ only in {columns}. Classes are formed from {values} measured "
                f"during treatment. If {columns} affects these, patients at different levels of it enter a class for "
                "different reasons. A comparison within a class is not randomised, even in a randomised trial."
            )
        told = f"the {values} are observed" + (f", and it also depends on {_follow_up(subject)}" if survival else "")
        yield (
            f"That the class is known when treatment starts. It is known only after {told}. To predict from a given "
            "day, use only what was known on that day."
        )
    else:
        yield "That all patients are alike. One typical course was fitted, and no groups were distinguished."
    if survival and (rule := included_by(subject)):
        yield (
            f"That patients in general live this long. These patients were selected by their number of samples "
            f"({rule}), so they had to live long enough to give them."
        )
    yield "That the same holds elsewhere. The result has not been tested in patients from outside these data."
    if not subject.bayesian and subject.selection is not None:
        yield "That the intervals are final. This is a first, quick estimate of the model."
    yield (
        f"That a {CI_TEXT} interval covers all uncertainty. It takes the model and the number of classes as given; "
        "whether other reasonable choices lead to the same result was not tested here."
    )


def _switching(subject: Subject) -> str:
    """What the analysis says about a change of treatment."""
    columns = _acting_by_class(subject)
    if not columns:
        return "This was not studied here."
    return (
        f"The analysis examined whether {columns} acts differently in the classes, not what happens to patients "
        "whose treatment is changed once their class is known."
    )


def _acting_by_class(subject: Subject) -> str:
    """The columns whose effect may differ by class, listed; "" where there are none."""
    spec = subject.spec
    formulas = {"survival_by_class": spec.survival_by_class, "longitudinal_by_class": spec.longitudinal_by_class}
    return ", ".join(dict.fromkeys(column for name, text in formulas.items() for column in columns_of(text, name)))
