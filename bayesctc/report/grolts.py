"""The GRoLTS checklist, filled from the result: Guidelines for Reporting on Latent Trajectory Studies.

van de Schoot, Sijbrandij, Winter, Depaoli and Vermunt, Structural Equation Modeling 2017;24:451-467. The items are in
our own words.
"""

from dataclasses import dataclass

from bayesctc.data.outcome import FREQUENCY
from bayesctc.design.grammar import columns_of
from bayesctc.model.describe_growth import curve_words, growth_time
from bayesctc.model.families import FAMILIES
from bayesctc.report.format import fixed, percent
from bayesctc.report.made_by import sampler_text, search_text, software_text
from bayesctc.report.subject import Subject

REPORTED, PART, NOT_REPORTED = "reported", "in part", "not reported"
_ABSENT = "Not reported by this analysis."


@dataclass(frozen=True)
class Item:
    """One item: its number, the question, whether it is reported, and the answer."""

    number: str
    asked: str
    status: str
    answer: str


def checklist(subject: Subject) -> list[Item]:
    """The 16 items, some in parts, in order."""
    return [
        *_time_and_missing(subject),
        *_data_and_software(subject),
        *_alternatives(subject),
        *_estimation(subject),
        *_comparison(subject),
        *_presentation(subject),
    ]


def _distribution(subject):
    """The answer to item 4."""
    values, words, spec = subject.samples[subject.outcome.column], subject.words, subject.spec
    low, middle, high = values.quantile([0.25, 0.5, 0.75])
    family = FAMILIES[spec.family].report_name.format(**vars(words)) or spec.family.replace("_", " ")
    if FREQUENCY in subject.outcome.answers:
        head, ends = words.heading, f"largest {values.max():,}; {percent((values == 0).mean())} are 0"
    else:
        head, ends = words.label, f"from {values.min():g} to {values.max():g}"
    return f"{head}: median {middle:g}, quartiles {low:g} and {high:g}, {ends}. Modelled as {family}."


def _time_and_missing(subject):
    yield Item(
        "1",
        "Is the metric of time stated?",
        REPORTED,
        "Months from the start of treatment; growth is "
        f"modelled on s = {growth_time(subject.spec)}. Each sample enters at its own time.",
    )
    yield Item(
        "2",
        "Are the mean and the variance of time within a wave given?",
        REPORTED,
        "Samples are taken at individual times, "
        "which the model uses as they are. Mean and variance by sample number: table “Time of the samples”.",
    )
    modelled = subject.spec.endpoint is not None
    jointly = f" and on {subject.spec.endpoint}, which is modelled jointly" if modelled else ""
    yield Item(
        "3a",
        "Is the mechanism of missing data stated?",
        REPORTED,
        "Assumed missing at random: whether sampling continues depends on observed "
        f"{subject.words.values} and covariates{jointly}. The data cannot prove it.",
    )
    yield Item(
        "3b", "Is it described which variables are related to attrition and missing data?", NOT_REPORTED, _ABSENT
    )
    yield Item(
        "3c",
        "Is it described how missing data were dealt with?",
        REPORTED,
        "The likelihood uses every "
        "available sample; nothing is imputed. Covariates have to be complete. Exclusions are listed in "
        "table “Flow of patients and samples”.",
    )


def _data_and_software(subject):
    yield Item("4", "Is the distribution of the observed variables described?", REPORTED, _distribution(subject))
    yield Item("5", "Is the software named?", REPORTED, software_text(subject))


def _alternatives(subject):
    spec = subject.spec
    random = {
        "none": "no random effects",
        "intercept": "a random intercept",
        "slope": "random intercept and slope",
        "quadratic": "random intercept, slope and quadratic term",
    }[spec.random_effects]
    yield Item(
        "6a",
        "Were other forms of heterogeneity within classes considered and described?",
        NOT_REPORTED,
        f"{_ABSENT} All models have {random}.",
    )
    own = {p.words: not p.by_class or getattr(spec, p.by_class) for p in FAMILIES[spec.family].parameters}
    if spec.random_effects != "none":
        own["random-effect covariance"] = spec.class_specific_random_effects
    shared = "; ".join(
        f"{words}: "
        + (
            "common to the classes"
            if not by_class
            else "a factor specific to each class"
            if words.startswith("random")
            else "specific to each class"
        )
        for words, by_class in own.items()
    )
    yield Item(
        "6b",
        "Were other variance-covariance structures between classes considered and described?",
        NOT_REPORTED,
        f"{_ABSENT} In all models, {shared or f'no variance but that of the {spec.family} family'}.",
    )
    yield Item(
        "7",
        "Were other shapes of the trajectories considered and described?",
        NOT_REPORTED,
        f"{_ABSENT} All models have the same: {curve_words(spec)}.",
    )
    parts = {
        "membership": "class membership",
        "survival": "hazard",
        "survival_by_class": "hazard by class",
        "longitudinal": subject.words.values,
        "longitudinal_by_class": f"curve of the {subject.words.values} by class",
    }
    used = [f"{words}: {getattr(spec, name)}" for name, words in parts.items() if columns_of(getattr(spec, name), name)]
    covariates = "; ".join(used) if used else "No covariates were used"
    yield Item(
        "8",
        "If covariates were used, can the analysis be replicated?",
        REPORTED,
        f"{covariates}. The specification and the code are in “How this report was made”.",
    )


