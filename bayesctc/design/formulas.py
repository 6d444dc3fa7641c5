"""Covariates by formula. The formula library parses; names other than columns and a few transforms are refused."""

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import formulaic
import numpy as np
import pandas as pd

from bayesctc.errors import DataError, SpecError

TRANSFORMS = ("C", "center", "scale", "poly", "bs", "cs", "log", "log10", "log2", "exp", "sqrt")
_NUMPY_TRANSFORMS = {"sqrt": np.sqrt}


@dataclass(frozen=True)
class Covariates:
    """A formula settled on a table: it remembers levels, means and knots for new patients.

    Attributes
    ----------
    formula : str
    names : tuple of str
        Its terms, without the intercept.
    columns : tuple of str
        The columns it reads.
    """

    formula: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    _spec: Any
    _levels: dict
    _numeric: tuple[str, ...] = ()

    def evaluate(self, table: pd.DataFrame, what: str) -> np.ndarray:
        """Terms for the rows of a table.

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
            A column is absent, a value missing, or a level was not there when the formula was settled.
        """
        if not self.columns:
            return np.zeros((len(table), 0))
        _check_values(table, self.columns, what)
        for column in self._numeric:
            if not pd.api.types.is_numeric_dtype(table[column]):
                raise DataError(
                    f"{what}: {column!r} was numbers when the model was settled; found {table[column].dtype}."
                )
        for column, levels in self._levels.items():
            unknown = (~table[column].isin(levels)).to_numpy()
            if unknown.any():
                first, found = table.index[unknown][0], table[column].to_numpy()[unknown][0]
                raise DataError(
                    f"{what}: patient {first!r} has {column} = {found!r}, a level the model has not "
                    f"seen ({int(unknown.sum())} rows); allowed are {', '.join(map(repr, levels))}."
                )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matrix = self._spec.get_model_matrix(table, context=_NUMPY_TRANSFORMS)
        values = matrix.to_numpy(dtype=float)[:, 1:]
        if not np.isfinite(values).all():
            raise DataError(f"{what}: {self.formula!r} gives values that are not finite numbers.")
        return values


def settle(formula: str, table: pd.DataFrame, what: str) -> Covariates:
    """Settle a formula on a table of patients (or samples).

    Parameters
    ----------
    formula : str
        One-sided, such as ``"~ arm + scale(age)"``.
    table : DataFrame
    what : str
        Which formula this is, for messages.

    Raises
    ------
    SpecError
        The formula does not parse, names an unknown column, or calls anything beyond `TRANSFORMS`.
    """
    columns = columns_of(formula, what)
    unknown = [c for c in columns if c not in table.columns]
    if unknown:
        known = _named(table) or "none"
        raise SpecError(f"{what}: {formula!r} names {unknown[0]!r}, which is not a column. Columns are: {known}.")
    if not columns:
        return Covariates(formula, (), (), None, {})
    _check_values(table, columns, what)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matrix = formulaic.model_matrix(_one_sided(formula, what), table, context=_NUMPY_TRANSFORMS)
    except (formulaic.errors.FormulaicError, ValueError, TypeError) as error:
        raise SpecError(f"{what}: {formula!r} cannot be evaluated: {_plain(error)}") from error
    names = tuple(map(str, matrix.columns))
    values = matrix.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        bad = names[int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])]
        raise SpecError(f"{what}: {bad!r} in {formula!r} is not a finite number for every row.")
    if np.linalg.matrix_rank(values) < values.shape[1]:
        raise SpecError(f"{what}: the terms of {formula!r} are linearly dependent on these data: {', '.join(names)}.")
    categories = {c for c in columns if not pd.api.types.is_numeric_dtype(table[c])} | _in_category(formula, what)
    levels = {c: list(pd.unique(table[c])) for c in columns if c in categories}
    numeric = tuple(c for c in columns if c not in categories)
    return Covariates(formula, names[1:], columns, matrix.model_spec, levels, numeric)


