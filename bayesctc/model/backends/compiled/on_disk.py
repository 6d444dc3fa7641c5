"""Compiled code that is kept on disk between processes, in a folder that only its user can write to.

numba's own cache trusts what it finds: a file that is cut short ends every later run, a flipped bit the process, and
where no folder can be written to nothing runs at all. Here each compiled function is one file that begins with a digest
of its own name and of what follows. What is damaged, or can have been written by somebody else, is removed and compiled
again; where there is no folder to keep anything in, each process compiles for itself, in a temporary one. No fit ends
for any of it.
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
        What a template was filled with, for the name of the file.

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
    """Hash of all that a compiled function is made from.

    That is the files of all compiled functions it calls, directly or through others, and the values of the constants
    they read. A family or a hazard that somebody brings needs no list to be in.

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
    """Give all that is compiled with a function names of its own, before it is.

    numba tells compiled functions apart by module, name and a number that each process counts from 1. Functions that
    templates make share the first two, so that what another process has compiled and kept would be taken for what this
    one compiles, and be called in its place.
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
    """Whether numba compiles a value in."""
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return isinstance(value, int | float | complex | str | bytes | np.ndarray | np.generic)


def _told(value):
    """A constant as a text tells it whole."""
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
    """What numba asks for compiled code, and tells of it: one for each function, a file for each signature.

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
    """What was kept in a file; None where there is none to be trusted, and then the file is gone."""
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
    """Remove what killed processes left half written, and code that nobody has used for long."""
    now = time.time()
    for path in folder.iterdir():
        with suppress(OSError):
            if now - path.lstat().st_mtime > (LEFT_BEHIND if path.match(PARTS_OF) else UNUSED):
                path.unlink()


def _digest(path, content):
    """Of the name as well: one function's code under another's name is damage too."""
    return hashlib.sha256(path.name.encode() + b"\0" + content).digest()


def _reason(error):
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}" if error.strerror else str(error)


@cache
def _say(text):
    """Say something once per process; nothing that is said here may end a fit, as a warning made an error would."""
    _LOG.warning(text)
