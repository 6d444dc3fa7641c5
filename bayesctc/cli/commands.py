"""The work of each command. Imports are local, so that reading two files does not wait for PyMC."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bayesctc.cli.output import Output
from bayesctc.cli.predict import predict
from bayesctc.cli.priors_file import read_priors
from bayesctc.cli.reading import cohort_of, everyone_of, fit_of, in_months, included, marker_of
from bayesctc.cli.results import (
    beside,
    finish,
    print_separation,
    print_table,
    workbook_of,
    write_all_tables,
    write_beside,
)
from bayesctc.cli.spoken import spoken
from bayesctc.errors import FitError, SpecError

if TYPE_CHECKING:
    from bayesctc.comparison.compare import ComparisonOptions
    from bayesctc.criteria.selection import NumberOptions, Selection
    from bayesctc.inference.settings import Settings
    from bayesctc.model.spec import ModelSpec

SELECTION_FILES = ("selection.csv", "fit.nc", "report.html")
COMPARISON_FILES = ("hazard_ratios.csv", "criteria.csv", "tests.csv", "associations.csv", "flow.csv")
SENSITIVITY_FILES = ("sensitivity.csv", "summary.csv", "sensitivity.png")
ML_FILES = ("estimates.csv", "classes.csv", "modes.csv")


def demo(options, output: Output) -> None:
    """The embedded trial, from data to report."""
    files = output.folder(options.out, *SELECTION_FILES)
    from bayesctc.data.trial import load_trial
    from bayesctc.model.spec import ModelSpec

    began = time.perf_counter()
    cohort = load_trial().include(min_samples=3)
    print("The embedded synthetic trial (no patient in it is real), patients with 3 or more samples:")
    print(cohort, end="\n\n", flush=True)
    title = "The synthetic trial: CTC trajectories and overall survival"
    _selection(cohort, ModelSpec(), options, 0, title, files, output, began)


def check(options, output: Output) -> None:
    """Read two files and print their contents."""
    cohort = cohort_of(options)
    print(spoken(str(cohort), vars(options)))
    print("\nFlow")
    print(cohort.flow().to_string(index=False))
    for endpoint in cohort.endpoints:
        data = cohort.endpoint(endpoint, require_events=False)
        print(f"\nEndpoint {endpoint}")
        print(data.table.to_string(index=False, header=False))


def fit(options, output: Output) -> None:
    """Fit one model, and print and write it."""
    began = time.perf_counter()
    if options.ml:
        files = output.folder(options.out or "fit_ml", *ML_FILES, *beside(options.endpoint))
        _fit_ml(cohort_of(options), _spec(options, options.classes), options, files, output)
    else:
        path, *others = output.file(options.out or "fit.nc", *beside(options.endpoint))
        cohort, spec = cohort_of(options), _spec(options, options.classes)
        from bayesctc.inference.nuts import fit_bayes
        from bayesctc.results.intervals import CI_TEXT

        result = fit_bayes(cohort, spec, settings=_settings(options))
        output.save(path, result)
        write_beside(others, result, output)
        print(spoken(str(result), vars(options)))
        print_table("Classes, by P(g | y, T)" if spec.endpoint else "Classes", result.quality)
        print_separation(result)
        print_table(f"Parameters (mean, sd, {CI_TEXT} credible interval)", result.summary(), index=False)
    finish(output, began)


def select(options, output: Output) -> None:
    """Choose the number of classes."""
    files = output.folder(options.out, *SELECTION_FILES)
    cohort = cohort_of(options)
    spec = _spec(options, options.classes[0], options.family[0])
    began = time.perf_counter()
    _selection(cohort, spec, options, options.blrt, options.title, files, output, began, options.family)


def report(options, output: Output) -> None:
    """Write the report of a saved fit."""
    (path,) = output.file(options.out)
    began = time.perf_counter()
    from bayesctc.report.html import write_report

    workbook = None if options.tables is None else workbook_of(options.tables, output)
    fit = fit_of(options)
    output.written.append(write_report(fit, path, options.title))
    if options.tables is not None:
        write_all_tables(fit, options.tables, workbook, output)
    finish(output, began)


def calculator(options, output: Output) -> None:
    """Write a page that predicts for one patient."""
    (path,) = output.file(options.out)
    began = time.perf_counter()
    from bayesctc.report.calculator.page import write_calculator

    output.written.append(write_calculator(fit_of(options), path, options.title))
    finish(output, began)


def compare(options, output: Output) -> None:
    """Compare baseline status, cycle 2 and trajectory classes as readings of the counts."""
    *files, report_path = output.folder(options.out, *COMPARISON_FILES, "report.html")
    began = time.perf_counter()
    cohort = cohort_of(options)
    from bayesctc.comparison.compare import comparable, compare_classifiers
    from bayesctc.model.spec import ModelSpec
    from bayesctc.report.html import write_report
    from bayesctc.results.intervals import CI_TEXT

    endpoints, left_out = (options.endpoints, ()) if options.endpoints else comparable(cohort)
    spec = ModelSpec(
        n_classes=options.classes,
        growth=options.growth,
        random_effects=options.random_effects,
        common_shape=options.common_shape,
        family=options.family,
        hazard=options.hazard,
        hazard_knots=_knots(options),
        time_origin=options.time_origin,
        growth_unit=options.growth_unit,
        priors=read_priors(options.priors),
    )
    landmark = None if options.landmark is None else in_months(options, options.landmark)
    reading: ComparisonOptions = {"cutoff": options.cutoff, "published": options.published}
    if options.window is not None:
        after, until = in_months(options, options.window)
        reading["window"] = (after, until)
    found = compare_classifiers(
        cohort,
        spec,
        endpoints=endpoints,
        confounders=options.confounders,
        landmark=landmark,
        **reading,
        joint=options.joint,
        settings=_settings(options),
    )
    found = replace(found, warnings=(*left_out, *found.warnings))
    tables = (found.hazard_ratios, found.criteria, found.tests, found.associations, found.flow)
    for path, table in zip(files, tables, strict=True):
        output.table(path, table, index=False)
    output.written.append(write_report(found, report_path, options.title))
    shown = found.hazard_ratios.drop(columns=["reference", "note", "usable"])
    shown = shown.drop(columns=[name for name in ("cause", "reason") if not shown[name].any()])
    print_table(f"Hazard ratios ({CI_TEXT} intervals)", shown, index=False)
    print_table("Criteria", found.criteria.drop(columns="note"), index=False)
    print(f"\n{found.sentence}")
    for warning in found.warnings:
        print(f"warning: {warning}")
    finish(output, began)


def sensitivity(options, output: Output) -> None:
    """One model and variations of it."""
    table_path, summary_path, picture_path = output.folder(options.out, *SENSITIVITY_FILES)
    began = time.perf_counter()
    treated = everyone_of(options, marker_of(options))
    cohort, spec = included(treated, options), _spec(options, options.classes)
    from bayesctc.plots.sensitivity import plot_sensitivity
    from bayesctc.sensitivity.defaults import default_plan
    from bayesctc.sensitivity.run import run_sensitivity

    others = treated if options.min_samples is not None else None
    found = run_sensitivity(
        cohort,
        spec,
        default_plan(cohort, spec, others),
        treated=others,
        folder=Path(options.out) / "results",
        settings=_settings(options),
    )
    output.table(table_path, found.table, index=False)
    output.table(summary_path, found.summary, index=False)
    quantity = "class_share" if spec.endpoint is None or spec.n_classes == 1 else "hazard_ratio"
    output.picture(picture_path, plot_sensitivity(found, quantity))
    print(found)
    for warning in found.warnings:
        print(f"warning (base): {spoken(warning, vars(options))}")
    finish(output, began)


COMMANDS = {
    "demo": demo,
    "check": check,
    "fit": fit,
    "select": select,
    "compare": compare,
    "sensitivity": sensitivity,
    "report": report,
    "predict": predict,
    "calculator": calculator,
}


def _knots(options):
    """A number, or months."""
    knots = options.hazard_knots
    return tuple(in_months(options, knots)) if isinstance(knots, tuple) else knots


def _settings(options) -> "Settings":
    """The settings given on the command line."""
    return replace(
        options.settings,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        n_starts=options.starts,
        random_seed=options.seed,
        max_refits=getattr(options, "max_refits", options.settings.max_refits),
        progress=not options.quiet,
    )


def _spec(options, n_classes: int, family: str | None = None) -> "ModelSpec":
    from bayesctc.model.spec import ModelSpec

    return ModelSpec(
        n_classes=n_classes,
        growth=options.growth,
        random_effects=options.random_effects,
        endpoint=options.endpoint,
        membership=options.membership,
        survival=options.survival,
        survival_by_class=options.survival_by_class,
        longitudinal=options.longitudinal,
        longitudinal_by_class=options.longitudinal_by_class,
        association=options.association,
        association_by_class=options.association_by_class,
        common_shape=options.common_shape,
        family=family or options.family,
        hazard=options.hazard,
        hazard_knots=_knots(options),
        time_origin=options.time_origin,
        growth_unit=options.growth_unit,
        priors=read_priors(options.priors),
    )


def _fit_ml(cohort, spec, options, files: list[Path], output: Output) -> None:
    from bayesctc.inference.ml import fit_ml
    from bayesctc.results.intervals import CI_TEXT

    result = fit_ml(cohort, spec, settings=_settings(options))
    estimates, classes, modes, *others = files
    for path, table in ((estimates, result.estimates), (classes, result.quality), (modes, result.modes)):
        output.table(path, table, index=path is not estimates)
    write_beside(others, result, output)
    print(spoken(str(result), vars(options)))
    print_table("Classes, by P(g | y, T)" if spec.endpoint else "Classes", result.quality)
    print_separation(result)
    print_table(f"Estimates ({CI_TEXT} Wald intervals)", result.estimates, index=False)


def _selection(cohort, spec, options, blrt: int, title, files: list[Path], output: Output, began, families=()) -> None:
    """Select, write the three files and print the result; with several families, fit and report are of the best."""
    from bayesctc.criteria.families import select_families
    from bayesctc.criteria.selection import select_n_classes
    from bayesctc.report.html import write_report
    from bayesctc.report.subject import Subject
    from bayesctc.results.bayes_fit import BayesFit

    table_path, fit_path, report_path = files
    settings = _settings(options)
    selection: Selection
    if len(families) > 1:
        if getattr(options, "quick", False):
            raise SpecError("--quick compares numbers of classes for one family; found several after --family.")
        found = select_families(cohort, spec, families, options.classes, blrt=blrt, settings=settings)
        output.table(table_path, found.table)
        print(found, end="\n\n")
        if found.best is None:
            raise FitError(found.sentence)
        selection = found.selections[found.best[0]]
        print(f"Fit and report are for the family that is best by LOO of the counts, {found.best[0]}.\n")
    else:
        quick, every_k = (bool(getattr(options, name, False)) for name in ("quick", "every_k"))
        how: NumberOptions = {"quick": quick, "every_k": every_k}
        selection = select_n_classes(cohort, spec, options.classes, blrt=blrt, settings=settings, **how)
        output.table(table_path, selection.table)
    subject = Subject.of(selection)
    if isinstance(subject.fit, BayesFit):
        output.save(fit_path, subject.fit)
    output.written.append(write_report(selection, report_path, title))
    print(selection)
    if subject.note:
        print(subject.note)
    print_table(f"Classes of the model with K = {subject.spec.n_classes}", subject.fit.quality)
    for warning in subject.fit.warnings:
        print(f"warning: {spoken(warning, vars(options))}")
    finish(output, began)
    if options:  # not the demonstration
        print(f"\nNext: {_after_selecting(options, subject, fit_path)}")


def _after_selecting(options, subject, fit_path: Path) -> str:
    """The command to run after a selection."""
    from bayesctc.results.bayes_fit import BayesFit

    if isinstance(subject.fit, BayesFit):
        return f"bayesctc report {fit_path} --tables FOLDER writes patients' classes and hazard ratios as CSV files."
    return (
        f"K = {subject.spec.n_classes} was not sampled, so there is no fit.nc. To write one, with patients' classes "
        f"and hazard ratios: bayesctc fit {options.samples} {options.patients} --classes {subject.spec.n_classes}, "
        "with the other options of this command except --quick."
    )
