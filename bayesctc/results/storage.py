"""A fit on disk: one netCDF file, written whole or not at all, without pickle."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.data import Cohort, Marker
from bayesctc.data.content import Content
from bayesctc.data.flow import Step
from bayesctc.errors import StorageError
from bayesctc.model.design import Design
from bayesctc.model.priors import Priors
from bayesctc.model.spec import ModelSpec
from bayesctc.results.atomic import write_whole
from bayesctc.results.bayes_fit import BayesFit

FORMAT = 2
# what the netCDF and HDF5 libraries raise for a damaged file, and what is raised where a part is not there
DAMAGE = (OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError)


def save_fit(fit: BayesFit, path: str | Path) -> None:
    """Write a fit; see `BayesFit.save`."""
    tree = _tree(fit)
    for k, rival in enumerate(fit.rivals):
        tree[f"rivals/{k}"] = _tree(rival)
    write_whole(path, lambda temporary: tree.to_netcdf(temporary, engine="h5netcdf"), "the fit")


def load_fit(path: str | Path) -> BayesFit:
    """Read a fit that `BayesFit.save` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    BayesFit
        Equal to the one that was saved.

    Raises
    ------
    StorageError
        The file is not there, or not a saved fit, or its data do not match their fingerprint.
    """
    path = Path(path)
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
    except FileNotFoundError as error:
        raise StorageError(f"{path}: no such file.") from error
    except DAMAGE as error:
        raise StorageError(f"{path}: not a netCDF file, or damaged ({error}).") from error
    if tree.attrs.get("bayesctc_format") != FORMAT:
        raise StorageError(
            f"{path}: not a fit of this version; its format is {tree.attrs.get('bayesctc_format')!r}, read is {FORMAT}."
        )
    try:
        rivals = tree.children.get("rivals")
        others = tuple(_fit(rivals[k]) for k in sorted(rivals.children, key=int)) if rivals is not None else ()
        return _fit(tree, others)
    except StorageError as error:
        raise StorageError(f"{path}: {error}") from error
    except DAMAGE as error:
        raise StorageError(f"{path}: parts of the fit are missing or damaged ({error}).") from error


def _tree(fit):
    content = fit.cohort._content
    spec = asdict(fit.spec)
    tree = xr.DataTree(
        children={name: xr.DataTree(fit.idata[name].dataset) for name in fit.idata.children},
    )
    tree["cohort_samples"] = xr.DataTree(_as_dataset(content.samples))
    tree["cohort_patients"] = xr.DataTree(_as_dataset(content.patients.reset_index()))
    tree["cohort_excluded"] = xr.DataTree(_as_dataset(content.excluded))
    tree["modes"] = xr.DataTree(_as_dataset(fit.modes.reset_index()))
    tree["mode"] = xr.DataTree(xr.Dataset({"theta": (("class_index", "column"), fit.mode_theta)}))
    tree.attrs = {
        **fit.idata.attrs,
        "bayesctc_format": FORMAT,
        "spec": json.dumps(spec),
        "design_nodes": fit.design.n_nodes,
        "warnings": json.dumps(list(fit.warnings)),
        "baseline_window": content.baseline_window,
        "entry_by_rule": int(content.entry_by_rule),
        "causes": json.dumps(dict(content.causes)),
        "min_samples": content.min_samples,
        **({} if content.marker is None else {"marker": json.dumps(asdict(content.marker))}),
        "steps": json.dumps([asdict(step) for step in content.steps]),
        "fingerprint": fit.cohort.fingerprint,
    }
    return tree


def _fit(tree, rivals=()):
    attrs = dict(tree.attrs)
    spec = json.loads(attrs.pop("spec"))
    spec["priors"] = Priors(**spec["priors"])
    patients = _as_frame(tree["cohort_patients"].dataset).set_index("patient_id")
    content = Content(
        samples=_as_frame(tree["cohort_samples"].dataset),
        patients=patients,
        baseline_window=float(attrs.pop("baseline_window")),
        entry_by_rule=bool(attrs.pop("entry_by_rule")),
        steps=tuple(Step(**step) for step in json.loads(attrs.pop("steps"))),
        excluded=_as_frame(tree["cohort_excluded"].dataset),
        causes={name: tuple(causes) for name, causes in json.loads(attrs.pop("causes", "{}")).items()},
        min_samples=int(attrs.pop("min_samples", 0)),  # files of before it was stored have none
        marker=Marker(**json.loads(attrs.pop("marker"))) if "marker" in attrs else None,
    )
    cohort = Cohort.from_content(content)
    if cohort.fingerprint != attrs.pop("fingerprint"):
        raise StorageError("the data in the file do not match their fingerprint: the file is damaged or was edited.")
    warnings = tuple(json.loads(attrs.pop("warnings")))
    attrs.pop("bayesctc_format")
    n_nodes = int(attrs.pop("design_nodes"))
    groups = {
        name: xr.DataTree(tree[name].dataset)
        for name in tree.children
        if name in ("posterior", "sample_stats", "log_likelihood")
    }
    idata = xr.DataTree(children=groups)
    idata.attrs = attrs
    design = Design.settle(cohort, ModelSpec(**spec)).with_nodes(n_nodes)
    modes = _as_frame(tree["modes"].dataset).set_index("mode")
    return BayesFit(
        cohort, design, design.pack(cohort), idata, tree["mode"].dataset["theta"].to_numpy(), modes, warnings, rivals
    )


def _as_dataset(frame: pd.DataFrame) -> xr.Dataset:
    """A table as netCDF can hold it: text as text with a mark for what is missing."""
    variables: dict = {}
    for name, column in frame.items():
        if pd.api.types.is_bool_dtype(column):
            variables[name] = ("row", column.to_numpy(dtype=np.int8), {"kind": "bool"})
        elif pd.api.types.is_numeric_dtype(column):
            variables[name] = ("row", column.to_numpy())
        else:
            missing = column.isna().to_numpy()
            text = column.astype(object).where(~missing, "").astype(str).to_numpy(dtype=object)
            variables[name] = ("row", text.astype("U") if len(text) else np.array([], dtype="U1"), {"kind": "text"})
            if missing.any():
                variables[f"{name}__missing"] = ("row", missing.astype(np.int8), {"kind": "mark"})
    return xr.Dataset(variables, attrs={"columns": json.dumps([str(c) for c in frame.columns])})


def _as_frame(dataset: xr.Dataset) -> pd.DataFrame:
    columns = {}
    for name in json.loads(dataset.attrs["columns"]):
        values, kind = dataset[name].to_numpy(), dataset[name].attrs.get("kind")
        if kind == "bool":
            columns[name] = values.astype(bool)
        elif kind == "text":
            text = pd.Series(values.astype(object), dtype="str")
            if f"{name}__missing" in dataset:
                text[dataset[f"{name}__missing"].to_numpy().astype(bool)] = None
            columns[name] = text
        else:
            columns[name] = values
    return pd.DataFrame(columns)
