"""Composing a family and a hazard into one compiled kernel, kept on disk between processes.

The kernel's source is written to a cache folder with the pair's imports in place, under a name that carries a hash of
every file the likelihood is made from: numba's own cache then works, and an edited piece never meets an old result.
"""

import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

_HERE = Path(__file__).parent
_IMPORTS = ("bayesctc.model.families.gaussian", "bayesctc.model.hazards.weibull")
_COUNTED = "bayesctc.model.families.negative_binomial"


@cache
def source_hash() -> str:
    """Hash of every file the compiled likelihood is made from."""
    files = [*_HERE.glob("families/*.py"), *_HERE.glob("hazards/*.py")]
    names = ("kernel.py", "columns.py", "vector_math.py", "shape.py", "composition.py", "op.py")
    files += [_HERE / name for name in names]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def compile_kernel(family: str, hazard: str):
    """The function `kernel.kernel` for a family and a hazard; it is compiled when first called, every size free."""
    return _module(family, hazard).kernel


def compile_locate(family: str):
    """The function `quadrature.locate` for a family without a closed form."""
    return _quadrature(family).locate


@cache
def _module(family, hazard):
    pieces = FAMILIES[family]
    brings = pieces.log_density.py_func.__module__ if pieces.closed_form else _quadrature(family).__name__
    source = (_HERE / "kernel.py").read_text()
    for old, new in zip(_IMPORTS, (brings, HAZARDS[hazard].terms.py_func.__module__), strict=True):
        source = source.replace(f"from {old} import", f"from {new} import")
    return _load(f"bayesctc_{family}_{hazard}_{source_hash()[:16]}", source)


@cache
def _quadrature(family):
    source = (_HERE / "families" / "quadrature.py").read_text()
    source = source.replace(f"from {_COUNTED} import", f"from {FAMILIES[family].visit.py_func.__module__} import")
    return _load(f"bayesctc_{family}_{source_hash()[:16]}", source)


def _load(name, source):
    """The module of this name and source."""
    spec = importlib.util.spec_from_file_location(name, _written(name, source))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # numba looks a cached function's module up by name
    spec.loader.exec_module(module)
    return module


def _written(name, source):
    """The file that holds the source: in the user's cache folder, or in a temporary one where that is read-only."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bayesctc"
    try:
        return _write(base, name, source)
    except OSError:
        return _write(Path(tempfile.mkdtemp(prefix="bayesctc-")), name, source)


def _write(folder, name, source):
    path = folder / f"{name}.py"
    if not (path.exists() and path.read_text() == source):
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "w") as file:
            file.write(source)
        os.replace(part, path)
    return path
