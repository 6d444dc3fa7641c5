"""The file of a fit is netCDF: what h5netcdf writes of the same arrays, to the attribute."""

import io

import h5netcdf
import h5py
import numpy as np
import pytest

from bayesctc.results.disk import container
from bayesctc.results.disk.node import Node

pytestmark = pytest.mark.unit
TEXT = h5py.string_dtype()

INNER = Node(
    arrays={
        "growth": (("chain", "draw", "term"), np.arange(24.0).reshape(2, 4, 3)),
        "chain": (("chain",), np.array([0, 1])),
        "term": (("term",), np.array(["1", "s", "ü"], dtype=object)),
        "diverging": (("chain", "draw"), np.eye(2, 4, dtype=bool)),
        "alone": ((), np.float32(3.5)),
        "none": (("nobody",), np.zeros(0)),
    }
)
ROOT = Node(
    facts={"bayesctc_format": 4, "spec": {"n_classes": 2}},
    arrays={"theta": (("class_number", "column"), np.ones((2, 5), dtype="f2"))},
    groups={"posterior": INNER, "rivals": Node(groups={"rival_0": INNER})},
)


def by_h5netcdf(group, node):
    """The arrays of a node, written by another library."""
    arrays = {name: each for name, each in node.arrays.items() if each[1].size}
    group.dimensions = {dim: n for dims, values in arrays.values() for dim, n in zip(dims, values.shape, strict=True)}
    for name, (dims, values) in arrays.items():
        plain = values.astype(np.int8) if values.dtype == bool else values
        dtype = TEXT if values.dtype == object else plain.dtype
        variable = group.create_variable(name, dims, dtype, data=plain)
        if values.dtype == bool:
            variable.attrs["dtype"] = "bool"
    for name, inner in node.groups.items():
        by_h5netcdf(group.create_group(name), inner)


def said_of(item):
    """Type, shape, values, scales of the axes and attributes of an array; attributes of a group."""
    attributes = {k: np.asarray(v).tolist() for k, v in item.attrs.items() if k not in ("_NCProperties", "spec")}
    if isinstance(item, h5py.Group):
        return attributes, list(item)
    linked = [[scale.name for scale in axis.values()] for axis in item.dims]
    refers = {"DIMENSION_LIST", "REFERENCE_LIST"} & set(attributes)
    own = {k: v for k, v in attributes.items() if k not in refers}
    values = None if own.get("NAME", b"").startswith(b"This is a netCDF dimension") else np.asarray(item).tolist()
    return own, refers, item.dtype, item.shape, linked, h5py.h5ds.is_scale(item.id), values


def test_it_is_what_h5netcdf_writes():
    other = io.BytesIO()
    with h5netcdf.File(other, "w", libver=container.VERSIONS) as file:
        file.attrs["bayesctc_format"] = 4
        by_h5netcdf(file, ROOT)
    with h5py.File(container.write(ROOT)) as mine, h5py.File(other) as theirs:
        names: list[str] = ["/"]
        theirs.visit(names.append)
        assert len(names) == 19
        for name in names:
            assert said_of(mine[name]) == said_of(theirs[name]), name
        assert mine.attrs["_NCProperties"].startswith(b"version=2,hdf5=")
