"""Outcomes, which the samples hold: their columns and checks, the scale on which they are modelled, and their words.

A further kind of outcome is one class, here or elsewhere, registered with `register`.
"""

import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from bayesctc.data import parsing
from bayesctc.data.columns import DEFAULT_VOLUME_ML, REASON, SAMPLE_COLUMNS, STATUS
from bayesctc.data.outcome_base import CUTOFF, FAMILIES, FREQUENCY, IMPUTATION, Outcome
from bayesctc.data.problems import Problems, Table
from bayesctc.data.words import Words
from bayesctc.errors import DataError, SpecError, StorageError

LEAST_VOLUME, MOST_VOLUME = 0.1, 100.0  # mL: others are in another unit, or no volume of blood
MOST_CELLS = 100_000  # CTCs in one sample
_A_VOLUME = re.compile(r"vol|ml$|millilit", re.IGNORECASE)
# transformation: (y from the value, the value from y, the formula, that of the value, least value, what is allowed)
TRANSFORMS: dict[str, tuple[Callable, Callable, str, str, float, str]] = {
    "log": (np.log, np.exp, "log({})", "exp(curve)", np.nextafter(0.0, 1.0), "a number above 0"),
    "log1p": (np.log1p, np.expm1, "log(1 + {})", "exp(curve) − 1", 0.0, "a number, 0 or more"),
    "identity": (np.asarray, np.asarray, "{}", "The curve", -np.inf, "a number"),
}


