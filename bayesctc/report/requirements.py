"""The checks that a result has to pass, what they found, and what a reader should know before trusting it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bayesctc.criteria.loo import APPROXIMATED, HIGH_K, said_rough
from bayesctc.criteria.rows import MISFIT
from bayesctc.criteria.rule import searched
from bayesctc.criteria.sentence import given_up, unsettled
from bayesctc.data.outcome import FREQUENCY
from bayesctc.model.families import FAMILIES
from bayesctc.report.format import first_up, fixed, percent
from bayesctc.report.subject import Subject, failed_text
from bayesctc.results.classes import GOOD_AVERAGE, GOOD_ODDS, SMALLEST_CLASS
from bayesctc.results.diagnostics import MAX_RHAT, MIN_ESS_PER_CHAIN
from bayesctc.results.separation import LEAST_INFORMATION, MADE_BY_SURVIVAL, TOTAL, separation_warnings
from bayesctc.results.usable import COMPARED_ESS_PER_CHAIN, COMPARED_RHAT
from bayesctc.shown import told_apart

FEW_EVENTS = 10  # a convention: with fewer, little is known of a class's survival
MANY_ZEROS = 0.3
NOT_CHECKED = (
    "whether data simulated from the model look like the observed data (predictive checks)",
    "how much the results depend on the priors, the curve and the random effects chosen (sensitivity)",
    "whether the classes are found again in other patients (external validation)",
)


@dataclass(frozen=True)
class Requirement:
    """One check: its name, what was found, what is wanted, whether it passed, and what a failure means.

    `warning` explains a failure to a statistician; `plain` explains it to everybody, and what follows from it.
    """

    name: str
    found: str
    wanted: str
    passed: bool
    plain: str
    warning: str = ""


APART = "repeated runs of the computation do not agree well enough, so it should be repeated with more draws"
UNFINISHED = "the search for the best-fitting model did not converge, so it should be repeated with more starts"
SMALL = "one class is so small that it may reflect a few patients rather than a group, so nothing should rest on it"
MIXED = (
    "patients of one class cannot be clearly distinguished from those of another, so the class of a single patient "
    "should not be taken as known"
)
BY_SURVIVAL = (
    "one class reflects how long patients lived rather than the course of their samples, so the course does not "
    "predict its survival"
)
UNSETTLED = "so the number of classes should be treated as undecided"


def requirements(subject: Subject) -> list[Requirement]:
    """Every check that applies to this result."""
    made = [
        _comparable(subject),
        *(_sampling(subject) if subject.bayesian else ()),
        *_search(subject),
        *_classes(subject),
    ]
    if subject.selection is not None:
        made += _selection(subject)
    return made


def warnings(subject: Subject, made: list[Requirement]) -> list[str]:
    """What to read first: the result's own warnings, other failed checks, and doubts about the data."""
    found = [failed_text(subject.why_not)] if subject.why_not else []
    if subject.why_not and subject.may_be_compared:
        found.append(
            "The comparison of numbers of classes is still valid: its LOO is reliable, although the parameters, hazard "
            "ratios and curves of this fit are not."
        )
    found += [subject.note] if subject.note else []
    found += [f"{_first_up(subject, text).removesuffix('.')}." for text in subject.fit_warnings]
    found += [r.warning for r in made if not r.passed and r.warning]
    found += [f"The data: {text}." for text in subject.fit.cohort.warnings]
    found += _doubts(subject)
    return list(dict.fromkeys(found))


def _first_up(subject: Subject, text: str) -> str:
    """A text that begins with a capital letter, unless it begins with the name of a class."""
    return text if text.startswith(tuple(subject.called)) else first_up(text)


def _comparable(subject) -> Requirement:
    """Whether the fit can be used at all."""
    reason = subject.why_not
    warning = "" if reason is None else failed_text(reason)
    return Requirement(
        f"Fit can be used at all ({_least_asked(subject)})",
        "yes" if reason is None else f"no: {reason}",
        "yes",
        reason is None,
        "the computation did not reach a reliable result",
        warning,
    )


