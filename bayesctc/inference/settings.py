"""Settings of computations: draws, starts, refits, seed, processes; and the keywords that change them."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any, TypedDict, get_args

from bayesctc import arguments
from bayesctc.errors import SpecError

SAMPLERS = ("nutpie", "pymc")
LEAST = {"draws": 4, "tune": 1, "chains": 1, "n_starts": 1, "max_refits": 0}
FEWEST_SMOOTHED = 25  # draws of all chains, over which importance weights are smoothed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of computations. A function uses those that apply to it; single ones may also be given as keywords.

    Attributes
    ----------
    draws, tune, chains : int
        Draws kept and warm-up steps of each chain.
    n_starts : int
        Starting values of a maximum-likelihood search.
    max_refits : int
        Maximum number of exact leave-one-out refits for each fit.
    random_seed : int
    nuts_sampler : {"nutpie", "pymc"}
    cores : int, optional
        Chains at a time. Unless given all cores, or one if the density takes less than 0.1 ms, as threads then wait for
        each other longer than they gain. Draws do not depend on it.
    executor : concurrent.futures.Executor, optional
        Runs independent tasks: starts of a search, numbers of classes, folds, replicates, variations; without it they
        run one after another.
    progress : bool
        Show progress.

    Raises
    ------
    SpecError
        A value that cannot be.

    Examples
    --------
    >>> few = bc.Settings(draws=50, tune=100, chains=2, n_starts=2, max_refits=0, random_seed=1, progress=False)
    >>> few.draws * few.chains
    100
    """

    draws: int = 1000
    tune: int = 300
    chains: int = 4
    n_starts: int = 20
    max_refits: int = 10
    random_seed: int = 0
    nuts_sampler: str = "nutpie"
    cores: int | None = None
    executor: Executor | None = None
    progress: bool = True

    def __post_init__(self):
        whole = {name: arguments.whole(name, getattr(self, name), least) for name, least in LEAST.items()}
        whole["random_seed"] = arguments.seed(self.random_seed)
        if self.cores is not None:
            whole["cores"] = arguments.whole("cores", self.cores, 1)
        for name, value in whole.items():
            object.__setattr__(self, name, value)
        if self.executor is not None and not isinstance(self.executor, Executor):
            found = type(self.executor).__name__
            raise SpecError(f"executor has to be a concurrent.futures.Executor; found {found}.")
        if self.nuts_sampler not in SAMPLERS:
            raise SpecError(f"nuts_sampler has to be one of {', '.join(SAMPLERS)}; found {self.nuts_sampler!r}.")

    @classmethod
    def of(cls, function: Callable, settings: "Settings", options: Mapping[str, Any]) -> "Settings":
        """The settings of a public function: `settings`, changed by its keyword `options`.

        Raises
        ------
        TypeError
            The function does not take a keyword.
        SpecError
            A value that cannot be.
        """
        taken = list(get_args(function.__annotations__["options"])[0].__annotations__)
        for name in options:
            if name not in taken:
                own = [p.name for p in signature(function).parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
                nearest = get_close_matches(name, [*own, *taken], 1)
                meant = f"did you mean {nearest[0]!r}?" if nearest else f"it takes {', '.join(taken)}."
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}; {meant}")
        arguments.of_kind("settings", settings, Settings)
        known = {field.name for field in fields(cls)}
        return replace(settings, **{name: value for name, value in options.items() if name in known})

    def for_loo(self) -> "Settings":
        """The same, if leave-one-out weights can be smoothed over so many draws.

        Raises
        ------
        SpecError
            They cannot.
        """
        if self.draws * self.chains < FEWEST_SMOOTHED:
            raise SpecError(
                f"draws={self.draws} and chains={self.chains} make {self.draws * self.chains} draws, too few to leave "
                f"out one patient at a time; allowed: {FEWEST_SMOOTHED} or more."
            )
        return self

    def alone(self, random_seed: int) -> "Settings":
        """The same for a task in another process: with its own seed, no executor and no progress."""
        return replace(self, random_seed=random_seed, executor=None, progress=False)

    def seeded(self, k: int) -> "Settings":
        """The same with the k-th seed derived from this one."""
        return replace(self, random_seed=(self.random_seed + k) % (arguments.LARGEST_SEED + 1))


FITTED = Settings()  # one model
COMPARED = Settings(draws=500, tune=200)  # several models, held against each other
VARIED = Settings(draws=500, tune=200, max_refits=5)  # many
REFITTED = Settings(draws=500, tune=200, chains=2, progress=False)  # a posterior again, without a patient


class SearchOptions(TypedDict, total=False):
    """Keywords of a function that fits by maximum likelihood; see `Settings`."""

    n_starts: int
    random_seed: int
    progress: bool


class SamplingOptions(SearchOptions, total=False):
    """Keywords of a function that samples posteriors."""

    draws: int
    tune: int
    chains: int
