"""Reading a cohort from two CSV files."""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath

from bayesctc.data.building import build_content
from bayesctc.data.cohort import Cohort
from bayesctc.data.columns import split_mapping
from bayesctc.data.marker import Marker, checked_marker
from bayesctc.data.origin import call_text
from bayesctc.data.problems import Problems
from bayesctc.data.tables import table_from_csv


def read_cohort(
    samples_path: str | PathLike[str],
    patients_path: str | PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: str = "months",
    baseline_window: float = 28.0,
    causes: Mapping[str, Sequence[str]] | None = None,
    marker: Marker | None = None,
) -> Cohort:
    """Read samples and patients from CSV files, check them, and exclude nobody.

    Cells are read as text and checked one by one; what is wrong is reported with file and line. Empty cells, ``NA``,
    ``NaN`` and ``.`` are missing: allowed in covariates only.

    Parameters
    ----------
    samples_path, patients_path : path
        UTF-8 files with commas between cells; for their columns see `Cohort`.
    columns : mapping, optional
        ``{name in bayesctc: name in the file}``, such as ``{"patient_id": "USUBJID", "os_time": "OS_MONTHS"}``.
    time_unit : {"months", "days", "weeks", "years"}
        Unit of every time in the files; a month has 30.4375 days.
    baseline_window : float
        Days before time zero in which a sample counts as baseline; an earlier one is an error.
    causes : mapping, optional
        Endpoints with competing events, ``{"ttf": ("progression", "toxicity")}``; see `Cohort`.
    marker : Marker, optional
        What the samples hold where it is not a count; see `Cohort`.

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        With everything that is wrong; its ``problems`` is a table of it.
    """
    marker = checked_marker(marker, columns)
    sample_mapping, patient_mapping = split_mapping(columns)
    problems = Problems()
    samples = table_from_csv(samples_path, sample_mapping, problems)
    patients = table_from_csv(patients_path, patient_mapping, problems)
    problems.raise_any()
    assert samples is not None
    assert patients is not None
    content = build_content(
        samples, patients, time_unit=time_unit, baseline_window=baseline_window, causes=causes, marker=marker
    )
    call = call_text(
        "bc.read_cohort", fspath(samples_path), fspath(patients_path), columns=columns, time_unit=time_unit,
        baseline_window=baseline_window, causes=causes, marker=marker,
    )  # fmt: skip
    return Cohort.from_content(content.called(call))
