"""pandas' arrays and indexes as arrays of plain numbers and text, and back to the very dtype."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd

from bayesctc.errors import StorageError
from bayesctc.results.disk import arrays
from bayesctc.results.disk.node import Node
from bayesctc.results.disk.values import from_json, to_json

_MASKED = {
    pd.BooleanDtype: pd.arrays.BooleanArray,
    **{
        getattr(pd, f"{name}Dtype"): pd.arrays.IntegerArray
        for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    },
    pd.Float32Dtype: pd.arrays.FloatingArray,
    pd.Float64Dtype: pd.arrays.FloatingArray,
}


def encode(values: Any, name: str, node: Node) -> dict[str, Any]:
    """Put the values of a column into a node.

    Parameters
    ----------
    values : array or pandas.api.extensions.ExtensionArray
    name : str
        What its arrays are called in the file; several have it as the beginning of their names.
    node : Node

    Returns
    -------
    dict
        As JSON: what `decode` has to know.

    Raises
    ------
    StorageError
        The column holds something that cannot be stored.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        missing = np.asarray(pd.isna(values), dtype=bool)
        text = np.where(missing, "", np.asarray(values, dtype=object))
        return {
            "kind": "string",
            "storage": dtype.storage,
            "missing": "NA" if dtype.na_value is pd.NA else "nan",
            "values": _put(text, name, node),
            "mask": _put_mask(missing, name, node),
        }
    if isinstance(dtype, np.dtype) or isinstance(values, pd.arrays.NumpyExtensionArray):
        return {"kind": "array", "values": _put(np.asarray(values), name, node)}
    if type(dtype) in _MASKED:
        missing = np.asarray(values.isna(), dtype=bool)
        filled = values.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return {
            "kind": "masked",
            "dtype": type(dtype).__name__,
            "values": _put(filled, name, node),
            "mask": _put_mask(missing, name, node),
        }
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "kind": "category",
            "ordered": bool(dtype.ordered),
            "codes": _put(values.codes, name, node),
            "categories": encode_index(dtype.categories, f"{name}_categories", node),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        return {"kind": "zoned", "dtype": str(dtype), "values": _put(values.asi8, name, node)}
    if isinstance(dtype, pd.PeriodDtype):
        return {"kind": "period", "dtype": str(dtype), "values": _put(values.asi8, name, node)}
    if isinstance(dtype, pd.IntervalDtype):
        ends = {end: encode_index(getattr(values, end), f"{name}_{end}", node) for end in ("left", "right")}
        return {"kind": "interval", "closed": dtype.closed, **ends}
    if isinstance(dtype, pd.SparseDtype):
        return {
            "kind": "sparse",
            "fill": to_json(dtype.fill_value),
            "values": _put(np.asarray(values.to_dense()), name, node),
        }
    if isinstance(dtype, pd.ArrowDtype):
        return {"kind": "arrow", "stream": _put(_to_stream(values), name, node)}
    raise StorageError(f"a column of type {dtype} cannot be stored")


def decode(described: dict[str, Any], node: Node) -> Any:
    """The values that `encode` was given."""
    kind = described["kind"]
    if kind not in _DECODERS:
        raise StorageError(f"a column of the unknown kind {kind!r}")
    return _DECODERS[kind](described, node)


def encode_index(index: pd.Index, name: str, node: Node) -> dict[str, Any]:
    """Put an index into a node; see `encode`."""
    if isinstance(index, pd.MultiIndex):
        levels = [encode_index(level, f"{name}_level_{k}", node) for k, level in enumerate(index.levels)]
        codes = [_put(np.asarray(code), f"{name}_code_{k}", node) for k, code in enumerate(index.codes)]
        return {"kind": "multi", "levels": levels, "codes": codes, "names": to_json(list(index.names))}
    if type(index) is pd.RangeIndex:
        return {"kind": "range", "steps": [index.start, index.stop, index.step], "name": to_json(index.name)}
    freq = getattr(index, "freqstr", None) if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) else None
    return {"kind": "index", "name": to_json(index.name), "freq": freq, "values": encode(index.array, name, node)}