@dataclass(frozen=True)
class CtcCount(Outcome):
    """Tumour cells counted in a volume of blood, modelled per 7.5 mL.

    Examples
    --------
    >>> counts = bc.CtcCount()
    >>> counts.columns, counts.reference  # a count of cells, in millilitres of blood; 7.5 mL is the usual tube
    (('ctc', 'volume_ml'), 7.5)
    """

    kind: ClassVar[str] = "count"
    optional: ClassVar[tuple[str, ...]] = ("volume_ml",)
    whole: ClassVar[bool] = True
    standardised: ClassVar[bool] = False
    answers: ClassVar[frozenset[str]] = frozenset({CUTOFF, FREQUENCY, FAMILIES, IMPUTATION})
    median_columns: ClassVar[tuple[str, str, str]] = ("median_ctc", "lower", "upper")
    reference: ClassVar[float] = DEFAULT_VOLUME_ML
    largest_curve: ClassVar[float] = 35.0  # 1.6e15 cells: beyond that a whole number is no longer one
    columns: ClassVar[tuple[str, ...]] = ("ctc", "volume_ml")
    lower: ClassVar[float] = 0.0
    allowed: ClassVar[str] = "a whole number, 0 or more"
    words: ClassVar[Words] = Words(
        value="count",
        values="counts",
        full_value="CTC count",
        full_values="CTC counts",
        noun="count",
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
        definition="natural logarithm; a count c in v mL is c · 7.5 / v per 7.5 mL",
        inverse="exp(curve) − 1",
        quantity="count per 7.5 mL",
    )

    def read(self, table: Table, problems: Problems) -> dict[str, np.ndarray]:
        """`ctc`, whole numbers from 0, and `volume_ml`, 7.5 where the table has none."""
        volume = np.full(len(table.frame), DEFAULT_VOLUME_ML)
        count = parsing.counts(table, "ctc", problems)
        if "volume_ml" in table.frame:
            volume = parsing.positive_numbers(table, "volume_ml", problems, allowed="millilitres, above 0")
        return {"ctc": count, "volume_ml": volume}

    def told(self, samples: pd.DataFrame, assumed: Collection[str]) -> dict[str, str]:
        """The volumes of blood, and whether they are those of the table."""
        least, most = (f"{samples['volume_ml'].agg(which):g}" for which in ("min", "max"))
        same = f"{least} mL in every sample"
        if "volume_ml" in assumed:
            same += " (the default without a column volume_ml)"
        return {"volume of blood": same if least == most else f"{least} to {most} mL"}

    def doubts(self, samples: pd.DataFrame, further: pd.DataFrame) -> Iterator[str]:
        """Volumes in another unit or column, and implausible counts."""
        volume = samples["volume_ml"]
        odd, many = samples[(volume < LEAST_VOLUME) | (volume > MOST_VOLUME)], samples[samples["ctc"] > MOST_CELLS]
        if len(odd):
            found = f"{odd['volume_ml'].iloc[0]:g} mL (patient {odd['patient_id'].iloc[0]})"
            yield (
                f"volume_ml: {found} and {len(odd) - 1:,} others are below {LEAST_VOLUME:g} or above {MOST_VOLUME:g}; "
                "it should be the volume of blood in which cells were counted, in millilitres"
            )
        if len(many):
            found = f"{many['ctc'].iloc[0]:,} cells (patient {many['patient_id'].iloc[0]})"
            yield (
                f"ctc: {found} and {len(many) - 1:,} others are more than {MOST_CELLS:,}; it should be the number of "
                "cells counted, not a concentration"
            )
        usual = f"the volume of blood is {DEFAULT_VOLUME_ML:g} mL in every sample"
        for name in further if (volume == DEFAULT_VOLUME_ML).all() else ():
            if pd.api.types.is_numeric_dtype(further[name]) and _A_VOLUME.search(str(name)):
                yield (
                    f"samples: the column {name!r} is not used, and {usual}; if it is the volume, give "
                    f"columns={{'volume_ml': {str(name)!r}}}"
                )

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

    def observed(self, y: Any, exposure: Any) -> np.ndarray:
        """The whole count nearest to the curve; 0 if that is below zero."""
        return self.drawn(y, exposure)[1]

    def drawn(self, y: np.ndarray, exposure: Any) -> tuple[np.ndarray, np.ndarray]:
        """Counts before rounding, above -volume / 7.5, and whole ones."""
        exact = np.expm1(y) * exposure / DEFAULT_VOLUME_ML
        return exact, np.rint(np.maximum(exact, 0.0)).astype(np.int64)

    def class_labels(self, n_classes: int) -> list[str]:
        """The study's names for four classes, else class 1..K."""
        return ["tCTCneg", "tCTClo", "tCTCmid", "tCTChi"] if n_classes == 4 else super().class_labels(n_classes)

    def refusal(self, what: str, of: str, allowed: str = "") -> SpecError:
        """See `Outcome.refusal`."""
        return SpecError(f"{what} is for {of}; found a cohort of counts{f'; allowed: {allowed}' * bool(allowed)}.")

    def ticks(self, low: float, high: float, most: int) -> Sequence[float]:
        """0, 5 and the powers of ten before others; few on short axes."""
        if most < 8:
            return [0, 5, 20, 100, 500, 2_500, 10_000, 50_000]
        return [0, 5, *(10**p for p in range(1, 9)), 1, 2, *(5 * 10**p for p in range(1, 9))]

    def stored(self) -> dict[str, Any] | None:
        """Nothing: a file without an outcome holds counts."""
        return None if type(self) is CtcCount else super().stored()


