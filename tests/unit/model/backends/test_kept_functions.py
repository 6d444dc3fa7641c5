"""Which functions are compiled and kept on disk, under what names, and what an edit of is noticed."""

import dataclasses
import inspect
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import bayesctc
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


PROGRAM = """
import sys
import numba
import numpy as np
import bayesctc
from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.kernel import make_survive
from bayesctc.model.backends.compiled.on_disk import keep_compiled
from bayesctc.model.hazards import HAZARDS

def log_survival(name):
    survive = make_survive(HAZARDS[name].compiled)

    @numba.njit(error_model="numpy")
    def survival(theta, knots, data, out, work):
        survive(theta, np.exp(theta), 0, (1, 0, 2, 0, 0), knots, data, 0, out, work, 2, work)

    data, out, work = (np.zeros((rows, BLOCK)) for rows in (3, 1, 4))
    data[1], data[2] = 1.5, np.log(1.5)
    keep_compiled(survival, name)(np.array([[0.3, 0.2]]), np.zeros(0), data, out, work)
    return out[0, 0]

print(bayesctc.__file__, *(log_survival(name) for name in sys.argv[1:]))
"""
LOG_SURVIVAL = {"weibull": -((1.5 / np.exp(0.3)) ** np.exp(0.2)), "gompertz": -np.expm1(0.3) / 0.2 / np.exp(0.3)}


class Elsewhere:
    """A copy of the package, of which new processes compile the survival under hazards with two parameters."""

    def __init__(self, folder):
        self.folder, self.package = folder, folder / "bayesctc"
        left_out = shutil.ignore_patterns("__pycache__", "*.csv")
        shutil.copytree(Path(bayesctc.__file__).parent, self.package, ignore=left_out)
        self.first = [value for name in LOG_SURVIVAL for value in self.run(name)]

    def run(self, *hazards):
        """In a new process."""
        own = {"PYTHONPATH": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache")}
        command = [sys.executable, "-c", PROGRAM, *hazards]
        ended = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **own}, capture_output=True, text=True, check=True
        )
        where, *values = ended.stdout.split()
        assert Path(where).is_relative_to(self.package)
        return [float(value) for value in values]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return Elsewhere(tmp_path_factory.mktemp("elsewhere"))


@pytest.mark.integration
def test_what_two_processes_compiled_is_told_apart_in_a_third(elsewhere):
    """Each hazard first in a process of its own, so that numba's numbers meet; then both from disk."""
    assert elsewhere.first == pytest.approx(list(LOG_SURVIVAL.values()), rel=1e-12)
    kept = set(elsewhere.folder.glob("cache/**/*.code"))
    assert len(kept) == len(LOG_SURVIVAL)
    assert elsewhere.run(*LOG_SURVIVAL) == elsewhere.first
    assert set(elsewhere.folder.glob("cache/**/*.code")) == kept


@pytest.mark.integration
def test_an_edited_piece_shows_its_new_value(elsewhere):
    """No compiled copy of the old one is found on disk."""
    piece = elsewhere.package / "model" / "backends" / "compiled" / "hazards" / "weibull.py"
    text = piece.read_text()
    edited = text.replace("vexp(log_hazard)", "2.0 * vexp(log_hazard)")
    assert edited != text
    piece.write_text(edited)
    found = elsewhere.run("weibull")
    piece.write_text(text)  # the other tests' too
    assert found == pytest.approx([2.0 * elsewhere.first[0]], rel=1e-12)


def test_a_constant_that_is_compiled_in_is_noticed():
    """What a template is filled with is part of it: here how many rows a sample has."""
    keys = {
        compiled.made_from(compile_locate(family).py_func) for family in FAMILIES.values() if not family.closed_form
    }

    assert len(keys) == sum(not family.closed_form for family in FAMILIES.values())
    poisson = FAMILIES["poisson"]
    wider = dataclasses.replace(poisson, compiled=dataclasses.replace(poisson.compiled, n_constants=2))
    assert compiled.made_from(compile_locate(wider).py_func) not in keys
