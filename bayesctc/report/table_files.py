"""The tables of a result as CSV files or one Excel file, with full precision, for other programs to read."""

from pathlib import Path

import pandas as pd

from bayesctc.comparison.compare import Comparison
from bayesctc.criteria.selection import Selection
from bayesctc.data.csv_cells import csv_bytes
from bayesctc.errors import StorageError
from bayesctc.predict.curves import class_survival
from bayesctc.predict.incidence import cumulative_incidence
from bayesctc.report.requirements import requirements
from bayesctc.report.subject import Subject
from bayesctc.report.workbook import is_workbook, workbook_bytes
from bayesctc.results.atomic import check_writable, write_whole
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.ml_fit import MLFit


def write_tables(result: Selection | BayesFit | MLFit | Comparison, folder: str | Path) -> list[Path]:
    """Write the tables of a result as CSV files, one table each, or as one Excel file with a sheet for each table.

    A fit, or the fit that a selection shows, has ``flow``, ``class_sizes``, ``classes_by_counts`` (P(g | y), with the
    most probable class of each patient; use it for any comparison with survival), ``parameters``, ``trajectories``
    (times in months), ``modes`` and ``checks``. With an endpoint there are also ``classes_by_counts_and_survival``
    (P(g | y, T), which describes the patients), ``survival``, ``hazard_ratios`` and ``expected_events``; with competing
    events ``cumulative_incidence``; with an endpoint and two or more classes ``class_separation``. A selection adds
    ``selection``. A comparison has ``hazard_ratios``, ``criteria``, ``tests``, ``associations`` and ``flow``. If a fit
    failed, its tables have a column ``failed`` with the reason.

    Parameters
    ----------
    result : Selection, BayesFit, MLFit or Comparison
    folder : str or Path
        Created if necessary; existing files of these names in it are replaced. A name that ends in ".xlsx" gives one
        Excel file, which needs openpyxl: ``pip install 'bayesctc[excel]'``.

    Returns
    -------
    list of Path

    Raises
    ------
    SpecError
        `result` is something else.
    StorageError
        A file cannot be written, or openpyxl is needed and not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = bc.write_tables(fit, folder)
    >>> files[0].name
    'flow.csv'
    """
    if is_workbook(folder):
        check_writable(folder, "the tables")
        write_whole(folder, workbook_bytes(tables_of(result)), "the tables")
        return [Path(folder)]
    tables, folder = tables_of(result), Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be used as a folder ({error.strerror or error}).") from error
    files = [folder / f"{name}.csv" for name in tables]
    for file in files:
        check_writable(file, "the table")
    for file, table in zip(files, tables.values(), strict=True):
        write_whole(file, csv_bytes(table, index=False), "the table")
    return files


def tables_of(result: Selection | BayesFit | MLFit | Comparison) -> dict[str, pd.DataFrame]:
    """The tables of a result by name, without an index."""
    if isinstance(result, Comparison):
        names = ("hazard_ratios", "criteria", "tests", "associations", "flow")
        return {name: getattr(result, name) for name in names}
    subject = Subject.of(result)
    fit, spec = subject.fit, subject.spec
    tables = {
        "flow": fit.cohort.flow(spec.endpoint),
        "class_sizes": _flat(fit.quality, "latent_class"),
        **{name: _flat(table, "patient_id") for name, table in fit.class_tables.items()},
        "parameters": subject.bayes.summary() if subject.bayesian else subject.ml.estimates,
        "trajectories": subject.curves.to_dataframe().reset_index(),
        "modes": fit.modes,
    }
    if spec.endpoint is not None:
        curves = class_survival(fit)[["survival_function", "lower", "upper"]]
        tables |= {
            "survival": curves.to_dataframe().reset_index(),
            "hazard_ratios": subject.comparisons,
            "expected_events": _flat(fit.expected_events, "cause"),
        }
        if spec.n_classes > 1:
            tables["class_separation"] = _flat(fit.class_separation(), "latent_class")
        if fit.design.causes:
            incidence = cumulative_incidence(fit)[["cumulative_incidence", "lower", "upper"]]
            tables["cumulative_incidence"] = incidence.to_dataframe().reset_index()
    if subject.why_not:
        tables = {name: table.assign(failed=subject.why_not) for name, table in tables.items() if name != "flow"} | {
            "flow": tables["flow"]
        }
    made = requirements(subject)
    rows = [(each.name, each.found, each.wanted, each.passed) for each in made]
    tables["checks"] = pd.DataFrame(rows, columns=["check", "found", "wanted", "passed"])
    if subject.selection is not None:
        tables["selection"] = _flat(subject.selection.table, "n_classes")
    return tables


def _flat(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table whose index is a column of this name."""
    return table.rename_axis(index=name).reset_index()
