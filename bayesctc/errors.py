"""The errors bayesctc raises. All derive from `BayesctcError`, so one `except` catches what a user can fix."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class BayesctcError(Exception):
    """Anything bayesctc refuses, with a message that says what was found and what is allowed."""


class DataError(BayesctcError, ValueError):
    """The data are not what they should be.

    Parameters
    ----------
    message : str
        What is wrong; with `problems` it already lists the first 20 rows.
    problems : pandas.DataFrame, optional
        One row per problem: file, row, patient, column, found, allowed.
    """

    def __init__(self, message: str, problems: "pd.DataFrame | None" = None) -> None:
        super().__init__(message)
        self.problems = problems


class SpecError(BayesctcError, ValueError):
    """A model specification, or an argument, that cannot be fitted to these data."""


class FitError(BayesctcError, RuntimeError):
    """A fit that could not be finished."""


class StorageError(BayesctcError, OSError):
    """A result that could not be written or read."""
