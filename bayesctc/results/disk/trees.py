"""A tree of draws on disk: all groups, variables, coordinates and attributes, readable by any netCDF reader."""

from collections.abc import Collection
from typing import Any

import numpy as np
import xarray as xr

from bayesctc.errors import StorageError
from bayesctc.results.disk import arrays
from bayesctc.results.disk.node import Node, safe_names
from bayesctc.results.disk.tables import named
from bayesctc.results.disk.values import from_json, to_json

FACT = "contents"


def encode(tree: xr.DataTree, reserved: Collection[str] = ()) -> Node:
    """A tree as a node of a file; names that netCDF does not allow are replaced there and stored separately.

    Parameters
    ----------
    tree : DataTree
    reserved : collection of str
        Names of groups that are taken.

    Raises
    ------
    StorageError
        A variable or attribute cannot be stored; the message has its name.
    """
    dataset, node = tree.to_dataset(inherit=False), Node()
    names = safe_names([str(name) for name in (*dataset.dims, *dataset.variables)], "variable")
    variables = []
    for name, variable in dataset.variables.items():
        where = f"{tree.path}, variable {name!r}"
        stored, described = named(where, _encode_variable, dataset, name)
        dims = [str(dim) for dim in variable.dims]
        own = names[str(name)]
        extra = [f"bytes_of_{own}"] * (stored.ndim - len(dims))
        node.arrays[own] = ((*(names[dim] for dim in dims), *extra), stored)
        variables.append(
            {
                "name": name,
                "stored": own,
                "dims": dims,
                "coordinate": name in dataset.coords,
                "attributes": named(where, to_json, dict(variable.attrs)),
                "values": described,
            }
        )
    groups = safe_names(tree.children, "group", reserved)
    node.groups = {groups[name]: encode(child) for name, child in tree.children.items()}
    attributes = named(f"{tree.path}, attributes", to_json, dict(tree.attrs))
    node.facts[FACT] = {"variables": variables, "groups": groups, "attributes": attributes}
    return node


def _encode_variable(dataset: xr.Dataset, name: Any) -> tuple[np.ndarray, dict[str, Any]]:
    variable = dataset.variables[name]
    if not all(isinstance(text, str) for text in (name, *variable.dims)):
        raise StorageError("its name, or that of a dimension, is not text")
    if not isinstance(variable.dtype, np.dtype) or getattr(dataset.indexes.get(name), "nlevels", 1) > 1:
        raise StorageError(f"an index of several levels, or values of type {variable.dtype}, cannot be stored")
    return arrays.encode(variable.to_numpy())


def decode(node: Node) -> xr.DataTree:
    """The tree that `encode` was given."""
    described = node.fact(FACT)
    variables: dict[bool, dict[str, Any]] = {True: {}, False: {}}
    for each in described["variables"]:
        values = named(f"variable {each['name']!r}", arrays.decode, node.array(each["stored"]), each["values"])
        attributes = from_json(each["attributes"])
        variables[each["coordinate"]][each["name"]] = xr.Variable(each["dims"], values, attributes)
    dataset = xr.Dataset(variables[False], coords=variables[True], attrs=from_json(described["attributes"]))
    children = {name: _child(node, name, stored) for name, stored in described["groups"].items()}
    return xr.DataTree(dataset, children=children)


def _child(node: Node, name: str, stored: str) -> xr.DataTree:
    try:
        return decode(node.group(stored))
    except StorageError as error:
        raise StorageError(f"{name}: {error}") from error
