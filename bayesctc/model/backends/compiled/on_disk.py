"""Compiled code that is kept on disk between processes, in a folder that only its user can write to.

numba's own cache does not check its files: a truncated file stops every later run, a flipped bit the process, and
without a writable folder nothing runs. Here each compiled function is one file that begins with a digest of its own
name and of the rest. A file that is damaged, or may have been written by another user, is removed and compiled again.
Without a folder for the cache, each process compiles for itself, in a temporary folder. No fit fails for these reasons.
"""

import atexit
import hashlib
import inspect
import logging
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from weakref import WeakSet

import llvmlite
import numba
import numpy as np
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps, loads

from bayesctc.errors import StorageError
from bayesctc.model.backends.compiled.private_folder import private_folder, read_own, user_cache, write_own
from bayesctc.process_wide import garbage_stays

PARTS_OF = "*.part"  # left by processes that were killed
LEFT_BEHIND = 3600.0  # seconds after which nobody is writing to one any more
UNUSED = 30 * 86400.0  # seconds after which compiled code is taken to be of an older version
DIGEST = hashlib.sha256().digest_size
_NAMED: WeakSet = WeakSet()  # functions that no other has the name of, whoever compiled it
_LOG = logging.getLogger("bayesctc")


def keep_compiled(function, of: str = ""):
    """Keep what numba compiles of a function; a decorator above `numba.njit`.

    Parameters
    ----------
    function : numba dispatcher
    of : str
        The pieces of a template, for the name of the file.

    Returns
    -------
    numba dispatcher
        The same.
    """
    function._cache = CodeOnDisk(function.py_func, of)
    function._compiler.compile = garbage_stays()(function._compiler.compile)
    return function


@cache
def made_from(function) -> str:
    """Hash of everything that a compiled function depends on.

    These are the files of all compiled functions it calls, directly or through others, and the values of the constants
    they read. User-defined families and hazards need not be listed anywhere.

    Parameters
    ----------
    function : function
        As it was before it was compiled.
    """
    about = {repr(Path(__file__).read_bytes())}  # names and files were given by it
    for one in _reached(function):
        about.add(repr(_source(one.__code__)))
        for name, part in _read(one):
            if _is_constant(part):
                about.add(f"{one.__module__}.{one.__name__}: {name} holds {_told(part)!r}")
    return hashlib.sha256("\n".join(sorted(about)).encode()).hexdigest()


@cache
def name_apart(function) -> None:
    """Give unique names to all functions that are compiled with a function, before compilation.

    numba distinguishes compiled functions by module, name and a number that each process counts from 1. Functions made
    by templates share the first two, so that code compiled and kept by another process could be mistaken for that of
    this process, and be called in its place.
    """
    for k, one in enumerate(_reached(function)):
        if one not in _NAMED:
            _NAMED.add(one)
            one.__qualname__ = f"{one.__qualname__}_{made_from(function)[:16]}_{k}"


def _reached(function):
    """A function and all compiled ones that it calls, directly or through others, in a fixed order."""
    found = [function]
    for one in found:
        for _, part in _read(one):
            if isinstance(part, Dispatcher) and part.py_func not in found:
                found.append(part.py_func)
    return found


def _read(function):
    """Names and values that a function reads, compiled functions in tuples one by one."""
    read = inspect.getclosurevars(function)
    for name, value in {**read.globals, **read.nonlocals}.items():
        if isinstance(value, tuple) and any(isinstance(part, Dispatcher) for part in value):
            yield from ((f"{name}[{k}]", part) for k, part in enumerate(value))
        else:
            yield name, value


def _is_constant(value):
    """Whether numba compiles a value as a constant."""
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return isinstance(value, int | float | complex | str | bytes | np.ndarray | np.generic)


def _told(value):
    """A constant as complete text."""
    if isinstance(value, tuple):
        return tuple(map(_told, value))
    return (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray | np.generic) else value


def _source(code):
    """The file a function is in; its own lines or its code where it is in none, as in a notebook."""
    path = Path(code.co_filename)
    if path.is_file():
        return path.read_bytes()
    try:
        return inspect.getsource(code)
    except OSError:
        return code.co_code, code.co_consts, code.co_names


