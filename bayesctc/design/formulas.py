"""Covariates by formula, settled once on a table: levels, means, knots and scales are kept and reused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import formulaic
import numpy as np
import pandas as pd
from formulaic.model_spec import ModelSpec as FormulaSpec

from bayesctc.data.columns import is_of_follow_up
from bayesctc.design.grammar import SPLINES, columns_of, names_in_call, one_sided, parsed_terms, plain
from bayesctc.design.standardise import Standard, dependent
from bayesctc.design.states import decode, encode
from bayesctc.errors import DataError, SpecError
from bayesctc.process_wide import warnings_are

# A factor at one of its levels in a term, as the formula library names it; `Covariates.levels` has the reference first.
LEVEL = re.compile(r"([^:\[]+)\[T\.(.*?)\](?=:|$)")
_CONTEXT = {"sqrt": np.sqrt}
_LIBRARY = (formulaic.errors.FormulaicError, ValueError, TypeError, KeyError, ArithmeticError, np.linalg.LinAlgError)


@dataclass(frozen=True)
class Covariates:
    """A formula settled on a table.

    Attributes
    ----------
    formula : str
    names : tuple of str
        Its terms, without the intercept.
    columns : tuple of str
        The columns it reads.
    levels : mapping
        Columns that are factors, with their levels as text, the reference first.
    standard : Standard
        From its terms to the scale of the fit.
    transforms : mapping
        The state that transforms of the formula library keep.
    ranges : mapping
        Smallest and largest value of the columns inside a spline or polynomial.
    """

    formula: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    standard: Standard
    transforms: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def evaluate(self, table: pd.DataFrame, what: str) -> np.ndarray:
        """Terms for the rows of a table, on the user's scale.

        Parameters
        ----------
        table : DataFrame
            Indexed by patient.
        what : str
            Which formula this is, for messages.

        Returns
        -------
        array (len(table), len(names))

        Raises
        ------
        DataError
            A column is absent, a value is missing or of another type, a level was absent when the formula was settled,
            or a value is outside the range for which a spline was settled.
        """
        if not self.columns or len(table) == 0:
            return np.zeros((len(table), len(self.names)))
        _check_values(table, self.columns, what)
        typed = _typed(table, self.columns, self.levels, what)
        try:
            matrix = _matrix(self.formula, typed, what, decode(self.transforms))
        except _LIBRARY as error:
            raise DataError(f"{what}: {self._beyond(typed, error)}") from error
        values = matrix.to_numpy(dtype=float)[:, 1:]
        bad = ~np.isfinite(values).all(axis=1)
        if bad.any():
            raise DataError(
                f"{what}: {self.formula!r} gives values that are not finite numbers, first for patient "
                f"{table.index[bad][0]!r} ({', '.join(f'{c} = {table[c].to_numpy()[bad][0]}' for c in self.columns)})."
            )
        return values

    def directions(self, table: pd.DataFrame, what: str) -> np.ndarray:
        """As `evaluate`, on the scale of the fit; see `Standard`."""
        return self.standard.directions(self.evaluate(table, what))

    def _beyond(self, table, error):
        """The message for new values that the formula library cannot evaluate."""
        for column, (low, high) in self.ranges.items():
            values = table[column].to_numpy(dtype=float)
            outside = (values < low) | (values > high)
            if outside.any():
                return (
                    f"patient {table.index[outside][0]!r} has {column} = {values[outside][0]:g} "
                    f"({int(outside.sum())} in all), outside the range for which {self.formula!r} was settled; "
                    f"allowed: {low:g} to {high:g}."
                )
        return f"{self.formula!r} cannot be evaluated: {plain(error)}"

    def to_json(self) -> dict:
        """What `from_json` needs, as text and numbers."""
        return {
            "formula": self.formula,
            "names": list(self.names),
            "columns": list(self.columns),
            "levels": {k: list(v) for k, v in self.levels.items()},
            "transforms": dict(self.transforms),
            "ranges": {k: list(v) for k, v in self.ranges.items()},
            "standard": {k: getattr(self.standard, k).tolist() for k in ("start", "centre", "turn")},
        }

    @classmethod
    def from_json(cls, state: Mapping) -> "Covariates":
        """The settled formula that `to_json` describes."""
        n = len(state["names"])
        standard = {k: np.array(v, dtype=float) for k, v in state["standard"].items()}
        return cls(
            state["formula"],
            tuple(state["names"]),
            tuple(state["columns"]),
            {k: tuple(v) for k, v in state["levels"].items()},
            Standard(standard["start"], standard["centre"], standard["turn"].reshape(n, n)),
            state["transforms"],
            {k: (float(a), float(b)) for k, (a, b) in state["ranges"].items()},
        )


def settle(formula: str, table: pd.DataFrame, what: str, weights: np.ndarray | None = None) -> Covariates:
    """Settle a formula on a table of patients (or samples).

    Parameters
    ----------
    formula : str
        One-sided, such as ``"~ arm + scale(age)"``.
    table : DataFrame
    what : str
        Which formula this is, for messages.
    weights : array (len(table),), optional
        Weights of the rows when terms are centred and scaled for the fit; equal unless given. Transforms of the formula
        are settled (means, knots) on unweighted rows.

    Raises
    ------
    SpecError
        The formula does not parse, names an unknown column, has a call that is not allowed, or has dependent terms.
    DataError
        A value is missing.
    """
    columns = columns_of(formula, what)
    unknown = [c for c in columns if c not in table.columns]
    if unknown:
        nearest = get_close_matches(unknown[0], [str(name) for name in table.columns], 1)
        meant = f"; did you mean {nearest[0]!r}?" if nearest else "."
        raise SpecError(
            f"{what}: {formula!r} names {unknown[0]!r}, which is not a column{meant} Covariates are: {_named(table)}."
        )
    if not columns:
        return Covariates(formula, (), (), {}, Standard.of(np.zeros((1, 0))))
    _check_values(table, columns, what)
    levels = _levels(table, columns, formula, what)
    typed = _typed(table, columns, levels, what)
    try:
        matrix = _matrix(formula, typed, what, {})
    except _LIBRARY as error:
        raise SpecError(f"{what}: {formula!r} cannot be evaluated: {plain(error)}") from error
    names, values = tuple(map(str, matrix.columns)), matrix.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        bad = names[int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])]
        raise SpecError(f"{what}: {bad!r} in {formula!r} is not a finite number for every row.")
    if dependent(values[:, 1:]):
        raise SpecError(f"{what}: the terms of {formula!r} are linearly dependent on these data: {', '.join(names)}.")
    inside = _inside(formula, what, SPLINES) - set(levels)
    ranges = {c: (float(typed[c].min()), float(typed[c].max())) for c in columns if c in inside}
    return Covariates(
        formula,
        names[1:],
        columns,
        levels,
        Standard.of(values[:, 1:], weights),
        encode(matrix.model_spec.transform_state),
        ranges,
    )


def _matrix(formula, table, what, state):
    """Terms of a table, intercept first; transforms read their `state`."""
    spec = FormulaSpec(formula=formulaic.Formula(_with_constraints(one_sided(formula, what))), transform_state=state)
    with warnings_are("ignore"):
        return spec.get_model_matrix(table, context=_CONTEXT)


def _with_constraints(text):
    """cs(x, df=4) centred, because its functions sum to the intercept."""

    def centred(call):
        return call[0] if "constraints" in call[1] else f"cs({call[1]}, constraints='center')"

    return re.sub(r"\bcs\(((?:[^()]|\([^()]*\))*)\)", centred, text)


def _levels(table, columns, formula, what):
    """Levels of the factors among the columns, those that occur, as text."""
    counted, levels = _inside(formula, what, ("C",)), {}
    both = sorted(c for c in counted & _elsewhere(formula, what) if _numeric(table[c]))
    if both:
        raise SpecError(
            f"{what}: {formula!r} reads {both[0]!r} as a number and, in C(), as a factor; allowed: one of them (use a "
            "separate column for the factor)."
        )
    for column in columns:
        values = table[column]
        if isinstance(values.dtype, pd.CategoricalDtype):
            own = [level for level in values.cat.categories if (values == level).any()]
        elif pd.api.types.is_bool_dtype(values) or not _numeric(values) or column in counted:
            own = sorted(pd.unique(values), key=lambda v: v if _numeric(values) else str(v))
        else:
            continue
        levels[column] = tuple(map(level_text, own))
        if len(own) < 2:
            raise SpecError(
                f"{what}: {column!r} in {formula!r} is {levels[column][0]!r} for every row; allowed: columns with "
                "two levels or more."
            )
    return levels


def level_text(value) -> str:
    """A factor's level as text: 1 and 1.0 are "1"."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _typed(table, columns, levels, what):
    """The columns as the formula library is to see them: numbers as doubles, factors with all their levels."""
    typed = {}
    for column in columns:
        values = table[column]
        if column in levels:
            text = values.astype(object).map(level_text)
            unknown = (~text.isin(levels[column])).to_numpy()
            if unknown.any():
                first, found = table.index[unknown][0], text.to_numpy()[unknown][0]
                raise DataError(
                    f"{what}: patient {first!r} has {column} = {found!r}, a level that is not in the model's data "
                    f"({int(unknown.sum())} rows); allowed: {', '.join(map(repr, levels[column]))}."
                )
            typed[column] = pd.Categorical(text, categories=list(levels[column]))
        elif _numeric(values):
            typed[column] = values.to_numpy(dtype=float)
        else:
            raise DataError(f"{what}: {column!r} was numeric when the model was settled; found {values.dtype}.")
    return pd.DataFrame(typed, index=table.index)


