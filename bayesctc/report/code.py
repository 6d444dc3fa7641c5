"""Python code that reproduces a result: the reading of the data, each step, the specification, the fit."""

from collections.abc import Iterator
from inspect import signature
from typing import Any

from bayesctc.criteria.loo import APPROXIMATED
from bayesctc.data.cohort import Cohort
from bayesctc.data.reading import read_cohort
from bayesctc.data.schema import Schema
from bayesctc.data.source import FILES, FRAMES, GENERATED, TRIAL, Call
from bayesctc.model.spec import ALWAYS_TOLD, ModelSpec
from bayesctc.report.subject import Subject
from bayesctc.results.search_facts import SearchFacts
from bayesctc.shown import as_call, changed

IDS_A_LINE = 8


def code(subject: Subject) -> str:
    """Python code that reproduces the result if the data are in files; it checks that they are unchanged."""
    cohort = subject.fit.cohort
    flow = [
        f"# {_one_line(row.step)}: {row.patients:,} patients, {row.samples:,} samples"
        for row in cohort.flow().itertuples()
    ]
    return "\n".join(
        [
            "import bayesctc as bc",
            "",
            *_cohort(cohort),
            *flow,
            f"assert cohort.fingerprint == {cohort.fingerprint!r}",
            "",
            *_spec(subject.spec),
            "",
            *_fit(subject),
            *_named(subject),
        ]
    )


def _one_line(text):
    return " ".join(str(text).split())


def _cohort(cohort) -> Iterator[str]:
    """How the cohort was read, and each step from there."""
    if not cohort.source:
        yield "# how the cohort was read is not recorded; it is stored in the fit: cohort = fit.cohort"
        return
    first, *steps = cohort.source
    yield from _reading(first, {**cohort.covariate_types, **cohort.sample_types, **cohort.interval_types})
    for call in steps:
        yield from _step(call)


def _reading(call: Call, types: Schema) -> Iterator[str]:
    """The call that read the data; if the caller gave types of columns, with those of the whole cohort."""
    if call.name == TRIAL:
        yield "cohort = bc.load_trial()"
        return
    known = dict(call.arguments)
    shown = [repr(known.pop(name)) for name in ("samples_path", "patients_path") if name in known]
    if call.name in (FRAMES, GENERATED):
        of = "tables of bc.generate_trial, or made from them" if call.name == GENERATED else "the caller's tables"
        yield f"# samples and patients are {of}; they are not in files"
        shown = ["samples", "patients"]
        if "intervals" in call.missing:
            yield "# intervals is the caller's table, too"
            shown.append("intervals=intervals")
    defaults = signature(read_cohort if call.name == FILES else Cohort).parameters
    shown += [f"{name}={_value(name, value)}" for name, value in known.items() if value != defaults[name].default]
    if "like" in call.missing:
        yield "like = {"
        yield from (f"    {name!r}: bc.{each!r}," for name, each in types.items())
        yield "}"
        shown.append("like=like")
    yield f"cohort = bc.{FILES if call.name == FILES else FRAMES}({', '.join(shown)})"


def _value(name: str, value: Any) -> str:
    """An argument as Python writes it."""
    if name == "marker":
        fields = dict(value)
        kind = fields.pop("kind", "bc.Marker")  # another class is the caller's
        return f"{kind}({_given(fields)})"
    return repr(value)


def _given(arguments):
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items() if value is not None)


def _step(change: Call) -> Iterator[str]:
    """A call that made another cohort."""
    given = change.arguments
    if change.name == "select":
        ids = given["patient_ids"]
        yield "cohort = cohort.select(["
        for k in range(0, len(ids), IDS_A_LINE):
            yield f"    {', '.join(map(repr, ids[k : k + IDS_A_LINE]))},"
        yield f"], reason={given['reason']!r})"
        return
    shown = [text for text in (_given(given),) if text]
    if change.missing:
        yield f"# {', '.join(map(repr, change.missing))}: given by the caller; not stored here"
        shown.insert(0, {"with_samples": "more_samples", "with_covariates": "**columns"}.get(change.name, "*schemas"))
    yield f"cohort = cohort.{change.name}({', '.join(shown)})"


def _spec(spec: ModelSpec) -> list[str]:
    """The specification: what is always stated, and what is not the default."""
    told = changed(spec, ALWAYS_TOLD)
    priors = told.pop("priors", None)
    arguments = [f"{name}={value!r}" for name, value in told.items()]
    arguments += [] if priors is None else [f"priors=bc.{priors!r}"]
    return ["spec = bc.ModelSpec(", *(f"    {argument}," for argument in arguments), ")"]


def _search(search: SearchFacts) -> str:
    """Arguments of a maximum-likelihood search."""
    given = f"n_starts={search.n_starts_asked}, random_seed={search.random_seed}"
    return given + (f", bounds=bc.Bounds({_given(search.bounds)})" if search.given_bounds else "")


def _fit(subject: Subject) -> Iterator[str]:
    """The call that fitted."""
    search = subject.fit.search
    if not subject.bayesian:
        if subject.selection is not None:
            yield f"# K is from bc.select_n_classes(cohort, spec, n_classes={list(subject.selection.ml)}, quick=True)"
        yield f"fit = bc.fit_ml(cohort, spec, {_search(search)})"
        return
    a = subject.bayes.idata.attrs
    settings = ", ".join(f"{name}={int(a[name])}" for name in ("draws", "tune", "chains"))
    seed = int(a["random_seed"])
    if subject.selection is not None:
        yield from _selection(subject.selection, f"{settings}, {_search(search)}")
        return
    settings += f", nuts_sampler={str(a['nuts_sampler'])!r}"
    settings += ", rivals=True" if subject.bayes.rivals else ""
    if search.random_seed == seed and not search.given_bounds:
        yield f"fit = bc.fit_bayes(cohort, spec, {settings}, {_search(search)})"
        return
    yield f"ml = bc.fit_ml(cohort, spec, {_search(search)})"
    yield f"fit = bc.fit_bayes(cohort, spec, {settings}, random_seed={seed}, ml=ml)"


def _named(subject: Subject) -> Iterator[str]:
    """The calls that named the classes."""
    if subject.selection is None or not subject.bayesian:
        if labels := subject.fit.design.labels:
            yield f"fit = fit.with_labels({list(labels)!r})"
        return
    for k, fit in {**subject.selection.ml, **subject.selection.bayes}.items():
        if labels := fit.design.labels:
            which = "" if k == subject.selection.recommended else f", n_classes={k}"
            yield f"selection = selection.with_labels({list(labels)!r}{which})"


def _selection(selection, settings):
    ks = [int(k) for k in selection.table.index]
    settings += f", rule=bc.{as_call(selection.rule)}" if changed(selection.rule) else ""
    settings += ", quick=True" if (selection.table["method"] == APPROXIMATED).any() else ""
    if selection.table["blrt_p"].notna().any():
        yield "# blrt= as it was given"
    yield f"selection = bc.select_n_classes(cohort, spec, n_classes={ks}, {settings})"
