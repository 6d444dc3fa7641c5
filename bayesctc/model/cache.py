"""Compiled code kept between processes: where it lies, and that nothing is run but what this package wrote there.

Compiled code is trusted by whoever loads it. It is therefore kept in a folder that only its owner can write to, each
piece sealed by a digest that is checked before it is read; what is damaged is removed and compiled anew. Where there is
no such folder (no home, a nameless user, a disk that cannot be written) a private one serves for this process.
"""

import atexit
import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
import warnings
from functools import cache
from pathlib import Path

import llvmlite
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, NullCache, _CacheLocator

DIGEST = hashlib.sha256
SEAL = DIGEST().digest_size  # bytes at the end of a file
UNFINISHED, UNUSED = 3600.0, 60 * 86400.0  # seconds after which parts of killed runs, and code nobody used, are removed
_HERE = Path(__file__).parent
_FILES = ("kernel.py", "columns.py", "vector_math.py", "shape.py", "composition.py", "op.py", "covariance.py")


def kept(**options):
    """As `numba.njit` with `cache=True`, the code being kept in `folder`."""

    def compiled(function):
        dispatcher = numba.njit(**options)(function)
        dispatcher._cache = _Kept(function)
        return dispatcher

    return compiled


@cache
def source_hash() -> str:
    """Hash of every file the compiled likelihood is made from."""
    files = [*_HERE.glob("families/*.py"), *_HERE.glob("hazards/*.py"), *(_HERE / name for name in _FILES)]
    digest = DIGEST()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def folder() -> Path:
    """Where compiled code is kept: the user's cache folder, or a private one until this process ends."""
    wanted = _wanted()
    if wanted is not None:
        with contextlib.suppress(OSError):
            wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(wanted):
                _tidy(wanted)
                return wanted
    private = Path(tempfile.mkdtemp(prefix="bayesctc-"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    why = "there is no home" if wanted is None else f"{wanted} cannot be written by its owner alone"
    warnings.warn(f"compiled code is not kept for the next time: {why}", RuntimeWarning, stacklevel=2)
    return private


def _wanted():
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a user without a name or a home
        return None
    return Path(base) / "bayesctc"


def _is_private(path: Path) -> bool:
    """Whether nobody but this user (and root) can write here, or put another folder in this one's place."""
    if not hasattr(os, "geteuid"):
        return True
    trusted = (0, os.geteuid())
    found = path.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    if not own or not os.access(path, os.W_OK | os.X_OK):
        return False
    for parent in path.resolve().parents:
        above = parent.stat()
        open_to_all = above.st_mode & 0o022 and not above.st_mode & stat.S_ISVTX
        if above.st_uid not in trusted or open_to_all:
            return False
    return True


def _tidy(path: Path) -> None:
    """Remove what killed runs left unfinished, and what nobody has used for long."""
    now = time.time()
    for file in path.iterdir():
        with contextlib.suppress(OSError):
            age = now - file.lstat().st_mtime
            if age > (UNFINISHED if ".tmp." in file.name else UNUSED) and not file.is_dir():
                file.unlink()


class _Locator(_CacheLocator):
    """`folder`, whatever file a function comes from."""

    def __init__(self, function, file):
        self._file, self._line = file, function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, py_func, py_file):
        return cls(py_func, py_file)

    def get_cache_path(self):
        return str(folder())

    def get_source_stamp(self):
        own = Path(self._file)
        return DIGEST(source_hash().encode() + (own.read_bytes() if own.is_file() else b"")).hexdigest()

    def get_disambiguator(self):
        return str(self._line)


class _Impl(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012  as numba has it


class _Sealed(IndexDataCacheFile):
    """One file for each compiled signature, its name a digest of all that it depends on, a seal at its end."""

    def save(self, key, data):
        with contextlib.suppress(OSError):  # a full disk ends no fit
            self._save_data(self._name(key), data)

    def load(self, key):
        path = Path(self._data_path(self._name(key)))
        try:
            if not self._holds(path):
                return None
            os.utime(path)
            return self._load_data(path.name)  # which ignores what follows the data
        except FileNotFoundError:
            return None
        except OSError:
            self._remove(path)
            return None

    def flush(self):
        """Nothing: there is no index."""

    def _dump(self, obj):
        data = super()._dump(obj)
        return data + DIGEST(data).digest()

    def _name(self, key):
        depends = repr((self._source_stamp, numba.__version__, llvmlite.__version__, key))
        return f"{Path(self._index_name).stem[:60]}-{DIGEST(depends.encode()).hexdigest()[:32]}.nbc"

    def _holds(self, path):
        """Whether a file is what was written there; if not, it is removed."""
        found = path.lstat()
        own = stat.S_ISREG(found.st_mode) and found.st_uid == getattr(os, "geteuid", lambda: found.st_uid)()
        content = path.read_bytes() if own and not found.st_mode & 0o022 else b""
        if len(content) > SEAL and DIGEST(content[:-SEAL]).digest() == content[-SEAL:]:
            return True
        self._remove(path)
        return False

    @staticmethod
    def _remove(path):
        with contextlib.suppress(OSError):
            path.unlink()


class _Cache(FunctionCache):
    _impl_class = _Impl

    def __init__(self, function):
        super().__init__(function)
        base, stamp = self._impl.filename_base, self._impl.locator.get_source_stamp()
        self._cache_file = _Sealed(self._cache_path, base, stamp)


class _Kept(NullCache):
    """The cache of one function, looked for when the function is first called."""

    def __init__(self, function):
        self._function, self._found = function, None

    def _real(self):
        if self._found is None:
            self._found = _Cache(self._function)
        return self._found

    @property
    def cache_path(self):
        return self._real().cache_path

    def load_overload(self, sig, target_context):
        return self._real().load_overload(sig, target_context)

    def save_overload(self, sig, cres):
        self._real().save_overload(sig, cres)
