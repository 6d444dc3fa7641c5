"""Visits at which events are looked for: what is known stays, the rest is filled in, and what is seen at them."""

import numpy as np
import pytest

from bayesctc.model.inspections import Inspections

pytestmark = pytest.mark.unit
# between two visits; not seen; known to the day; entered late; an event within entry and the first visit
TIME = np.array([10.0, 9.0, 4.2, 13.0, 3.0])
EVENT = np.array([1.0, 0.0, 1.0, 1.0, 1.0])
ENTRY = np.array([0.0, 0.0, 0.0, 5.0, 0.0])
LEFT = np.array([7.0, 9.0, 4.2, 11.0, 0.0])


def made(seed=1):
    return Inspections.of(TIME, EVENT, ENTRY, LEFT, (1,), np.random.default_rng(seed))


def test_known_visits_stay_and_nothing_lies_between_them():
    for seed in range(20):
        found = made(seed)
        for k in (0, 3, 4):
            inside = (found.visits[k] > LEFT[k]) & (found.visits[k] < TIME[k])
            assert not inside.any()
            assert TIME[k] in found.visits[k]
        assert {7.0, 11.0, 9.0} <= {*found.visits[0], *found.visits[3], *found.visits[1]}
        assert (found.visits > ENTRY[:, None]).all()
        assert (np.nanmax(np.where(np.isfinite(found.visits), found.visits, np.nan), axis=1) <= 13.0).all()
        for entry, visits in zip(ENTRY, found.visits, strict=True):
            gaps = np.diff(np.append(entry, visits[np.isfinite(visits)]))
            assert gaps.max() <= 3.0 + 2.0  # a gap (2 or 3) and what is left of one to entry
    assert made().share_known == 0.25


def test_an_event_is_seen_at_the_next_visit():
    found = made()
    end = np.full(5, 13.5)
    rng = np.random.default_rng(0)
    everywhere = np.array([[7.5, 12.0, 1.0, 5.5, 14.0]])
    for _ in range(40):
        time, event, left = found.see(everywhere, end, rng)
        np.testing.assert_array_equal(event, [1, 1, 1, 1, 0])
        assert (left <= np.minimum(everywhere[0], end)).all()
        assert (time >= np.minimum(everywhere[0], end)).all()
        if left[0] < time[0]:
            assert (left[0], time[0]) == (7.0, 10.0)
        assert (time[4], left[4]) == (13.5, 13.5)
    shares = [np.mean(np.equal(*found.see(everywhere, end, rng)[::2])[:4]) for _ in range(400)]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.05)  # known to the day


def test_of_competing_events_one_that_is_known_to_the_day_may_hide_another():
    found = Inspections.of(
        TIME, np.array([1.0, 0.0, 2.0, 1.0, 1.0]), ENTRY, [7.0, 9.0, 2.0, 11.0, 0.0], (1,), np.random.default_rng(1)
    )
    assert found.share_known == 0.0
    progression, death = np.array([7.5, 2.0, 2.5, 12.0, 1.0]), np.array([9.0, 30.0, 30.0, 20.0, 2.9])
    time, event, left = found.see(np.stack([progression, death]), np.full(5, 13.0), np.random.default_rng(2))
    np.testing.assert_array_equal(event, [2, 1, 1, 1, 2])
    np.testing.assert_array_equal(time[[0, 3, 4]], [9.0, 13.0, 2.9])
    np.testing.assert_array_equal(left[[0, 3, 4]], [7.0, 11.0, 0.0])


def test_follow_up_may_end_before_a_visit():
    time, event, left = made().see(
        np.array([[7.5] * 5]), np.array([8.0, 7.5, 7.4, 8.0, 20.0]), np.random.default_rng(3)
    )
    assert event.tolist()[:4] == [1, 1, 0, 1]
    assert time[2] == left[2] == 7.4
    assert time[0] in (7.5, 8.0)  # known to the day, or seen at the end of follow-up


def test_gaps_are_drawn_as_those_between_visits_and_not_as_those_that_hold_events():
    """Visits every month, a third of them missed: gaps of 1 and 2 months, of which the longer hold more events."""
    rng = np.random.default_rng(4)
    n = 4000
    gaps = rng.choice([1.0, 2.0], (n, 40), p=[2 / 3, 1 / 3])
    visits = np.cumsum(gaps, axis=1)
    happens = rng.uniform(5.0, 20.0, n)
    k = (visits < happens[:, None]).sum(axis=1)
    left, time = visits[np.arange(n), k - 1], visits[np.arange(n), k]
    assert np.mean(time - left == 2.0) == pytest.approx(0.5, abs=0.03)
    found = Inspections.of(time, np.ones(n), np.zeros(n), left, (1,), rng)
    filled = np.diff(np.where(found.visits < left[:, None], found.visits, np.nan), axis=1)
    filled = filled[np.isfinite(filled)]
    assert np.mean(np.isclose(filled, 2.0)) == pytest.approx(1 / 3, abs=0.03)
