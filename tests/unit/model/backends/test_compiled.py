"""Compiled code on disk: found again, never trusted when damaged or foreign, and no reason for a fit to end."""

import errno
import importlib.util
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayesctc.model.backends.compiled import on_disk as compiled
from bayesctc.model.backends.compiled import private_folder

pytestmark = pytest.mark.unit

TINY = """
import numba

from bayesctc.model.backends.compiled.on_disk import keep_compiled


@keep_compiled
@numba.njit(error_model="numpy")
def scaled(x):
    return 2.0 * x
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Makes a function anew, as a new process would: nothing is compiled yet."""

    def make(source=TINY):
        path = tmp_path_factory.mktemp("tiny") / "tiny_module.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("tiny_module", path)
        sys.modules["tiny_module"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.scaled

    yield make
    sys.modules.pop("tiny_module", None)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where compiled code is kept in these tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiled.tempfile, "tempdir", str(tmp_path))
    compiled._say.cache_clear()
    compiled._temporary.cache_clear()
    return tmp_path / "bayesctc" / "compiled"


def used(function):
    """Times code was found on disk and times it was compiled, after a call that has to be right."""
    assert function(21.0) == 42.0
    return sum(function.stats.cache_hits.values()), sum(function.stats.cache_misses.values())


def the_file(folder):
    (path,) = folder.iterdir()
    return path


def test_code_is_found_again(tiny, folder):
    assert used(tiny()) == (0, 1)
    assert used(tiny()) == (1, 0)
    assert the_file(folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert tiny().stats.cache_path == str(folder)


def test_each_signature_and_each_source_is_a_file_of_its_own(tiny, folder):
    function = tiny()
    assert (function(2.0), function(2)) == (4.0, 4.0)
    assert len(list(folder.iterdir())) == 2

    edited = tiny(TINY.replace("2.0 * x", "3.0 * x"))
    assert edited(2.0) == 6.0
    assert len(list(folder.iterdir())) == 3
    assert tiny()(2.0) == 4.0


def _cut(content, at, value):
    return content[: at % len(content)]


def _flip(content, at, value):
    at %= 8 * len(content)
    return content[: at // 8] + bytes([content[at // 8] ^ (1 << at % 8)]) + content[at // 8 + 1 :]


def _overwrite(content, at, value):
    at %= len(content)
    return (content[:at] + value + content[at + len(value) :])[: len(content)]


def _insert(content, at, value):
    at %= len(content)
    return content[:at] + value + content[at:]


def _append(content, at, value):
    return content + value


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=st.sampled_from([_cut, _flip, _overwrite, _insert, _append]),
    at=st.integers(min_value=0, max_value=10**6),
    value=st.binary(min_size=1, max_size=5000) | st.integers(1, 5000).map(bytes),
)
def test_no_damaged_content_is_ever_used(tmp_path, caplog, damage, at, value):
    path, content = tmp_path / "f-1.code", bytes(range(256)) * 20
    whole = compiled._digest(path, content) + content
    broken = damage(whole, at, value)
    path.write_bytes(broken)

    with caplog.at_level(logging.CRITICAL):
        found = compiled._content(path)
    assert found == (content if broken == whole else None)
    assert path.exists() == (broken == whole)


@pytest.mark.parametrize("damage", [_cut, _flip, _overwrite])
@pytest.mark.parametrize("at", [0, 40, 4000, -1])
def test_damaged_code_is_removed_and_compiled_again(tiny, folder, caplog, damage, at):
    assert used(tiny()) == (0, 1)
    path = the_file(folder)
    path.write_bytes(damage(path.read_bytes(), at, b"\0" * 100 + b"x"))

    assert used(tiny()) == (0, 1)
    assert "damaged; compiled again" in caplog.text
    assert used(tiny()) == (1, 0)


def test_code_of_another_function_is_damage_too(tiny, folder):
    assert used(tiny()) == (0, 1)
    double = the_file(folder)
    content = double.read_bytes()
    double.unlink()
    triple = tiny(TINY.replace("2.0 * x", "3.0 * x"))
    assert triple(2.0) == 6.0
    the_file(folder).write_bytes(content)

    assert tiny(TINY.replace("2.0 * x", "3.0 * x"))(2.0) == 6.0


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("what", ["writable", "link", "folder", "foreign"])
def test_files_somebody_else_may_have_made_are_not_loaded(tiny, folder, caplog, monkeypatch, tmp_path, what):
    assert used(tiny()) == (0, 1)
    path = the_file(folder)
    if what == "writable":
        path.chmod(0o666)
    elif what == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    elif what == "folder":
        path.unlink()
        path.mkdir()
    elif os.geteuid() == 0:
        os.chown(path, 54321, 54321)
    else:
        pytest.skip("only root gives files away")
    monkeypatch.setattr(compiled, "loads", lambda content: pytest.fail("it was loaded"))

    assert used(tiny()) == (0, 1)
    assert "not a regular file owned by its user alone" in caplog.text
    monkeypatch.undo()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nothing_is_kept_in_a_folder_that_others_write_to(tiny, folder, caplog):
    folder.mkdir(parents=True)
    folder.chmod(0o777)

    assert used(tiny()) == (0, 1)
    assert used(tiny()) == (1, 0)  # from a temporary one
    assert list(folder.iterdir()) == []
    assert Path(tiny().stats.cache_path).parent == folder.parents[1]
    assert Path(tiny().stats.cache_path).stat().st_mode & 0o777 == 0o700
    assert caplog.text.count("Compiled code is not kept") == 1  # once per process
    assert str(folder) in caplog.text
    assert "XDG_CACHE_HOME" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="links take rights elsewhere")
