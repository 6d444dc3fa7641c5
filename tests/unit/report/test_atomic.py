"""Files written whole or not at all."""

import errno
import os
import stat

import pytest

from bayesctc.errors import StorageError
from bayesctc.results.atomic import check_writable, write_whole

pytestmark = pytest.mark.unit


def test_new_and_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_the_users(tmp_path):
    path = tmp_path / "a.txt"
    before = os.umask(0o022)
    try:
        write_whole(path, b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("raised", [KeyboardInterrupt, ZeroDivisionError])
def test_interrupted(tmp_path, monkeypatch, raised):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half(number):
        raise raised

    monkeypatch.setattr(os, "fsync", half)
    with pytest.raises(raised):
        write_whole(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk(tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"a\.txt: the fit could not be written \(No space left on device\)"):
        write_whole(tmp_path / "a.txt", b"half", "the fit")
    assert list(tmp_path.iterdir()) == []


def test_move_that_fails(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        write_whole(tmp_path / "a.txt", b"one")
    assert list(tmp_path.iterdir()) == []


def test_check_before_the_work(tmp_path):
    check_writable(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path / "file" / "a.txt", "cannot be written there"),
        (tmp_path / "nowhere" / "a.txt", "No such file or directory"),
        (tmp_path, "this is a folder"),
    ):
        with pytest.raises(StorageError, match=message):
            check_writable(path)
