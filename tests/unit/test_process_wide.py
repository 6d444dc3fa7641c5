"""What belongs to the whole process is as it was when a block ends, whatever other threads did meanwhile."""

import os
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bayesctc.process_wide import cores, home_for_imports, useful_threads, warnings_are

pytestmark = pytest.mark.unit


def overlapping(block, n=8):
    """Enter and leave blocks in many orders, in threads."""

    def work(k):
        for j in range(20):
            with block():
                time.sleep(0.0005 * ((k + j) % 3))

    with ThreadPoolExecutor(n) as pool:
        list(pool.map(work, range(n)))


def test_filters_of_warnings_are_as_they_were():
    before = list(warnings.filters)
    overlapping(lambda: warnings_are("ignore"))

    assert list(warnings.filters) == before
    with pytest.raises(UserWarning, match="still an error"):  # as the tests have it
        warnings.warn("still an error", stacklevel=1)


def test_plain_blocks_that_overlap_would_leave_them_changed():
    # what `warnings_are` is for, so that the test above is known to be able to fail
    first, second = warnings.catch_warnings(), warnings.catch_warnings()
    before = list(warnings.filters)
    with warnings.catch_warnings():
        first.__enter__()
        warnings.simplefilter("ignore")
        second.__enter__()
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        assert list(warnings.filters) != before


def test_warnings_are_what_they_are_told_to_be():
    with warnings_are("ignore"):
        warnings.warn("nobody hears it", stacklevel=1)
        with warnings_are("error", RuntimeWarning), pytest.raises(RuntimeWarning):
            warnings.warn("an error", RuntimeWarning, stacklevel=1)
        warnings.warn("nobody hears this", RuntimeWarning, stacklevel=1)


@pytest.fixture
def nameless(monkeypatch):
    import pwd

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME", raising=False)


@pytest.mark.skipif(os.name != "posix", reason="HOME is POSIX's")
def test_a_home_is_there_while_libraries_are_imported_and_gone_afterwards(nameless):
    with home_for_imports():
        assert not (Path.home() / ".config").exists()
        with pytest.raises(OSError, match="Not a directory"):
            (Path.home() / ".config").mkdir()
    assert "HOME" not in os.environ

    with pytest.raises(ImportError), home_for_imports():
        raise ImportError
    assert "HOME" not in os.environ


@pytest.mark.skipif(os.name != "posix", reason="HOME is POSIX's")
def test_a_home_is_there_in_every_thread(nameless):
    overlapping(home_for_imports)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda k: _home_in_block(), range(100))) == {Path(os.devnull)}
    assert "HOME" not in os.environ


def _home_in_block():
    with home_for_imports():
        time.sleep(0.001)
        return Path.home()


def test_a_home_that_is_there_is_left_alone(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    with home_for_imports():
        assert os.environ["HOME"] == "/home/ann"
    assert os.environ["HOME"] == "/home/ann"


@pytest.fixture
def no_pytensor(monkeypatch):
    for name in ("PYTENSOR_FLAGS", "PYTENSORRC"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "pytensor"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.skipif(os.name != "posix", reason="HOME is POSIX's")
def test_pytensor_has_a_private_folder_where_there_is_no_home(nameless, no_pytensor):
    with home_for_imports():
        assert "PYTENSOR_FLAGS" not in os.environ
    with home_for_imports(compiling=True), home_for_imports(compiling=True):
        folder = Path(os.environ["PYTENSOR_FLAGS"].removeprefix("base_compiledir="))
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(folder.iterdir()) == []
    assert "PYTENSOR_FLAGS" not in os.environ


@pytest.mark.skipif(os.name != "posix", reason="HOME is POSIX's")
def test_what_pytensor_is_told_is_kept(nameless, no_pytensor, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTENSOR_FLAGS", "base_compiledir=/srv/mine")
    with home_for_imports(compiling=True):
        assert os.environ["PYTENSOR_FLAGS"] == "base_compiledir=/srv/mine"
    monkeypatch.setenv("PYTENSOR_FLAGS", "floatX=float64")
    with home_for_imports(compiling=True):
        assert os.environ["PYTENSOR_FLAGS"].startswith("floatX=float64,base_compiledir=")
    assert os.environ["PYTENSOR_FLAGS"] == "floatX=float64"
    monkeypatch.delenv("PYTENSOR_FLAGS")
    monkeypatch.setenv("HOME", str(tmp_path))
    with home_for_imports(compiling=True):
        assert "PYTENSOR_FLAGS" not in os.environ
    monkeypatch.setenv("HOME", os.devnull)  # a home in which nothing can be made
    with home_for_imports(compiling=True):
        assert "PYTENSOR_FLAGS" in os.environ


def test_threads_are_useful_where_a_call_is_long():
    assert useful_threads(lambda: None) == 1
    assert useful_threads(lambda: time.sleep(0.002)) == cores()
    assert useful_threads(lambda: None, 3) == 3
