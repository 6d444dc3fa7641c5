"""What belongs to the whole process and is changed for a block only, from any number of threads."""

import atexit
import gc
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock

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
    """Search for no garbage, which takes a tenth of the time where millions of small objects are made that stay."""
    with _GARBAGE:
        collected = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collected:
                gc.enable()


@contextmanager
def home_for_imports(compiling: bool = False) -> Iterator[None]:
    """Let libraries that look for their settings at home be imported where the user has none, as in a container.

    They find an empty one; ArviZ, and with it nutpie and PyMC, cannot be imported without.

    Parameters
    ----------
    compiling : bool
        Whether PyTensor may be imported, which makes a folder for what it compiles, at home unless the user names
        another. Where it could not, it gets one that is the user's alone and goes with the process.
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
    """Whether PyTensor has settled on a folder, is told of one, or can make its own at home."""
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
