"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from bayesctc.errors import StorageError


def write_whole(path: str | Path, writer: Callable[[Path], None], what: str = "the file") -> None:
    """Write beside `path` under another name, then move it there in one step.

    Whatever happens on the way, also an interruption, leaves `path` as it was and no part of a file behind.

    Parameters
    ----------
    path : str or Path
    writer : function (Path) -> None
        Writes everything to the empty file it is given.
    what : str
        What is being written, for the message.

    Raises
    ------
    StorageError
        The folder is missing or cannot be written to, or the disk is full.
    """
    path = Path(path)
    _refuse_folder(path, what)
    temporary = None
    try:
        temporary = _empty_beside(path)
        writer(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"{path}: {what} could not be written ({_reason(error)}); nothing was left there."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_writable(path: str | Path, what: str = "the file") -> None:
    """Refuse, before the work starts, a path that `write_whole` could not write to.

    Raises
    ------
    StorageError
    """
    path = Path(path)
    _refuse_folder(path, what)
    try:
        _empty_beside(path).unlink()
    except OSError as error:
        raise StorageError(f"{path}: {what} cannot be written there ({_reason(error)}).") from error


def _refuse_folder(path: Path, what: str) -> None:
    if path.is_dir():
        raise StorageError(f"{path}: {what} could not be written (this is a folder); give the name of a file in it.")


def _empty_beside(path: Path) -> Path:
    """A new empty file in the same folder, with the permissions a new file of the user's has."""
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