def _numeric(values):
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _inside(formula, what, functions):
    """Columns inside calls of these functions."""
    found = set()
    for term in parsed_terms(formula, what):
        for factor in term.factors:
            if any(re.search(rf"\b{name}\(", factor.expr) for name in functions):
                found.update(names_in_call(factor.expr, formula, what))
    return found


def _elsewhere(formula, what):
    """Columns used outside C()."""
    found = set()
    for term in parsed_terms(formula, what):
        for factor in term.factors:
            if factor.eval_method.value == "lookup":
                found.add(factor.expr)
            elif factor.eval_method.value == "python" and not factor.expr.startswith("C("):
                found.update(names_in_call(factor.expr, formula, what))
    return found


def _named(table):
    """Names of a user's covariates; columns with an underscore before them are our own."""
    own = [str(c) for c in table.columns if not str(c).startswith("_") and not is_of_follow_up(str(c))]
    return ", ".join(own) or "none"


def _check_values(table, columns, what):
    for column in columns:
        if column not in table.columns:
            raise DataError(f"{what}: the column {column!r} is needed but absent; covariates are: {_named(table)}.")
        missing = table[column].isna()
        if missing.any():
            first = table.index[missing][0]
            raise DataError(
                f"{what}: covariate {column!r} is missing for patient {first!r} ({int(missing.sum())} in all). "
                "Fill it in, or exclude those patients with cohort.select(); no patient is dropped silently."
            )
