"""Files that are written completely or not at all."""

import contextlib
import hashlib
import os
import platform
import re
import secrets
import time
from pathlib import Path

from bayesctc.errors import StorageError

LEFT_AFTER = 3600.0  # seconds after which an unfinished file is taken to belong to a dead process
_OURS = re.compile(r"\..*\.bayesctc-(?P<machine>[0-9a-f]{8})-(?P<process>\d{1,10})-[0-9a-f]{12}\.part", re.DOTALL)
_EARLIER = re.compile(r"\..+\.[0-9a-f]{12}\.part", re.DOTALL)  # of versions whose files had no process number


def write_whole(path: str | Path, content: bytes | memoryview, what: str = "the file") -> None:
    """Write a temporary file next to `path`, flush it to disk, then move it there in one step.

    A failure or interruption on the way leaves `path` as it was and no partial file. Temporary files of killed
    processes are removed.

    Parameters
    ----------
    path : str or Path
    content : bytes
        All of it.
    what : str
        The thing written, for the message.

    Raises
    ------
    StorageError
        The folder is missing or cannot be written to, or the disk is full.
    """
    target, temporary = _target(path, what), None
    try:
        _remove_leftovers(target.parent)
        temporary, number = _empty_beside(target)
        with open(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(number)
        os.replace(temporary, target)
        _keep_name(target.parent)
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path}: {what} could not be written ({_reason(error)}); nothing was left there."
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def check_writable(path: str | Path, what: str = "the file") -> None:
    """Refuse a path that `write_whole` could not write to, before the work starts.

    Raises
    ------
    StorageError
    """
    target = _target(path, what)
    try:
        temporary, number = _empty_beside(target)
        os.close(number)
        temporary.unlink()
    except (OSError, ValueError) as error:
        raise StorageError(f"{path}: {what} cannot be written there ({_reason(error)}).") from error


def _target(path: str | Path, what: str) -> Path:
    """The path; refuses an existing path that is not a file."""
    if not isinstance(path, str | os.PathLike):
        raise StorageError(f"path: found a {type(path).__name__}; allowed: the name of a file, as str or Path")
    path = Path(path)
    try:
        is_folder, is_other = path.is_dir(), path.exists() and not path.is_file()
    except (OSError, ValueError) as error:
        raise StorageError(f"{path}: {what} could not be written ({_reason(error)}).") from error
    if is_folder:
        raise StorageError(f"{path}: {what} could not be written (this is a folder); give the name of a file in it.")
    if is_other:
        raise StorageError(f"{path}: {what} could not be written (this is a device or a pipe, not a file).")
    return path


def _empty_beside(path: Path) -> tuple[Path, int]:
    """A new empty file in the same folder, with its descriptor and the user's default permissions."""
    start = os.fsencode(path.name)[:100].decode(errors="ignore")  # names may be 255 bytes long
    temporary = path.with_name(f".{start}.bayesctc-{_machine()}-{os.getpid()}-{secrets.token_hex(6)}.part")
    return temporary, os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)


def _remove_leftovers(folder: Path) -> None:
    """Remove files of processes that were killed while writing here."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if _is_left(entry):
                    os.unlink(entry.path)


def _is_left(entry: os.DirEntry[str]) -> bool:
    own = _OURS.fullmatch(entry.name)
    if not (own or _EARLIER.fullmatch(entry.name)) or not entry.is_file(follow_symlinks=False):
        return False
    if own and own["machine"] == _machine() and not _runs(int(own["process"])):
        return True
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_AFTER


def _machine() -> str:
    """An identifier of this machine, because folders may be shared and process numbers are local."""
    return hashlib.sha256(platform.node().encode(errors="replace")).hexdigest()[:8]


def _runs(process: int) -> bool:
    """Whether a process of this number runs; yes if that cannot be checked safely."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _keep_name(folder: Path) -> None:
    """Flush the new name to disk, on systems where folders allow it."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