def _estimation(subject):
    text = search_text(subject)
    if subject.bayesian:
        text += f"; chains start at the best interior mode: {sampler_text(subject.bayes)}"
    yield Item("9", "Are the number of random starts and of final iterations given?", REPORTED, text + ".")


def _comparison(subject):
    selection = subject.selection
    if selection is None:
        tools = _ABSENT + " This report covers one model."
        if not subject.bayesian:
            tools += f" Its AIC is {fixed(subject.fit.aic, 1)}, its BIC {fixed(subject.fit.bic, 1)}."
        yield Item("10", "Are the tools of model comparison described?", NOT_REPORTED, tools)
        yield Item("11", "Is the number of fitted models given, the one-class model included?", NOT_REPORTED, _ABSENT)
        yield Item(
            "12",
            "Is the number of patients in each class given for every model?",
            PART,
            "For the model shown: table “Class sizes and separation”.",
        )
    else:
        ks = list(selection.table.index)
        blrt = ", bootstrap likelihood-ratio test" if selection.table["blrt_p"].notna().any() else ""
        yield Item(
            "10",
            "Are the tools of model comparison described?",
            REPORTED,
            "Leave-one-patient-out cross-validation "
            f"(PSIS-LOO), WAIC, AIC, BIC, sample-size-adjusted BIC, ICL{blrt}. Rule: {selection.rule}.",
        )
        one = "the one-class model included" if 1 in ks else "without a one-class model"
        yield Item(
            "11",
            "Is the number of fitted models given, the one-class model included?",
            REPORTED if 1 in ks else PART,
            f"{len(ks)} models, K = {', '.join(map(str, ks))}, {one}; {_how_fitted(selection)}.",
        )
        yield Item(
            "12",
            "Is the number of patients in each class given for every model?",
            REPORTED,
            "Table “Patients in each class, every model”.",
        )
    if subject.spec.n_classes == 1:
        yield Item("13", "If patients are classified, is the entropy given?", REPORTED, "One class: no classification.")
    else:
        yield Item(
            "13",
            "If patients are classified, is the entropy given?",
            REPORTED,
            f"Relative entropy {fixed(subject.fit.entropy, 3)}, given {subject.given}.",
        )


def _how_fitted(selection):
    """How many models could be fitted, and how many of them were also sampled."""
    n, sampled = len(selection.ml), len(selection.bayes)
    return f"{n} could be fitted" + (f" by maximum likelihood, {sampled} of them were sampled" if sampled < n else "")


def _medians(subject):
    """What the curves show."""
    if subject.outcome.whole:
        return f"medians of the {subject.words.values}"
    return f"medians of {subject.words.value}, which are means of {subject.words.scale}"


def _presentation(subject):
    yield Item(
        "14a",
        "Is there a plot of the mean trajectories of the final solution?",
        REPORTED,
        f"Figure “Trajectories” ({_medians(subject)}).",
    )
    if subject.selection is None:
        yield Item("14b", "Are there plots of the mean trajectories of each model?", NOT_REPORTED, _ABSENT)
    else:
        yield Item("14b", "Are there plots of the mean trajectories of each model?", REPORTED, "Figures “Every model”.")
    yield Item(
        "14c",
        "Is there a plot of the mean trajectories together with individual trajectories, by class?",
        REPORTED,
        "Figure “Trajectories”: thin lines are patients, in the colour of their class.",
    )
    yield Item(
        "15",
        "Are the characteristics of the final classes given in numbers?",
        REPORTED,
        f"Tables “Class sizes and separation”, “{subject.words.heading} by class” and “Parameters”.",
    )
    yield Item(
        "16",
        "Is the code available?",
        REPORTED,
        "In “How this report was made”: the reading of the data, the calls and the full specification.",
    )