@dataclass(frozen=True)
class Continuous(Outcome):
    """A serial marker other than a count, such as bilirubin, and the transformation under which it is normal.

    Growth curves and residuals are on the transformed scale; priors there are relative to the mean of the samples, in
    units of their standard deviation. The log likelihood is that of the transformed values.

    Attributes
    ----------
    column : str
        Name of its column in the samples.
    unit : str
        Such as "mg/dL"; "" for none.
    transform : {"log", "log1p", "identity"}
        Natural log, of values above 0; log(1 + value), of 0 or more; or none.

    Raises
    ------
    SpecError
        A field has a value that is not allowed.

    Examples
    --------
    >>> samples = pd.DataFrame({"patient_id": ["a", "a"], "time": [0.0, 1.0], "bili": [1.4, 2.1]})
    >>> patients = pd.DataFrame({"patient_id": ["a"], "os_time": [12.0], "os_event": [1]})
    >>> bc.Cohort(samples, patients, marker=bc.Marker("bili", unit="mg/dL")).n_samples
    2
    """

    kind: ClassVar[str] = "continuous"
    column: str = ""
    unit: str = ""
    transform: str = "log"

    def __post_init__(self) -> None:
        taken = (*SAMPLE_COLUMNS, STATUS, REASON)
        if not isinstance(self.column, str) or not self.column or self.column in taken:
            raise SpecError(
                f"Marker.column: found {self.column!r}; allowed: the name of a column other than "
                f"{', '.join(taken)} (leave marker= out for counts)"
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
        return TRANSFORMS[self.transform][4]

    @property
    def allowed(self) -> str:
        """What values have to be, for a message."""
        return f"{TRANSFORMS[self.transform][5]} (transform {self.transform!r})"

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
            noun="value",
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
            definition=label,
            inverse=TRANSFORMS[self.transform][3],
            quantity=label,
        )

    def read(self, table: Table, problems: Problems) -> dict[str, np.ndarray]:
        """Its column: numbers that can be transformed."""
        return {
            self.column: parsing.required_numbers(
                table,
                self.column,
                problems,
                allowed=self.allowed,
                minimum=self.lower,
                empty=parsing.NO_VALUE,
            )
        }

    def forward(self, value: Any, exposure: Any = None) -> np.ndarray:
        """Values as they are transformed."""
        return TRANSFORMS[self.transform][0](np.asarray(value, dtype=float))

    def inverse(self, y: Any) -> np.ndarray:
        """From the scale of the growth curve back to its unit."""
        return TRANSFORMS[self.transform][1](np.asarray(y, dtype=float))

    def ticks(self, low: float, high: float, most: int) -> Sequence[float] | None:
        """On a log scale 1, 2, 5, 10, ..., or fewer for each power of ten; the highest first."""
        if self.transform == "identity":
            return None
        for steps in ((1, 2, 5), (1, 3), (1,)):
            ticks = np.unique([0.0, *(step * 10.0**p for p in range(-8, 9) for step in steps)])
            ticks = ticks[(ticks >= low) & (ticks <= high)]
            if len(ticks) <= most:
                break
        return ticks[::-1].tolist()

    @property
    def formula(self) -> str:
        """Deprecated: `words.scale`."""
        _deprecated("formula", "words.scale")
        return self.words.scale

    @property
    def label(self) -> str:
        """Deprecated: `words.label`."""
        _deprecated("label", "words.label")
        return self.words.label

    @property
    def least(self) -> float:
        """Deprecated: `lower`."""
        _deprecated("least", "lower")
        return self.lower

    def stored(self) -> dict[str, Any] | None:
        """Its fields, without a kind, as files of former versions have it."""
        return asdict(self) if type(self) is Continuous else super().stored()


CTC_COUNT = CtcCount()
Marker = Continuous  # its first name, which stays
OUTCOMES: dict[str, type[Outcome]] = {}


def register(outcome: type[Outcome]) -> type[Outcome]:
    """Register a class of outcomes by name, so that files that hold it can be read; also a decorator.

    Raises
    ------
    SpecError
        Another class has that name.
    """
    if OUTCOMES.setdefault(outcome.__name__, outcome) is not outcome:
        raise SpecError(f"register: found {outcome.__name__!r}; allowed: a name that no other outcome has")
    return outcome


register(CtcCount)
register(Continuous)


def restored(stored: Mapping[str, Any] | None) -> Outcome:
    """The outcome that `Outcome.stored` wrote: without one counts; without a kind, as former versions, continuous."""
    if stored is None:
        return CTC_COUNT
    fields = dict(stored)
    kind = fields.pop("kind", Continuous.__name__)
    if kind not in OUTCOMES:
        raise StorageError(f"the samples hold {kind!r}, which is not registered (bayesctc.data.outcome.register)")
    return OUTCOMES[kind](**fields)


def checked_outcome(marker: Any, columns: Mapping[str, str] | None) -> Outcome:
    """The outcome given to `Cohort`; refuses anything else, and names of columns that the outcome does not have."""
    match marker:
        case None:
            outcome: Outcome = CTC_COUNT
        case Outcome():
            outcome = marker
        case _:
            raise DataError(f"marker: found {marker!r}; allowed: a Marker, or None for counts")
    outcome.checked_names(columns)
    return outcome


def _deprecated(name: str, instead: str) -> None:
    """Warn whoever reads a deprecated attribute."""
    text = f"{name} is deprecated and will be removed in 0.3: use {instead}."
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def former_marker(result: Any) -> Outcome | None:
    """The outcome of a result under its former name; None for counts."""
    _deprecated("marker", "outcome")
    return None if result.outcome == CTC_COUNT else result.outcome
