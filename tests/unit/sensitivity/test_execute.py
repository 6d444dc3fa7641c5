"""Executors whose workers die: one variation is lost at most, the others are run again."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from bayesctc.errors import SpecError
from bayesctc.inference.settings import Settings
from bayesctc.sensitivity import execute as module
from bayesctc.sensitivity.execute import execute
from bayesctc.sensitivity.jobs import DONE, FAILED, Job, Outcome, empty_record

pytestmark = pytest.mark.unit


def job(name, **content):
    return Job(name, name, content, (), None, None, None)  # type: ignore[arg-type]


def stand_in(job, cores=None):
    """What runs in the place of a fit: it may kill its process, once or whenever it runs, or fail as code does."""
    if "once" in job.content and not Path(job.content["once"]).exists():
        Path(job.content["once"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if job.content.get("always"):
        os.kill(os.getpid(), signal.SIGKILL)
    if job.content.get("bug"):
        raise ZeroDivisionError("a programming error")
    return Outcome(empty_record(job.key, job.variation, job.content, DONE, f"{job.key} ran"))


@pytest.fixture(autouse=True)
def _no_fits(monkeypatch):
    monkeypatch.setattr(module, "run_job", stand_in)


def statuses(jobs, executor):
    return {job.key: (outcome.record["status"], keep) for job, outcome, keep in execute(jobs, executor)}


def test_one_after_another_and_by_threads():
    jobs = [job(f"job {k}") for k in range(5)]

    assert [each.key for each, _, _ in execute(jobs, None)] == [each.key for each in jobs]
    with ThreadPoolExecutor(2) as pool:
        assert statuses(jobs, pool) == {each.key: (DONE, True) for each in jobs}


def test_deaths(tmp_path):
    """One that dies once is done at the second try; one that always dies is lost alone."""
    context = get_context("forkserver")  # a fork of a process with threads may hang
    context.set_forkserver_preload([module.__name__])
    jobs = [job("a"), job("once", once=str(tmp_path / "mark")), job("b"), job("killer", always=True), job("c")]
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = {each.key: (outcome.record, keep) for each, outcome, keep in execute(jobs, pool)}

    killer, keep = found.pop("killer")
    assert (killer["status"], keep) == (FAILED, False)
    assert killer["reason"].startswith("the worker died 2 times with no other variation")
    found = {key: (record["status"], keep) for key, (record, keep) in found.items()}
    assert found == dict.fromkeys(("a", "b", "c", "once"), (DONE, True))


def test_a_death_alone_is_forgiven_once(tmp_path, monkeypatch):
    """A job whose own first death comes when it runs alone, because others broke the pool before it began."""
    monkeypatch.setattr(module, "TOGETHER", 0)
    context = get_context("forkserver")
    context.set_forkserver_preload([module.__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert statuses([job("once", once=str(tmp_path / "mark")), job("a")], pool) == dict.fromkeys(
            ("once", "a"), (DONE, True)
        )


def test_a_broken_executor_of_another_kind_says_so():
    class Broken(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            from concurrent.futures import BrokenExecutor

            raise BrokenExecutor("gone")

    found = [
        (outcome.record["status"], outcome.record["reason"], keep)
        for _, outcome, keep in execute([job("a"), job("b")], Broken(1))
    ]

    assert found == [(FAILED, module.GONE, False)] * 2


@pytest.mark.parametrize("threads", [False, True])
def test_programming_errors_end_everything(threads):
    jobs = [job("a"), job("bug", bug=True)]
    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError, match="programming error"):
        statuses(jobs, pool if threads else None)


def test_only_executors():
    with pytest.raises(SpecError, match="has to be a concurrent"):
        Settings(executor=2)  # type: ignore[arg-type]
