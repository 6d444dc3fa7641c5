"""A folder to which only the user can write, and its files, because code found there is loaded and run."""

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
    """The user's cache folder by the XDG rules, which allow only absolute paths; it need not exist.

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
    """The folder at an absolute path, created for its user alone if it does not exist.

    Anyone who can replace a folder or symbolic link on the path decides where it leads. Each has to belong to the user
    or to root, and no folder may be writable by others (unless sticky, as /tmp is). The last has to be the user's.

    Raises
    ------
    StorageError
        Another user could have written there.
    OSError
        It cannot be created or inspected.
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
    """Whether an entry belongs to the user and is not writable by others."""
    return not POSIX or (found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE)


def read_own(path: Path) -> bytes:
    """The content of a file.

    Raises
    ------
    StorageError
        It is not a regular file of the user.
    OSError
        It does not exist, or cannot be read.
    """
    found = os.lstat(path)
    if not (stat.S_ISREG(found.st_mode) and is_own(found)):
        raise StorageError(f"not a regular file owned by its user alone ({_owner_and_mode(found)})")
    return path.read_bytes()


def write_own(path: Path, content: bytes) -> None:
    """Write a file atomically; a killed process leaves a `.part` file behind.

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
    """Refuse an entry on the path that another user could replace, or whose entries another user could replace."""
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
    """Whether a group is the user's private group, as on many systems, so that folders may be writable by it."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(number)
    except KeyError:
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}


def _from_outside(number):
    """Whether a number denotes owners unknown to an unprivileged container, such as root of the host."""
    try:
        limits = Path("/proc/self/uid_map").read_text().split()
        return limits != NO_LIMITS and number == int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError):
        return False


def _owner_and_mode(found):
    return f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}"