@pytest.mark.parametrize("name", ["bayesctc", "bayesctc/compiled"])
def test_our_own_folder_is_no_link(tiny, tmp_path, caplog, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / name).parent.mkdir(mode=0o700, exist_ok=True)
    (tmp_path / name).symlink_to(elsewhere)

    assert used(tiny()) == (0, 1)
    assert list(elsewhere.iterdir()) == []
    assert f"{tmp_path / name} is a symbolic link" in caplog.text


def test_the_users_cache_folder_may_be_a_link(tiny, folder, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "link"))

    assert used(tiny()) == (0, 1)
    assert the_file(folder).suffix == ".code"


def test_without_any_folder_it_is_compiled_all_the_same(tiny, folder, monkeypatch, caplog):
    def none(**settings):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    folder.parent.write_text("in the way")
    monkeypatch.setattr(compiled.tempfile, "mkdtemp", none)

    assert used(tiny()) == (0, 1)
    assert used(tiny()) == (0, 1)
    assert tiny().stats.cache_path is None
    assert "bayesctc is not a folder" in caplog.text


PROGRAM = """
import os, sys
from bayesctc.model.backends.compiled import on_disk as compiled
folder = compiled._folder()
child = os.fork()
if child == 0:
    sys.exit(0 if compiled._folder() == folder else 1)
assert os.waitpid(child, 0)[1] == 0
print(folder, folder.is_dir())
"""


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_temporary_folder_is_gone_with_the_process_that_made_it_and_not_before(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": "/dev/null", "TMPDIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)

    folder, was_there = ended.stdout.split()
    assert (was_there, list(tmp_path.iterdir())) == ("True", [])
    assert Path(folder).parent == tmp_path
    assert ended.stderr.count("Compiled code is not kept") == 1


def test_code_that_is_whole_but_cannot_be_loaded_is_compiled_again(tiny, folder, caplog):
    assert used(tiny()) == (0, 1)
    path = the_file(folder)
    path.write_bytes(compiled._digest(path, b"no pickle") + b"no pickle")

    assert used(tiny()) == (0, 1)
    assert "cannot be loaded (UnpicklingError)" in caplog.text
    assert used(tiny()) == (1, 0)


def test_nothing_is_kept_without_a_home(tiny, monkeypatch, caplog):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(private_folder.Path, "home", homeless)

    assert used(tiny()) == (0, 1)
    assert "no home folder" in caplog.text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("where", ["mkstemp", "write", "replace"])
def test_a_write_that_fails_ends_nothing(tiny, folder, caplog, monkeypatch, number, where):
    def fail(*arguments, **settings):
        raise OSError(number, os.strerror(number))

    class Full:
        def __init__(self, handle, mode):
            self.handle = handle

        def __enter__(self):
            return self

        def __exit__(self, *error):
            os.close(self.handle)

        write = fail

    if where == "mkstemp":
        monkeypatch.setattr(private_folder.tempfile, "mkstemp", fail)
    elif where == "write":
        monkeypatch.setattr(private_folder.os, "fdopen", Full)
    else:
        monkeypatch.setattr(private_folder.os, "replace", fail)

    assert used(tiny()) == (0, 1)
    assert list(folder.iterdir()) == []
    assert os.strerror(number) in caplog.text
    monkeypatch.undo()


def test_code_that_cannot_be_read_is_compiled(tiny, folder, monkeypatch):
    assert used(tiny()) == (0, 1)

    def fail(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(compiled, "read_own", fail)
    assert used(tiny()) == (0, 1)


def test_what_killed_processes_left_is_removed_when_nobody_can_be_writing_to_it(tiny, folder):
    folder.mkdir(parents=True)
    ages = {"a.part": 7200.0, "b.part": 60.0, "old.code": 40 * 86400.0, "recent.code": 86400.0}
    for name, age in ages.items():
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (time.time() - age,) * 2)
    assert used(tiny()) == (0, 1)

    assert {p.name for p in folder.iterdir()} & set(ages) == {"b.part", "recent.code"}


def test_code_that_is_used_is_not_old(tiny, folder):
    assert used(tiny()) == (0, 1)
    path = the_file(folder)
    os.utime(path, (time.time() - 40 * 86400.0,) * 2)
    assert used(tiny()) == (1, 0)
    assert tiny()(1) == 2.0  # another signature is written, and old files are removed

    assert path.exists()
