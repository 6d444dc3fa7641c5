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
from bayesctc.report.cautions import cautions
from bayesctc.report.class_names import names_note
from bayesctc.report.course import course
from bayesctc.report.effects_by_class import effect_sentences
from bayesctc.report.format import listed, percent, significant
from bayesctc.report.recommended import recommended
from bayesctc.report.requirements import Requirement
from bayesctc.report.subject import Subject
from bayesctc.report.trusted import trusted
from bayesctc.results.cells import cells_of

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
        [text for text in found if text],
        trusted(subject, made, n_warnings),
        sound,
        list(cautions(subject, _follow_up(subject))),
    )


def _studied(subject: Subject) -> str:
    """Who and what was analysed."""
    spec, words = subject.spec, subject.words
    n, samples = subject.fit.n_patients, f"{len(subject.samples):,} {words.full_values}"
    text = f"{n:,} patients with {samples} were analysed."
    flow = subject.fit.cohort.flow(spec.endpoint)
    out = flow[flow["patients_excluded"] > 0]
    if len(out):
        each = zip(out["patients_excluded"].tolist(), out["reason"], out["step"], strict=True)
        why = "; ".join(f"{excluded:,}: {_spelt(spec, reason or step)}" for excluded, reason, step in each)
        total = n + int(out["patients_excluded"].sum())
        text = f"Of {total:,} patients, {n:,} with {samples} were analysed. The others were excluded ({why})."
    if spec.endpoint is None:
        return f"{text} Survival was not analysed, so nothing here shows who lives longer."
    events = "deaths" if spec.endpoint == "os" else f"events of {endpoint_words(spec)}"
    followed = f"during up to {subject.last_follow_up:.0f} months of follow-up"
    return f"{text} {subject.n_events:,} {events} were observed {followed}."


def _spelt(spec, reason: str) -> str:
    """A reason for exclusion that begins with the endpoint, with the endpoint in words."""
    rest = reason.removeprefix(f"{spec.endpoint} ")
    return reason if rest == reason else f"{endpoint_words(spec)} {rest}"


def _number(subject: Subject) -> str:
    """How many classes there are, how they were formed and why so many."""
    spec, values = subject.spec, subject.words.values
    if spec.n_classes == 1:
        text = f"One typical course of the {values} was fitted to all patients, without dividing them into classes."
    else:
        text = f"Patients were grouped into {spec.n_classes} classes by the course of their {values}"
        if spec.endpoint is None:
            text += ". Each patient is counted in their most probable class."
        else:
            text += (
                f" and by their {_follow_up(subject)}. Each patient is counted in their most probable class given "
                f"both, so whether and when a patient {_had_it(subject)} affects the class as well."
            )
    if subject.selection is None:
        return text + " The number of classes was chosen by the analyst and is not compared with others in this report."
    if len(subject.selection.table) == 1:
        return text + " No other number of classes was tried."
    tried = list(subject.selection.table.index)
    text += f" {len(tried)} numbers of classes were tried, from {min(tried)} to {max(tried)}. "
    known = subject.selection.recommended == spec.n_classes
    return text + (recommended(subject.selected) if known else "None of them meets the rule for choosing one.")


def _follow_up(subject: Subject) -> str:
    """What the follow-up of an endpoint observes, in words; "" without one."""
    if subject.spec.endpoint is None:
        return ""
    return "survival" if _is_survival(subject) else f"time to {_event_of(subject)}"


def _is_survival(subject: Subject) -> bool:
    return subject.spec.endpoint == "os" and not subject.fit.design.causes


def _had_it(subject: Subject) -> str:
    """Having had the event, in words."""
    return "died" if _is_survival(subject) else f"had {_event_of(subject)}"


def _given(subject: Subject) -> str:
    """What a patient's class is conditional on, in words."""
    return listed([text for text in (subject.words.values, _follow_up(subject)) if text])


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
            patients = f"{n:,} of {subject.fit.n_patients:,} patients ({percent(share)}, given their {_given(subject)})"
            text = f"{subject.called[g]}: {patients}. {text}"
        if subject.spec.endpoint is not None:
            text += f" {_survival(subject, g)}" + "".join(f" {each}" for each in _rates(subject, label))
        yield text


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
    if _is_survival(subject):
        return f"Their estimated survival at {month:.3g} months is {value}."
    return f"The estimated share who are {free_of_event(subject)} at {month:.3g} months is {value}."


def _with_interval(subject: Subject, estimate: float, lower: float, upper: float, show) -> str:
    if not (np.isfinite(lower) and np.isfinite(upper)):
        return f"{show(estimate)} (no interval could be computed)"
    return f"{show(estimate)} ({subject.interval} {show(lower)} to {show(upper)})"


def _rates(subject: Subject, label: str) -> Iterator[str]:
    """The rate of events of a class relative to that of the reference class, by cause."""
    reference = subject.called[0]
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
                why = f"{subject.called[g]} has {cell.words}"
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
    if not alike and not by_class:
        return ", not adjusted for covariates"
    text = f", adjusted for {listed(alike)}" if alike else ""
    if not by_class:
        return text
    own = listed(by_class)
    return f"{text}, with {own} held at the average of all patients, because the effect of {own} may differ by class"


def _surely(subject: Subject) -> Iterator[str]:
    """How many patients clearly belong to one class."""
    if subject.spec.n_classes == 1:
        return
    clear = int((subject.fit.class_probabilities.max(axis=1) >= SURE).sum())
    n = subject.fit.n_patients
    others = "" if clear == n else " The class of the others is uncertain."
    yield (
        f"{clear:,} of {n:,} patients ({percent(clear / n)}) belong to one class with a probability of "
        f"{percent(SURE)} or more, given their {_given(subject)}.{others}"
    )
