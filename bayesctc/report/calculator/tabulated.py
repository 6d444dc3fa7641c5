"""Formulas of covariates as tables, so that a page can evaluate them without the formula library.

Each term is tabulated over the columns that it reads. A factor is tabulated over its levels. A number is tabulated
over two values if the term is linear in it whatever the other columns are, and otherwise over a grid with cubic
interpolation. The tables are checked on the patients of the fit and on random ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.design.formulas import Covariates
from bayesctc.errors import SpecError

GRIDS = (33, 65, 129, 257, 513)  # nodes of a number in which a term is not linear
TOLERANCE = 1e-5  # of a direction, whose standard deviation is 1
LARGEST = 5_000  # numbers in the table of a term
N_RANDOM = 200  # random patients on whom a table is checked
STRAIGHT = 1e-8  # share of a term's range by which it may deviate from a straight line


@dataclass(frozen=True)
class Column:
    """A column of the formulas, as a form asks for it.

    Attributes
    ----------
    name : str
    levels : tuple of str
        Of a factor; empty for a number.
    low, high : float
        Of a number, the smallest and largest in the fit.
    """

    name: str
    levels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0

    def random(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Values, each level or number of the range as probable."""
        return rng.choice(self.levels, n).astype(object) if self.levels else rng.uniform(self.low, self.high, n)


@dataclass(frozen=True)
class Axis:
    """A column over which a term is tabulated: its levels, or `n` even steps from the least to the largest number."""

    column: Column
    n: int

    @property
    def nodes(self) -> np.ndarray:
        """Levels or numbers, array (n,)."""
        own = self.column
        return np.array(own.levels, dtype=object) if own.levels else np.linspace(own.low, own.high, self.n)

    def weights(self, values: np.ndarray) -> np.ndarray:
        """Interpolation weights of the nodes: array (n_values, n)."""
        if self.column.levels:
            return (values[:, None] == self.nodes).astype(float)
        place = (np.asarray(values, dtype=float) - self.column.low) / (self.column.high - self.column.low)
        if self.n == 2:
            return np.column_stack([1.0 - place, place])
        place = place * (self.n - 1)
        first = np.clip(np.floor(place).astype(int) - 1, 0, self.n - 4)
        found, away = np.zeros((len(place), self.n)), place - first
        for k in range(4):
            others = [j for j in range(4) if j != k]
            found[np.arange(len(place)), first + k] = np.prod([(away - j) / (k - j) for j in others], axis=0)
        return found

    def to_json(self) -> dict[str, Any]:
        """As the page reads it."""
        own = self.column
        if own.levels:
            return {"column": own.name, "kind": "levels", "n": self.n, "levels": list(own.levels)}
        return {"column": own.name, "kind": "number", "n": self.n, "from": own.low, "to": own.high}


