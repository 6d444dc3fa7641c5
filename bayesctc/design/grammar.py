"""What formulas may contain: columns, a few transforms, and numbers within limits. The formula library parses."""

import ast
import re
from collections.abc import Iterable
from functools import lru_cache

import formulaic

from bayesctc.errors import SpecError

TRANSFORMS = ("C", "center", "scale", "poly", "bs", "cs", "log", "log10", "log2", "exp", "sqrt")
SPLINES = ("bs", "cs", "poly")
LONGEST, DEEPEST = 2000, 12  # characters, and parentheses within parentheses
HIGHEST_POWER = 4  # of a formula's terms, as in (a + b)^2
LARGEST_SIZE = 20  # degrees of freedom, degree or knots of a transform
_QUOTED = re.compile(r"`([^`]*)`")
_POWER = re.compile(r"(?:\*\*|\^)\s*\(*\s*([^\s)]*)")


def columns_of(formula: str, what: str) -> tuple[str, ...]:
    """Columns a formula reads; refuses whatever is not a column, a number or one of `TRANSFORMS`.

    Parameters
    ----------
    formula : str
        One-sided, such as ``"~ arm + scale(age)"``.
    what : str
        Which formula this is, for messages.

    Raises
    ------
    SpecError
        The formula does not parse, has no intercept, or calls or computes something that is not allowed.
    """
    columns: dict[str, None] = {}
    for term in parsed_terms(formula, what):
        if str(term) == "1":
            continue
        before = len(columns)
        for factor in term.factors:
            if factor.eval_method.value == "lookup":
                columns[factor.expr] = None
            elif factor.eval_method.value == "literal":
                raise SpecError(f"{what}: {factor.expr!r} in {formula!r} is a constant; allowed: terms of columns.")
            else:
                columns.update(dict.fromkeys(names_in_call(factor.expr, formula, what)))
        if len(columns) == before and not any(c in str(term) for c in columns):
            raise SpecError(f"{what}: the term {str(term)!r} of {formula!r} names no column.")
    if "Intercept" in columns:
        raise SpecError(f"{what}: {formula!r} names the column 'Intercept', a name reserved in formulas; rename it.")
    return tuple(columns)


def refuse_outcomes(formula: str, what: str, outcomes: Iterable[str]) -> None:
    """Refuse a formula that reads an outcome of the model."""
    for column in columns_of(formula, what):
        if column in outcomes:
            raise SpecError(
                f"{what}: {formula!r} names {column!r}, which is an outcome of the model; allowed: covariates."
            )


def parsed_terms(formula: str, what: str) -> list:
    """Terms of a formula with an intercept and no other parts."""
    return list(_parsed(one_sided(formula, what), formula, what))


@lru_cache(maxsize=256)
def _parsed(text: str, formula: str, what: str) -> tuple:
    """Its terms; a formula is asked for its terms dozens of times in a fit."""
    try:
        parsed = formulaic.Formula(text)
    except (formulaic.errors.FormulaicError, SyntaxError, ValueError, TypeError, RecursionError) as error:
        raise SpecError(f"{what}: {formula!r} is not a formula: {plain(error)}") from error
    if not isinstance(parsed, formulaic.formula.SimpleFormula):
        raise SpecError(f"{what}: {formula!r} has several parts; one right-hand side such as '~ arm' is allowed.")
    terms = list(parsed)
    if not any(str(term) == "1" for term in terms):
        raise SpecError(f"{what}: {formula!r} has no intercept; the model needs one, so leave out '0' and '-1'.")
    return tuple(terms)


def plain(error: Exception) -> str:
    """The first line of an error, without terminal colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def one_sided(formula: str, what: str) -> str:
    """The right-hand side as the formula library takes it; refuses formulas that would take too long to parse."""
    if not isinstance(formula, str) or not formula.strip():
        raise SpecError(f"{what}: a formula is text such as '~ 1' or '~ arm'; found {formula!r}.")
    if len(formula) > LONGEST:
        raise SpecError(f"{what}: found a formula of {len(formula)} characters; allowed: up to {LONGEST}.")
    text = formula.strip()
    text = text[1:] if text.startswith("~") else text
    bare = _QUOTED.sub("q", text)
    if "~" in bare:
        raise SpecError(f"{what}: a formula here has a right-hand side only, such as '~ arm'; found {formula!r}.")
    depth = deepest = 0
    for character in bare:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise SpecError(f"{what}: found parentheses nested {deepest} deep; allowed: up to {DEEPEST}.")
    powers = _POWER.findall(bare)
    if len(powers) > 1 or any(not p.isdigit() or int(p) > HIGHEST_POWER for p in powers):
        raise SpecError(
            f"{what}: {formula!r} contains a power; allowed: one power, a whole number up to {HIGHEST_POWER}."
        )
    return text


REFERENCE = "The reference is the first level; to change it, order the levels: pd.Categorical(column, [first, ...])."


def names_in_call(expression: str, formula: str, what: str):
    """Column names inside a transform such as scale(age); refuses anything else."""
    refused = f"{what}: {formula!r} contains {expression!r}; allowed: columns, numbers and {', '.join(TRANSFORMS)}."
    if expression.startswith("C(") and "reatment" in expression:
        refused += f" {REFERENCE}"
    quoted: dict[str, str] = {}

    def alias(found):
        return quoted.setdefault(found[1], f"_quoted_{len(quoted)}")

    try:
        tree = ast.parse(_QUOTED.sub(alias, expression), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpecError(refused) from error
    own = {name: column for column, name in quoted.items()}
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if id(node) not in functions:
                yield own.get(node.id, node.id)
            elif node.id not in TRANSFORMS:
                raise SpecError(refused)
        elif isinstance(node, ast.Call):
            _check_size(node, expression, formula, what)
        elif not isinstance(
            node,
            (
                ast.Expression,
                ast.Constant,
                ast.keyword,
                ast.Load,
                ast.BinOp,
                ast.UnaryOp,
                ast.operator,
                ast.unaryop,
                ast.List,
                ast.Tuple,
            ),
        ):
            raise SpecError(refused)


def _check_size(call, expression, formula, what):
    """Refuse a transform with more columns than data can support, or whose size is not written as a number."""
    if not isinstance(call.func, ast.Name) or call.func.id not in SPLINES:
        return
    for argument in (*call.args[1:], *(k.value for k in call.keywords)):
        if isinstance(argument, ast.List | ast.Tuple):
            size = len(argument.elts)
        elif isinstance(argument, ast.Constant) and isinstance(argument.value, str | bool | None):
            size = 0
        elif isinstance(argument, ast.Constant) and isinstance(argument.value, int):
            size = argument.value
        else:
            bound = isinstance(argument, ast.Constant | ast.UnaryOp)  # a limit of the variable
            size = 0 if bound else LARGEST_SIZE + 1
        keyword = next((k.arg for k in call.keywords if k.value is argument), None)
        if keyword not in ("lower_bound", "upper_bound") and size > LARGEST_SIZE:
            raise SpecError(
                f"{what}: {expression!r} in {formula!r} asks for {ast.unparse(argument)}; allowed: up to "
                f"{LARGEST_SIZE} degrees of freedom or knots, written as numbers."
            )
