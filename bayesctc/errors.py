"""The errors of bayesctc. All derive from `BayesctcError`, so one `except` catches everything that a user can fix."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class BayesctcError(Exception):
    """Base class of the errors of bayesctc; the message states what was found and what is allowed.

    Examples
    --------
    >>> try:
    ...     bc.ModelSpec(n_classes=0)
    ... except bc.BayesctcError as error:
    ...     print(error)
    n_classes has to be a whole number of 1 or more; found 0.
    """


class DataError(BayesctcError, ValueError):
    """Invalid data.

    Parameters
    ----------
    message : str
        What is wrong; with `problems` it lists them, similar ones in one line.
    problems : pandas.DataFrame, optional
        One row per problem: file, row, patient, column, found, allowed.

    Examples
    --------
    >>> samples = pd.DataFrame({"patient_id": ["A"], "time": [0.0], "ctc": [-3]})
    >>> patients = pd.DataFrame({"patient_id": ["A"], "os_time": [9.0], "os_event": [1]})
    >>> try:
    ...     bc.Cohort(samples, patients)
    ... except bc.DataError as error:
    ...     print(error.problems[["patient", "column", "found", "allowed"]].to_string(index=False))
    patient column found                                                                         allowed
          A    ctc    -3 a whole number, 0 or more: cells counted, with the volume of blood in volume_ml
    """

    def __init__(self, message: str, problems: "pd.DataFrame | None" = None) -> None:
        super().__init__(message)
        self.problems = problems


class SpecError(BayesctcError, ValueError):
    """An invalid model specification or argument, or one that cannot be used with these data.

    Examples
    --------
    >>> bc.ModelSpec(growth="cubical")
    Traceback (most recent call last):
        ...
    bayesctc.errors.SpecError: growth has to be one of treatment, linear, quadratic, cubic, spline; found 'cubical'.
    """


class FitError(BayesctcError, RuntimeError):
    """A fit that could not be completed.

    Examples
    --------
    >>> issubclass(bc.FitError, bc.BayesctcError)
    True
    """


class StorageError(BayesctcError, OSError):
    """A result that could not be written or read.

    Examples
    --------
    >>> bc.load_fit("no_such_file.nc")
    Traceback (most recent call last):
        ...
    bayesctc.errors.StorageError: no_such_file.nc: no such file
    """
