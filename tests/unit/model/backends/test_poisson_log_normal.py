"""Poisson log-normal probabilities as the compiled likelihood has them, by table, expansion or sum, against dense
integration, over all counts and spreads that data can have."""

import math
from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from bayesctc.model.backends.compiled import tables
from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.families.poisson_log_normal import MANY, visit
from bayesctc.model.backends.visits import NO_EXPOSURE
from bayesctc.model.families.poisson_log_normal import POISSON_LOG_NORMAL, log_probability

TABLED = POISSON_LOG_NORMAL.compiled.tabled
OWN = (1, 0, 1, 1, 0, 0)  # one growth term, no random effects, sigma, one slot; both from 0 on
FEW = np.arange(24.0)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
VALUE, SLOPE, BY = 30, 31, 32
_look_up, _tabulate = tables.make_look_up(visit, TABLED), tables.make_tabulate(TABLED, 3)


@numba.njit
def _by_table(theta, blocks, counts, work):
    made = _tabulate(theta, np.exp(theta), blocks, OWN, counts)
    for i in range(BLOCK):
        work[29, i] = theta[0, 0] * blocks[0, 5, i]
    _look_up(blocks[0], 2, theta, np.exp(theta), 0, 1, made, work, 0, 29, VALUE, SLOPE, BY)


@numba.njit
def _by_visit(theta, data, work):
    visit(data, 0, theta, np.exp(theta), 0, 1, work, 0, 29, VALUE, SLOPE, BY)


def looked_up(counts, eta, log_volume, sigma):
    """log P and its derivatives by the curve and by log sigma, of up to 64 samples of small counts."""
    n = len(counts)
    block = np.zeros((6, BLOCK))
    block[0, :n], block[3], block[4] = 1.0, NO_EXPOSURE, len(FEW)
    block[2, :n], block[3, :n], block[4, :n], block[5, :n] = counts, log_volume, counts, eta
    work = np.zeros((33, BLOCK))
    _by_table(np.array([[1.0, math.log(sigma)]]), block[None], np.column_stack([FEW, -gammaln(FEW + 1.0)]), work)
    np.testing.assert_allclose(work[VALUE:, n:], 0.0, atol=1e-12)
    return work[[VALUE, SLOPE, BY], :n]


def computed(counts, eta, log_volume, sigma):
    """The same of any counts, one by one."""
    n = len(counts)
    data, work = np.zeros((3, BLOCK)), np.zeros((33, BLOCK))
    data[1] = NO_EXPOSURE
    data[0, :n], data[1, :n] = counts, log_volume
    work[0, :n], work[29, :n] = counts * log_volume - gammaln(counts + 1.0), eta
    _by_visit(np.array([[1.0, math.log(sigma)]]), data, work)
    np.testing.assert_allclose(work[VALUE:, n:], 0.0, atol=1e-12)
    return work[[VALUE, SLOPE, BY], :n]


def integrated(count, a, sigma):
    """log P by Gauss and Legendre's rule over log lambda, piece by piece around the mode of the integrand."""

    def log_integrand(x):
        return count * x - np.exp(x) - gammaln(count + 1.0) - 0.5 * ((x - a) / sigma) ** 2

    low, high = min(a, math.log(count + 1e-9)) - 60.0, max(a, math.log(count + 1.0)) + 1.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        rising = count - math.exp(middle) > (middle - a) / sigma**2
        low, high = (middle, high) if rising else (low, middle)
    width = 1.0 / math.sqrt(math.exp(low) + sigma**-2)
    highest = log_integrand(low)
    left = low - 9.0 * max(width, sigma)
    ends = np.unique(np.concatenate([np.linspace(left, low, 60), low + width * np.linspace(-12.0, 9.0, 43)]))
    total = sum(
        0.5 * (stop - start) * WEIGHTS @ np.exp(log_integrand(start + 0.5 * (stop - start) * (1.0 + NODES)) - highest)
        for start, stop in pairwise(ends)
    )
    return highest + math.log(total / sigma) - 0.5 * math.log(2.0 * math.pi)


