"""Functions that only compiled ones call: linked into these, for every integer once, and the numbers are the same."""

import numba
import numpy as np
import pytest

from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.vector_math import vexp

pytestmark = pytest.mark.unit


@inner
def power(x, k):
    """x ** k."""
    y = 1.0
    for _ in range(k):
        y *= x
    return y


@inner(forceinline=True)
def twice(x):
    """2 x."""
    return 2.0 * x


@inner
def both(x, k):
    """2 x ** k, two calls deep."""
    return twice(power(x, k))


@numba.njit
def outermost(x, k):
    """An ordinary compiled function that calls inner ones, with integers written out and not."""
    return both(x, 3) + both(x, k) + power(x, 0)


def test_an_outer_function_computes_with_inner_ones_what_python_does():
    assert outermost(1.5, 4) == 2.0 * 1.5**3 + 2.0 * 1.5**4 + 1.0


def test_an_integer_that_is_written_out_makes_no_second_copy():
    outermost(1.0, 2)
    assert power.signatures == [(numba.float64, numba.int64)]
    assert both.signatures == [(numba.float64, numba.int64)]


def test_an_inner_function_is_not_made_into_machine_code_before_it_is_linked():
    @inner
    def alone(x):
        return x + 1.0

    @numba.njit(no_cpython_wrapper=True)
    def ordinary(x):
        return x + 1.0

    made = {}
    for function in (alone, ordinary):
        function.compile((numba.float64,))
        (compiled,) = function.overloads.values()
        made[function] = compiled.library._codegen._engine.is_symbol_defined(compiled.fndesc.llvm_func_name)
    assert made == {alone: False, ordinary: True}


def test_a_loop_over_a_function_put_in_place_is_vector_code():
    @numba.njit(error_model="numpy")
    def over(x, y):
        for i in range(64):
            y[i] = vexp(x[i])

    x, y = np.linspace(-3.0, 3.0, 64), np.empty(64)
    over(x, y)
    assert np.allclose(y, np.exp(x), rtol=1e-14, atol=0.0)
    (code,) = over.inspect_llvm().values()
    assert "fmul contract <" in code


def test_another_version_of_numba_compiles_as_it_does(monkeypatch):
    monkeypatch.setattr("bayesctc.model.backends.compiled.inner.KNOWN", ())
    cube = inner(power.py_func)

    @numba.njit
    def outer(x):
        return cube(x, 3)

    assert type(cube) is type(outer)
    assert cube._compiler.pipeline_class is outer._compiler.pipeline_class
    assert outer(1.5) == 1.5**3
