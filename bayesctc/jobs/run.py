"""A run of tasks that can be interrupted: each result is stored as it arrives, and stored ones are not recomputed."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from bayesctc.errors import FitError
from bayesctc.jobs.execute import execute
from bayesctc.jobs.store import Store
from bayesctc.jobs.task import Lost, Outcome, Task
from bayesctc.progress import Progress

WITH_FIT = "with_fit"


def carry_out(
    tasks: Sequence[Task],
    work: Callable[[Any, Any], Outcome],
    common: Any,
    *,
    store: Store,
    executor: Executor | None,
    bar: Progress,
    what: str,
) -> list[dict[str, Any] | Lost]:
    """The record of each task, in order: the stored one, or one computed now.

    Parameters
    ----------
    tasks : sequence of Task
    work : function (common, own) -> Outcome
        Of a module.
    common : object
        What all tasks read; see `execute`.
    store : Store
        Without a folder, in memory.
    executor : concurrent.futures.Executor or None
    bar : Progress
    what : str
        Description of the run.

    Raises
    ------
    StorageError
        The folder holds a damaged record, or cannot be written to.
    """
    left = [task for task in tasks if not _there(task, store)]
    done, lost = len(tasks) - len(left), dict[str, Lost]()
    bar.say(what, len(tasks))
    bar.advance(done)

    def keep(task, outcome):
        nonlocal done
        done += 1
        bar.advance(done)
        if isinstance(outcome, Lost):
            lost[task.key] = outcome
        else:
            if outcome.fit is not None:
                store.put_fit(task.key, task.name, outcome.fit)
            store.put(task.key, task.name, outcome.record | {WITH_FIT: outcome.fit is not None})

    if executor is None:
        for task in left:  # what another run has put in the folder meanwhile is not repeated
            if not _there(task, store):
                keep(task, work(common, task.own))
    else:
        for k, outcome in execute([task.own for task in left], work, common, executor):
            keep(left[k], outcome)
    return [lost.get(task.key) or _record(task, store) for task in tasks]


def all_done(records: list[dict[str, Any] | Lost]) -> list[dict[str, Any]]:
    """The records of `carry_out`, if all of them are needed.

    Raises
    ------
    FitError
        A worker died at every attempt at a task; the results of the others are kept.
    """
    for record in records:
        if isinstance(record, Lost):
            raise FitError(f"executor: {record.reason}.")
    return [record for record in records if not isinstance(record, Lost)]


def _there(task, store):
    """Whether the result of a task is kept, its fit included."""
    record = store.get(task.key, task.name)
    return record is not None and (not record.get(WITH_FIT) or store.has_fit(task.key, task.name))


def _record(task, store):
    record = store.get(task.key, task.name)
    assert record is not None
    return record