def _least_asked(subject) -> str:
    """What a fit has to meet to be used at all; limits for draws are stricter where each is checked by itself."""
    if not subject.bayesian:
        return "the maximum-likelihood estimate has converged"
    return f"R-hat {COMPARED_RHAT:g} or less, effective sample size {COMPARED_ESS_PER_CHAIN} per chain or more"


def _sampling(subject) -> Iterator[Requirement]:
    """Checks of the draws; `BayesFit.warnings` reports failures."""
    d = subject.bayes.diagnostics
    wanted = MIN_ESS_PER_CHAIN * d.n_chains
    rhat = told_apart(d.max_rhat, MAX_RHAT, 3, fixed)
    yield Requirement("Largest R-hat", rhat, f"{MAX_RHAT} or less", d.max_rhat <= MAX_RHAT, APART)
    enough = d.min_ess >= wanted
    yield Requirement(
        "Smallest effective sample size", told_apart(d.min_ess, wanted, 0, fixed), f"{wanted} or more", enough, APART
    )
    yield Requirement("Divergent transitions", str(d.n_divergences), "0", d.n_divergences == 0, APART)
    yield Requirement("Chains that left their mode", str(len(d.chains_left)), "0", not d.chains_left, APART)


def _search(subject) -> Iterator[Requirement]:
    """Checks of the search for modes; the fit's own warnings report failures."""
    modes, fit = subject.fit.modes, subject.fit
    interior = modes[modes["interior"].astype(bool)]
    if len(interior) == 0:
        return
    best = interior.iloc[0]
    yield Requirement(
        "The likelihood's best interior mode converged",
        "yes" if best["converged"] else "no",
        "yes",
        bool(best["converged"]),
        UNFINISHED,
    )
    n_starts = int(modes["n_starts"].sum())
    if n_starts > 1:
        yield Requirement(
            "Starts that ended in the best mode",
            f"{int(best['n_starts'])} of {n_starts}",
            "2 or more",
            int(best["n_starts"]) > 1,
            "the best fit was found only once and a better one may have been missed, so the search needs more starts",
        )
    rivals = int((interior["log_likelihood"].iloc[1:] > best["log_likelihood"] - fit.search.rival).sum())
    name = f"Rival modes within {fit.search.rival:g} log-likelihood units"
    plain = (
        "another way of grouping the patients fits the data almost as well, so only what both groupings show should "
        "be relied on"
    )
    yield Requirement(name, str(rivals), "0", rivals == 0, plain)
    if not subject.bayesian:
        finite = bool(np.isfinite(fit.covariance).all())
        text = "The Hessian is not positive definite at the estimate, so there are no standard errors or intervals."
        plain = "the precision of the estimates could not be computed, so they need a Bayesian fit"
        yield Requirement("Standard errors could be computed", "yes" if finite else "no", "yes", finite, plain, text)


def _classes(subject) -> Iterator[Requirement]:
    """How large the classes are, and how well they are separated."""
    K, called = subject.spec.n_classes, dict(zip(subject.labels, subject.called, strict=True))
    quality = subject.fit.quality.rename(index=called)
    if K > 1:
        yield _lowest(
            quality["share"],
            "Smallest class, share of patients",
            percent,
            SMALLEST_CLASS,
            "contains {} of patients: it may reflect a few patients rather than a group",
            SMALL,
            digits=1,
        )
        yield _lowest(
            quality["average_posterior"],
            "Lowest average posterior probability of assignment",
            fixed,
            GOOD_AVERAGE,
            f"has an average posterior probability of {{}}, below the {GOOD_AVERAGE:g} required: "
            "its patients are not well distinguished from those of other classes",
            MIXED,
        )
        yield _lowest(
            quality["odds_correct"],
            "Lowest odds of correct classification",
            fixed,
            GOOD_ODDS,
            f"has odds of correct classification of {{}}, below the {GOOD_ODDS:g} required",
            MIXED,
            digits=1,
        )
    if K > 1 and subject.spec.endpoint is not None:
        share = subject.fit.class_separation()["share_from_survival"].drop(TOTAL).max()
        separation = subject.fit.class_separation().rename(index=called)
        made = list(separation_warnings(separation, subject.spec, subject.outcome))
        fit_says = subject.fit_warnings  # unless an earlier version saved the fit
        text = " ".join(f"{_first_up(subject, sentence)}." for sentence in made if sentence not in fit_says)
        yield Requirement(
            "Largest share of a class's separation from survival",
            told_apart(share, MADE_BY_SURVIVAL, 0, percent),
            f"{percent(MADE_BY_SURVIVAL, 0)} or less, where it is {LEAST_INFORMATION:g} nats or more",
            not made,
            BY_SURVIVAL,
            text,
        )
    if subject.spec.endpoint is not None:
        table = subject.fit.expected_events.rename(columns=called)
        for cause, events in table.iterrows():
            of = f" of {cause}" if len(table) > 1 else ""
            yield _lowest(
                events,
                f"Fewest expected events{of} in a class",
                fixed,
                FEW_EVENTS,
                f"has only {{}} expected events{of}: its survival and hazard ratios are imprecise",
                f"one class has few events{of}, so its outcome is uncertain: read its intervals, not its estimates",
                digits=1,
            )


