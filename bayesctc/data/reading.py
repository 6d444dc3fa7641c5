"""Reading a cohort from CSV files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Literal

from bayesctc.data.building import build_content
from bayesctc.data.cohort import Cohort, schemas_of
from bayesctc.data.columns import split_mapping
from bayesctc.data.outcome import Outcome, checked_outcome
from bayesctc.data.problems import Problems, Table
from bayesctc.data.schema import Schema
from bayesctc.data.source import FILES, reading_call
from bayesctc.data.tables import refuse_swapped, table_from_csv


def read_cohort(
    samples_path: str | PathLike[str],
    patients_path: str | PathLike[str],
    *,
    intervals: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    time_unit: str = "months",
    baseline_window: float = 28.0,
    causes: Mapping[str, Sequence[str]] | None = None,
    marker: Outcome | None = None,
    samples_after_endpoint: Literal["drop", "keep"] = "drop",
    like: Cohort | Schema | None = None,
) -> Cohort:
    """Read samples and patients from CSV files and check them; no patient is excluded.

    Cells are read as text and checked one by one; problems are reported with file and line. Empty cells, ``NA``,
    ``NaN`` and ``.`` are missing values: allowed in covariates, and in samples whose ``status`` is failed or missing.

    Parameters
    ----------
    samples_path, patients_path, intervals : path
        UTF-8 files with commas between cells; see `Cohort`. `intervals`, of covariates that change, is optional.
    columns : mapping, optional
        ``{name in bayesctc: name in the file}``, such as ``{"patient_id": "USUBJID", "os_time": "OS_MONTHS"}``.
    time_unit : {"months", "days", "weeks", "years"}
        Unit of every time in the files; a month has 30.4375 days.
    baseline_window : float
        Days before time zero in which a sample counts as baseline; an earlier one is an error.
    causes : mapping, optional
        Endpoints with competing events, ``{"ttf": ("progression", "toxicity")}``; see `Cohort`.
    marker : Outcome, optional
        What the samples hold if not counts; see `Cohort`.
    samples_after_endpoint : {"drop", "keep"}
        Whether samples after an endpoint other than death are excluded from its analysis; see `Cohort`.
    like : Cohort or mapping of ColumnType, optional
        The schema to use, for new patients of a model; see `Cohort`.

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        With everything that is wrong; its ``problems`` is a table of it.

    Examples
    --------
    >>> for name, table in zip(["samples.csv", "patients.csv"], bc.generate_trial(7)):
    ...     table.to_csv(name, index=False)
    >>> bc.read_cohort("samples.csv", "patients.csv").endpoints
    ('os', 'pfs', 'ttf')
    """
    outcome, schemas = checked_outcome(marker, columns), schemas_of(like)
    samples, patients, changing = _tables((samples_path, patients_path, intervals), columns, outcome)
    content = build_content(
        samples,
        patients,
        time_unit=time_unit,
        baseline_window=baseline_window,
        causes=causes,
        outcome=outcome,
        samples_after_endpoint=samples_after_endpoint,
        schemas=schemas,
        intervals=changing,
    )
    files: dict[str, Any] = {"samples_path": str(samples_path), "patients_path": str(patients_path)}
    files |= {} if intervals is None else {"intervals": str(intervals)}
    call = reading_call(
        FILES,
        outcome=outcome,
        columns=columns,
        causes=causes,
        like=like,
        **files,
        time_unit=time_unit,
        baseline_window=float(baseline_window),
        samples_after_endpoint=samples_after_endpoint,
    )
    return Cohort.from_content(replace(content, source=(call,)))


def _tables(paths, columns, outcome) -> tuple[Table, Table, Table | None]:
    """Samples, patients and, where there is a path, intervals."""
    problems, mappings = Problems(), split_mapping(columns, intervals=paths[2] is not None)
    tables = [
        None if path is None else table_from_csv(path, mapping, problems)
        for path, mapping in zip(paths, mappings, strict=True)
    ]
    refuse_swapped(tables[0], tables[1], outcome.required, mappings[0])
    for table, what in zip(tables, ("sample", "patient", "interval"), strict=True):
        if table is not None and len(table.frame) == 0:
            problems.add(table.name, "no rows", f"at least one {what}")
    problems.raise_any()
    samples, patients, intervals = tables
    assert samples is not None
    assert patients is not None
    return samples, patients, intervals
