"""A serial marker that is not a count: its column, its unit, and the scale on which it is modelled."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesctc.data.columns import SAMPLE_COLUMNS
from bayesctc.errors import DataError, SpecError

# transformation: (y from the value, the value from y, the formula, least value, what is allowed)
TRANSFORMS: dict[str, tuple[Callable, Callable, str, float, str]] = {
    "log": (np.log, np.exp, "log({})", np.nextafter(0.0, 1.0), "a number above 0"),
    "log1p": (np.log1p, np.expm1, "log(1 + {})", 0.0, "a number, 0 or more"),
    "identity": (np.asarray, np.asarray, "{}", -np.inf, "a number"),
}


@dataclass(frozen=True)
class Marker:
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

    column: str
    unit: str = ""
    transform: str = "log"

    def __post_init__(self):
        if not isinstance(self.column, str) or not self.column or self.column in SAMPLE_COLUMNS:
            raise SpecError(
                f"Marker.column: found {self.column!r}; allowed: the name of a column other than "
                f"{', '.join(SAMPLE_COLUMNS)} (leave marker= out for counts)"
            )
        if not isinstance(self.unit, str):
            raise SpecError(f"Marker.unit: found {self.unit!r}; allowed: text such as 'mg/dL'")
        if self.transform not in TRANSFORMS:
            raise SpecError(f"Marker.transform: found {self.transform!r}; allowed: {', '.join(TRANSFORMS)}")

    def forward(self, value) -> np.ndarray:
        """Values on the scale of the growth curve."""
        return TRANSFORMS[self.transform][0](np.asarray(value, dtype=float))

    def inverse(self, y) -> np.ndarray:
        """From the scale of the growth curve back to the marker's unit."""
        return TRANSFORMS[self.transform][1](np.asarray(y, dtype=float))

    @property
    def formula(self) -> str:
        """The transformation in words: "log(bili)"."""
        return TRANSFORMS[self.transform][2].format(self.column)

    @property
    def label(self) -> str:
        """Name and unit, for an axis: "bili (mg/dL)"."""
        return f"{self.column} ({self.unit})" if self.unit else self.column

    @property
    def least(self) -> float:
        """The least value that can be transformed."""
        return TRANSFORMS[self.transform][3]

    @property
    def allowed(self) -> str:
        """What values have to be, for a message."""
        return f"{TRANSFORMS[self.transform][4]} (transform {self.transform!r})"


_OF_COUNTS = (
    r"(?P<scale>log\(1 \+ count(?: per 7\.5 mL)?\)|log counts?)|(?P<unit>log units)|(?P<label>[Cc]ells per 7\.5 mL)"
    r"|(?P<values>(?:CTC )?counts)|(?P<column>(?:CTC )?count|Counts?)"
)


def in_words(text: str, marker: Marker | None) -> str:
    """The package's own text about counts, with a marker's name, unit and scale in their place."""
    if marker is None:
        return text
    known = "|".join(re.escape(name) for name in (marker.formula, marker.label, marker.column))
    own = {
        "scale": marker.formula,
        "unit": f"units of {marker.formula}",
        "label": marker.label,
        "values": f"values of {marker.column}",
        "column": marker.column,
    }
    # in one pass, and around what is the marker's already: its name may hold such a word
    return re.sub(
        rf"(?<!\w)(?:{known}|{_OF_COUNTS})(?!\w)", lambda found: own.get(str(found.lastgroup), found[0]), text
    )


def value_column(marker: Marker | None) -> str:
    """Column of the samples with what is followed over time: "ctc" unless there is a marker."""
    return "ctc" if marker is None else marker.column


def need_counts(marker: Marker | None, what: str, allowed: str = "") -> None:
    """Refuse a marker where only counts make sense; `allowed` is what it can have instead."""
    if marker is not None:
        instead = f"; allowed with a marker: {allowed}" if allowed else ""
        raise SpecError(f"{what} is for counts; found a cohort of the marker {marker.label!r}{instead}.")


def checked_marker(marker: Marker | None, columns) -> Marker | None:
    """A marker as `Cohort` takes it; refuses other things, and columns of counts beside it."""
    if marker is None:
        return None
    if not isinstance(marker, Marker):
        raise DataError(f"marker: found {marker!r}; allowed: a Marker, or None for counts")
    beside = sorted({"ctc", "volume_ml"} & set(columns or {}))
    if beside:
        raise DataError(f"columns: found {beside[0]!r}, which is for counts; allowed with a marker: its Marker.column")
    return marker
