"""The record of a maximum-likelihood search: what ran, within which limits, from where, in which versions."""

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache

from bayesctc._version import __version__

SEARCH_PACKAGES = ("scipy", "numba", "numpy", "pandas")


@dataclass(frozen=True)
class SearchFacts:
    """What a maximum-likelihood search did, filled in where it was done; reports read it.

    Attributes
    ----------
    optimiser : str
        In words.
    max_evaluations : int
        Of the likelihood, in one climb.
    climbed : float
        Twice the gain of log likelihood, by the quadratic approximation, below which a climb ends.
    max_newton_steps : int
        After a climb.
    criterion : str
        What decides on convergence, as a formula.
    converged : float
        Limit of the criterion.
    rival : float
        Log-likelihood units below the best mode within which another is a rival.
    n_starts : int
        Starting values that ran: one where there is one class.
    n_starts_asked : int
    random_seed : int
    bounds : mapping
        Of an interior mode: the fields of `Bounds`; None where the data set them.
    given_bounds : bool
        Whether they differ from the default.
    versions : mapping
        Of the packages the search ran in.
    """

    optimiser: str
    max_evaluations: int
    climbed: float
    max_newton_steps: int
    criterion: str
    converged: float
    rival: float
    n_starts: int
    n_starts_asked: int
    random_seed: int
    bounds: Mapping[str, tuple[float, ...] | float | None]
    given_bounds: bool
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SearchFacts":
        """What `to_json` wrote."""
        read = json.loads(text)
        bounds = {name: tuple(each) if isinstance(each, list) else each for name, each in read.pop("bounds").items()}
        return cls(bounds=bounds, **read)


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of this package, of Python and of others."""
    return {"bayesctc": __version__, "python": platform.python_version(), **{name: _version(name) for name in packages}}


@cache
def _version(package: str) -> str:
    """Its version; a package without metadata is no reason to lose a fit."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