def _lowest(values, name, show, least, sentence, plain, digits=2):
    """A check of the class with the lowest value; a class without a value fails."""
    known = values.dropna()
    empty = [str(label) for label in values.index[values.isna()]]
    wanted = f"{show(least, 0) if least >= 1 or show is percent else fixed(least, 1)} or more"
    if empty:
        text = f"No patient is assigned to {', '.join(empty)}."
        return Requirement(
            name,
            "none assigned",
            wanted,
            False,
            "one of the classes has no patients, so fewer classes should be tried",
            text,
        )
    value = float(known.min())
    found = told_apart(value, least, digits, show)
    if value >= least:
        return Requirement(name, found, wanted, True, plain)
    low = [str(label) for label in known.index[known < least]]
    label = str(known.idxmin())
    low.remove(label)
    others = f" ({', '.join(low)} also below {wanted.removesuffix(' or more')})" if low else ""
    return Requirement(name, found, wanted, False, plain, f"{label} {sentence.format(found)}{others}.")


def _inside(selection, compared):
    """Whether the rule's criterion is best inside the range; ICL needs only the modes, so unsampled models count."""
    table = selection.table
    if selection.rule.criterion == "loo":
        name, values = "elpd", compared["elpd_loo"]
    else:
        name, values = "ICL", -table.loc[searched(table), "icl"].dropna()
    title = f"Best {name} inside the range fitted"
    plain = "more classes than were tried might describe the patients better, so a wider range should be tried"
    if values.empty:
        text = f"No number of classes has an {name}."
        return Requirement(title, "none", "one", False, f"numbers of classes could not be compared, {UNSETTLED}", text)
    best, largest = int(values.idxmax()), int(values.index.max())
    more = "find out why no fit with more classes can be compared"
    why = "extend the range" if largest == table.index.max() else more
    return Requirement(
        title,
        f"at K = {best} of {table.index.min()} to {largest}",
        f"below {largest}",
        best < largest,
        plain,
        f"The {name} is best at the largest number of classes that can be compared, {largest}: {why} before deciding.",
    )


