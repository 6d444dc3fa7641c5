"""The record of a maximum-likelihood search: its method, limits, starts and software versions."""

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
    """The record of a maximum-likelihood search, written by the search and read by reports.

    Attributes
    ----------
    optimiser : str
        In words.
    max_evaluations : int
        Evaluations of the likelihood in the search from one start.
    climbed : float
        Twice the gain in log likelihood, by the quadratic approximation, below which the search from a start ends.
    max_newton_steps : int
        Newton steps after it.
    criterion : str
        The convergence criterion, as a formula.
    converged : float
        Limit of the criterion.
    rival : float
        Log-likelihood units below the best mode within which another is a rival.
    n_starts : int
        Starting values that were used: one if there is one class.
    n_starts_asked : int
    random_seed : int
    bounds : mapping
        Of an interior mode: the fields of `Bounds`; None if the data set them.
    given_bounds : bool
        Whether they differ from the default.
    versions : mapping
        Of the packages used.
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
        """The record that `to_json` wrote."""
        read = json.loads(text)
        bounds = {name: tuple(each) if isinstance(each, list) else each for name, each in read.pop("bounds").items()}
        return cls(bounds=bounds, **read)


def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of this package, of Python and of others."""
    return {"bayesctc": __version__, "python": platform.python_version(), **{name: _version(name) for name in packages}}


@cache
def _version(package: str) -> str:
    """Its version; missing metadata do not fail a fit."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
