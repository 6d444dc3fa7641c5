"""Elementary functions of the kernels against NumPy and SciPy."""

import math

import numba
import numpy as np
import pytest
from scipy.special import erfcx, gammaln, psi

from bayesctc.model.backends.compiled import vector_math

pytestmark = pytest.mark.unit
RNG = np.random.default_rng(0)


def over(function, x):
    """Values of a compiled function over an array."""

    @numba.njit(error_model="numpy")
    def run(x, out):
        for i in range(x.shape[0]):
            out[i] = function(x[i])

    out = np.empty_like(x)
    run(x, out)
    return out


@pytest.mark.parametrize(
    ("name", "reference", "x"),
    [
        ("vexp", np.exp, RNG.uniform(-700, 700, 20_000)),
        ("vlog", np.log, np.exp(RNG.uniform(-600, 600, 20_000))),
        ("vlog1p", np.log1p, np.exp(RNG.uniform(-60, 60, 20_000))),
        ("vmills", lambda x: math.sqrt(math.pi / 2) * erfcx(x / math.sqrt(2)), np.exp(RNG.uniform(-20, 20, 20_000))),
    ],
)
def test_to_the_last_digits(name, reference, x):
    np.testing.assert_allclose(over(getattr(vector_math, name), x), reference(x), rtol=4e-15)


@pytest.mark.parametrize(("name", "reference"), [("vlog_gamma", gammaln), ("vdigamma", psi)])
def test_gamma_functions(name, reference):
    x = np.exp(RNG.uniform(-10, 14, 20_000))
    found, expected = over(getattr(vector_math, name), x), reference(x)
    np.testing.assert_array_less(np.abs(found - expected), 3e-14 * np.maximum(np.abs(expected), 1.0))


def test_edges():
    assert over(vector_math.vexp, np.array([0.0, -1e9, 1e9])).tolist() == pytest.approx([1.0, 0.0, 8.2e307], rel=0.01)
    assert over(vector_math.vlog1p, np.array([0.0])).tolist() == [0.0]
    assert over(vector_math.vmills, np.array([0.0])).item() == pytest.approx(math.sqrt(math.pi / 2), rel=1e-15)
