"""One piece of work that may go to another process, and what comes back."""

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
        For whoever reads the folder.
    own : object
        What this task alone needs. What all of them need is handed to `carry_out` once, and sent once to each worker.
    """

    key: str
    name: str
    own: Any = None


@dataclass(frozen=True)
class Outcome:
    """What a task came to.

    Attributes
    ----------
    record : dict
        What is stored: what JSON can hold. With "key", that of the task.
    fit : BayesFit or None
    """

    record: dict[str, Any]
    fit: BayesFit | None = None


@dataclass(frozen=True)
class Lost:
    """A task whose worker died; it may not die again, so this is never stored.

    Attributes
    ----------
    reason : str
    """

    reason: str


type Work = Callable[[Any, Any], Any]
"""A function of a module, of what all tasks need and what one of them needs."""
