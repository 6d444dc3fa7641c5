"""The cohort of a command: its files under the user's names and units, and the inclusion rule."""

from typing import TYPE_CHECKING

from bayesctc.cli.spoken import spoken

if TYPE_CHECKING:
    from bayesctc.data import Cohort, Marker, Schema
    from bayesctc.data.outcome import Outcome
    from bayesctc.results.bayes_fit import BayesFit


def fit_of(options) -> "BayesFit":
    """The saved fit, with the class names that the user gave."""
    from bayesctc.results.storage import load_fit

    fit = load_fit(options.fit)
    return fit if options.labels is None else fit.with_labels(options.labels)


def cohort_of(options) -> "Cohort":
    """The patients in the analysis."""
    return included(everyone_of(options, marker_of(options)), options)


def marker_of(options) -> "Marker | None":
    """The marker of the samples, if the user gave one that is not a count."""
    from bayesctc.data.outcome import Marker

    if getattr(options, "marker", None) is None:
        return None
    return Marker(options.marker, options.unit or "", options.transform or "log")


def in_months(options, times):
    """Times of the command line, given in the files' unit, in months."""
    from bayesctc.data.columns import months_per

    unit = months_per(options.time_unit)
    return [time * unit for time in times] if isinstance(times, list | tuple) else times * unit


def everyone_of(options, marker: "Outcome | None" = None, like: "Schema | None" = None) -> "Cohort":
    """All patients in the files, before any inclusion rule; warnings are printed."""
    from bayesctc.data.reading import read_cohort
    from bayesctc.errors import DataError

    columns = dict(options.map)
    if len(columns) < len(options.map):
        raise DataError("--map: a name is given twice; allowed: once each.")
    causes = dict(options.causes)
    if len(causes) < len(options.causes):
        raise DataError("--causes: an endpoint is given twice; allowed: once each.")
    cohort = read_cohort(
        options.samples,
        options.patients,
        intervals=options.intervals,
        columns=columns,
        time_unit=options.time_unit,
        causes=causes,
        marker=marker,
        samples_after_endpoint=getattr(options, "samples_after_endpoint", "drop"),
        like=_levels(options) if like is None else like,
    )
    named = {column for column, _ in getattr(options, "levels", ())}
    covariates = {**cohort.covariate_types, **cohort.sample_types, **cohort.interval_types}
    if unknown := sorted(named - set(covariates)):
        raise DataError(f"--levels: found {unknown[0]!r}; allowed: {', '.join(covariates) or 'none: no covariates'}.")
    if options.command != "check":  # which prints the cohort with its warnings
        for warning in cohort.warnings:
            print(spoken(f"warning: {warning}", vars(options)))
    return cohort


def _levels(options) -> "Schema | None":
    """Types of the factors whose levels the user ordered."""
    from bayesctc.data import ColumnType
    from bayesctc.errors import DataError

    if len({column for column, _ in options.levels}) < len(options.levels):
        raise DataError("--levels: a column is given twice; allowed: once each.")
    return {column: ColumnType("factor", levels) for column, levels in options.levels} or None


def included(cohort: "Cohort", options) -> "Cohort":
    """The patients who meet the command's inclusion rule."""
    if options.min_samples is None:
        return cohort
    return cohort.include(min_samples=options.min_samples, entry=options.entry)
