"""Bayesian trajectory classes for serial circulating-tumour-cell counts, joined to survival."""

import ast
from importlib import import_module
from pkgutil import get_data
from typing import Any

from bayesctc.process_wide import home_for_imports


def _public_names() -> dict[str, str]:
    """Each public name and its module: what `__init__.pyi` tells type checkers, so that there is one list."""
    stub = ast.parse(get_data(__name__, "__init__.pyi") or b"")
    return {
        alias.name: str(node.module) for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


# Names are imported when they are first used: reading a cohort does not wait for PyMC.
_WHERE = _public_names()
_COMPILING = ("bayesctc.model.graph",)  # these import PyTensor

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        with home_for_imports(compiling=_WHERE[name] in _COMPILING):
            return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'bayesctc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
