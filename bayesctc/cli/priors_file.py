"""Priors from a JSON file."""

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from bayesctc.cli.parser import did_you_mean
from bayesctc.errors import SpecError

if TYPE_CHECKING:
    from bayesctc.model.priors import Priors


def read_priors(path: str | None) -> "Priors":
    """The default priors, changed by a JSON file: an object with fields of `Priors`.

    Raises
    ------
    SpecError
        The file cannot be read, has a name that is not a prior, or has an impossible value.
    """
    from bayesctc.model.priors import Priors

    if path is None:
        return Priors()
    known = [field.name for field in fields(Priors)]
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"--priors {path}: this cannot be read as a JSON file ({error}).") from error
    if not isinstance(given, dict):
        raise SpecError(f'--priors {path}: found {given!r}; allowed: an object such as {{"level_sd": 3.0}}.')
    for name in given:
        if name not in known:
            meant = did_you_mean(name, known)
            raise SpecError(f"--priors {path}: found {name!r}{meant}; allowed: {', '.join(known)}.")
    return Priors(**given)
