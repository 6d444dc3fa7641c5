"""Label switching made by hand is undone exactly."""

import numpy as np
import pytest
from scipy.special import softmax

from bayesctc.results.relabel import main_group, relabel

pytestmark = pytest.mark.unit


def classification(n_draws, n_patients, K, noise, seed):
    """Reference logits, and draws scattered around them."""
    rng = np.random.default_rng(seed)
    centre = 3.0 * np.eye(K)[rng.integers(K, size=n_patients)]
    return softmax(centre, axis=1), softmax(centre + noise * rng.normal(size=(n_draws, n_patients, K)), axis=2), rng


@pytest.mark.parametrize(("K", "noise"), [(2, 0.5), (3, 1.0), (4, 1.0), (6, 1.5)])
def test_random_permutations_are_undone(K, noise):
    reference, draws, rng = classification(200, 60, K, noise, seed=K)
    permutations = np.stack([rng.permutation(K) for _ in range(200)])
    switched = np.take_along_axis(draws, permutations[:, None, :], axis=2)
    assert not np.array_equal(switched, draws)
    order = relabel(switched, reference)
    for s in range(200):
        np.testing.assert_array_equal(switched[s][:, order[s]], draws[s])
        np.testing.assert_array_equal(permutations[s][order[s]], np.arange(K))


def test_labels_are_those_of_the_reference():
    reference, draws, _ = classification(50, 60, 3, 0.5, seed=9)
    turned = reference[:, [2, 0, 1]]
    order = relabel(draws, turned)
    np.testing.assert_array_equal(order, np.tile([2, 0, 1], (50, 1)))


def test_a_rough_reference_is_enough():
    """The common classification is that of the draws: a reference right for 40 % of patients only sets the names."""
    reference, draws, rng = classification(200, 100, 3, 0.8, seed=4)
    rough = np.where(rng.random(100)[:, None] < 0.4, reference, 1 / 3)
    permutations = np.stack([rng.permutation(3) for _ in range(200)])
    switched = np.take_along_axis(draws, permutations[:, None, :], axis=2)
    order = relabel(switched, rough)
    np.testing.assert_array_equal(np.take_along_axis(permutations, order, axis=1), np.tile(np.arange(3), (200, 1)))


def test_probabilities_of_exactly_zero_and_one():
    hard = np.eye(3)[np.arange(30) % 3]
    draws = np.stack([hard[:, [1, 2, 0]], hard, hard[:, [0, 2, 1]]])
    order = relabel(draws, hard)
    for s in range(3):
        np.testing.assert_array_equal(draws[s][:, order[s]], hard)


def test_one_class_needs_no_labels():
    np.testing.assert_array_equal(relabel(np.ones((5, 8, 1)), np.ones((8, 1))), np.zeros((5, 1)))


REFERENCE = np.tile([1.0, 0.0], (10, 1))


def moved(n):
    """The reference with n of 10 patients in the other class."""
    return np.where(np.arange(10)[:, None] < n, [0.0, 1.0], REFERENCE)


def test_chains_that_classify_like_the_mode_are_the_main_group():
    chains = np.stack([moved(0), moved(5), moved(1), moved(0)])
    assert main_group(chains, REFERENCE) == ([0, 2, 3], True)


def test_tolerance_is_a_share_of_probability():
    chains = np.stack([moved(0), moved(2), moved(0)])
    assert main_group(chains, REFERENCE) == ([0, 2], True)
    assert main_group(chains, REFERENCE, tolerance=0.21) == ([0, 1, 2], True)
    slightly = np.where(REFERENCE == 1.0, 0.91, 0.09)
    assert main_group(np.stack([moved(0), slightly, moved(0)]), REFERENCE, tolerance=0.08)[0] == [0, 2]
    assert main_group(np.stack([moved(0), slightly, moved(0)]), REFERENCE, tolerance=0.1)[0] == [0, 1, 2]


def test_chains_that_left_together_are_kept_and_named():
    assert main_group(np.stack([moved(5), moved(5), moved(0)]), REFERENCE) == ([0, 1], False)


def test_of_equal_groups_that_at_the_mode_counts():
    assert main_group(np.stack([moved(5), moved(0)]), REFERENCE) == ([1], True)
    assert main_group(np.stack([moved(5), moved(0), moved(5), moved(0)]), REFERENCE) == ([1, 3], True)
