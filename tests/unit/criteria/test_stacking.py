"""Stacking weights are the maximum, whoever looks for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesctc.criteria.stacking import NO_WEIGHT, stacked_elpd, stacking_weights

pytestmark = pytest.mark.unit


def drawn(seed, n_components, n_patients=80):
    rng = np.random.default_rng(seed)
    return rng.normal(-3.0, 1.0, n_patients) + rng.normal(0.0, 0.7, (n_components, n_patients))


@given(st.integers(0, 10_000), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_no_component_would_gain_by_more_weight(seed, n):
    """The conditions of Karush, Kuhn and Tucker: the mean of p_c / sum w p is 1 where w is positive, else no more."""
    elpd = drawn(seed, n)
    weights = stacking_weights(elpd)
    assert weights.sum() == pytest.approx(1.0)
    density = np.exp(elpd)
    gain = (density / (weights @ density)).mean(axis=1)
    assert np.allclose(gain[weights > 0], 1.0, atol=1e-3)
    assert (gain[weights == 0] <= 1.0 + 2.0 * NO_WEIGHT).all()


def test_a_fine_grid_finds_no_better():
    elpd = drawn(1, 2)
    grid = np.linspace(0.0, 1.0, 2001)
    score = [np.log(w * np.exp(elpd[0]) + (1 - w) * np.exp(elpd[1])).sum() for w in grid]
    assert stacking_weights(elpd)[0] == pytest.approx(grid[int(np.argmax(score))], abs=1e-3)


def test_what_predicts_nothing_and_what_is_dominated_get_no_weight():
    elpd = drawn(2, 3)
    elpd[1] = elpd[0] - 0.5
    elpd[2, 4] = np.nan
    assert stacking_weights(elpd).tolist() == [1.0, 0.0, 0.0]
    assert not stacking_weights(np.full((2, 3), np.nan)).any()


def test_the_weights_do_not_flatter_the_patients_they_are_from():
    """Against weights found again without each patient: exact, and N times as slow."""
    elpd = drawn(3, 3)
    weights = stacking_weights(elpd)
    assert (weights > 0).all()
    exact = 0.0
    for i in range(elpd.shape[1]):
        others = stacking_weights(np.delete(elpd, i, axis=1))
        exact += np.log(others @ np.exp(elpd[:, i]))
    plain = np.log(weights @ np.exp(elpd)).sum()
    assert stacked_elpd(elpd, weights).sum() == pytest.approx(plain - 2.0, abs=1e-8)
    assert stacked_elpd(elpd, weights).sum() == pytest.approx(exact, abs=0.3)
    assert plain - exact > 1.0
