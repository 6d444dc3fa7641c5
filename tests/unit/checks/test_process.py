"""Missed visits and drop-out: estimated as simulated, and drawn as estimated."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from bayesctc.checks.process import ObservationProcess
from bayesctc.checks.visits import Visits

pytestmark = pytest.mark.unit
MISSED, DROPOUT = np.array([0.05, 0.2, 0.1, 0.15]), np.array([0.0, 0.1, 0.2, 0.1])


def simulated(n, seed, followed=np.inf):
    """Attendance of n patients, written apart from the package."""
    rng = np.random.default_rng(seed)
    came = np.zeros((n, 4), dtype=bool)
    end = np.broadcast_to(followed, n)
    for i in range(n):
        for j in range(4):
            if j > end[i] or rng.random() < DROPOUT[j]:
                break
            came[i, j] = rng.random() >= MISSED[j]
    times = np.tile(np.arange(4.0), (n, 1))
    ctc = np.where(came, 1.0, np.nan)
    ids = tuple(f"P{i}" for i in range(n))
    return Visits(ids, np.arange(4.0), np.arange(4), np.zeros(4, dtype=int), times, np.full((n, 4), 7.5), came, ctc)


def log_likelihood(logits, came, n_due):
    """By enumeration of the visit at which a patient dropped out."""
    missed, dropout = 1 / (1 + np.exp(-logits[:4])), 1 / (1 + np.exp(-logits[4:]))
    total = 0.0
    for row, due in zip(came, n_due, strict=True):
        probability = 0.0
        for left in range(due + 1):  # `due`: never
            if row[left:due].any():
                continue
            p = np.prod(1 - dropout[:left]) * (dropout[left] if left < due else 1.0)
            probability += p * np.prod(np.where(row[:left], 1 - missed[:left], missed[:left]))
        total += np.log(probability)
    return total


def test_the_estimate_is_the_maximum_of_the_likelihood():
    rng = np.random.default_rng(2)
    followed = rng.integers(0, 4, 300).astype(float)
    visits = simulated(300, 1, followed)
    found = ObservationProcess.estimate(visits, followed, np.zeros(300, dtype=int))
    n_due = followed.astype(int) + 1
    at = np.clip(np.concatenate([found.missed, found.dropout]), 1e-9, 1 - 1e-9)
    best = minimize(lambda x: -log_likelihood(x, visits.present, n_due), np.full(8, -2.0), method="L-BFGS-B")
    assert log_likelihood(np.log(at / (1 - at)), visits.present, n_due) == pytest.approx(-best.fun, abs=1e-3)


def test_probabilities_are_recovered():
    visits = simulated(6000, 3)
    found = ObservationProcess.estimate(visits, np.full(6000, np.inf), np.zeros(6000, dtype=int))
    np.testing.assert_allclose(found.missed[:3], MISSED[:3], atol=0.03)
    np.testing.assert_allclose(found.dropout[:3], DROPOUT[:3], atol=0.03)
    come = (1 - found.dropout[3]) * (1 - found.missed[3])  # at the last visit only their product is known
    assert come == pytest.approx(0.9 * 0.85, abs=0.03)
    assert found.table["n_at_risk"].tolist() == [6000] * 4


def test_draws_have_the_attendance_of_the_data():
    visits = simulated(6000, 4)
    found = ObservationProcess.estimate(visits, np.full(6000, np.inf), np.zeros(6000, dtype=int))
    drawn = found.draw(np.random.default_rng(1), np.full(6000, np.inf))
    np.testing.assert_allclose(drawn.mean(axis=0), visits.present.mean(axis=0), atol=0.03)
    patterns = [np.bincount(x @ [1, 2, 4, 8], minlength=16) / 6000 for x in (drawn, visits.present)]
    np.testing.assert_allclose(*patterns, atol=0.02)


def test_kept_visits_stay_and_nobody_is_sampled_after_her_time():
    visits = simulated(2000, 5)
    condition = np.minimum(visits.present.sum(axis=1), 2)
    found = ObservationProcess.estimate(visits, np.full(2000, np.inf), condition)
    time = np.where(np.arange(2000) % 2 == 0, 2.5, 1e9)
    drawn = found.draw(np.random.default_rng(2), time)
    assert not drawn[::2, 3].any()
    kept = found.kept & (visits.times <= time[:, None])
    np.testing.assert_array_equal(drawn[kept], visits.present[kept])
    two = visits.present.sum(axis=1) >= 2
    np.testing.assert_array_equal((visits.present & found.kept).sum(axis=1)[two], 2)
    # what came after the second sample says as much of drop-out as all does without a rule
    np.testing.assert_allclose(found.missed[2], MISSED[2], atol=0.05)
    np.testing.assert_allclose(found.dropout[2], DROPOUT[2], atol=0.05)


def test_further_samples_follow_the_first_and_know_the_last_visit():
    base = simulated(3000, 6)
    slots = [0, 0, 1, 2, 3]
    present = base.present[:, slots]
    last = present[:, 0] & ~present[:, 2:].any(axis=1)
    u = np.random.default_rng(3).random(3000)
    present[:, 1] = present[:, 0] & (u < np.where(last, 0.6, 0.05))
    visits = replace(
        base,
        visit=np.array(slots),
        copy=np.array([0, 1, 0, 0, 0]),
        present=present,
        times=base.times[:, slots],
        ctc=np.where(present, 1.0, np.nan),
        volume_ml=base.volume_ml[:, slots],
    )
    found = ObservationProcess.estimate(visits, np.full(3000, np.inf), np.zeros(3000, dtype=int))
    np.testing.assert_allclose(found.further[:, 1], [0.05, 0.6], atol=0.06)
    drawn = found.draw(np.random.default_rng(4), np.full(3000, np.inf))
    assert not (drawn[:, 1] & ~drawn[:, 0]).any()
    ends = drawn[:, 0] & ~drawn[:, 2:].any(axis=1)
    assert drawn[ends, 1].mean() == pytest.approx(found.further[1, 1], abs=0.06)
