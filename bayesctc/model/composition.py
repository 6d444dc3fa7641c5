"""Composing a family and a hazard into one compiled kernel.

The kernel's source is taken with the pair's imports in place, as a module of its own under a name that carries a hash
of every file the likelihood is made from: compiled code is then kept (`cache`) for each pair, and an edited piece never
meets an old result. No source is written anywhere.
"""

import importlib.abc
import importlib.util
import sys
from functools import cache
from pathlib import Path

from bayesctc.model.cache import source_hash
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
    return _loaded(f"bayesctc_{family}_{hazard}_{source_hash()[:16]}", source)


@cache
def _quadrature(family):
    source = (_HERE / "families" / "quadrature.py").read_text()
    source = source.replace(f"from {_COUNTED} import", f"from {FAMILIES[family].visit.py_func.__module__} import")
    return _loaded(f"bayesctc_{family}_{source_hash()[:16]}", source)


class _Composed(importlib.abc.SourceLoader):
    """Loads a module from its source in memory."""

    def __init__(self, source: str):
        self._source = source.encode()

    def get_filename(self, fullname: str) -> str:
        return f"<{fullname}>"

    def get_data(self, path) -> bytes:
        return self._source


def _loaded(name, source):
    """The module of this name and source."""
    spec = importlib.util.spec_from_loader(name, _Composed(source))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a kept function's module is looked up by name
    spec.loader.exec_module(module)
    return module
