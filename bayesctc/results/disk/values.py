"""Single values as JSON and back, with their types: a type that JSON lacks is an object with a "!" and its name."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from bayesctc.errors import StorageError

TAG = "!"
ALLOWED = "text, numbers, True and False, Decimal, dates and times, bytes, None, and lists of these"
_PLAIN_NUMBERS = "biuf"  # kinds of NumPy scalars that are Python's numbers without loss
_LARGEST_PLAIN = 2**64  # Python reads at most 4300 digits of a larger one


def to_json(value: Any) -> Any:
    """A value as `json.dumps` can write it.

    Raises
    ------
    StorageError
        The value is of a type that cannot be stored.
    """
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if abs(value) < _LARGEST_PLAIN else {TAG: "int", "hex": hex(value)}
    if kind is float:
        return value if np.isfinite(value) else {TAG: "float", "text": repr(value)}
    if kind is list:
        return [to_json(item) for item in value]
    if kind is dict:
        if all(type(key) is str for key in value) and TAG not in value:
            return {key: to_json(item) for key, item in value.items()}
        return {TAG: "dict", "items": [[to_json(key), to_json(item)] for key, item in value.items()]}
    if isinstance(value, np.ndarray):
        return _array_to_json(value)
    if isinstance(value, np.generic) and kind is value.dtype.type:
        return _scalar_to_json(value)
    if kind in _WRITERS:
        tag, write = _WRITERS[kind]
        return {TAG: tag, **write(value)}
    raise StorageError(f"a value of type {kind.__name__} cannot be stored; allowed: {ALLOWED}")


def from_json(found: Any) -> Any:
    """The inverse of `to_json`."""
    if isinstance(found, list):
        return [from_json(item) for item in found]
    if not isinstance(found, dict):
        return found
    if TAG not in found:
        return {key: from_json(item) for key, item in found.items()}
    if found[TAG] not in _READERS:
        raise StorageError(f"a value of the unknown type {found[TAG]!r}")
    return _READERS[found[TAG]](found)


def _scalar_to_json(value: np.generic) -> dict[str, Any]:
    dtype = value.dtype
    if dtype.kind in _PLAIN_NUMBERS and dtype.itemsize <= 8:
        return {TAG: "scalar", "dtype": dtype.str, "value": to_json(value.item())}
    if dtype.kind == "U":
        return {TAG: "scalar", "dtype": dtype.str, "value": str(value)}
    if dtype.hasobject or dtype.names:
        raise StorageError(f"a NumPy value of type {dtype} cannot be stored; allowed: {ALLOWED}")
    return {TAG: "scalar", "dtype": dtype.str, "hex": value.tobytes().hex()}


def _scalar_from_json(found: dict[str, Any]) -> np.generic:
    dtype = np.dtype(found["dtype"])
    if "hex" in found:
        return cast(np.generic, np.frombuffer(bytes.fromhex(found["hex"]), dtype=dtype)[0])
    return cast(np.generic, dtype.type(from_json(found["value"])))


def _array_to_json(values: np.ndarray) -> dict[str, Any]:
    dtype = values.dtype
    if not (dtype.kind in "UO" or (dtype.kind in _PLAIN_NUMBERS and dtype.itemsize <= 8)):
        raise StorageError(f"an array of {dtype} cannot be stored as an attribute; allowed: numbers and text")
    items = [to_json(item) for item in values.ravel().tolist()]
    return {TAG: "array", "dtype": dtype.str, "shape": list(values.shape), "items": items}


def _array_from_json(found: dict[str, Any]) -> np.ndarray:
    items = np.fromiter((from_json(item) for item in found["items"]), dtype=object, count=len(found["items"]))
    return items.astype(found["dtype"]).reshape(found["shape"])


def _moment_to_json(value: Any) -> dict[str, Any]:
    """A datetime or time: named zones by name, a fixed offset as part of the text."""
    zone = value.tzinfo
    named = isinstance(zone, ZoneInfo) and zone.key and type(value) is datetime.datetime
    if not (zone is None or type(zone) is datetime.timezone or named):
        raise StorageError(f"a time in a zone of type {type(zone).__name__} cannot be stored; allowed: {ALLOWED}")
    text = (value.replace(tzinfo=None) if named else value).isoformat()
    return {"text": text, "fold": value.fold, "zone": zone.key if named else None}


def _moment_from_json(kind: Any) -> Callable[[dict[str, Any]], Any]:
    def read(found: dict[str, Any]) -> Any:
        value = kind.fromisoformat(found["text"]).replace(fold=found["fold"])
        return value if found["zone"] is None else value.replace(tzinfo=ZoneInfo(found["zone"]))

    return read


def _timestamp_to_json(value: pd.Timestamp) -> dict[str, Any]:
    zone = None if value.tz is None else str(value.tz)
    return {"value": int(value.asm8.view("i8")), "unit": value.unit, "zone": zone}


def _timestamp_from_json(found: dict[str, Any]) -> pd.Timestamp:
    value = pd.Timestamp(np.datetime64(found["value"], found["unit"]))
    return value if found["zone"] is None else value.tz_localize("UTC").tz_convert(found["zone"])


# type: its tag, and the rest of its object
_WRITERS: dict[type, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    tuple: ("tuple", lambda value: {"items": [to_json(item) for item in value]}),
    Decimal: ("decimal", lambda value: {"text": str(value)}),
    bytes: ("bytes", lambda value: {"hex": value.hex()}),
    datetime.datetime: ("datetime", _moment_to_json),
    datetime.date: ("date", lambda value: {"text": value.isoformat()}),
    datetime.time: ("time", _moment_to_json),
    datetime.timedelta: ("timedelta", lambda value: {"parts": [value.days, value.seconds, value.microseconds]}),
    pd.Timestamp: ("Timestamp", _timestamp_to_json),
    pd.Timedelta: ("Timedelta", lambda value: {"value": int(value.asm8.view("i8")), "unit": value.unit}),
    type(pd.NA): ("NA", lambda _: {}),
    type(pd.NaT): ("NaT", lambda _: {}),
}
_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "int": lambda found: int(found["hex"], 16),
    "float": lambda found: float(found["text"]),
    "dict": lambda found: {from_json(key): from_json(item) for key, item in found["items"]},
    "scalar": _scalar_from_json,
    "array": _array_from_json,
    "tuple": lambda found: tuple(from_json(item) for item in found["items"]),
    "decimal": lambda found: Decimal(found["text"]),
    "bytes": lambda found: bytes.fromhex(found["hex"]),
    "datetime": _moment_from_json(datetime.datetime),
    "date": lambda found: datetime.date.fromisoformat(found["text"]),
    "time": _moment_from_json(datetime.time),
    "timedelta": lambda found: datetime.timedelta(*found["parts"]),
    "Timestamp": _timestamp_from_json,
    "Timedelta": lambda found: pd.Timedelta(np.timedelta64(found["value"], found["unit"])),
    "NA": lambda _: pd.NA,
    "NaT": lambda _: pd.NaT,
}
