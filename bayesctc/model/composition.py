"""Composing a family and a hazard into one compiled kernel.

The kernel's source, with the pair's imports in place, becomes a module of its own under a name that carries a hash of
every file the likelihood is made from. It is never written down: only what numba makes of it is kept (`compiled.py`).
"""

import linecache
import sys
from functools import cache
from importlib.abc import ExecutionLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from bayesctc.model.compiled import source_hash
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

_HERE = Path(__file__).parent
_IMPORTS = ("bayesctc.model.families.gaussian", "bayesctc.model.hazards.weibull")
_COUNTED = "bayesctc.model.families.negative_binomial"


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


class _InMemory(ExecutionLoader):
    """Gives a module its source, as a file would."""

    def __init__(self, source):
        self._source = source

    def get_source(self, fullname):
        return self._source

    def get_filename(self, fullname):
        return f"{fullname}.py"


def _load(name, source):
    """The module of this name and source."""
    loader = _InMemory(source)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # numba looks a compiled function's module up by name
    loader.exec_module(module)
    linecache.lazycache(loader.get_filename(name), vars(module))  # lines for numba's messages
    return module
