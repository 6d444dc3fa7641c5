"""Executors whose workers die: one task is lost at most, the others are run again; and what workers are sent."""

import os
import signal
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from bayesctc.errors import SpecError
from bayesctc.inference.settings import Settings
from bayesctc.jobs import execute as module
from bayesctc.jobs.execute import execute
from bayesctc.jobs.task import Lost

pytestmark = pytest.mark.unit


def stand_in(common, task):
    """What runs in the place of a fit: it may kill its process, once or whenever it runs, or fail as code does."""
    if "once" in task and not Path(task["once"]).exists():
        Path(task["once"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if task.get("always"):
        os.kill(os.getpid(), signal.SIGKILL)
    if task.get("bug"):
        raise ZeroDivisionError("a programming error")
    return f"{task['name']} of {common}"


def named(*names):
    return [{"name": name} for name in names]


def results(tasks, executor):
    return {tasks[k]["name"]: result for k, result in execute(tasks, stand_in, "all", executor)}


@pytest.fixture
def context():
    context = get_context("forkserver")  # a fork of a process with threads may hang
    context.set_forkserver_preload([module.__name__])
    return context


def test_one_after_another_and_by_threads():
    tasks = named("a", "b", "c", "d", "e")

    assert list(execute(tasks, stand_in, "all", None)) == [(k, f"{each} of all") for k, each in enumerate("abcde")]
    with ThreadPoolExecutor(2) as pool:
        assert results(tasks, pool) == {each: f"{each} of all" for each in "abcde"}


def test_deaths(tmp_path, context):
    """One that dies once is done at the second try; one that always dies is lost alone."""
    tasks = named("a", "once", "b", "killer", "c")
    tasks[1]["once"], tasks[3]["always"] = str(tmp_path / "mark"), True
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = results(tasks, pool)

    killer = found.pop("killer")
    assert isinstance(killer, Lost)
    assert killer.reason.startswith("the worker died 2 times with no other task")
    assert found == {each: f"{each} of all" for each in ("a", "b", "c", "once")}


def test_a_death_alone_is_forgiven_once(tmp_path, monkeypatch, context):
    """A task whose own first death comes when it runs alone, because others broke the pool before it began."""
    monkeypatch.setattr(module, "TOGETHER", 0)
    tasks = [{"name": "once", "once": str(tmp_path / "mark")}, {"name": "a"}]
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert results(tasks, pool) == {"once": "once of all", "a": "a of all"}


def test_a_broken_executor_of_another_kind_says_so():
    class Broken(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            raise BrokenExecutor("gone")

    assert results(named("a", "b"), Broken(1)) == {"a": Lost(module.GONE), "b": Lost(module.GONE)}


@pytest.mark.parametrize("threads", [False, True])
def test_programming_errors_end_everything(threads):
    tasks = [{"name": "a"}, {"name": "bug", "bug": True}]
    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError, match="programming error"):
        results(tasks, pool if threads else None)


class Counted:
    """Large data that write a line whenever they are unpickled, and so sent."""

    def __init__(self, log):
        self.log = log

    def __setstate__(self, state):
        self.log = state["log"]
        with open(self.log, "a") as file:
            file.write(f"{os.getpid()}\n")


def whose(common, task):
    return os.getpid(), common.log


def test_what_all_tasks_read_is_sent_once_to_each_process(tmp_path, context):
    log = str(tmp_path / "sent")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = [result for _, result in execute(list(range(40)), whose, Counted(log), pool)]
    sent = Path(log).read_text().split()

    assert len(found) == 40
    assert {told for _, told in found} == {log}
    assert {str(process) for process, _ in found} <= set(sent)
    assert len(sent) <= 2 * 3  # each may send back the three tasks that are on their way


def test_threads_are_sent_nothing(tmp_path):
    log = str(tmp_path / "sent")
    with ThreadPoolExecutor(2) as pool:
        assert len(list(execute(list(range(40)), whose, Counted(log), pool))) == 40
    assert not Path(log).exists()


def test_only_executors():
    with pytest.raises(SpecError, match="has to be a concurrent"):
        Settings(executor=2)  # type: ignore[arg-type]
