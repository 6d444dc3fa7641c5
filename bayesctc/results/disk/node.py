"""A group of a file: arrays of plain numbers and text, facts, and the groups inside."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesctc.errors import StorageError


@dataclass
class Node:
    """A group of the file.

    Attributes
    ----------
    facts : dict
        What JSON can hold, one attribute each.
    arrays : dict
        Name to dimensions and an array of numbers, flags or text, as `arrays.encode` makes them; an empty array is
        left out, flags are read as int8. The dimensions are for other readers, and None on reading.
    groups : dict
        Name to the groups inside.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, tuple[tuple[str, ...] | None, np.ndarray]] = field(default_factory=dict)
    groups: dict[str, "Node"] = field(default_factory=dict)

    def fact(self, name: str) -> Any:
        """A fact that has to be there."""
        if name not in self.facts:
            raise StorageError(f"the part {name!r} is missing")
        return self.facts[name]

    def group(self, name: str) -> "Node":
        """A group that has to be there."""
        if name not in self.groups:
            raise StorageError(f"the part {name!r} is missing")
        return self.groups[name]

    def array(self, name: str) -> np.ndarray | None:
        """The values of an array; None where there is none."""
        return self.arrays[name][1] if name in self.arrays else None


def safe_names(names: Iterable[str], prefix: str, taken: Iterable[str] = ()) -> dict[str, str]:
    """What each name is called in the file: itself, if netCDF allows that and it is free, else a number."""
    found: dict[str, str] = {}
    used = set(taken)
    for k, name in enumerate(dict.fromkeys(names)):
        own = name if name.isascii() and name.isidentifier() and not name.startswith("_") and len(name) < 200 else ""
        while not own or own in used:
            own, k = f"{prefix}_{k}", k + 1
        found[name] = own
        used.add(own)
    return found
