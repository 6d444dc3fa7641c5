"""A settled design as text and numbers, and back, so that a fit read from disk is not settled again."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from bayesctc.data.outcome import restored
from bayesctc.data.schema import ColumnType
from bayesctc.design.basis import TimeBasis
from bayesctc.design.formulas import Covariates, settle
from bayesctc.model.design import TYPES, Design
from bayesctc.model.scales import SurvivalScale
from bayesctc.model.settling import FORMULAS
from bayesctc.model.spec import ModelSpec


def design_to_json(design: Design) -> dict:
    """Everything that was settled, as `json.dumps` takes it."""
    return {
        "basis": asdict(design.basis),
        **{part: getattr(design, part).to_json() for part in FORMULAS},
        "n_nodes": design.n_nodes,
        "time_nodes": design.time_nodes,
        "level": design.level,
        "labels": list(design.labels),
        "hazard_knots": list(design.hazard_knots),
        "causes": list(design.causes),
        "looked_for": list(design.looked_for),
        "marker": design.outcome.stored(),
        "follow_up": asdict(design.follow_up),
        "location": design.location,
        "spread": design.spread,
        **{name: {c: t.to_json() for c, t in getattr(design, name).items()} for name in TYPES},
    }


def _covariates(state: Mapping, part: str) -> Covariates:
    """A settled formula; files of versions that lacked the formula have none, which means that it is empty."""
    return Covariates.from_json(state[part]) if part in state else settle("~ 1", pd.DataFrame(), part)


def design_from_json(spec: ModelSpec, state: Mapping) -> Design:
    """The design that `design_to_json` wrote, of the specification it was settled for."""
    basis, follow_up = state["basis"], state["follow_up"]
    settled: dict[str, Any] = {part: _covariates(state, part) for part in FORMULAS}
    settled |= {name: {c: ColumnType.from_json(t) for c, t in state.get(name, {}).items()} for name in TYPES}
    return Design(
        spec=spec,
        basis=TimeBasis(**{**basis, "knots": tuple(basis["knots"]), "span": tuple(basis["span"])}),
        n_nodes=state["n_nodes"],
        hazard_knots=tuple(state["hazard_knots"]),
        causes=tuple(state["causes"]),
        looked_for=tuple(state.get("looked_for", ())),
        outcome=restored(state["marker"]),
        follow_up=SurvivalScale(**{**follow_up, "log_scale": tuple(follow_up["log_scale"])}),
        location=state["location"],
        spread=state["spread"],
        time_nodes=state.get("time_nodes", 0),
        level=state.get("level", 0.0),
        labels=tuple(state.get("labels", ())),
        **settled,
    )
