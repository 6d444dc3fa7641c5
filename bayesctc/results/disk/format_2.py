"""Fits of format 2: an attribute or a variable of xarray's for each part, tables by the names of their columns.

Their parameters were only on the user's scale, their priors per unit of the data, and their covariates of any type. The
fit's warnings report what has no equivalent today.
"""

import hashlib
import io
import json
from dataclasses import replace
from typing import Any, cast

import h5py
import pandas as pd
import xarray as xr

from bayesctc.data import Cohort
from bayesctc.data.content import natural_order, sort_samples
from bayesctc.data.flow import Step
from bayesctc.data.outcome import restored
from bayesctc.errors import StorageError
from bayesctc.model.design import Design
from bayesctc.model.scales import Scales
from bayesctc.results.disk.container import refuse_strange_parts
from bayesctc.results.disk.parts import Parts

GROUPS = ("posterior", "sample_stats", "log_likelihood")
NOTE = (
    "read from a file of format 2: its priors were stated per unit of the data, those of spec are today's defaults; "
    "its classes are in the order of their means over months 0 to 12"
)


def read(content: bytes) -> Parts:
    """The parts of a fit that was saved in format 2, as those of format 3."""
    with h5py.File(io.BytesIO(content), "r") as file:
        refuse_strange_parts(file, len(content))
    with xr.open_datatree(io.BytesIO(content), engine="h5netcdf") as opened:
        tree = xr.DataTree.from_dict(
            {node.path: node.to_dataset(inherit=False).load() for node in opened.subtree}
        )  # opened.load() leaves some to be read later, when there is no file any more
    rivals = tree.children.get("rivals")
    own = _parts(tree)
    if rivals is not None:
        own.rivals = [_parts(cast(xr.DataTree, rivals[k])) for k in sorted(rivals.children, key=int)]
        for rival in own.rivals:
            rival.content = None  # a copy of the fit's
    return own


def _parts(tree: xr.DataTree) -> Parts:
    attrs = dict(tree.attrs)
    samples, patients = _frame(tree["cohort_samples"].dataset), _frame(tree["cohort_patients"].dataset)
    causes = {name: tuple(causes) for name, causes in json.loads(attrs.pop("causes", "{}")).items()}
    outcome = restored(json.loads(attrs.pop("marker")) if "marker" in attrs else None)
    if _fingerprint(samples, patients, causes, outcome) != attrs.pop("fingerprint"):
        raise StorageError("the data in the file do not match their fingerprint: the file is damaged or was edited.")
    window = float(attrs.pop("baseline_window"))
    typed = Cohort(samples, patients, causes=causes or None, marker=outcome, baseline_window=window)._content
    content = replace(
        typed,
        patients=typed.patients.loc[patients["patient_id"]],
        samples=sort_samples(typed.samples, pd.Index(patients["patient_id"])),
        entry_by_rule=bool(attrs.pop("entry_by_rule")),
        steps=tuple(Step(**step) for step in json.loads(attrs.pop("steps"))),
        excluded=_frame(tree["cohort_excluded"].dataset),
        min_samples=int(attrs.pop("min_samples", 0)),  # the first files of the format have none
    )
    own = {name: json.loads(attrs.pop(name)) for name in ("spec", "warnings")}
    own["spec"]["priors"] = {}
    own["warnings"].append(NOTE)
    nodes = int(attrs.pop("design_nodes"))
    attrs.pop("bayesctc_format")
    idata = xr.DataTree(children={name: xr.DataTree(tree[name].dataset) for name in tree.children if name in GROUPS})
    idata.attrs = attrs
    return Parts(
        **own,
        design={"n_nodes": nodes},
        content=content,
        fingerprint="",
        idata=idata,
        modes=_frame(tree["modes"].dataset).set_index("mode"),
        mode_theta=tree["mode"].dataset["theta"].to_numpy(),
    )


def on_the_scale_of_the_fit(parts: Parts, design: Design) -> Parts:
    """Draws and mode as the likelihood reads them today."""
    layout, posterior = design.layout, parts.idata["posterior"].dataset
    values = {name: posterior[name].transpose("chain", "draw", *own).to_numpy() for name, own in layout.dims.items()}
    dims = ("chain", "draw", "class_number", "column")
    parts.idata["internal"] = xr.DataTree(xr.Dataset({"theta": (dims, layout.theta(values))}))
    as_it_was = replace(layout, scales=Scales())
    parts.mode_theta = layout.theta(as_it_was.own(parts.mode_theta))
    return parts


def _fingerprint(
    samples: pd.DataFrame, patients: pd.DataFrame, causes: dict[str, tuple[str, ...]], outcome: Any
) -> str:
    """SHA-256 of the data as format 2 had it: numbers as doubles, everything else as text."""
    ordered = patients.iloc[natural_order(patients["patient_id"])]
    digest = hashlib.sha256()

    def feed(text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)

    tables = {"samples": sort_samples(samples, pd.Index(ordered["patient_id"])), "patients": ordered}
    for name, table in tables.items():
        feed(f"table {name} {len(table)}")
        for column in sorted(table.columns):
            feed(f"column {column}")
            missing = table[column].isna().to_numpy(dtype=bool)
            digest.update(missing.tobytes())
            present = table[column][~missing].astype(object).infer_objects()
            if pd.api.types.is_bool_dtype(present) or pd.api.types.is_numeric_dtype(present):
                digest.update(b"numbers" + (present.to_numpy(dtype="<f8") + 0.0).tobytes())
            else:
                digest.update(b"text")
                feed("".join(f"{len(text)}:{text}" for text in map(str, present)))
    for endpoint in sorted(causes):
        feed(f"causes {endpoint} {' '.join(causes[endpoint])}")
    stored = outcome.stored()
    for text in () if stored is None else ("marker", *stored.values()):
        feed(text)
    return digest.hexdigest()


def _frame(dataset: xr.Dataset) -> pd.DataFrame:
    columns = {}
    for name in json.loads(dataset.attrs["columns"]):
        values, kind = dataset[name].to_numpy(), dataset[name].attrs.get("kind")
        if kind == "bool":
            values = values.astype(bool)
        elif kind == "text":
            values = values.astype(object)
            if f"{name}__missing" in dataset:
                values[dataset[f"{name}__missing"].to_numpy().astype(bool)] = None
            values = pd.Series(values, dtype="str")
        columns[name] = values
    return pd.DataFrame(columns)