def decode_index(described: dict[str, Any], node: Node) -> pd.Index:
    """The index that `encode_index` was given."""
    if described["kind"] == "multi":
        levels: Any = [decode_index(level, node) for level in described["levels"]]
        codes: Any = [_get(code, node) for code in described["codes"]]
        return pd.MultiIndex(levels=levels, codes=codes, names=from_json(described["names"]))
    if described["kind"] == "range":
        start, stop, step = described["steps"]
        return pd.RangeIndex(start, stop, step, name=from_json(described["name"]))
    values = decode(described["values"], node)
    index = pd.Index(values, dtype=values.dtype, name=from_json(described["name"]))
    if described["freq"] is not None:
        index = type(index)(index, freq=described["freq"])
    return cast(pd.Index, index)


def _put(values: np.ndarray, name: str, node: Node) -> dict[str, Any]:
    stored, described = arrays.encode(values)
    node.arrays[name] = (tuple(f"size_{size}" for size in stored.shape), stored)
    return {"name": name, **described}


def _put_mask(missing: np.ndarray, name: str, node: Node) -> dict[str, Any] | None:
    return _put(missing, f"{name}_missing", node) if missing.any() else None


def _get(described: dict[str, Any], node: Node) -> np.ndarray:
    return arrays.decode(node.array(described["name"]), described)


def _get_mask(described: dict[str, Any], node: Node) -> np.ndarray:
    mask = described["mask"]
    return np.zeros(described["values"]["shape"], dtype=bool) if mask is None else _get(mask, node)


def _string(described: dict[str, Any], node: Node) -> Any:
    text = _get(described["values"], node)
    storage: Any = described["storage"] if described["storage"] != "pyarrow" or _arrow() else "python"
    dtype: Any = pd.StringDtype(storage, na_value=pd.NA if described["missing"] == "NA" else np.nan)
    text[_get_mask(described, node)] = None
    return pd.array(text, dtype=dtype)


def _masked(described: dict[str, Any], node: Node) -> Any:
    dtype = getattr(pd, described["dtype"])
    return _MASKED[dtype](_get(described["values"], node), _get_mask(described, node))


def _category(described: dict[str, Any], node: Node) -> Any:
    categories = decode_index(described["categories"], node)
    dtype = pd.CategoricalDtype(categories, ordered=described["ordered"])
    return pd.Categorical.from_codes(_get(described["codes"], node), dtype=dtype)


def _zoned(described: dict[str, Any], node: Node) -> Any:
    dtype: Any = pd.api.types.pandas_dtype(described["dtype"])
    moments = _get(described["values"], node).view(f"M8[{dtype.unit}]")
    return pd.DatetimeIndex(moments, tz="UTC").tz_convert(dtype.tz).array


def _period(described: dict[str, Any], node: Node) -> Any:
    dtype: Any = pd.api.types.pandas_dtype(described["dtype"])
    from_ordinals: Any = pd.PeriodIndex.from_ordinals  # type: ignore[attr-defined]  # which the stubs do not know
    return from_ordinals(_get(described["values"], node), freq=dtype.freq).array


def _interval(described: dict[str, Any], node: Node) -> Any:
    left, right = (decode_index(described[end], node) for end in ("left", "right"))
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=described["closed"])


def _sparse(described: dict[str, Any], node: Node) -> Any:
    dense, fill = _get(described["values"], node), from_json(described["fill"])
    return pd.arrays.SparseArray(dense, fill_value=fill, dtype=pd.SparseDtype(dense.dtype, fill))


def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        return None
    return pyarrow


def _to_stream(values: Any) -> np.ndarray:
    """Arrow's own bytes."""
    pyarrow = _arrow()
    table, sink = pyarrow.table({"x": values.__arrow_array__()}), pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return np.frombuffer(sink.getvalue(), dtype=np.uint8)


def _from_stream(described: dict[str, Any], node: Node) -> Any:
    pyarrow = _arrow()
    if pyarrow is None:
        raise StorageError("a column of Arrow's, which needs the package pyarrow to be read")
    with pyarrow.ipc.open_stream(pyarrow.py_buffer(_get(described["stream"], node))) as reader:
        return pd.arrays.ArrowExtensionArray(reader.read_all().column(0))


_DECODERS: dict[str, Callable[[dict[str, Any], Node], Any]] = {
    "array": lambda described, node: _get(described["values"], node),
    "string": _string,
    "masked": _masked,
    "category": _category,
    "zoned": _zoned,
    "period": _period,
    "interval": _interval,
    "sparse": _sparse,
    "arrow": _from_stream,
}