def _in_category(formula, what):
    """Columns inside C(): their levels count, whatever their type."""
    found = set()
    for term in _parse(formula, what):
        for factor in term.factors:
            if factor.expr.startswith("C("):
                found.update(_names_in_call(factor.expr, formula, what))
    return found


def _parse(formula, what):
    """Terms of a formula with an intercept and no other parts."""
    try:
        parsed = formulaic.Formula(_one_sided(formula, what))
    except (formulaic.errors.FormulaicError, SyntaxError) as error:
        raise SpecError(f"{what}: {formula!r} is not a formula: {_plain(error)}") from error
    if not isinstance(parsed, formulaic.formula.SimpleFormula):
        raise SpecError(f"{what}: {formula!r} has several parts; one right-hand side such as '~ arm' is allowed.")
    terms = list(parsed)
    if not any(str(term) == "1" for term in terms):
        raise SpecError(f"{what}: {formula!r} has no intercept; the model needs one, so leave out '0' and '-1'.")
    return terms


def _plain(error):
    """The first line of an error, without terminal colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def refuse_outcomes(formula: str, what: str, outcomes: Iterable[str]) -> None:
    """Refuse a formula that reads what the model is to explain."""
    for column in columns_of(formula, what):
        if column in outcomes:
            raise SpecError(
                f"{what}: {formula!r} names {column!r}, which is an outcome of the model; allowed are covariates."
            )


def columns_of(formula: str, what: str) -> tuple[str, ...]:
    """Columns a formula reads; refuses whatever is not a column, a number, text or one of `TRANSFORMS`."""
    columns: dict[str, None] = {}
    for term in _parse(formula, what):
        if str(term) == "1":
            continue
        before = len(columns)
        for factor in term.factors:
            if factor.eval_method.value == "lookup":
                columns[factor.expr] = None
            elif factor.eval_method.value != "literal":
                columns.update(dict.fromkeys(_names_in_call(factor.expr, formula, what)))
        if len(columns) == before and not any(c in str(term) for c in columns):
            raise SpecError(f"{what}: the term {str(term)!r} of {formula!r} names no column.")
    return tuple(columns)


def _one_sided(formula: str, what: str) -> str:
    if not isinstance(formula, str) or not formula.strip():
        raise SpecError(f"{what}: a formula is text such as '~ 1' or '~ arm'; found {formula!r}.")
    text = formula.strip()
    text = text[1:] if text.startswith("~") else text
    if "~" in text:
        raise SpecError(f"{what}: a formula here has a right-hand side only, such as '~ arm'; found {formula!r}.")
    return text


def _names_in_call(expression: str, formula: str, what: str):
    """Column names inside a transform such as scale(age)."""
    refused = f"{what}: {formula!r} contains {expression!r}; allowed are columns, numbers and {', '.join(TRANSFORMS)}."
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError as error:
        raise SpecError(refused) from error
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if id(node) in functions:
                if node.id not in TRANSFORMS:
                    raise SpecError(refused)
            else:
                yield node.id
        elif not isinstance(
            node, (ast.Expression, ast.Call, ast.Constant, ast.keyword, ast.Load, ast.BinOp, ast.UnaryOp, ast.operator,
                   ast.unaryop, ast.List, ast.Tuple)
        ):  # fmt: skip
            raise SpecError(refused)


def _named(table):
    """Names of a user's columns; those with an underscore before them are our own."""
    return ", ".join(str(c) for c in table.columns if not str(c).startswith("_"))


def _check_values(table, columns, what):
    for column in columns:
        if column not in table.columns:
            raise DataError(f"{what}: the column {column!r} is needed and absent; there are {_named(table)}.")
        missing = table[column].isna()
        if missing.any():
            first = table.index[missing][0]
            raise DataError(
                f"{what}: covariate {column!r} is missing for patient {first!r} ({int(missing.sum())} in all). "
                "Fill it in, or leave those patients out with cohort.select(); nobody is dropped silently."
            )
