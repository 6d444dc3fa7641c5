"""Sending the data that all tasks of a run read, such as a cohort, to each worker once."""

import secrets
from collections import OrderedDict
from concurrent.futures import Executor, Future
from typing import Any

from bayesctc.jobs.task import Work

KEPT = 2  # of what was sent to this process: runs of one user follow one another
_OURS: dict[str, Any] = {}  # of runs that began in this process, for its threads and for processes forked from it
_SENT: OrderedDict[str, Any] = OrderedDict()  # what was sent to this process


class Absent:
    """The answer of a worker that lacks the common data."""


class Carrier:
    """Submits tasks of one run.

    A task is sent without the common data; if a worker lacks them, the task is sent again with them. So threads and
    forked processes are sent no data, and each other process is sent them once. Dask moves data among its workers
    itself, and is given them once.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        The user's, whose type determines how `submit` works.
    work : function
    common : object
    """

    def __init__(self, executor: Executor, work: Work, common: Any):
        self.key, self.work, self.common = secrets.token_hex(16), work, common
        client = getattr(executor, "_client", None)
        self._scatter = getattr(client, "scatter", None)
        self._remote: Any = None
        workers = getattr(executor, "_max_workers", None)
        # not all at once: a worker that lacks the data would send back whatever waits
        self.at_once: int | None = workers + 1 if isinstance(workers, int) else None

    def __enter__(self) -> "Carrier":
        _OURS[self.key] = self.common
        return self

    def __exit__(self, *error) -> None:
        del _OURS[self.key]

    def prepare(self) -> None:
        """Give Dask the data, again if a worker that may have held them died."""
        # in a list, of which each item is one piece of data: what is in a tuple would be several
        self._remote = None if self._scatter is None else self._scatter([self.common], hash=False)[0]

    def submit(self, pool: Executor, own: Any, again: bool) -> Future:
        """One task; `again` after a worker has answered `Absent`."""
        if self._remote is not None:
            return pool.submit(_with, self._remote, self.work, own)
        if again or self.at_once is None:
            return pool.submit(_sent, self.key, self.common, self.work, own)
        return pool.submit(_without, self.key, self.work, own)


def _with(common, work, own):
    return work(common, own)


def _sent(key, common, work, own):
    if key not in _OURS:
        _SENT[key] = common
        while len(_SENT) > KEPT:
            _SENT.popitem(last=False)
    return work(common, own)


def _without(key, work, own):
    for held in (_OURS, _SENT):
        if key in held:
            return work(held[key], own)
    return Absent()
