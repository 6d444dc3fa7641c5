"""Arrays as netCDF can hold them, numbers or plain text, and back to the very dtype."""

import json
from typing import Any, cast

import numpy as np

from bayesctc.errors import StorageError
from bayesctc.results.disk.values import from_json, to_json

NUMBERS = {f"{kind}{size}" for kind, sizes in (("i", "1248"), ("u", "1248"), ("f", "48")) for size in sizes}


def encode(values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """An array of netCDF's own types, and what makes the given one of it again.

    Parameters
    ----------
    values : array
        Of any shape.

    Returns
    -------
    array
        Of numbers or flags, or of objects that are all text without NUL.
    dict
        As JSON: how, dtype, shape.

    Raises
    ------
    StorageError
        The array holds something that cannot be stored.
    """
    dtype = values.dtype
    described: dict[str, Any] = {"dtype": "text" if dtype.kind == "T" else dtype.str, "shape": list(values.shape)}
    if f"{dtype.kind}{dtype.itemsize}" in NUMBERS:
        return values.astype(dtype.newbyteorder("=")), {"how": "number", **described}
    if dtype.kind == "b":
        return values, {"how": "flag", **described}
    if dtype.kind in "mM":
        return values.astype(dtype.newbyteorder("=")).view(np.int64), {"how": "moment", **described}
    if dtype.kind in "OUT":
        return _encode_objects(values.astype(object), described)
    if dtype.kind in "fcS" and dtype.itemsize:
        flat = np.frombuffer(values.tobytes(), dtype=np.uint8)
        return flat.reshape(*values.shape, dtype.itemsize), {"how": "bytes", **described}
    raise StorageError(f"an array of {dtype} cannot be stored")


def _encode_objects(values: np.ndarray, described: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    items = values.ravel().tolist()
    plain = all(type(item) is str and _is_plain(item) for item in items)
    texts = items if plain else [_cell(place, item) for place, item in enumerate(items)]
    return _objects(texts).reshape(values.shape), {"how": "text" if plain else "json", **described}


def _cell(place: int, item: Any) -> str:
    try:
        return json.dumps(to_json(item))
    except StorageError as error:
        raise StorageError(f"row {place}, counted from 0: {error}") from error


def _objects(items: list[Any]) -> np.ndarray:
    """A list as an array of objects, also where the items are lists themselves."""
    return np.fromiter(items, dtype=object, count=len(items))


def _is_plain(text: str) -> bool:
    """Whether HDF5 can hold a text as it is: UTF-8 that ends where the text does."""
    try:
        return b"\0" not in text.encode("utf-8")
    except UnicodeEncodeError:
        return False


def decode(stored: np.ndarray | None, described: dict[str, Any]) -> np.ndarray:
    """The array that `encode` was given; `stored` is None where there is nothing in it.

    Raises
    ------
    StorageError
        What is stored is not what the description says.
    """
    how, shape = described["how"], tuple(described["shape"])
    dtype = np.dtypes.StringDType() if described["dtype"] == "text" else np.dtype(described["dtype"])
    if 0 in shape:
        return np.empty(shape, dtype=dtype)
    if stored is None:
        raise StorageError("its values are missing")
    expected = (*shape, dtype.itemsize) if how == "bytes" else shape
    if stored.shape != expected:
        raise StorageError(f"found an array of shape {stored.shape} where {expected} is due")
    if how == "bytes":
        return cast(np.ndarray, np.frombuffer(stored.tobytes(), dtype=dtype).reshape(shape).copy())
    if how == "moment":
        return cast(np.ndarray, stored.astype(np.int64).view(dtype.newbyteorder("=")).astype(dtype))
    if how in ("text", "json"):
        return _decode_objects(stored, how == "json", shape, dtype)
    return stored.astype(dtype)


def _decode_objects(stored: np.ndarray, escaped: bool, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    items = stored.ravel().tolist()
    if escaped:
        items = [from_json(json.loads(item)) for item in items]
    return cast(np.ndarray, _objects(items).astype(dtype).reshape(shape))
