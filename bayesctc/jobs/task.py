"""One task that may run in another process, and its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bayesctc.results.bayes_fit import BayesFit


@dataclass(frozen=True)
class Task:
    """A piece of work.

    Attributes
    ----------
    key : str
        Hash of everything that decides the result; see `store.digest`.
    name : str
        For readers of the folder.
    own : object
        Data that only this task needs. Common data are passed to `carry_out` once, and sent once to each worker.
    """

    key: str
    name: str
    own: Any = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task.

    Attributes
    ----------
    record : dict
        Stored values, which JSON can hold. With "key", that of the task.
    fit : BayesFit or None
    """

    record: dict[str, Any]
    fit: BayesFit | None = None


@dataclass(frozen=True)
class Lost:
    """A task whose worker died; never stored, because another run may succeed.

    Attributes
    ----------
    reason : str
    """

    reason: str


type Work = Callable[[Any, Any], Any]
"""A function of a module, of what all tasks need and what one of them needs."""
