"""Whether somebody else could have put something in a folder: owners, modes and symbolic links all the way to it."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from bayesctc.errors import StorageError
from bayesctc.model.backends.compiled import private_folder as module
from bayesctc.model.backends.compiled.private_folder import private_folder, read_own, user_cache, write_own

pytestmark = [pytest.mark.unit, pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")]

STRANGER = 54321


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def owned(monkeypatch):
    """Makes paths belong to somebody else, in the eyes of `os.lstat` alone: no test has to be root."""
    owners: dict[Path, int] = {}

    def lstat(path):
        real = STAT(path)
        uid = owners.get(Path(path), real.st_uid)
        return SimpleNamespace(st_mode=real.st_mode, st_uid=uid, st_gid=real.st_gid, st_mtime=real.st_mtime)

    monkeypatch.setattr(module.os, "lstat", lstat)
    return owners


STAT = os.lstat


def modes(*paths):
    return [stat.S_IMODE(STAT(path).st_mode) for path in paths]


def test_a_folder_is_made_for_its_user_alone(tmp_path):
    before = os.umask(0)
    try:
        made = private_folder(tmp_path / "one" / "two")
    finally:
        os.umask(before)

    assert made == tmp_path / "one" / "two"
    assert modes(tmp_path / "one", made) == [0o700, 0o700]


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    (tmp_path / "one").mkdir(mode=0o755)

    assert private_folder(tmp_path / "one") == tmp_path / "one"
    assert modes(tmp_path / "one") == [0o755]


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702, 0o1777, 0o770])
def test_a_folder_others_write_to_is_refused(tmp_path, mode):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)

    with pytest.raises(StorageError, match=f"mode {mode:04o}"):
        private_folder(tmp_path / "open")


@pytest.mark.parametrize(("mode", "allowed"), [(0o777, False), (0o703, False), (0o1777, True), (0o755, True)])
def test_a_folder_on_the_way_that_others_write_to_has_to_be_sticky(tmp_path, mode, allowed):
    (tmp_path / "way").mkdir()
    (tmp_path / "way").chmod(mode)

    if allowed:
        assert private_folder(tmp_path / "way" / "own") == tmp_path / "way" / "own"
    else:
        with pytest.raises(StorageError, match="written to by others"):
            private_folder(tmp_path / "way" / "own")


@pytest.mark.parametrize("alone", [True, False])
def test_a_group_may_write_on_the_way_if_it_is_the_users_own(tmp_path, monkeypatch, alone):
    import grp
    import pwd

    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name="ann"))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: SimpleNamespace(gr_name="ann", gr_mem=[] if alone else ["bob"]))
    (tmp_path / "way").mkdir()
    (tmp_path / "way").chmod(0o775)

    if alone:
        assert private_folder(tmp_path / "way" / "own").is_dir()
    else:
        with pytest.raises(StorageError, match="written to by others"):
            private_folder(tmp_path / "way" / "own")


@pytest.mark.parametrize("foreign", ["a", "a/b", "a/b/c"])
def test_every_folder_on_the_way_has_to_be_the_users_or_roots(tmp_path, owned, foreign):
    path = tmp_path / "a" / "b" / "c"
    path.mkdir(parents=True)
    owned[tmp_path / foreign] = STRANGER

    with pytest.raises(StorageError, match=str(STRANGER)):
        private_folder(path)


def test_the_last_folder_has_to_be_the_users_even_if_root_is_to_be_trusted(tmp_path, owned, monkeypatch):
    monkeypatch.setattr(module.os, "geteuid", lambda: STRANGER)
    for path in (tmp_path, *tmp_path.parents):
        owned[path] = 0
    (tmp_path / "code").mkdir()
    owned[tmp_path / "code"] = 0

    with pytest.raises(StorageError, match="belong to its user alone"):
        private_folder(tmp_path / "code")
    owned[tmp_path / "code"] = STRANGER
    assert private_folder(tmp_path / "code") == tmp_path / "code"


def test_a_link_of_the_users_is_followed(tmp_path):
    (tmp_path / "far" / "disk").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/../far/disk")

    assert private_folder(tmp_path / "link" / "code") == tmp_path / "far" / "disk" / "code"
    (tmp_path / "whole").symlink_to(tmp_path / "link")
    assert private_folder(tmp_path / "whole") == tmp_path / "far" / "disk"


@pytest.mark.parametrize("chain", [["link"], ["other", "link"]])
def test_a_link_of_somebody_else_is_refused_also_behind_one_of_the_users(tmp_path, owned, chain):
    (tmp_path / "code").mkdir()
    target = tmp_path / "code"
    for name in reversed(chain):
        (tmp_path / name).symlink_to(target)
        target = tmp_path / name
    owned[tmp_path / chain[-1]] = STRANGER

    with pytest.raises(StorageError, match=f"link belongs to another user .{STRANGER}."):
        private_folder(tmp_path / chain[0])


def test_a_link_into_a_folder_that_others_write_to_is_refused(tmp_path):
    (tmp_path / "open" / "code").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open" / "code")

    with pytest.raises(StorageError, match="written to by others"):
        private_folder(tmp_path / "link")


def test_links_in_a_circle_end(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(StorageError, match="more than 40 symbolic links"):
        private_folder(tmp_path / "a" / "code")


def test_a_file_on_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        private_folder(tmp_path / "file" / "code")
    with pytest.raises(StorageError, match="is not a folder"):
        private_folder(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_folders_and_links_really_given_away_are_refused(tmp_path):
    (tmp_path / "code").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "code")
    assert private_folder(tmp_path / "link") == tmp_path / "code"

    os.lchown(tmp_path / "link", STRANGER, STRANGER)
    with pytest.raises(StorageError, match=str(STRANGER)):
        private_folder(tmp_path / "link")
    os.chown(tmp_path / "code", STRANGER, STRANGER)
    with pytest.raises(StorageError, match=str(STRANGER)):
        private_folder(tmp_path / "code")


def test_owners_a_container_does_not_know_may_stand_on_the_way(tmp_path, owned, monkeypatch):
    unknown = int(Path("/proc/sys/kernel/overflowuid").read_text())
    (tmp_path / "way").mkdir()
    owned[tmp_path / "way"] = unknown
    read = Path.read_text

    for limits, allowed in (("0 0 4294967295", False), ("0 1000 1", True)):
        monkeypatch.setattr(Path, "read_text", lambda p, limits=limits: limits if "uid_map" in str(p) else read(p))
        if allowed:
            assert private_folder(tmp_path / "way" / "code").is_dir()
        else:
            with pytest.raises(StorageError, match=str(unknown)):
                private_folder(tmp_path / "way" / "code")


@pytest.mark.parametrize("named", [None, "", "relative/path"])
def test_the_cache_folder_is_at_home_unless_an_absolute_path_is_named(monkeypatch, named):
    monkeypatch.setenv("HOME", "/home/ann")
    if named is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert user_cache() == Path("/home/ann/.cache")

    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch/ann")
    assert user_cache() == Path("/scratch/ann")


def test_no_home_is_said(monkeypatch):
    import pwd

    def nameless(uid):
        raise KeyError(uid)

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nameless)
    monkeypatch.delenv("HOME")
    with pytest.raises(StorageError, match="no home folder"):
        user_cache()
    monkeypatch.setenv("HOME", "somewhere")
    with pytest.raises(StorageError, match="'somewhere'"):
        user_cache()


def test_files_are_read_if_they_are_the_users_alone(tmp_path, owned):
    path = tmp_path / "file"
    write_own(path, b"content")
    assert modes(path) == [0o600]
    assert read_own(path) == b"content"

    path.chmod(0o622)
    with pytest.raises(StorageError, match="mode 0622"):
        read_own(path)
    path.chmod(0o644)
    owned[path] = STRANGER
    with pytest.raises(StorageError, match=f"owner {STRANGER}"):
        read_own(path)


def test_what_is_not_a_plain_file_is_not_read(tmp_path):
    write_own(tmp_path / "file", b"content")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)

    for name in ("link", "pipe", "folder"):  # a pipe would be waited for
        with pytest.raises(StorageError, match="regular file"):
            read_own(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_own(tmp_path / "absent")


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    write_own(tmp_path / "file", b"before")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_own(tmp_path / "file", b"after")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"file": b"before"}
