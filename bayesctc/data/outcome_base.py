"""What every outcome provides, and the questions it may answer."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from bayesctc.data.columns import SAMPLE_COLUMNS
from bayesctc.data.problems import Problems, Table
from bayesctc.data.words import Words
from bayesctc.errors import DataError, SpecError

CUTOFF = "a cut-off"  # P(5 or more cells), and the readings that rest on it
FREQUENCY = "frequencies of single values"  # zeros, ties
FAMILIES = "a comparison of families"
IMPUTATION = "imputation after drop-out"
LARGEST_VALUE = 1e150  # its square is still a number


class Outcome(ABC):
    """What the samples hold.

    Attributes
    ----------
    kind : str
        Determines which families can describe it: `Family.outcomes` holds the same word.
    columns : tuple of str
        Its columns of the samples besides patient_id and time; the first is the one followed over time.
    optional : tuple of str
        Those of them that the table of samples may lack.
    whole : bool
        Whether its values are whole numbers, so that equal values do not result from rounding.
    standardised : bool
        Whether a fit uses standardised samples (mean 0, standard deviation 1) rather than the scale of the outcome.
    answers : frozenset of str
        What may be asked of it: `CUTOFF`, `FREQUENCY`, `FAMILIES`, `IMPUTATION`.
    words : Words
    lower, upper : float
        Least and largest value that can be transformed.
    reference : float
        The exposure of a usual sample, to which axes, medians and predictions refer: 7.5 mL for counts.
    largest_curve : float
        The growth curve above which no value can be drawn.
    median_columns : tuple of str
        Names of a median and its limits in tables.

    Examples
    --------
    >>> bili = bc.Marker("bili", unit="mg/dL", transform="log")
    >>> isinstance(bili, bc.Outcome), bili.columns, bili.kind
    (True, ('bili',), 'continuous')
    """

    kind: ClassVar[str]
    optional: ClassVar[tuple[str, ...]] = ()
    whole: ClassVar[bool] = False
    standardised: ClassVar[bool] = True
    answers: ClassVar[frozenset[str]] = frozenset()
    median_columns: ClassVar[tuple[str, str, str]] = ("median", "lower", "upper")
    reference: ClassVar[float] = 1.0
    largest_curve: ClassVar[float] = np.inf
    upper: float = np.inf

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]: ...

    @property
    @abstractmethod
    def words(self) -> Words: ...

    @property
    @abstractmethod
    def lower(self) -> float: ...

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What values have to be, for a message."""

    @abstractmethod
    def read(self, table: Table, problems: Problems) -> dict[str, np.ndarray]:
        """Its columns, checked cell by cell; an optional column that is absent has its default."""

    @abstractmethod
    def forward(self, value: Any, exposure: Any) -> np.ndarray:
        """Values on the scale of the growth curve: array (n_samples,)."""

    @abstractmethod
    def inverse(self, y: Any) -> np.ndarray:
        """Values at the reference exposure, from the scale of the growth curve."""

    def told(self, samples: pd.DataFrame, assumed: Collection[str]) -> dict[str, str]:
        """Lines of a summary on its further columns, by heading; `assumed` are those that the table did not have."""
        return {}

    def doubts(self, samples: pd.DataFrame, further: pd.DataFrame) -> Iterator[str]:
        """Warnings on implausible values, and on further columns that look like one of its own; see `data_warnings`."""
        yield from ()

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that the table of samples has to have."""
        return tuple(name for name in self.columns if name not in self.optional)

    @property
    def column(self) -> str:
        """The column that is followed over time."""
        return self.columns[0]

    def within(self, value: Any) -> np.ndarray:
        """Values, limited to the possible range."""
        return np.clip(value, self.lower, self.upper)

    def observed(self, y: Any, exposure: Any) -> np.ndarray:
        """The recorded value of a sample whose value is `y` on the scale of the growth curve."""
        return self.within(self.inverse(y))

    def drawn(self, y: np.ndarray, exposure: Any) -> tuple[np.ndarray, np.ndarray]:
        """Values for random `y`: as the density reads them, and as recorded in a sample.

        Raises
        ------
        OverflowError
            A value overflows, or cannot be recovered from its transformation.
        """
        with np.errstate(over="ignore", divide="ignore"):
            value = self.inverse(y)
            faithful = np.isfinite(self.forward(value, exposure)) & (np.abs(value) < LARGEST_VALUE)
        if not faithful.all():
            drawn = y[~faithful][0]
            raise OverflowError(
                f"{self.words.scale} = {drawn:.0f} was drawn, for which {self.column} is not a finite number"
            )
        return value, value

    def class_labels(self, n_classes: int) -> list[str]:
        """Labels of the classes, lowest first."""
        return [f"class {g}" for g in range(1, n_classes + 1)]

    def exposure(self, samples: pd.DataFrame) -> np.ndarray:
        """The exposure of each sample, such as its volume: array (n_samples,); 1 if all samples have the same."""
        return np.ones(len(samples))

    def at_reference(self, value: Any, exposure: Any) -> Any:
        """Values at the reference exposure: arrays (n_samples,)."""
        return value

    def ticks(self, low: float, high: float, most: int) -> Sequence[float] | None:
        """Values for the ticks of an axis on its scale, in order of preference; None for evenly spaced ones.

        Parameters
        ----------
        low, high : float
            Ends of the axis, as values.
        most : int
            About as many ticks as the axis has room for; those too close to a preferred one are left out.
        """
        return None

    def typed(self, samples: pd.DataFrame) -> pd.DataFrame:
        """The samples with its columns in the types that a cohort holds."""
        return samples.assign(**{self.column: samples[self.column].astype(np.int64)}) if self.whole else samples

    def checked_names(self, columns: Mapping[str, str] | None) -> None:
        """Refuse names of columns that it does not have."""
        beside = sorted((set(SAMPLE_COLUMNS[2:]) - set(self.columns)) & set(columns or {}))
        if beside:
            raise DataError(
                f"columns: found {beside[0]!r}, which is for counts; allowed with a marker: its Marker.column"
            )

    def need(self, question: str, what: str, allowed: str = "") -> None:
        """Refuse a question that the outcome cannot answer; `allowed` is what can be asked instead.

        Raises
        ------
        SpecError
            `question` is not among its answers.
        """
        if question not in self.answers:
            raise self.refusal(what, "counts", allowed)

    def refusal(self, what: str, of: str, allowed: str = "") -> SpecError:
        """The error of a function that is for other outcomes; `allowed` is what can be used with this one instead."""
        instead = f"; allowed with a marker: {allowed}" if allowed else ""
        return SpecError(f"{what} is for {of}; found a cohort of the marker {self.words.label!r}{instead}.")

    def stored(self) -> dict[str, Any] | None:
        """The outcome as a file stores it; `restored` reads it."""
        return {"kind": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]
