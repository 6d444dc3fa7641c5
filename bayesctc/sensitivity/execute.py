"""Jobs one after another, or on an executor, whose workers may die."""

from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, as_completed

from bayesctc.sensitivity.jobs import FAILED, Job, Outcome, empty_record, run_job

TOGETHER, ALONE = 2, 2  # attempts of each kind: the deaths of the first may all have been another job's fault
DIED = f"the worker died {ALONE} times with no other variation beside it (out of memory, perhaps)"
GONE = "the worker died, and this kind of executor cannot be started anew; run again with another to finish"


def execute(jobs: list[Job], executor: Executor | None) -> Iterator[tuple[Job, Outcome, bool]]:
    """Run jobs and hand each outcome on as it comes.

    If a worker dies, a pool of processes takes all its unfinished jobs with it, and does not say whose fault it was:
    they are run again in a new pool, and should that one break too, each alone and twice if need be, so that the one
    that kills its worker costs nobody else. An error that is not the package's own ends everything.

    Parameters
    ----------
    jobs : list of Job
    executor : concurrent.futures.Executor or None
        None runs them here.

    Yields
    ------
    Job
    Outcome
    bool
        Whether the outcome may be kept: the death of a worker may not happen again.
    """
    if executor is None:
        for job in jobs:
            yield job, run_job(job), True
        return
    left, pool = list(jobs), executor
    for attempt in range(1, TOGETHER + 1):
        dead: list[Job] = []
        yield from _together(left, pool, dead)
        left = dead
        if not left:
            return
        if not _renewable(executor):
            if _broken(executor) or attempt == TOGETHER:
                why = GONE if _broken(executor) else f"the worker died {attempt} times"
                yield from ((job, _lost(job, why), False) for job in left)
                return
            continue
        _close(pool, executor)
        pool = _renewed(executor)
    try:
        for job in left:
            for _ in range(ALONE):
                dead = []
                yield from _together([job], pool, dead)
                if not dead:
                    break
                _close(pool, executor)
                pool = _renewed(executor)
            else:
                yield job, _lost(job, DIED), False
    finally:
        _close(pool, executor)


def _together(jobs, pool, dead: list) -> Iterator[tuple[Job, Outcome, bool]]:
    """Outcomes as they come; jobs whose worker died are put in `dead`."""
    futures: dict[Future, Job] = {}
    try:
        for job in jobs:
            try:
                futures[pool.submit(run_job, job, 1 if len(jobs) > 1 else None)] = job
            except BrokenExecutor:
                dead.append(job)
        for future in as_completed(futures):
            try:
                outcome = future.result()
            except (BrokenExecutor, CancelledError):
                dead.append(futures[future])
                continue
            except Exception as error:
                if not _of_the_cluster(error):
                    raise
                dead.append(futures[future])
                continue
            yield futures[future], outcome, True
    finally:
        for future in futures:
            future.cancel()


def _of_the_cluster(error):
    """Whether an error is that of a cluster about its workers, not of the work: Dask's KilledWorker."""
    return type(error).__module__.split(".")[0] == "distributed"


def _lost(job, reason):
    return Outcome(empty_record(job.key, job.variation, job.content, FAILED, reason, job.notes))


def _renewable(executor):
    """Whether another executor like it can be made; a subclass may want to be told what we do not know."""
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
    """Shut down a pool of ours; the user's is the user's."""
    if pool is not executor:
        pool.shutdown(wait=True, cancel_futures=True)
