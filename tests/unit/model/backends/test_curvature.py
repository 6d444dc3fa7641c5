"""Curvatures by formula, which place quadrature nodes, against second differences of the NumPy probabilities."""

import numba
import numpy as np
import pytest
from scipy.special import logit

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.families import FAMILIES

WITH_FORMULA = [name for name, family in FAMILIES.items() if family.compiled.curvature is not None]
OWN = {"dispersion": 1.7, "sigma": 0.6, "zero_inflation": 0.3}


def test_which():
    assert set(WITH_FORMULA) == {name for name, family in FAMILIES.items() if not family.closed_form}


@pytest.mark.parametrize("name", WITH_FORMULA)
def test_curvature(name):
    family = FAMILIES[name]
    piece, own = family.compiled, {p.name: OWN[p.name] for p in family.parameters}
    rng = np.random.default_rng(0)
    count, eta = rng.integers(0, 60, BLOCK), rng.uniform(-3.0, 5.0, BLOCK)
    volume = rng.choice([1.0, 7.5, 30.0], BLOCK)
    rows = piece.rows(count.astype(float), volume, np.zeros((BLOCK, 0)), np.arange(BLOCK), BLOCK)
    at, n = piece.n_constants, piece.n_constants + 3 + len(own)
    theta = np.array([[*(logit(x) if key == "zero_inflation" else np.log(x) for key, x in own.items()), 0.0]])
    work, found = np.zeros((n, BLOCK)), np.zeros((1, BLOCK))
    constants, visit, curvature = piece.constants, piece.visit, piece.curvature

    @numba.njit
    def run(data, theta, positive, work, found):
        first, zero = 1, 0
        constants(data, first, theta, positive, zero, zero, work, zero)
        visit(data, first, theta, positive, zero, zero, work, zero, at, at + 1, at + 2, at + 3)
        curvature(data, first, positive, zero, zero, work, at + 2, at + 3, found, zero)

    work[at] = eta
    run(rows, theta, np.exp(theta), work, found)
    h = 1e-3
    low, middle, high = (family.log_probability(count, eta + move, volume, **own) for move in (-h, 0.0, h))
    by_differences = -(high - 2.0 * middle + low) / h**2
    if name == "zero_inflated_negative_binomial":  # where P is convex nodes need no more than 0
        assert (by_differences < -0.01).any()
        by_differences = np.maximum(by_differences, 0.0)
    np.testing.assert_allclose(found[0], by_differences, rtol=1e-5, atol=1e-5)