class CodeOnDisk(NullCache):
    """The cache interface that numba uses: one for each function, with a file for each signature.

    Parameters
    ----------
    function : function
        As it was before it was compiled.
    """

    def __init__(self, function, of):
        self._function = function
        self._name = ".".join([function.__module__.removeprefix("bayesctc."), function.__name__, *([of] if of else [])])
        self._versions = sys.version, numba.__version__, llvmlite.__version__, numba.config.USING_SVML

    @property
    def cache_path(self):
        """The folder, as numba shows it; None where nothing is kept."""
        folder = _folder()
        return None if folder is None else str(folder)

    def load_overload(self, sig, target_context):
        """The compiled function for a signature, or None."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        content = None if path is None else _content(path)
        try:
            return None if content is None else CompileResult._rebuild(target_context, *loads(content))
        except Exception as error:  # noqa: BLE001  whatever makes it useless here, it can be compiled
            _discard(path, f"cannot be loaded ({type(error).__name__})")
            return None

    def save_overload(self, sig, cres):
        """Keep a compiled function, if that can be done."""
        path = self._path(sig, cres.codegen)
        if path is None or cres.lifted or cres.library.has_dynamic_globals:
            return
        content = dumps(cres._reduce())
        try:
            _tidy(path.parent)
            write_own(path, _digest(path, content) + content)
        except OSError as error:
            _say(f"Compiled code could not be kept in {path.parent} ({_reason(error)}); the next run compiles again.")

    def _path(self, sig, codegen):
        """The file of a signature on this kind of processor; None where there is no folder."""
        name_apart(self._function)
        folder = _folder()
        about = made_from(self._function), self._versions, self._name, sig, codegen.magic_tuple()
        key = hashlib.sha256(repr(about).encode()).hexdigest()
        return None if folder is None else folder / f"{self._name}-{key[:32]}.code"


def _folder():
    try:
        ours = user_cache() / "bayesctc"
        for folder in (ours, ours / "compiled"):
            if folder.is_symlink():  # links are followed on the way to the user's cache folder only
                raise StorageError(f"{folder} is a symbolic link")
        return private_folder(ours / "compiled")
    except OSError as error:
        _say(
            f"Compiled code is not kept: {_reason(error)}. Each run compiles again, in a temporary folder, which takes "
            "some seconds. To keep compiled code, set XDG_CACHE_HOME to a folder that belongs to you and that nobody "
            "else can write to."
        )
        return _temporary()


@cache
def _temporary():
    """A private folder that is removed when this process ends, and that forked ones share; None if none can be made."""
    try:
        folder = private_folder(Path(tempfile.mkdtemp(prefix="bayesctc-")))
    except OSError:
        return None
    atexit.register(_remove_for, os.getpid(), folder)
    return folder


def _remove_for(process, folder):
    if os.getpid() == process:  # a forked one ends earlier
        shutil.rmtree(folder, ignore_errors=True)


def _content(path):
    """The content of a file; None if it cannot be trusted, and then the file is removed."""
    try:
        whole = read_own(path)
        if _digest(path, whole[DIGEST:]) == whole[:DIGEST]:
            with suppress(OSError):
                os.utime(path)  # when it was last used
            return whole[DIGEST:]
        why = "damaged"
    except FileNotFoundError:
        return None
    except OSError as error:
        why = _reason(error)
    _discard(path, why)
    return None


def _discard(path, why):
    _say(f"{path}: {why}; compiled again.")
    with suppress(OSError):
        path.unlink()


def _tidy(folder):
    """Remove files left half written by killed processes, and code that has long been unused."""
    now = time.time()
    for path in folder.iterdir():
        with suppress(OSError):
            if now - path.lstat().st_mtime > (LEFT_BEHIND if path.match(PARTS_OF) else UNUSED):
                path.unlink()


def _digest(path, content):
    """Digest that includes the name, because code of one function under another's name is also damage."""
    return hashlib.sha256(path.name.encode() + b"\0" + content).digest()


def _reason(error):
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}" if error.strerror else str(error)


@cache
def _say(text):
    """Print a message once per process; not a warning, which could be made an error and end a fit."""
    _LOG.warning(text)
