"""Fits of format 2: an attribute or a variable of xarray's for each part, tables by the names of their columns."""

import io
import json

import h5py
import pandas as pd
import xarray as xr

from bayesctc.data import Marker
from bayesctc.data.content import Content
from bayesctc.data.flow import Step
from bayesctc.results.disk.container import refuse_strange_parts
from bayesctc.results.disk.parts import Parts

GROUPS = ("posterior", "sample_stats", "log_likelihood")


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
        own.rivals = [_parts(rivals[k]) for k in sorted(rivals.children, key=int)]
        for rival in own.rivals:
            rival.content = None  # a copy of the fit's
    return own


def _parts(tree):
    attrs = dict(tree.attrs)
    content = Content(
        samples=_frame(tree["cohort_samples"].dataset),
        patients=_frame(tree["cohort_patients"].dataset).set_index("patient_id"),
        baseline_window=float(attrs.pop("baseline_window")),
        entry_by_rule=bool(attrs.pop("entry_by_rule")),
        steps=tuple(Step(**step) for step in json.loads(attrs.pop("steps"))),
        excluded=_frame(tree["cohort_excluded"].dataset),
        causes={name: tuple(causes) for name, causes in json.loads(attrs.pop("causes", "{}")).items()},
        min_samples=int(attrs.pop("min_samples", 0)),  # the first files of the format have none
        marker=Marker(**json.loads(attrs.pop("marker"))) if "marker" in attrs else None,
    )
    own = {name: json.loads(attrs.pop(name)) for name in ("spec", "warnings")}
    nodes, fingerprint = int(attrs.pop("design_nodes")), str(attrs.pop("fingerprint"))
    attrs.pop("bayesctc_format")
    idata = xr.DataTree(children={name: xr.DataTree(tree[name].dataset) for name in tree.children if name in GROUPS})
    idata.attrs = attrs
    return Parts(
        **own, design={"n_nodes": nodes}, content=content, fingerprint=fingerprint, idata=idata,
        modes=_frame(tree["modes"].dataset).set_index("mode"), mode_theta=tree["mode"].dataset["theta"].to_numpy(),
    )  # fmt: skip


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
