"""A run that is interrupted and run again, here and elsewhere: each task is done once, and nothing is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bayesctc.errors import FitError, StorageError
from bayesctc.jobs.run import all_done, carry_out
from bayesctc.jobs.store import Store, digest
from bayesctc.jobs.task import Lost, Outcome, Task
from bayesctc.progress import Progress

pytestmark = pytest.mark.unit

TASKS = [Task(digest(["a third", k]), f"number {k}", k) for k in range(6)]


class Third:
    """k / 3, until told to stop; which were done is written down."""

    def __init__(self, stop_at=None):
        self.done, self.stop_at = [], stop_at

    def __call__(self, common, k):
        if k == self.stop_at:
            raise KeyboardInterrupt
        self.done.append(k)
        return Outcome({"value": k / common})


def run(work, folder, executor=None):
    with Progress(False) as bar:
        return carry_out(TASKS, work, 3, store=Store(folder), executor=executor, bar=bar, what="thirds")


@pytest.mark.parametrize("threads", [False, True])
def test_an_interrupted_run_is_finished_by_running_it_again(tmp_path, threads):
    whole = run(Third(), None)
    interrupted, rest = Third(stop_at=4), Third()
    with ThreadPoolExecutor(1) as pool:
        executor = pool if threads else None
        with pytest.raises(KeyboardInterrupt):
            run(interrupted, tmp_path, executor)
        found = run(rest, tmp_path, executor)

    assert set(interrupted.done) >= {0, 1, 2, 3}
    assert 4 in rest.done
    assert not set(rest.done) & {0, 1, 2, 3}
    assert found == whole
    assert [each["value"] for each in found] == [k / 3 for k in range(6)]


def test_what_is_damaged_is_not_believed(tmp_path):
    run(Third(), tmp_path)
    path = next(tmp_path.glob("number-2-*.json"))
    path.write_text(path.read_text().replace("0.666", "0.667"))
    with pytest.raises(StorageError, match=r"number-2.*damaged or edited"):
        run(Third(), tmp_path)


def test_a_lost_task_is_said_so():
    with pytest.raises(FitError, match=r"executor: the worker died\."):
        all_done([{"value": 1.0}, Lost("the worker died")])
