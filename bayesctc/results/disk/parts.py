"""The parts of a fit in its file: everything that cannot be recomputed."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.data import Cohort
from bayesctc.data.content import Content
from bayesctc.data.flow import Step
from bayesctc.data.outcome import restored
from bayesctc.data.schema import ColumnType
from bayesctc.data.source import Call
from bayesctc.errors import StorageError
from bayesctc.results.disk import tables, trees
from bayesctc.results.disk.arrays import decode, encode
from bayesctc.results.disk.node import Node
from bayesctc.results.disk.values import from_json, to_json

TABLES = ("samples", "patients", "excluded")  # of a cohort
SCHEMAS = ("schema", "sample_schema")
GIVEN = {"given": ("patient_id",), "sample_given": ("patient_id", "time")}  # by which their cells are found
FAILED = "failed_samples"  # only where there are any, as in no file of earlier versions
COHORT, MODES, START, RIVALS = "cohort_", "modes", "mode", "rivals"
INTERVALS, INTERVAL_ROWS = "intervals", ("patient_id", "start")  # of a cohort that has them
GROUPS = (*(f"{COHORT}{name}" for name in (*TABLES, FAILED, INTERVALS)), MODES, START, RIVALS)


@dataclass
class Parts:
    """The parts of a fit.

    Attributes
    ----------
    spec : dict
        Fields of `ModelSpec`, with those of `Priors` inside.
    design : dict
        What the data determined; with the specification and the cohort it defines the `Design`.
    warnings : list of str
    content : Content or None
        The cohort; None for a rival that shares that of the fit.
    fingerprint : str
        Of the cohort.
    idata : DataTree
    modes : DataFrame
    mode_theta : array (n_classes, n_class_parameters)
    rivals : list of Parts
    """

    spec: dict[str, Any]
    design: dict[str, Any]
    warnings: list[str]
    content: Content | None
    fingerprint: str
    idata: xr.DataTree
    modes: pd.DataFrame
    mode_theta: np.ndarray
    rivals: "list[Parts]" = field(default_factory=list)


def check_kept(cohort: Cohort) -> None:
    """Refuse a cohort that could not be saved with its fit, before anything is fitted.

    Raises
    ------
    StorageError
        The message has the column.
    """
    for name in _tables(cohort):
        tables.check_storable(getattr(cohort, name), name)


def _tables(cohort: Cohort | Content) -> tuple[str, ...]:
    """Names of the tables that it has."""
    failed = (FAILED,) if len(cohort.failed_samples) else ()
    return (*TABLES, *failed, *(() if cohort.intervals is None else (INTERVALS,)))


def to_node(parts: Parts) -> Node:
    """Parts as a node of a file.

    Raises
    ------
    StorageError
        Something in them cannot be stored, as the message says.
    """
    node = trees.encode(parts.idata, GROUPS)
    theta, described = encode(np.asarray(parts.mode_theta))
    node.groups[START] = Node({"theta": described}, {"theta": (("class_number", "class_parameter"), theta)})
    node.groups[MODES] = tables.encode(parts.modes, MODES)
    node.facts |= {
        "spec": to_json(parts.spec),
        "design": to_json(parts.design),
        "warnings": to_json(parts.warnings),
        "fingerprint": parts.fingerprint,
        "cohort": None,
    }
    if parts.content is not None:
        for name in _tables(parts.content):
            node.groups[f"{COHORT}{name}"] = tables.encode(getattr(parts.content, name), name)
        node.facts["cohort"] = to_json(_cohort_facts(parts.content))
    if parts.rivals:
        node.groups[RIVALS] = Node(groups={str(k): to_node(rival) for k, rival in enumerate(parts.rivals)})
    return node


def of_node(node: Node) -> Parts:
    """The inverse of `to_node`."""
    facts, start = node.fact("cohort"), node.group(START)
    rivals = node.groups[RIVALS].groups if RIVALS in node.groups else {}
    return Parts(
        spec=from_json(node.fact("spec")),
        design=from_json(node.fact("design")),
        warnings=from_json(node.fact("warnings")),
        content=None if facts is None else _content(from_json(facts), node),
        fingerprint=node.fact("fingerprint"),
        idata=trees.decode(node),
        modes=tables.decode(node.group(MODES)),
        mode_theta=decode(start.array("theta"), start.fact("theta")),
        rivals=[of_node(rivals[str(k)]) for k in range(len(rivals))],
    )


def _cohort_facts(content: Content) -> dict[str, Any]:
    """The facts of a cohort other than its tables."""
    changing: dict[str, dict[str, Any]] = {}
    if content.intervals is not None:
        changing["interval_schema"] = {c: t.to_json() for c, t in content.interval_schema.items()}
        changing["interval_given"] = {c: _cells(series) for c, series in content.interval_given.items()}
    return {
        "baseline_window": content.baseline_window,
        "entry_by_rule": content.entry_by_rule,
        "min_samples": content.min_samples,
        "causes": dict(content.causes),
        "looked_for": dict(content.looked_for),
        "marker": content.outcome.stored(),
        "steps": [asdict(step) for step in content.steps],
        "samples_after_endpoint": content.samples_after_endpoint,
        "source": [asdict(call) for call in content.source],
        **{name: {c: t.to_json() for c, t in getattr(content, name).items()} for name in SCHEMAS},
        **{name: {c: _cells(series) for c, series in getattr(content, name).items()} for name in GIVEN},
        **changing,
    }


def _cells(series: pd.Series) -> list[list[Any]]:
    """A series as its index and its values, column by column."""
    return [*(series.index.get_level_values(k).tolist() for k in range(series.index.nlevels)), series.tolist()]


def _series(columns: list[list[Any]], levels: tuple[str, ...]) -> pd.Series:
    """The series that `_cells` was given, by patients or by patients and times."""
    *keys, values = columns
    index = (
        pd.Index(keys[0], dtype="str", name=levels[0])
        if len(levels) == 1
        else pd.MultiIndex.from_arrays(
            [pd.Index(keys[0], dtype="str"), pd.Index(keys[1], dtype=float)], names=list(levels)
        )
    )
    return pd.Series(values, index=index, dtype=object)


def _content(facts: dict[str, Any], node: Node) -> Content:
    frames: dict[str, Any] = {name: tables.decode(node.group(f"{COHORT}{name}")) for name in TABLES}
    if f"{COHORT}{FAILED}" in node.groups:
        frames[FAILED] = tables.decode(node.group(f"{COHORT}{FAILED}"))
    if frames["patients"].index.name != "patient_id":
        raise StorageError("the table of patients has lost its index")
    steps = tuple(Step(**step) for step in facts.pop("steps"))
    marker = facts.pop("marker")
    facts["causes"] = {endpoint: tuple(causes) for endpoint, causes in facts["causes"].items()}
    facts["looked_for"] = {endpoint: tuple(numbers) for endpoint, numbers in facts.get("looked_for", {}).items()}
    facts["source"] = tuple(Call(c["name"], c["arguments"], tuple(c["missing"])) for c in facts["source"])
    facts |= {name: {c: ColumnType.from_json(t) for c, t in facts[name].items()} for name in SCHEMAS}
    facts |= {name: {c: _series(cells, levels) for c, cells in facts[name].items()} for name, levels in GIVEN.items()}
    if "interval_schema" in facts:
        frames[INTERVALS] = tables.decode(node.group(f"{COHORT}{INTERVALS}"))
        types, given = facts["interval_schema"], facts["interval_given"]
        facts["interval_schema"] = {c: ColumnType.from_json(t) for c, t in types.items()}
        facts["interval_given"] = {c: _series(cells, INTERVAL_ROWS) for c, cells in given.items()}
    return Content(**frames, **facts, steps=steps, outcome=restored(marker))
