"""Compiled code between processes: kept where only its owner writes, sealed, and compiled again where it is damaged."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bayesctc.model import cache

pytestmark = pytest.mark.unit

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def doubled(x):
    return 2.0 * x + 1.0


def compiled():
    """The function as a new process would have it."""
    return cache.kept(error_model="numpy")(doubled)


@pytest.fixture
def kept_in(tmp_path, monkeypatch):
    """A folder of its own, with the compiled function in it; returns its only file."""
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    function = compiled()
    assert function(3.0) == 7.0
    (file,) = tmp_path.iterdir()
    return file


def test_what_is_kept_is_not_compiled_again(kept_in):
    again = compiled()
    assert again(3.0) == 7.0
    assert sum(again.stats.cache_hits.values()) == 1
    assert sum(again.stats.cache_misses.values()) == 0


@pytest.mark.parametrize("seed", range(25))
def test_damaged_code_is_never_run(kept_in, seed):
    rng = np.random.default_rng(seed)
    before = content = bytearray(kept_in.read_bytes())
    kind = seed % 5
    if kind == 0:
        content = before[: rng.integers(0, len(before))]
    elif kind == 1:
        content = bytearray()
    elif kind == 2:
        start = int(rng.integers(0, len(before)))
        content = before[:start] + bytes(4096) + before[start + 4096 :]
    elif kind == 3:
        content = before + rng.bytes(17)
    else:
        content = bytearray(before)
        content[rng.integers(0, len(before))] ^= 1 << int(rng.integers(0, 8))
    kept_in.write_bytes(bytes(content))
    again = compiled()
    assert again(3.0) == 7.0
    assert sum(again.stats.cache_misses.values()) == (bytes(content) != bytes(before))
    assert sum(compiled().stats.cache_hits.values()) == 0
    last = compiled()
    assert last(3.0) == 7.0
    assert sum(last.stats.cache_hits.values()) == 1  # what was compiled again is kept again


@pytest.mark.parametrize("change", [lambda f: f.chmod(0o666), lambda f: os.chown(f, 4242, -1)], ids=["mode", "owner"])
def test_code_that_somebody_else_could_have_written_is_not_run(kept_in, change):
    if not IS_ROOT:
        pytest.skip("only root gives files away")
    change(kept_in)
    again = compiled()
    assert again(3.0) == 7.0
    assert sum(again.stats.cache_hits.values()) == 0


def test_a_link_in_a_files_place_is_not_followed(kept_in, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "code"
    kept_in.rename(elsewhere)
    kept_in.symlink_to(elsewhere)
    again = compiled()
    assert again(3.0) == 7.0
    assert sum(again.stats.cache_hits.values()) == 0
    assert not kept_in.is_symlink()


def test_a_full_disk_ends_no_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.os.replace", full)
    assert compiled()(3.0) == 7.0
    assert list(tmp_path.iterdir()) == []


def found_folder(monkeypatch, home):
    """What `folder` says with this cache home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return cache.folder.__wrapped__()


def test_the_folder_is_the_owners_alone(tmp_path, monkeypatch):
    found = found_folder(monkeypatch, tmp_path / "home")
    assert found == tmp_path / "home" / "bayesctc"
    assert found.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["group may write", "a link", "another owner", "read-only", "a parent of everybody's"])
def test_a_folder_that_others_could_write_is_not_used(tmp_path, monkeypatch, kind):
    wanted = tmp_path / "home" / "bayesctc"
    wanted.mkdir(parents=True)
    if kind == "group may write":
        wanted.chmod(0o770)
    elif kind == "a link":
        wanted.rmdir()
        (tmp_path / "theirs").mkdir()
        wanted.symlink_to(tmp_path / "theirs")
    elif kind == "another owner":
        if not IS_ROOT:
            pytest.skip("only root gives folders away")
        os.chown(wanted, 4242, -1)
    elif kind == "read-only":
        monkeypatch.setattr(os, "access", lambda *_: False)
    else:
        (tmp_path / "home").chmod(0o777)
    with pytest.warns(RuntimeWarning, match="not kept for the next time"):
        found = found_folder(monkeypatch, tmp_path / "home")
    assert found != wanted
    assert found.stat().st_mode & 0o777 == 0o700


def test_a_user_without_a_home(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.warns(RuntimeWarning, match="there is no home"):
        assert cache.folder.__wrapped__().is_dir()


def test_what_killed_runs_left_is_removed(tmp_path, monkeypatch):
    own = tmp_path / "bayesctc"
    own.mkdir(mode=0o700)
    old, new, unused = own / "a.nbc.tmp.1", own / "b.nbc.tmp.2", own / "c.nbc"
    for file, age in ((old, 2 * cache.UNFINISHED), (new, 1.0), (unused, 2 * cache.UNUSED)):
        file.write_bytes(b"part")
        os.utime(file, (time.time() - age,) * 2)
    assert found_folder(monkeypatch, tmp_path) == own
    assert [f.name for f in own.iterdir()] == [new.name]


PROGRAM = """
from bayesctc.model import cache
@cache.kept(error_model="numpy")
def tripled(x):
    return 3.0 * x
print(tripled(2.0))
"""


def test_two_processes_at_once_and_one_that_is_killed(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}

    def start():
        return subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)

    killed = start()
    time.sleep(0.5)
    killed.kill()
    killed.communicate()
    both = [start(), start()]
    assert [p.communicate()[0].strip() for p in both] == ["6.0", "6.0"]
    assert [p.returncode for p in both] == [0, 0]
