"""A tree of arrays and facts as one netCDF file in memory, so that HDF5 never works on an open file on disk."""

import io
import json
from typing import Any, cast

import h5netcdf
import h5py
import numpy as np

from bayesctc.errors import StorageError
from bayesctc.results.disk.node import Node

_TEXT = h5py.string_dtype()
_ONLY_A_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"
VERSIONS = ("v108", "v108")  # of HDF5's format: checksums of its own, attributes of any length, read since 2008


def write(root: Node) -> io.BytesIO:
    """The bytes of a netCDF file; attributes are JSON, arrays variables that any reader of netCDF shows."""
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w", libver=VERSIONS) as file:
        _write_group(file, root)
    return buffer


def _write_group(group: Any, node: Node) -> None:
    for name, fact in node.facts.items():
        group.attrs[name] = fact if type(fact) is int else json.dumps(fact, allow_nan=False)
    filled = {name: (dims, values) for name, (dims, values) in node.arrays.items() if values.size}
    group.dimensions = {
        dim: size
        for dims, values in filled.values()
        for dim, size in zip(cast("tuple[str, ...]", dims), values.shape, strict=True)
    }
    for name, (dims, values) in filled.items():
        if values.dtype == bool:  # netCDF has none: as xarray writes them
            group.create_variable(name, dims, np.int8, data=values.astype(np.int8)).attrs["dtype"] = "bool"
        else:
            group.create_variable(name, dims, _TEXT if values.dtype == object else values.dtype, data=values)
    for name, inner in node.groups.items():
        _write_group(group.create_group(name), inner)


def read(content: bytes) -> Node:
    """The tree in the bytes of a file that `write` made.

    Raises
    ------
    StorageError
        It refers to something outside itself, or claims to contain more than it can.
    """
    with h5py.File(io.BytesIO(content), "r") as file:
        refuse_strange_parts(file, len(content))
        return _read_group(file)


def _read_group(group: h5py.Group) -> Node:
    node = Node({name: _fact(name, value) for name, value in group.attrs.items() if not name.startswith("_")})
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            node.groups[name] = _read_group(item)
        elif not _only_a_dimension(item):
            text = h5py.check_string_dtype(item.dtype) is not None
            node.arrays[name] = (None, np.asarray(item.asstr()[()], dtype=object) if text else np.asarray(item[()]))
    return node


def _fact(name: str, value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else np.asarray(value).item()
    except (TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"the attribute {name!r} is not JSON ({error})") from error


def refuse_strange_parts(file: h5py.File, size: int) -> None:
    """Refuse what a saved fit never has: links, storage elsewhere, and arrays larger than the file of `size` bytes."""
    seen: set[int] = set()

    def visit(group: h5py.Group) -> None:
        for name in group:
            where = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise StorageError(f"{where} is a link ({type(link).__name__}) to another place, which is not followed")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise StorageError(f"{where} is there under two names")
            seen.add(address)
            if isinstance(item, h5py.Group):
                visit(item)
            else:
                _refuse_dataset(item, where, size)

    visit(file)


def _refuse_dataset(item: Any, where: str, size: int) -> None:
    if not isinstance(item, h5py.Dataset):
        raise StorageError(f"{where} is neither a group nor an array")
    if item.is_virtual or item.external:
        raise StorageError(f"{where} has its values in another place, which is not followed")
    if item.dtype.kind not in "iuf" and not h5py.check_string_dtype(item.dtype):
        raise StorageError(f"{where} is an array of {item.dtype}, which no saved fit has")
    if not _only_a_dimension(item) and item.size * item.dtype.itemsize > size:
        raise StorageError(f"{where} has the shape {item.shape}, for which the file of {size} bytes is too small")


def _only_a_dimension(item: Any) -> bool:
    name = item.attrs.get("NAME", b"")
    return isinstance(name, bytes) and name.startswith(_ONLY_A_DIMENSION)
