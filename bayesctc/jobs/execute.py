"""Tasks one after another, or on an executor, whose workers may die."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import Any

from bayesctc.errors import FitError
from bayesctc.jobs.carrier import Absent, Carrier
from bayesctc.jobs.task import Lost, Work

TOGETHER, ALONE = 2, 2  # attempts of each kind: the deaths of the first may all have been another task's fault
DIED = f"the worker died {ALONE} times with no other task running (out of memory, perhaps)"
GONE = "the worker died, and this kind of executor cannot be restarted; run again with another executor to finish"


def execute(
    tasks: Sequence[Any], work: Work, common: Any, executor: Executor | None
) -> Iterator[tuple[int, Any | Lost]]:
    """Run tasks and yield each result as it arrives.

    If a worker dies, a pool of processes loses all unfinished tasks and does not report which task was responsible.
    They are run again in a new pool and, if that pool also breaks, each task alone and at most twice, so that a task
    that kills its worker does not affect the others. An error raised by a task ends the run.

    Parameters
    ----------
    tasks : sequence
        The data of each task.
    work : function (common, one of the tasks) -> result
        A function of a module, so that other processes can import it by name.
    common : object
        Data that all tasks need; sent once to each worker.
    executor : concurrent.futures.Executor or None
        With None, tasks run in this process, in order.

    Yields
    ------
    int
        Place of the task.
    object or Lost
    """
    if executor is None:
        for k, task in enumerate(tasks):
            yield k, work(common, task)
        return
    with Carrier(executor, work, common) as carrier:
        yield from _with_second_chances(tasks, carrier, executor)


def in_order(results: Iterable[tuple[int, Any | Lost]]) -> list[Any]:
    """All results of `execute`, in the order of the tasks.

    Raises
    ------
    FitError
        A worker died, and its result is needed.
    """
    found = dict(results)
    for result in found.values():
        if isinstance(result, Lost):
            raise FitError(f"executor: {result.reason}.")
    return [found[k] for k in sorted(found)]


def _with_second_chances(tasks, carrier, executor) -> Iterator[tuple[int, Any | Lost]]:
    left, pool = dict(enumerate(tasks)), executor
    for attempt in range(1, TOGETHER + 1):
        dead: dict[int, Any] = {}
        yield from _together(left, pool, carrier, dead)
        left = dead
        if not left:
            return
        if not _renewable(executor):
            if _broken(executor) or attempt == TOGETHER:
                why = GONE if _broken(executor) else f"the worker died {attempt} times"
                yield from ((k, Lost(why)) for k in left)
                return
            continue
        _close(pool, executor)
        pool = _renewed(executor)
    try:
        for k, task in left.items():
            for _ in range(ALONE):
                dead = {}
                yield from _together({k: task}, pool, carrier, dead)
                if not dead:
                    break
                _close(pool, executor)
                pool = _renewed(executor)
            else:
                yield k, Lost(DIED)
    finally:
        _close(pool, executor)


def _together(tasks: dict[int, Any], pool, carrier: Carrier, dead: dict[int, Any]) -> Iterator[tuple[int, Any]]:
    """Results as they arrive; tasks whose worker died are put in `dead`."""
    waiting, running = [(k, False) for k in reversed(tasks)], dict[Future, int]()
    carrier.prepare()
    try:
        while waiting or running:
            while waiting and (carrier.at_once is None or len(running) < carrier.at_once):
                k, again = waiting.pop()
                try:
                    running[carrier.submit(pool, tasks[k], again)] = k
                except BrokenExecutor:
                    dead[k] = tasks[k]
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                k = running.pop(future)
                try:
                    result = future.result()
                except (BrokenExecutor, CancelledError):
                    dead[k] = tasks[k]
                    continue
                except Exception as error:
                    if not _of_the_cluster(error):
                        raise
                    dead[k] = tasks[k]
                    continue
                if isinstance(result, Absent):
                    waiting.append((k, True))
                else:
                    yield k, result
    finally:
        for future in running:
            future.cancel()


def _of_the_cluster(error):
    """Whether an error is that of a cluster about its workers, not of the work: Dask's KilledWorker."""
    return type(error).__module__.split(".")[0] == "distributed"


def _renewable(executor):
    """Whether another executor like it can be made; a subclass may need arguments that are unknown here."""
    return type(executor) is ProcessPoolExecutor


def _broken(executor):
    """Whether an executor takes no more work."""
    try:
        executor.submit(int).result()
    except BrokenExecutor:
        return True
    return False


def _renewed(executor):
    """A pool of processes like the one that broke; the standard library has no public way to ask how it was made."""
    return ProcessPoolExecutor(
        executor._max_workers,
        mp_context=executor._mp_context,
        initializer=executor._initializer,
        initargs=executor._initargs,
    )


def _close(pool, executor):
    """Shut down a pool made here; the user's is left open."""
    if pool is not executor:
        pool.shutdown(wait=True, cancel_futures=True)
