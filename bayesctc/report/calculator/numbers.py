"""A fit as the page reads it: draws of its parameters, and the tables that turn a patient into design vectors."""

import base64
from typing import Any

import numpy as np

from bayesctc.data.outcome import Continuous
from bayesctc.data.schema import FLAG_LEVELS
from bayesctc.design.formulas import Covariates, level_text
from bayesctc.design.quadrature import hermite
from bayesctc.errors import SpecError
from bayesctc.model.design import FORMULAS, OF_CURVES
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.nodes import MOST_NODES
from bayesctc.predict.trajectories import FEWER_DRAWS
from bayesctc.report.calculator.tabulated import Column, Part, tabulate
from bayesctc.results.bayes_fit import PROBABILITY_DRAWS, BayesFit
from bayesctc.results.intervals import CI_PROB
from bayesctc.results.ml_fit import MLFit

MOST_BYTES = 400_000  # of draws, in double precision
FEWEST_DRAWS = 50
NO_YES = ("no", "yes")


def parts_of(fit: MLFit | BayesFit) -> dict[str, Part]:
    """The formulas of a fit as tables.

    Raises
    ------
    SpecError
        A formula cannot be tabulated.
    """
    columns = {name: _column(fit, name) for name in _columns(fit)}
    seen = {part: _seen(fit, getattr(fit.design, part), part, columns) for part in FORMULAS}
    return {part: tabulate(getattr(fit.design, part), columns, seen[part], part) for part in FORMULAS}


def asked(fit: MLFit | BayesFit, parts: dict[str, Part]) -> list[dict[str, Any]]:
    """The covariates that the page asks for, with their levels or ranges in the fit."""
    bounded = set().union(*(part.bounded for part in parts.values()))
    found = []
    for name in (n for n in _columns(fit) if n != "time"):
        own = _column(fit, name)
        entry = {"name": name, "levels": list(own.levels), "options": _options(own, fit)}
        if not own.levels:
            entry |= {"low": own.low, "high": own.high, "bounded": name in bounded}
        found.append(entry)
    return found


def _options(column, fit):
    """The options, as pairs of value and words; none if a number is to be typed."""
    if column.levels == FLAG_LEVELS:
        return list(zip(FLAG_LEVELS, NO_YES, strict=True))
    if column.levels:
        return [(level, level) for level in column.levels]
    _, patients = fit.analysis.tables()
    return list(zip("01", NO_YES, strict=True)) if set(patients[column.name]) == {0, 1} else []


def model(fit: MLFit | BayesFit, parts: dict[str, Part]) -> dict[str, Any]:
    """The data with which the page computes, for `json.dumps`.

    Draws are those of `predict_survival`, or an evenly spaced subset if they take more than `MOST_BYTES`.
    """
    design, sizes = fit.design, fit.design.sizes
    family, hazard = FAMILIES[sizes.family], HAZARDS[sizes.hazard]
    outcome = design.outcome
    draws = _draws(fit)
    return {
        "classes": fit.spec.n_classes,
        "parameters": sizes.n_class_parameters,
        "blocks": {name: where.start for name, where in sizes.blocks.items()},
        "causes": [{"baseline": e.baseline.start, "coefficients": e.coefficients.start} for e in sizes.events],
        "family": {"parameters": [{"scale": p.scale} for p in family.parameters]},
        "hazard": {
            "parameters": [
                {"scale": p.scale, "intervals": len(sizes.knots) if p.by_interval else 0} for p in hazard.parameters
            ]
        },
        "knots": sizes.own_knots.tolist(),
        "months": sizes.months,
        "randomEffects": sizes.n_random,
        "rule": _rule(sizes.n_random),
        "basis": design.basis.recipe,
        "outcome": {
            "transform": outcome.transform if isinstance(outcome, Continuous) else None,
            "reference": None if isinstance(outcome, Continuous) else outcome.reference,
            "location": design.location,
            "spread": design.spread,
        },
        "parts": {name: part.to_json() for name, part in parts.items()},
        "intervalProbability": CI_PROB,
        "nDraws": 0 if draws is None else len(draws),
        "draws": None if draws is None else _encoded(draws),
        "estimate": _encoded(fit.theta[None]) if isinstance(fit, MLFit) else None,
    }


def _draws(fit):
    """The draws of `predict_survival`; None if the uncertainty is not known."""
    if not fit.has_intervals:
        return None
    draws = fit.parameter_draws(PROBABILITY_DRAWS if FAMILIES[fit.spec.family].closed_form else FEWER_DRAWS)
    most = MOST_BYTES // (8 * draws[0].size)
    if most < FEWEST_DRAWS:
        raise SpecError(
            f"the calculator has room for {most} draws of {draws[0].size} parameters; allowed: {FEWEST_DRAWS} draws or "
            "more. Use fewer classes or covariates."
        )
    if most >= len(draws):
        return draws
    return draws[np.linspace(0, len(draws) - 1, most).astype(int)]


def _encoded(values: np.ndarray) -> str:
    """Doubles, least byte first, as base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode("ascii")


def _rule(n_random):
    """The Gauss-Hermite rule for one random effect: nodes, and log weights + z^2 / 2."""
    if n_random not in MOST_NODES:
        return []
    z, w = hermite(MOST_NODES[n_random])
    return np.column_stack([z, np.log(w) - 0.5 * np.log(2.0 * np.pi) + 0.5 * z * z]).tolist()


def _columns(fit):
    """Columns of the formulas, each once."""
    return list(dict.fromkeys(name for part in FORMULAS for name in getattr(fit.design, part).columns))


def _reading(fit, name) -> list[Covariates]:
    """The formulas that read a column."""
    every = [getattr(fit.design, part) for part in FORMULAS]
    return [covariates for covariates in every if name in covariates.columns]


def _column(fit, name) -> Column:
    """A column with the levels that every formula knows, or the range of its numbers."""
    reading = _reading(fit, name)
    levels = [covariates.levels.get(name) for covariates in reading]
    if all(own is not None for own in levels):
        return Column(name, tuple(level for level in levels[0] or () if all(level in own for own in levels if own)))
    if any(own is not None for own in levels):
        raise SpecError(
            f"the calculator does not support {name!r}, which one formula reads as a number and another as a factor; "
            "allowed: one of them (give the factor a separate column). predict_survival supports it."
        )
    ranges = [covariates.ranges[name] for covariates in reading if name in covariates.ranges]
    if ranges:
        return Column(name, (), max(low for low, _ in ranges), min(high for _, high in ranges))
    samples, patients = fit.analysis.tables()
    values = (samples if name == "time" else patients)[name].to_numpy(dtype=float)
    return Column(name, (), float(values.min()), float(values.max()))


def _seen(fit, covariates, part, columns):
    """Rows of the fit's patients, or samples, with the columns of a formula; levels as text."""
    samples, patients = fit.analysis.tables()
    table = patients
    if part in OF_CURVES:
        others = [name for name in covariates.columns if name != "time"]
        table = samples[["patient_id", "time"]].set_index("patient_id").join(patients[others])
    table = table[list(covariates.columns)]
    factors = {name: table[name].astype(object).map(level_text) for name in covariates.columns if columns[name].levels}
    return table.assign(**factors)