def _selection(subject) -> Iterator[Requirement]:
    """Whether the comparison of numbers of classes can be trusted."""
    selection = subject.selection
    table = selection.table
    fitted = table[table["elpd_loo"].notna()]
    unsampled = table.index[given_up(table)]
    missing = table.index.difference(fitted.index).difference(unsampled)
    failed = "; ".join(f"K = {k}: {table.loc[k, 'warnings']}".rstrip(".") for k in missing)
    only_ml = f"; by maximum likelihood only: K = {', '.join(map(str, unsampled))}" if len(unsampled) else ""
    yield Requirement(
        "Numbers of classes that could be fitted",
        f"{len(table) - len(missing)} of {len(table)}{only_ml}",
        "all",
        not failed,
        "some numbers of classes could not be fitted, so the comparison is incomplete",
        f"Some numbers of classes could not be fitted: {failed}.",
    )
    yield Requirement(
        "A number of classes meets the rule",
        str(selection.recommended or "none"),
        "one",
        selection.recommended is not None,
        "no number of classes meets the rule, so the one shown is not recommended",
    )
    name = selection.rule.criterion.upper()
    better = unsettled(table, selection.rule)
    said = ", ".join(f"K = {k}" for k in better)
    yield Requirement(
        f"Numbers of classes excluded from the comparison although their {name} is better",
        said or "none",
        "none",
        not better,
        f"a number of classes that may be better was excluded from the comparison, {UNSETTLED}",
        f"{name} is better for {said}, which was excluded from the comparison, than for every K compared: the number "
        "of classes is not settled.",
    )
    compared = fitted[fitted["usable"].astype(bool)]
    if len(table) > 1 and len(compared):
        yield _inside(selection, compared)
    high = int(compared["n_high_k"].sum())  # a failed fit is no reason to doubt the others
    by_loo = selection.rule.criterion == "loo"
    yield Requirement(
        f"Pareto k above {HIGH_K:g} without moment matching or an exact refit",
        str(high),
        "0",
        high == 0,
        "leave-one-out prediction, by which numbers of classes are compared, is partly a rough approximation, "
        + (UNSETTLED if by_loo else f"but the number of classes was chosen by {name}, which does not depend on it"),
        said_rough(high),
    )
    shown = compared[compared.index == subject.spec.n_classes]  # other K have their notes under the table
    for k, p_loo, n in shown[["p_loo", "n_parameters"]].itertuples():
        found = told_apart(p_loo, MISFIT * n, 0, fixed)
        yield Requirement(
            "p_loo of the model shown",
            f"{found}, with {n:.0f} parameters",
            f"{MISFIT:g} times the number of parameters or less",
            not p_loo > MISFIT * n,
            "the model describes some patients poorly, so another form of the model should be tried",
            f"p_loo far exceeds the number of parameters (K = {k}: {found} for {n:.0f}): the model fits some patients "
            "poorly; bc.loo(fit).pointwise shows which. Try another family or curve.",
        )
    if "chains_agree" in compared:
        by_chains = compared[compared["method"] != APPROXIMATED]
        apart = by_chains.index[~by_chains["chains_agree"].astype(bool)]
        yield Requirement(
            "Numbers of classes whose chains disagree in prediction",
            ", ".join(map(str, apart)) or "none",
            "none",
            not len(apart),
            f"repeated runs of the computation disagree for some of the numbers of classes compared, {UNSETTLED}",
            f"The chains of K = {', '.join(map(str, apart))} disagree in their predictions, so their elpd is that of "
            "the stacked chains.",
        )


def _doubts(subject) -> Iterator[str]:
    """Doubts that follow from the data and the design, whatever the fit."""
    spec, rule = subject.spec, included_by(subject)
    if spec.endpoint is not None and rule and not subject.delayed_entry:
        yield (
            f"Patients were selected by their number of samples ({rule}) but are "
            "followed from day 0. They could not die before the last of these samples, so survival is overestimated, "
            "most of all in classes that need long follow-up."
        )
    elif spec.endpoint is not None and rule:
        yield (
            "Patients were selected by their number of samples. Delayed entry accounts for having to survive that "
            "long, but not for sampling that stops at progression."
        )
    changing = ", ".join(subject.fit.design.interval_types)
    if changing:
        yield (
            f"The hazard depends on time-varying covariates ({changing}), and curves by class use each patient's own "
            "values. If these change because of the course of the disease, the curves describe these patients and are "
            "not forecasts, and the hazard ratio of such a covariate is not the effect of changing it."
        )
    words, zeros = subject.words, float((subject.samples[subject.outcome.column] == 0).mean())
    if FAMILIES[spec.family].reads_transformed and FREQUENCY in subject.outcome.answers and zeros > MANY_ZEROS:
        yield (
            f"{percent(zeros)} of the samples have a {words.value} of 0. The {spec.family} family treats "
            f"{words.short_scale} as continuous: curves near 0 and residuals are approximate."
        )
    if not subject.bayesian:
        yield (
            "This is a maximum-likelihood fit: its intervals rest on large-sample theory and take the number of "
            "classes as known."
        )


def included_by(subject: Subject) -> str:
    """The rule by which patients were selected by their samples; "" where there is none."""
    steps = [str(step) for step in subject.fit.cohort.flow()["step"]]
    rules = [step.removeprefix("include: ") for step in steps if step.startswith("include:")]
    return rules[-1] if rules else ""
