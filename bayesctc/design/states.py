"""The state of the formula library's transforms in JSON: numbers, text, lists, arrays and any mapping."""

from typing import Any

import numpy as np

MAPPING, ARRAY = "__pairs__", "__array__"


def encode(state: Any) -> Any:
    """Lists, mappings by text, text and numbers in place of arrays and other mappings."""
    if isinstance(state, dict):
        pairs = [[encode(k), encode(v)] for k, v in state.items()]
        return dict(pairs) if all(isinstance(k, str) for k in state) else {MAPPING: pairs}
    if isinstance(state, list | tuple):
        return [encode(value) for value in state]
    if isinstance(state, np.ndarray):
        return {ARRAY: state.tolist()}
    if isinstance(state, np.generic):
        return state.item()
    if state is None or isinstance(state, str | bool | int | float):
        return state
    raise TypeError(f"a transform remembers a {type(state).__name__}, which cannot be stored")


def decode(state: Any) -> Any:
    """The inverse of `encode`, lists for tuples."""
    if not isinstance(state, dict):
        return [decode(value) for value in state] if isinstance(state, list) else state
    if set(state) == {ARRAY}:
        return np.array(state[ARRAY])
    if set(state) == {MAPPING}:
        return {k: decode(v) for k, v in state[MAPPING]}
    return {k: decode(v) for k, v in state.items()}
