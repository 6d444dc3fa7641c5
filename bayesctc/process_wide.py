"""Settings of the whole process, changed for a block only from any number of threads; and how many are useful."""

import atexit
import gc
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock

TIMED = 3
# seconds of a call; two threads on two cores take as long as one after the other at 65 microseconds, 0.6 of it at 290
SHORT = 1e-4

# two blocks that overlap would each put back what the other had set
_WARNINGS, _HOME, _GARBAGE = RLock(), RLock(), RLock()


@contextmanager
def warnings_are(action: str, category: type[Warning] = Warning) -> Iterator[None]:
    """Treat warnings of a category so, as `warnings.simplefilter` does: "ignore" or "error".

    Parameters
    ----------
    action : {"ignore", "error"}
    category : type, optional
    """
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter(action, category)  # type: ignore[arg-type]
        yield


@contextmanager
def garbage_stays() -> Iterator[None]:
    """Pause garbage collection, which takes a tenth of the time when millions of lasting small objects are made."""
    with _GARBAGE:
        collected = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collected:
                gc.enable()


def useful_threads(call: Callable[[], object], threads: int | None = None) -> int:
    """Threads in which a compiled function is worth being called again and again: `threads` if given, else all cores.

    One if a call is short: threads then hand Python's lock to and fro for longer than they compute at the same time.

    Parameters
    ----------
    call : function
        It is called a few times.
    threads : int, optional
    """
    if threads is not None:
        return threads
    seconds = []
    for _ in range(TIMED):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return 1 if min(seconds) < SHORT else cores()


def cores() -> int:
    """Cores that this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def home_for_imports(compiling: bool = False) -> Iterator[None]:
    """Allow the import of libraries that read settings from a home folder if there is none, as in a container.

    They are given an empty one; without it ArviZ, and with it nutpie and PyMC, cannot be imported.

    Parameters
    ----------
    compiling : bool
        Whether PyTensor may be imported, which makes a folder for compiled code, in the home folder unless the user
        names another. If it cannot, it is given one that only the user can access and that ends with the process.
    """
    with _HOME:
        changed = {} if _has_home() else {"HOME": os.devnull}  # nothing is below it, and nobody can put anything there
        if compiling and not _pytensor_has_folder():
            flags = [os.environ.get("PYTENSOR_FLAGS", ""), f"base_compiledir={_folder_of_the_process()}"]
            changed["PYTENSOR_FLAGS"] = ",".join(filter(None, flags))
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _pytensor_has_folder():
    """Whether PyTensor already has a folder, is given one, or can make one in the home folder."""
    told = "compiledir" in os.environ.get("PYTENSOR_FLAGS", "") or "PYTENSORRC" in os.environ
    if "pytensor" in sys.modules or os.name != "posix" or told:
        return True
    if not _has_home():
        return False
    home = Path.home()
    folder = home / ".pytensor"
    if (home / ".pytensorrc").exists():  # may name one
        return True
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    return there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK)


@cache
def _folder_of_the_process():
    """A new folder that nobody else can read or write, removed when the process ends."""
    folder, process = tempfile.mkdtemp(prefix="bayesctc-"), os.getpid()

    def remove():
        if os.getpid() == process:  # not a fork
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _has_home():
    try:
        Path.home()
    except RuntimeError:
        return False
    return True
