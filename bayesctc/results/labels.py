"""Names given by the user to the classes of a fit."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayesctc.errors import SpecError

TAKEN = ("total", "latent_class", "patient_id", "probability")  # names of rows and columns in tables of classes


def checked_labels(given: Any, present: Sequence[str]) -> tuple[str, ...]:
    """Names of all classes, lowest first.

    Parameters
    ----------
    given : sequence of str, or mapping of class to str
        A name for each class; or new names of some, by the class's number from 1 or its present name.
    present : sequence of str
        The present names.

    Raises
    ------
    SpecError
        There are too few or too many, two are alike, or one cannot be used in a table.
    """
    wanted = f"a name for each of {len(present)} classes, or a mapping of class to name"
    if isinstance(given, Mapping):
        names: list[Any] = list(present)
        for key, name in given.items():
            names[_place(key, present)] = name
    elif isinstance(given, str) or not isinstance(given, Iterable):
        raise SpecError(f"labels has to be {wanted}; found {given!r}.")
    else:
        names = list(given)
    if len(names) != len(present):
        raise SpecError(f"labels has to be {wanted}; found {len(names)} names.")
    for g, name in enumerate(names):
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or name != name.strip():
            raise SpecError(
                f"labels: class {g + 1} has to be named by a line of text without spaces at its ends; found {name!r}."
            )
        if name in TAKEN:
            raise SpecError(f"labels: {name!r} is taken in tables of classes; allowed: any but {', '.join(TAKEN)}.")
        if name in names[:g]:
            raise SpecError(f"labels: classes {names.index(name) + 1} and {g + 1} are both named {name!r}.")
    return tuple(map(str, names))


def _place(key: Any, present: Sequence[str]) -> int:
    """Position of a class by its number, or by its name."""
    if isinstance(key, str) and key in present:
        return list(present).index(key)
    if isinstance(key, int) and not isinstance(key, bool) and 1 <= key <= len(present):
        return key - 1
    raise SpecError(f"labels: a class is 1 to {len(present)}, or one of {', '.join(present)}; found {key!r}.")


def renamed(texts: Iterable[str], old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Sentences with other names of the classes."""
    names = dict(zip(old, new, strict=True))
    anywhere = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")
    return tuple(anywhere.sub(lambda found: names[found[0]], text) for text in texts)
