"""Curvatures by formula, which place quadrature nodes, against second differences of the NumPy probabilities."""

import numba
import numpy as np
import pytest

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.visits import counted
from bayesctc.model.families import FAMILIES

WITH_FORMULA = [name for name, family in FAMILIES.items() if family.compiled.curvature is not None]
OWN = {"dispersion": 1.7, "sigma": 0.6}


def test_which():
    assert WITH_FORMULA == ["negative_binomial", "poisson"]


@pytest.mark.parametrize("name", WITH_FORMULA)
def test_curvature(name):
    family = FAMILIES[name]
    piece, own = family.compiled, {p.name: OWN[p.name] for p in family.parameters}
    rng = np.random.default_rng(0)
    count, eta = rng.integers(0, 60, BLOCK), rng.uniform(-3.0, 5.0, BLOCK)
    volume = rng.choice([1.0, 7.5, 30.0], BLOCK)
    rows = counted(count.astype(float), volume, np.zeros((BLOCK, 0)), np.arange(BLOCK), BLOCK)
    theta, work, found = np.log([[*own.values(), 1.0]]), np.zeros((12, BLOCK)), np.zeros((1, BLOCK))
    constants, visit, curvature = piece.constants, piece.visit, piece.curvature

    @numba.njit
    def run(data, theta, positive, work, found):
        first, zero = 1, 0
        constants(data, first, theta, positive, zero, zero, work, zero)
        visit(data, first, theta, positive, zero, zero, work, zero, 6, 7, 8, 9)
        curvature(data, first, positive, zero, zero, work, 8, found, zero)

    work[6] = eta
    run(rows, theta, np.exp(theta), work, found)
    h = 1e-3
    low, middle, high = (family.log_probability(count, eta + move, volume, **own) for move in (-h, 0.0, h))
    np.testing.assert_allclose(found[0], -(high - 2.0 * middle + low) / h**2, rtol=1e-5, atol=1e-5)
