"""What the samples hold: its columns and their checks, the scale on which it is modelled, and the words for it.

A further kind of outcome is one class here or anywhere else, made known by `register`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from bayesctc.data import parsing
from bayesctc.data.columns import DEFAULT_VOLUME_ML, SAMPLE_COLUMNS
from bayesctc.data.problems import Problems, Table
from bayesctc.errors import DataError, SpecError

CUTOFF = "a cut-off"  # P(5 or more cells), and the readings that rest on it
FREQUENCY = "frequencies of single values"  # zeros, ties
FAMILIES = "a comparison of families"
IMPUTATION = "imputation after drop-out"

# transformation: (y from the value, the value from y, the formula, least value, what is allowed)
TRANSFORMS: dict[str, tuple[Callable, Callable, str, float, str]] = {
    "log": (np.log, np.exp, "log({})", np.nextafter(0.0, 1.0), "a number above 0"),
    "log1p": (np.log1p, np.expm1, "log(1 + {})", 0.0, "a number, 0 or more"),
    "identity": (np.asarray, np.asarray, "{}", -np.inf, "a number"),
}


@dataclass(frozen=True)
class Words:
    """How an outcome is spoken of.

    Attributes
    ----------
    value, values : str
        One of it and several: "count", "counts".
    full_value, full_values : str
        The same at first mention: "CTC count", "CTC counts".
    heading : str
        Several, at the head of a part: "Counts".
    topic : str
        What a whole text is of: "CTC counts".
    label, heading_label : str
        With its unit, inside and at the head of a text: "cells per 7.5 mL", "Cells per 7.5 mL".
    axis : str
        With its unit, on an axis: "CTCs per 7.5 mL of blood".
    unit : str
        "cells per 7.5 mL"; "" for none.
    scale, short_scale : str
        The scale of the growth curve: "log(1 + count per 7.5 mL)", "log(1 + count)".
    log_value, log_values : str
        One value on that scale and several: "log count", "log counts".
    scale_unit : str
        A unit of it: "log units".
    """

    value: str
    values: str
    full_value: str
    full_values: str
    heading: str
    topic: str
    label: str
    heading_label: str
    axis: str
    unit: str
    scale: str
    short_scale: str
    log_value: str
    log_values: str
    scale_unit: str


class Outcome(ABC):
    """What the samples hold.

    Attributes
    ----------
    kind : str
        What families can describe it: `Family.outcome` is the same word.
    columns : tuple of str
        Columns of the samples that it has besides patient_id and time; the first is the one that is followed.
    whole : bool
        Whether its values are whole numbers, so that equal ones are no accident of rounding.
    standardised : bool
        Whether a fit counts from the mean of the samples in their standard deviations; else the scale of the growth
        curve is everybody's.
    answers : frozenset of str
        What may be asked of it: `CUTOFF`, `FREQUENCY`, `FAMILIES`, `IMPUTATION`.
    words : Words
    lower, upper : float
        Least and largest value that can be transformed.
    reference : float
        The exposure of a usual sample, to which values on an axis or in a table refer: of counts 7.5 mL.
    median_columns : tuple of str
        What a median and its limits are called in tables.
    """

    kind: ClassVar[str]
    whole: ClassVar[bool] = False
    standardised: ClassVar[bool] = True
    answers: ClassVar[frozenset[str]] = frozenset()
    median_columns: ClassVar[tuple[str, str, str]] = ("median", "lower", "upper")
    upper: float = np.inf
    reference: ClassVar[float] = 1.0

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
        """Values, at the reference exposure, of the scale of the growth curve."""

    @property
    def column(self) -> str:
        """The column that is followed over time."""
        return self.columns[0]

    def exposure(self, samples: pd.DataFrame) -> np.ndarray:
        """How much of the patient each sample is: array (n_samples,); 1 where every sample is alike."""
        return np.ones(len(samples))

    def at_reference(self, value: Any, exposure: Any) -> Any:
        """Values as the reference exposure would have them: arrays (n_samples,)."""
        return value

    def ticks(self, low: float, high: float, most: int) -> Sequence[float] | None:
        """Values for the ticks of an axis on its scale, in order of preference; None for evenly spaced ones.

        Parameters
        ----------
        low, high : float
            Ends of the axis, as values.
        most : int
            Ticks that the axis has room for, about; those too close to a preferred one are left out.
        """
        return None

    def typed(self, samples: pd.DataFrame) -> pd.DataFrame:
        """The samples with its columns in the types that a cohort holds."""
        return samples.astype({self.column: np.int64}) if self.whole else samples

    def checked_names(self, columns: Mapping[str, str] | None) -> None:
        """Refuse names of columns that it does not have."""
        beside = sorted((set(SAMPLE_COLUMNS[2:]) - set(self.columns)) & set(columns or {}))
        if beside:
            raise DataError(
                f"columns: found {beside[0]!r}, which is for counts; allowed with a marker: its Marker.column"
            )

    def need(self, question: str, what: str, allowed: str = "") -> None:
        """Refuse what may not be asked of it; `allowed` is what can be asked instead.

        Raises
        ------
        SpecError
            `question` is not among its answers.
        """
        if question not in self.answers:
            instead = f"; allowed with a marker: {allowed}" if allowed else ""
            raise SpecError(f"{what} is for counts; found a cohort of the marker {self.words.label!r}{instead}.")

    def stored(self) -> dict[str, Any] | None:
        """What a file keeps of it; `restored` reads it."""
        return {"kind": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class CtcCount(Outcome):
    """Tumour cells counted in a volume of blood, modelled per 7.5 mL."""

    kind: ClassVar[str] = "count"
    whole: ClassVar[bool] = True
    standardised: ClassVar[bool] = False
    answers: ClassVar[frozenset[str]] = frozenset({CUTOFF, FREQUENCY, FAMILIES, IMPUTATION})
    median_columns: ClassVar[tuple[str, str, str]] = ("median_ctc", "lower", "upper")
    columns: ClassVar[tuple[str, ...]] = ("ctc", "volume_ml")
    lower: ClassVar[float] = 0.0
    reference: ClassVar[float] = DEFAULT_VOLUME_ML
    allowed: ClassVar[str] = "a whole number, 0 or more"
    words: ClassVar[Words] = Words(
        value="count",
        values="counts",
        full_value="CTC count",
        full_values="CTC counts",
        heading="Counts",
        topic="CTC counts",
        label="cells per 7.5 mL",
        heading_label="Cells per 7.5 mL",
        axis="CTCs per 7.5 mL of blood",
        unit="cells per 7.5 mL",
        scale="log(1 + count per 7.5 mL)",
        short_scale="log(1 + count)",
        log_value="log count",
        log_values="log counts",
        scale_unit="log units",
    )

    def read(self, table: Table, problems: Problems) -> dict[str, np.ndarray]:
        """`ctc`, whole numbers from 0, and `volume_ml`, 7.5 where the table has none."""
        volume = np.full(len(table.frame), DEFAULT_VOLUME_ML)
        count = parsing.counts(table, "ctc", problems)
        if "volume_ml" in table.frame:
            volume = parsing.positive_numbers(table, "volume_ml", problems, allowed="millilitres, above 0")
        return {"ctc": count, "volume_ml": volume}

    def exposure(self, samples: pd.DataFrame) -> np.ndarray:
        """Blood volume, mL."""
        return samples["volume_ml"].to_numpy()

    def at_reference(self, value: Any, exposure: Any) -> Any:
        """Counts in 7.5 mL."""
        return value * DEFAULT_VOLUME_ML / exposure

    def forward(self, value: Any, exposure: Any) -> np.ndarray:
        """log(1 + count per 7.5 mL)."""
        return np.log1p(self.at_reference(np.asarray(value), np.asarray(exposure)))

    def inverse(self, y: Any) -> np.ndarray:
        """The count in 7.5 mL."""
        return np.expm1(np.asarray(y, dtype=float))

    def ticks(self, low: float, high: float, most: int) -> Sequence[float]:
        """0, 5 and the powers of ten before others; on low axes few, as each has its place by itself."""
        if most < 8:
            return [0, 5, 20, 100, 500, 2_500, 10_000, 50_000]
        return [0, 5, *(10**p for p in range(1, 9)), 1, 2, *(5 * 10**p for p in range(1, 9))]

    def stored(self) -> None:
        """Nothing: a file without an outcome holds counts."""


@dataclass(frozen=True)
class Continuous(Outcome):
    """A serial marker other than a count, such as bilirubin, and the transformation on which it is normal.

    Growth curves and residuals are on the transformed scale; priors count from the mean of its samples there, in their
    standard deviations. A log likelihood is that of the transformed values.

    Attributes
    ----------
    column : str
        Column of the samples that holds it, under which it stays.
    unit : str
        Such as "mg/dL"; "" for none.
    transform : {"log", "log1p", "identity"}
        Natural log, of values above 0; log(1 + value), of 0 or more; or none.

    Raises
    ------
    SpecError
        A field is something else.
    """

    kind: ClassVar[str] = "continuous"
    column: str = ""
    unit: str = ""
    transform: str = "log"

    def __post_init__(self) -> None:
        if not isinstance(self.column, str) or not self.column or self.column in SAMPLE_COLUMNS:
            raise SpecError(
                f"Marker.column: found {self.column!r}; allowed: the name of a column other than "
                f"{', '.join(SAMPLE_COLUMNS)} (leave marker= out for counts)"
            )
        if not isinstance(self.unit, str):
            raise SpecError(f"Marker.unit: found {self.unit!r}; allowed: text such as 'mg/dL'")
        if self.transform not in TRANSFORMS:
            raise SpecError(f"Marker.transform: found {self.transform!r}; allowed: {', '.join(TRANSFORMS)}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Its column alone."""
        return (self.column,)

    @property
    def lower(self) -> float:
        """The least value that can be transformed."""
        return TRANSFORMS[self.transform][3]

    @property
    def allowed(self) -> str:
        """What values have to be, for a message."""
        return f"{TRANSFORMS[self.transform][4]} (transform {self.transform!r})"

    @property
    def words(self) -> Words:
        """Its name, with its unit, and the formula of its scale: "bili", "bili (mg/dL)", "log(bili)"."""
        name, label = self.column, f"{self.column} ({self.unit})" if self.unit else self.column
        formula, values = TRANSFORMS[self.transform][2].format(name), f"values of {name}"
        return Words(
            value=name,
            values=values,
            full_value=name,
            full_values=values,
            heading=name,
            topic=name,
            label=label,
            heading_label=label,
            axis=label,
            unit=self.unit,
            scale=formula,
            short_scale=formula,
            log_value=formula,
            log_values=formula,
            scale_unit=f"units of {formula}",
        )

    def read(self, table: Table, problems: Problems) -> dict[str, np.ndarray]:
        """Its column: numbers that can be transformed."""
        return {
            self.column: parsing.required_numbers(
                table, self.column, problems, allowed=self.allowed, minimum=self.lower
            )
        }

    def forward(self, value: Any, exposure: Any = None) -> np.ndarray:
        """Values as they are transformed."""
        return TRANSFORMS[self.transform][0](np.asarray(value, dtype=float))

    def inverse(self, y: Any) -> np.ndarray:
        """From the scale of the growth curve back to its unit."""
        return TRANSFORMS[self.transform][1](np.asarray(y, dtype=float))

    def ticks(self, low: float, high: float, most: int) -> Sequence[float] | None:
        """Of a logarithm 1, 2, 5, 10, ..., or fewer to a power of ten; the highest first."""
        if self.transform == "identity":
            return None
        for steps in ((1, 2, 5), (1, 3), (1,)):
            ticks = np.unique([0.0, *(step * 10.0**p for p in range(-8, 9) for step in steps)])
            ticks = ticks[(ticks >= low) & (ticks <= high)]
            if len(ticks) <= most:
                break
        return ticks[::-1].tolist()

    def stored(self) -> dict[str, Any]:
        """Its fields, without a kind, as files of former versions have it."""
        return asdict(self)


CTC_COUNT = CtcCount()
Marker = Continuous  # its first name, which stays
OUTCOMES: dict[str, type[Outcome]] = {}


def register(outcome: type[Outcome]) -> type[Outcome]:
    """Make a kind of outcome known by its name, so that files that hold it can be read."""
    OUTCOMES[outcome.__name__] = outcome
    return outcome


register(CtcCount)
register(Continuous)


def restored(stored: Mapping[str, Any] | None) -> Outcome:
    """The outcome that `Outcome.stored` wrote: without one counts; without a kind, as former versions, continuous."""
    if stored is None:
        return CTC_COUNT
    fields = dict(stored)
    return OUTCOMES[fields.pop("kind", Continuous.__name__)](**fields)


def checked_outcome(marker: Any, columns: Mapping[str, str] | None) -> Outcome:
    """The outcome that `Cohort` is given; refuses other things, and names of columns that it does not have."""
    outcome = CTC_COUNT if marker is None else marker
    if not isinstance(outcome, Outcome):
        raise DataError(f"marker: found {marker!r}; allowed: a Marker, or None for counts")
    outcome.checked_names(columns)
    return outcome