@dataclass(frozen=True)
class Term:
    """One term over its axes: values (n of the first axis, n of the second, ...)."""

    axes: tuple[Axis, ...]
    values: np.ndarray

    def at(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """The term of each row of a table."""
        weights = np.ones((len(next(iter(table.values()))), 1))
        for axis in self.axes:
            own = axis.weights(np.asarray(table[axis.column.name]))
            weights = (weights[:, :, None] * own[:, None, :]).reshape(len(weights), -1)
        return weights @ self.values.ravel()

    def to_json(self) -> dict[str, Any]:
        """As the page reads it, values in the order of the axes."""
        return {"axes": [axis.to_json() for axis in self.axes], "values": self.values.ravel().tolist()}


@dataclass(frozen=True)
class Part:
    """A settled formula as tables.

    Attributes
    ----------
    covariates : Covariates
    terms : tuple of Term
    """

    covariates: Covariates
    terms: tuple[Term, ...]

    @property
    def bounded(self) -> set[str]:
        """Numbers that cannot be extrapolated beyond their range: those on a grid, or inside splines."""
        curved = {a.column.name for t in self.terms for a in t.axes if not a.column.levels and a.n > 2}
        return curved | set(self.covariates.ranges)

    def to_json(self) -> dict[str, Any]:
        """As the page reads it."""
        standard = self.covariates.standard
        return {
            "terms": [term.to_json() for term in self.terms],
            **{name: getattr(standard, name).tolist() for name in ("start", "centre", "turn")},
        }


def tabulate(covariates: Covariates, columns: Mapping[str, Column], seen: pd.DataFrame, what: str) -> Part:
    """A settled formula as tables.

    Parameters
    ----------
    covariates : Covariates
    columns : mapping of Column
        By name; those of the formula are among them.
    seen : DataFrame
        Rows of the fit's patients (or samples), with those columns, on which the tables are checked.
    what : str
        Which formula this is, for messages.

    Raises
    ------
    SpecError
        A term cannot be tabulated within `TOLERANCE`, or not in `LARGEST` numbers.
    """
    own = [columns[name] for name in covariates.columns]
    check = _checked_on(covariates, own, seen, what)
    curved = _curved(covariates, own, what)
    for n in GRIDS:
        part = Part(covariates, tuple(_term(covariates, k, own, curved, n, what) for k in range(len(covariates.names))))
        away = _directions(part, check) - covariates.directions(check, what)
        if np.abs(away).max(initial=0.0) < TOLERANCE:
            return part
    raise SpecError(
        f"{what}: {covariates.formula!r} cannot be computed in a page. Interpolated between {GRIDS[-1]} evenly spaced "
        f"values of {', '.join(sorted({name for _, name in curved})) or 'its columns'} it is off by "
        f"{np.abs(away).max():.2g} standard deviations; allowed: {TOLERANCE:g}."
    )


def _directions(part, table):
    """Directions of a table's rows by the tables of the terms."""
    columns = {name: table[name].to_numpy() for name in table}
    terms = [term.at(columns) for term in part.terms]
    return part.covariates.standard.directions(np.column_stack([np.zeros((len(table), 0)), *terms]))


def _checked_on(covariates, columns, seen, what):
    """Random patients, and those of the fit: DataFrame."""
    rng = np.random.default_rng(0)
    random = pd.DataFrame({c.name: c.random(rng, N_RANDOM) for c in columns}, index=range(N_RANDOM))
    return pd.concat([random, seen[[c.name for c in columns]].reset_index(drop=True)], ignore_index=True)


def _reads(covariates, k, columns):
    """Columns that a term may read: those in its name."""
    return [c for c in columns if c.name in covariates.names[k]]


def _curved(covariates, columns, what):
    """Terms with the numbers in which they are not linear, whatever the other columns are: {(k, name)}."""
    rng, found = np.random.default_rng(1), set()
    for column in (c for c in columns if not c.levels):
        table = pd.DataFrame({c.name: c.random(rng, N_RANDOM) for c in columns}, index=range(N_RANDOM))
        share = rng.uniform(0.05, 0.95, N_RANDOM)
        at = [np.full(N_RANDOM, column.low), np.full(N_RANDOM, column.high)]
        at.append(column.low + share * (column.high - column.low))
        low, high, here = (covariates.evaluate(table.assign(**{column.name: values}), what) for values in at)
        away = np.abs(low + share[:, None] * (high - low) - here).max(axis=0)
        size = np.abs(np.concatenate([low, high, here])).max(axis=0)
        found |= {(int(k), column.name) for k in np.flatnonzero(away > STRAIGHT * size)}
    return found


def _term(covariates, k, columns, curved, n, what):
    """A term over the columns it reads; the others are held at their first value."""
    axes = tuple(Axis(c, len(c.levels) or (n if (k, c.name) in curved else 2)) for c in _reads(covariates, k, columns))
    shape = tuple(axis.n for axis in axes)
    if np.prod(shape) > LARGEST:
        raise SpecError(
            f"{what}: the term {covariates.names[k]!r} of {covariates.formula!r} needs a table of "
            f"{np.prod(shape):,.0f} numbers; allowed: {LARGEST:,}."
        )
    places = np.indices(shape).reshape(len(shape), -1)
    held = {c.name: [c.levels[0] if c.levels else c.low] * places.shape[1] for c in columns}
    table = pd.DataFrame(held | {a.column.name: a.nodes[p] for a, p in zip(axes, places, strict=True)})
    return Term(axes, covariates.evaluate(table, what)[:, k].reshape(shape))
