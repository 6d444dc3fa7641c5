"""A folder in which only the user can have put anything, and its files: what is found there is loaded and run."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from bayesctc.errors import StorageError

MOST_LINKS = 40  # symbolic links on the way to a folder, as the kernel allows
NO_LIMITS = ["0", "0", "4294967295"]  # the map of user numbers where there is no container
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
POSIX = os.name == "posix"  # elsewhere the folder of a profile is its user's by access lists, which have no mode


def user_cache() -> Path:
    """The user's cache folder as XDG has it, where absolute paths alone count; there need not be one.

    Raises
    ------
    StorageError
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named
    try:
        home = Path.home()
    except RuntimeError as error:
        raise StorageError("the user has no home folder") from error
    if not home.is_absolute():
        raise StorageError(f"HOME has to be an absolute path; found {str(home)!r}")
    return home / ".cache"


def private_folder(path: Path) -> Path:
    """The folder an absolute path leads to, made for its user alone where there is none.

    Whoever can exchange a folder or a symbolic link on the way decides where it leads: each has to belong to the user
    or to root, and no folder may be writable by others (unless sticky, as /tmp is). The last one has to be the user's.

    Raises
    ------
    StorageError
        Somebody else could have put something there.
    OSError
        It cannot be made or looked at.
    """
    if not POSIX:
        path.mkdir(parents=True, exist_ok=True)
        return path
    here, left, links = Path(path.anchor), list(path.parts[:0:-1]), 0
    _check_way(here, os.lstat(here))
    while left:
        name = left.pop()
        if name == "..":
            here = here.parent
            continue
        entry = here / name
        found = _looked_at_or_made(entry)
        _check_way(entry, found)
        if not stat.S_ISLNK(found.st_mode):
            here = entry
            continue
        links += 1
        if links > MOST_LINKS:
            raise StorageError(f"{path}: more than {MOST_LINKS} symbolic links")
        target = Path(os.readlink(entry))
        left += [part for part in reversed(target.parts) if part != target.anchor]
        here = Path(target.anchor) if target.is_absolute() else here
    found = os.lstat(here)
    if not is_own(found):
        raise StorageError(f"{here} has to belong to its user alone; found {_owner_and_mode(found)}")
    return here


def is_own(found: os.stat_result) -> bool:
    """Whether something belongs to the user and nobody else may write to it."""
    return not POSIX or (found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE)


def read_own(path: Path) -> bytes:
    """What a file holds.

    Raises
    ------
    StorageError
        It is not a plain file of the user's.
    OSError
        It is not there, or cannot be read.
    """
    found = os.lstat(path)
    if not (stat.S_ISREG(found.st_mode) and is_own(found)):
        raise StorageError(f"not a regular file owned by its user alone ({_owner_and_mode(found)})")
    return path.read_bytes()


def write_own(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a process that is killed leaves a `.part` behind.

    Raises
    ------
    OSError
    """
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _looked_at_or_made(entry):
    try:
        return os.lstat(entry)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another process was quicker
            entry.mkdir(mode=0o700)
        return os.lstat(entry)


def _check_way(entry, found):
    """Refuse an entry on the way that somebody else could exchange, or whose entries somebody else could."""
    if found.st_uid not in (0, os.geteuid()) and not _from_outside(found.st_uid):
        raise StorageError(f"{entry} belongs to another user ({found.st_uid})")
    if stat.S_ISLNK(found.st_mode):
        return
    if not stat.S_ISDIR(found.st_mode):
        raise StorageError(f"{entry} is not a folder")
    writers = found.st_mode & OTHERS_WRITE
    if writers & stat.S_IWGRP and _is_group_of_one(found.st_gid):
        writers &= ~stat.S_IWGRP
    if writers and not found.st_mode & stat.S_ISVTX:
        raise StorageError(f"{entry} can be written to by others ({_owner_and_mode(found)})")


def _is_group_of_one(number):
    """Whether a group is the one that many systems make for each user: folders are then writable by it."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(number)
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}


def _from_outside(number):
    """Whether a number stands for owners that a container without privileges does not know, root of the host's too."""
    try:
        limits = Path("/proc/self/uid_map").read_text().split()
        return limits != NO_LIMITS and number == int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError):
        return False


def _owner_and_mode(found):
    return f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}"
