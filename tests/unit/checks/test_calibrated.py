"""Follow-up, p-values and uniformity."""

import numpy as np
import pytest
from scipy.stats import kstest, uniform

from bayesctc.checks.calibrated import calibrate
from bayesctc.checks.follow_up import FollowUp
from bayesctc.checks.uniform import uniformity

pytestmark = pytest.mark.unit


def test_p_values_of_exchangeable_statistics_are_uniform():
    """Correlated, skewed and discrete statistics; each p and the joint one."""
    rng = np.random.default_rng(1)
    single, joint = [], []
    for _ in range(400):
        z = rng.normal(size=(200, 6)) + rng.normal(size=(200, 1))
        z[:, 2] = np.exp(2.0 * z[:, 2])
        z[:, 3] = np.floor(z[:, 3])
        found = calibrate(z[0], z[1:])
        single.append(found.p[0])
        joint.append(found.p_check)
    assert kstest(single, uniform.cdf).pvalue > 0.01
    assert kstest(joint, uniform.cdf).pvalue > 0.01
    assert 0.025 < np.mean(np.array(joint) < 0.05) < 0.08


def test_one_statistic_far_out_is_flagged_and_the_others_are_not():
    draws = np.random.default_rng(2).normal(size=(500, 20))
    observed = np.zeros(20)
    observed[7] = 6.0
    found = calibrate(observed, draws)
    assert np.flatnonzero(found.flag).tolist() == [7]
    assert found.p[7] == pytest.approx(2 * 0.5 / 501)
    assert found.p_check == found.p_joint[7] == pytest.approx(1 / 501)
    np.testing.assert_allclose(found.lower, np.quantile(draws, 0.025, axis=0))


def test_statistics_that_are_not_there():
    draws = np.random.default_rng(3).normal(size=(100, 3))
    draws[:, 0] = np.nan
    draws[:50, 1] = np.nan
    found = calibrate(np.array([0.0, 0.1, np.nan]), draws)
    assert np.isnan(found.p[[0, 2]]).all()
    assert not found.flag.any()
    assert 0.5 < found.p[1] <= 1.0
    assert np.isnan(calibrate(np.array([np.nan]), draws[:, :1]).p_check)


def test_constant_replicates_flag_another_value_only():
    draws = np.ones((50, 1))
    assert not calibrate(np.array([1.0]), draws).flag.any()
    assert calibrate(np.array([0.0]), draws).flag.all()


def test_bands_hold_uniform_samples_and_p_is_uniform():
    rng = np.random.default_rng(4)
    found = [uniformity(rng.random(80), rng) for _ in range(120)]
    outside = [((f.ecdf < f.lower) | (f.ecdf > f.upper)).any() for f in found]
    assert 0.01 < np.mean(outside) < 0.11
    np.testing.assert_array_equal(outside, [f.p <= 0.05 for f in found])


def test_bands_see_what_is_not_uniform():
    rng = np.random.default_rng(5)
    for values in (rng.beta(2, 2, 300), rng.beta(0.6, 0.6, 300), rng.random(300) ** 1.4):
        assert uniformity(values, rng).p < 0.01


def test_more_simulations_tell_smaller_p_values():
    """The smallest p-value there can be is that of no simulated sample being as far out."""
    rng, low = np.random.default_rng(6), np.full(100, 0.01)
    assert uniformity(low, rng, 99).p == pytest.approx(0.01)
    assert uniformity(low, rng, 4999).p == pytest.approx(0.0002)


def test_follow_up_as_stated():
    time, event = np.array([5.0, 8.0, 9.0]), np.array([1.0, 0.0, 1.0])
    found = FollowUp.of(time, event, np.zeros(3), np.array([20.0, 30.0, 9.0]))
    np.testing.assert_array_equal(found.draw(np.random.default_rng(1)), [20.0, 8.0, 9.0])
    assert "followup_end" in found.found


def test_follow_up_drawn_has_the_distribution_of_censoring():
    """Events and censoring both uniform: the ends drawn for patients with events are those that were not seen."""
    rng = np.random.default_rng(6)
    death, end = rng.uniform(0, 40, 4000), rng.uniform(5, 30, 4000)
    time, event = np.minimum(death, end), (death <= end).astype(float)
    found = FollowUp.of(time, event, np.zeros(4000))
    drawn = found.draw(np.random.default_rng(7))
    assert (drawn >= time).all()
    np.testing.assert_array_equal(drawn[event == 0], end[event == 0])
    assert kstest(drawn, uniform(5, 25).cdf).pvalue > 0.01
    assert "reverse Kaplan-Meier" in found.found


def test_follow_up_without_anybody_censored_ends_with_the_longest():
    time = np.array([1.0, 2.0, 7.0])
    drawn = FollowUp.of(time, np.ones(3), np.zeros(3)).draw(np.random.default_rng(1))
    np.testing.assert_array_equal(drawn, [7.0, 7.0, 7.0])
