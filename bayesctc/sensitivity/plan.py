"""A plan: a table of variations, each of which changes one thing of a base analysis."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from numbers import Integral, Real
from textwrap import shorten
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.data.outcome import CUTOFF, IMPUTATION
from bayesctc.errors import SpecError
from bayesctc.model.priors import Priors
from bayesctc.shown import Shown

SPEC_OPTIONS = ("n_classes", "family", "growth", "random_effects", "hazard", "common_shape", "endpoint")
POWERS = ("prior_power", "likelihood_power")
FREE_OPTIONS = (*POWERS, "cutoff")  # use the base's draws, without a new fit
NEEDS = {"cutoff": CUTOFF, "dropout_delta": IMPUTATION}  # what the outcome has to support
BASE_OPTIONS = ("leave_out_pareto_k", "dropout_delta")  # the base fit determines which patients or counts change
OPTIONS = {
    "priors": "fields of Priors and their values, such as {'curve_sd': 2.0}",
    **dict.fromkeys(SPEC_OPTIONS, "a value that ModelSpec allows"),
    **dict.fromkeys(POWERS, "a number above 0 other than 1, such as 0.8"),
    "cutoff": "a whole number of cells per 7.5 mL, 1 or more",
    "include": "{'min_samples': 2} or {'min_samples': 3, 'entry': 'third_sample'}",
    "leave_out": "one covariate and its level, such as {'arm': 'A'}",
    "leave_out_pareto_k": "a number above 0, such as 0.7",
    "dropout_delta": "a number, on the log scale of the counts, such as 1.0",
}
METHODS = ("nuts", "ml")
COLUMNS = ("variation", "option", "value", "method")


@dataclass(frozen=True)
class Variation:
    """One row of a plan.

    Attributes
    ----------
    option : str
        The option that is changed.
    value : number, text or dict
        Its new value.
    variation : str
        Its name; made of option and value unless given.
    method : {"nuts", "ml"}
        How it is fitted; maximum likelihood has no elpd.

    Examples
    --------
    >>> row = bc.Variation("cutoff", 3)
    >>> row.option, row.value, row.method
    ('cutoff', 3, 'nuts')
    """

    option: str
    value: Any
    variation: str = ""
    method: str = "nuts"

    def __post_init__(self):
        if self.option not in OPTIONS:
            raise SpecError(f"option has to be one of {', '.join(OPTIONS)}; found {self.option!r}.")
        value = {k: _plain(v) for k, v in self.value.items()} if isinstance(self.value, Mapping) else _plain(self.value)
        if not _possible(self.option, value):
            raise SpecError(f"{self.option} takes {OPTIONS[self.option]}; found {self.value!r}.")
        if self.method not in METHODS or (self.method == "ml" and self.option in (*FREE_OPTIONS, "dropout_delta")):
            why = "" if self.method not in METHODS else f" (not with {self.option})"
            raise SpecError(f"method has to be one of {', '.join(METHODS)}{why}; found {self.method!r}.")
        if not isinstance(self.variation, str):
            raise SpecError(f"variation has to be a name; found {self.variation!r}.")
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "variation", self.variation or _name(self.option, value))

    @property
    def content(self) -> dict:
        """What determines its result, apart from its name."""
        return {"option": self.option, "value": self.value, "method": self.method}


def _plain(value):
    """A NumPy number as a Python number."""
    return value.item() if isinstance(value, np.generic) else value


def _possible(option, value):
    """Whether a value is possible, whatever the data and the base."""
    if option in SPEC_OPTIONS:
        return value is None or isinstance(value, str | Integral)  # ModelSpec reports what is wrong
    if option in POWERS:
        return _number(value) and value > 0 and value != 1
    if option == "leave_out_pareto_k":
        return _number(value) and value > 0
    if option == "dropout_delta":
        return _number(value)
    if option == "cutoff":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not isinstance(value, dict) or not value or not all(isinstance(key, str) for key in value):
        return False
    if option == "priors":
        return set(value) <= {field.name for field in fields(Priors)} and all(_number(v) for v in value.values())
    if option == "include":
        return set(value) <= {"min_samples", "entry"} and "min_samples" in value
    return len(value) == 1 and all(isinstance(v, str | Real) for v in value.values())


def _number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def _name(option, value):
    """A readable name."""
    if option == "include":
        entry = f", entry at sample {value['min_samples']}" if value.get("entry") else ""
        return f"{value['min_samples']} or more samples{entry}"
    if option == "leave_out":
        ((column, level),) = value.items()
        return f"without {column} {level}"
    if option == "priors":
        return "priors: " + ", ".join(f"{key} {number:g}" for key, number in value.items())
    words = {
        "n_classes": f"{value} class{'' if value == 1 else 'es'}",
        "common_shape": "proportional hazards" if value else "shapes by class",
        "prior_power": f"prior to the power {value}",
        "likelihood_power": f"likelihood to the power {value}",
        "cutoff": f"CTC+ from {value} cells",
        "leave_out_pareto_k": f"without pareto_k above {value}",
        "dropout_delta": f"counts after drop-out: log {value:+g}" if option == "dropout_delta" else "",
        "endpoint": f"endpoint {value}",
        "random_effects": f"random effects: {value}",
        "family": f"family {value}",
    }
    return words.get(option, f"{option}: {value}")


@dataclass(frozen=True, repr=False)
class SensitivityPlan(Shown):
    """Variations of a base analysis, one per row.

    Parameters
    ----------
    rows : list of dict, list of Variation, or DataFrame
        option, value; optionally variation (a name) and method ("nuts" or "ml"). The options:

        - priors: `{"curve_sd": 2.0}`, hyperparameters of `Priors`;
        - n_classes, family, growth, random_effects, hazard, common_shape, endpoint: as in `ModelSpec`;
        - prior_power, likelihood_power: prior or likelihood to this power, by weighting the base's draws;
        - cutoff: cells per 7.5 mL from which a count is positive; the base has 5;
        - include: another inclusion rule, `{"min_samples": 3, "entry": "third_sample"}`, for the cohort `treated`;
        - leave_out: excludes patients with a level of a covariate, `{"site": "12"}`;
        - leave_out_pareto_k: excludes patients with a pareto_k above this in the base fit;
        - dropout_delta: adds the counts that patients would have had at their next visit after sampling ended, imputed
          by the base fit and shifted by this on the log scale (see `sensitivity.dropout`).

    Raises
    ------
    SpecError
        An option is unknown, a value is impossible, or a row occurs twice.

    Examples
    --------
    >>> rows = [{"option": "n_classes", "value": 3}, {"option": "priors", "value": {"curve_sd": 2.0}}]
    >>> plan = bc.SensitivityPlan(rows)
    >>> len(plan.rows)
    2
    """

    rows: tuple[Variation, ...]

    def __post_init__(self):
        given: Any = self.rows
        if isinstance(given, pd.DataFrame):
            given = given.to_dict("records")
        if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
            raise SpecError(f"a plan takes a list of rows, or a DataFrame; found {type(given).__name__}.")
        rows = tuple(_row(k, row) for k, row in enumerate(given))
        if not rows:
            raise SpecError("a plan needs at least one row; found none.")
        for what, said in (("variation", "the same name"), ("content", "the same change")):
            seen: dict[str, int] = {}
            for k, row in enumerate(rows):
                before = seen.setdefault(repr(getattr(row, what)), k)
                if before != k:
                    raise SpecError(f"plan, row {k} ({row.variation!r}): {said} as row {before}.")
        if any(row.variation == "base" for row in rows):
            raise SpecError("plan: 'base' is the name of the base fit; give the variation another.")
        object.__setattr__(self, "rows", rows)

    @property
    def table(self) -> pd.DataFrame:
        """variation, option, value, method."""
        return pd.DataFrame([asdict(row) for row in self.rows], columns=list(COLUMNS))

    def add(self, option: str, value, variation: str = "", method: str = "nuts") -> "SensitivityPlan":
        """A new plan with one more row."""
        more = {"option": option, "value": value, "variation": variation, "method": method}
        return SensitivityPlan((*self.rows, more))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.rows)

    def _shown(self) -> Iterator[pd.DataFrame]:
        table = self.table
        values = [shorten(str(value), 60, placeholder=" ...") for value in table["value"]]
        yield table.assign(value=values).set_axis(list(range(len(table))))


def _row(k, row):
    if isinstance(row, Variation):
        return row
    if not isinstance(row, Mapping):
        raise SpecError(f"plan, row {k}: a row is a dict with option and value; found {row!r}.")
    known = {str(key): value for key, value in row.items() if not (value is None and key in ("variation", "method"))}
    unknown = [key for key in known if key not in COLUMNS]
    missing = [key for key in ("option", "value") if key not in known]
    if unknown or missing:
        found = f"found {', '.join(unknown)}" if unknown else f"found no {missing[0]}"
        raise SpecError(f"plan, row {k}: allowed: {', '.join(COLUMNS)}; {found}.")
    try:
        return Variation(**known)
    except SpecError as error:
        raise SpecError(f"plan, row {k} ({row.get('variation') or row['option']!r}): {error}") from error
