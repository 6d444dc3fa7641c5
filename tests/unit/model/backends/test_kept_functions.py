"""Which functions are compiled and kept on disk, under what names, and what an edit of is noticed."""

import dataclasses
import inspect
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

from bayesctc.cli.compile_ahead import is_compiled_ahead
from bayesctc.inference.quasi_newton import advance
from bayesctc.model import posterior
from bayesctc.model.backends.compiled import on_disk as compiled
from bayesctc.model.backends.compiled.composition import compile_kernel, compile_locate
from bayesctc.model.covariance import factor_of_coordinates
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

pytestmark = pytest.mark.unit

KEPT = [
    advance,
    factor_of_coordinates,
    posterior._spread,
    posterior._gather,
    *(compile_kernel((family,), hazard) for family in FAMILIES.values() for hazard in HAZARDS.values()),
    *(compile_locate(family) for family in FAMILIES.values() if not family.closed_form),
]


def test_every_function_numba_would_cache_is_kept_here():
    assert {type(f._cache) for f in KEPT} == {compiled.CodeOnDisk}


def called(function):
    """Compiled functions that a function calls, and those that they call."""
    found, left = set(), [function.py_func]
    while left:
        code = left.pop()
        closed = [cell.cell_contents for cell in code.__closure__ or ()]
        for other in [*map(code.__globals__.get, code.__code__.co_names), *closed]:
            if isinstance(other, Dispatcher) and other not in found:
                found.add(other)
                left.append(other.py_func)
    return found


def test_an_edit_of_anything_that_is_compiled_with_a_function_is_noticed(monkeypatch):
    content = Path.read_bytes
    for function in KEPT:
        read = set()
        monkeypatch.setattr(Path, "read_bytes", lambda path, read=read: (read.add(path.resolve()), content(path))[1])
        compiled.made_from.__wrapped__(function.py_func)
        monkeypatch.undo()

        outside = {
            f"{function.py_func.__name__} calls {other.py_func.__name__} of {path}"
            for other in {function, *called(function)}
            for path in [Path(inspect.getfile(other.py_func))]
            if path.resolve() not in read
        }
        assert outside == set()
    assert len(called(KEPT[-1])) > 5


@pytest.mark.parametrize("in_stretches", [False, True])
def test_a_pair_is_made_of_what_its_family_and_its_hazard_are_made_of(in_stretches):
    """A pair that no test compiles holds no code but that of two pairs that they do compile, and some of each."""

    def code(family, hazard):
        kernel = compile_kernel((FAMILIES[family],), HAZARDS[hazard], in_stretches)
        return {function.py_func.__code__ for function in {kernel, *called(kernel)}}

    others = [pair for pair in product(FAMILIES, HAZARDS) if not is_compiled_ahead(*pair)]
    assert others
    for family, hazard in others:
        own, other = code(family, "weibull"), code("gaussian", hazard)
        assert code(family, hazard) <= own | other
        assert not code(family, hazard) <= own
        assert not code(family, hazard) <= other


def test_no_two_compiled_functions_have_one_name():
    """numba would call the one that another process has kept in the place of the one that is compiled here."""
    for function in KEPT:
        compiled.name_apart(function.py_func)
    names = {}
    for function in KEPT:
        for other in {function, *called(function)}:
            name = f"{other.py_func.__module__}.{other.py_func.__qualname__}"
            assert names.setdefault(name, other) is other
    templates = [name for name in names if "<locals>" in name]
    assert len(templates) > 2 * len(KEPT)
    assert all(compiled.made_from(names[name].py_func) for name in templates)


PROGRAM_OF_TWO = """
import sys
import numpy as np
from bayesctc.model.backends.compiled.composition import compile_kernel
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import Sizes
from bayesctc.model.backends.compiled.evaluator import CompiledLikelihood

def value(family):
    sizes = Sizes(family, "none", 1, 1, 0, 0)
    ctc, volume, patient = np.array([3.0, 0.0, 8.0]), np.full(3, 7.5), np.array([0, 0, 1])
    samples = sizes.sample_rows(ctc, volume, np.ones((3, 1)), patient, 2)
    packed = Packed(("a", "b"), np.zeros((3, 2)), np.ones((1, 2)), samples, np.zeros((2, 2)), sizes, np.array([2, 1]))
    theta = np.full((1, sizes.n_class_parameters), 0.1)
    return CompiledLikelihood(packed, sizes, 1).total(theta)[0]

print(*(value(family) for family in sys.argv[1:]))
"""


@pytest.mark.integration
def test_what_two_processes_compiled_is_told_apart_in_a_third(tmp_path):
    """Each family first in a process of its own, so that numba's numbers meet; then both from disk."""

    def run(*families):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "NUMBA_OPT": "0"}  # compiled, however slow
        command = [sys.executable, "-c", PROGRAM_OF_TWO, *families]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return ended.stdout.split()

    poisson, censored = run("poisson"), run("censored")
    assert run("poisson", "censored") == [*poisson, *censored]


def test_a_constant_that_is_compiled_in_is_noticed():
    """What a template is filled with is part of it: here how many rows a sample has."""
    keys = {
        compiled.made_from(compile_locate(family).py_func) for family in FAMILIES.values() if not family.closed_form
    }

    assert len(keys) == sum(not family.closed_form for family in FAMILIES.values())
    poisson = FAMILIES["poisson"]
    wider = dataclasses.replace(poisson, compiled=dataclasses.replace(poisson.compiled, n_constants=2))
    assert compiled.made_from(compile_locate(wider).py_func) not in keys