def by_differences(counts, a, sigma):
    """Derivatives by the curve and by log sigma, of the NumPy probability, by Richardson's rule."""

    def slope(f):
        fine, coarse = ((f(h) - f(-h)) / (2.0 * h) for h in (1e-3, 2e-3))
        return (4.0 * fine - coarse) / 3.0

    return np.stack(
        [
            slope(lambda h: log_probability(counts, a + h, 7.5, sigma)),
            slope(lambda h: log_probability(counts, a, 7.5, sigma * math.exp(h))),
        ]
    )


SPREADS = st.floats(0.03, 12.0)


@settings(max_examples=40)
@given(sigma=SPREADS, seed=st.integers(0, 10**6))
def test_table(sigma, seed):
    rng = np.random.default_rng(seed)
    counts, eta = rng.integers(0, 24, 20).astype(float), rng.uniform(-8.0, 6.0, 20)
    log_volume = rng.choice(np.log([1.0, 0.5, 4.0]), 20)
    found = looked_up(counts, eta, log_volume, sigma)
    expected = [integrated(c, a, sigma) for c, a in zip(counts[:4], (eta + log_volume)[:4], strict=True)]
    np.testing.assert_allclose(found[0, :4], expected, rtol=1e-9, atol=1e-9)
    summed = computed(counts, eta, log_volume, sigma)
    np.testing.assert_allclose(found[:2], summed[:2], rtol=1e-9, atol=5e-9)
    np.testing.assert_allclose(found[2], summed[2], rtol=1e-9, atol=1e-9 * (5.0 + sigma**2))  # sigma^2 (L'' + L'^2)


@settings(max_examples=40)
@given(sigma=SPREADS, size=st.floats(0.0, 16.0), seed=st.integers(0, 10**6))
def test_any_count(sigma, size, seed):
    """Of all sizes: rows of few cells are summed, rows of many expanded, mixed ones summed."""
    rng = np.random.default_rng(seed)
    counts = np.floor(np.exp(rng.uniform(0.0, size, 6)) - 1.0 + (rng.random() < 0.5) * 30.0)
    a = np.log(counts + 1.0) + rng.normal(0.0, 1.0, 6) * max(2.0 * sigma, 0.3)
    found = computed(counts, a, 0.0, sigma)
    expected = [integrated(c, each, sigma) for c, each in zip(counts, a, strict=True)]
    np.testing.assert_allclose(found[0], expected, rtol=1e-9, atol=2e-9)
    np.testing.assert_allclose(found[1:], by_differences(counts, a, sigma), rtol=1e-5, atol=1e-5 * (1.0 + counts.max()))
    np.testing.assert_allclose(log_probability(counts, a, 7.5, sigma), expected, rtol=1e-9, atol=2e-9)


@pytest.mark.parametrize("sigma", [0.3, 0.9, 1.5, 4.0, 50.0])
def test_sum_and_expansion_meet(sigma):
    """Where a row passes from one to the other, nothing jumps that a sampler or a difference would feel."""
    counts = np.full(2, 20.0)
    y = MANY * sigma**2  # the curve at which MANY cells are expected at the mode
    there = y + math.log(y) - 2.0 * math.log(sigma) - sigma**2 * 20.0
    moves = 1e-7 * np.array([-3.0, -1.0, 1.0, 3.0])
    first, second, third, fourth = (computed(counts, there + move, 0.0, sigma) for move in moves)
    np.testing.assert_allclose(third - second, 0.5 * (second - first + fourth - third), atol=1e-9 * (1.0 + sigma**2))


def test_beyond_the_table():
    """A range too wide for a table, as a sampler's first steps may have, is computed sample by sample."""
    counts, eta = np.array([0.0, 3.0, 23.0]), np.array([-200.0, 0.5, 40.0])
    np.testing.assert_array_equal(looked_up(counts, eta, 0.0, 0.8), computed(counts, eta, 0.0, 0.8))
