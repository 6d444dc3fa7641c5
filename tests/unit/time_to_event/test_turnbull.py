"""Turnbull's estimate: published figures, Kaplan and Meier's where times are known, and what a maximum has to be."""

import numpy as np
import pytest
from scipy.optimize import minimize

from bayesctc.time_to_event.product_limit import product_limit
from bayesctc.time_to_event.turnbull import turnbull

pytestmark = pytest.mark.unit

# Months to cosmetic deterioration after radiotherapy alone (Finkelstein and Wolfe, Biometrics 1985;41:933), "-" where
# it was not seen, and the estimate that R's package interval prints of them (Fay and Shaw, J Stat Softw 2010;36(2)).
RADIOTHERAPY = """45- 6,10 0,7 46- 46- 7,16 17- 7,14 37,44 0,8 4,11 15- 11,15 22- 46- 46- 25,37 46- 26,40 46- 27,34
    36,44 46- 36,48 37- 40- 17,25 46- 11,18 38- 5,12 37- 0,5 18- 24- 36- 5,11 19,35 17,25 24- 32- 33- 19,26 37- 34-
    36-"""
PUBLISHED = [
    (4, 5, 0.0463),
    (6, 7, 0.0334),
    (7, 8, 0.0887),
    (11, 12, 0.0708),
    (24, 25, 0.0926),
    (33, 34, 0.0818),
    (38, 40, 0.1209),
    (46, 48, 0.4656),
]


def radiotherapy():
    bounds = [text.rstrip("-").split(",") for text in RADIOTHERAPY.split()]
    left, time = (np.array([float(pair[k]) for pair in bounds]) for k in (0, -1))
    return left, time, np.array([len(pair) - 1 for pair in bounds])


def scanned(rng, n, entry=False):
    """Patients who enter at once or later, are scanned at irregular times, and a few of whom die on a known day."""
    enter = rng.exponential(2.0, n) * (rng.random(n) < 0.5) * entry
    time = enter + 8.0 * rng.weibull(1.3, n)
    visits = np.column_stack([enter, enter[:, None] + np.cumsum(rng.choice([1.0, 1.5, 3.0], (n, 80)), axis=1)])
    k, end = (visits < time[:, None]).sum(axis=1), enter + rng.uniform(3.0, 25.0, n)
    left, right = visits[np.arange(n), k - 1], visits[np.arange(n), k]
    last = np.where(visits <= end[:, None], visits, 0.0).max(axis=1)
    event, died = right <= end, rng.random(n) < 0.15
    left, seen = np.where(event, np.where(died, time, left), last), np.where(event, np.where(died, time, right), last)
    return left, seen, event.astype(float), enter


def test_published_estimate():
    left, time, event = radiotherapy()
    found = turnbull(left, time, event, np.zeros(46))
    mass = -np.diff(np.concatenate([[1.0], np.cumprod(1.0 - found.hazard)]))
    np.testing.assert_array_equal(np.column_stack([found.left, found.right]), np.array(PUBLISHED)[:, :2])
    np.testing.assert_allclose(mass, np.array(PUBLISHED)[:, 2], atol=5e-5)
    assert found.shortfall < 1e-8


def test_equal_bounds_are_kaplan_and_meier():
    rng = np.random.default_rng(3)
    for n in (1, 2, 7, 60):
        for late in (0.0, 1.0):
            entry = late * rng.integers(0, 4, n)
            time, event = entry + rng.integers(1, 20, n) / 2, rng.binomial(1, 0.7, n)
            months = np.union1d(np.linspace(0.0, time.max() + 1.0, 30), time)
            found = turnbull(time, time, event, entry)
            for start in (0.0, 2.0):
                expected = product_limit(time, event, entry, months, start)
                np.testing.assert_allclose(found.survival(months, start), expected, atol=1e-14)


@pytest.mark.parametrize("entry", [False, True])
def test_maximum_of_the_likelihood_over_all_distributions(entry):
    """Whole months, so that each is a piece; beside a search over the hazards of all of them, and no worse than it."""
    rng = np.random.default_rng(8)
    for _ in range(5):
        left, time, event, enter = (np.ceil(values) for values in scanned(rng, 25, entry))
        weights = rng.uniform(0.2, 1.0, 25)
        left = np.minimum(np.maximum(left, enter), time - event)
        here = (time > enter) & (left >= enter)
        left, time, event, enter, weights = (values[here] for values in (left, time, event, enter, weights))
        month = np.arange(1, int(time.max()) + 1)
        seen = event == 1
        covers = (month > left[seen, None]) & (month <= time[seen, None])
        through = weights @ ((month > enter[:, None]) & (month <= np.where(seen, left, time)[:, None]))

        def loss(h, covers=covers, w=weights[seen], through=through):
            x = covers @ h
            return through @ h - w @ np.log(-np.expm1(-x)), through - (w / np.expm1(x)) @ covers

        bounds, options = [(1e-9, 40.0)] * len(month), {"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-9}
        best = minimize(loss, np.full(len(month), 0.1), jac=True, bounds=bounds, options=options)
        found = turnbull(left, time, event, enter, weights)
        own = np.zeros(len(month))
        own[found.left.astype(int)] = np.minimum(-np.log1p(-np.minimum(found.hazard, 1.0 - 1e-16)), 40.0)
        assert found.shortfall < 1e-8
        assert loss(own)[0] == pytest.approx(best.fun, abs=1e-4)
        assert loss(own)[0] < best.fun + 1e-8


def test_self_consistency():
    """The estimate is Kaplan and Meier's of the events that it expects in each interval (Turnbull 1976)."""
    left, time, event, enter = scanned(np.random.default_rng(5), 150, entry=True)
    weights = np.random.default_rng(6).uniform(0.1, 1.0, 150)
    found = turnbull(left, time, event, enter, weights)
    start = np.concatenate([[1.0], np.cumprod(1.0 - found.hazard)[:-1]])  # survival before each interval
    mass = start * found.hazard
    deaths, at_risk = np.zeros(len(mass)), np.zeros(len(mass))
    exact = left == time
    for i in np.flatnonzero(time > enter):
        inside = (found.left >= enter[i]) & (found.right > enter[i])
        if not event[i]:
            at_risk += weights[i] * (inside & (found.right <= time[i]))
            continue
        there = (
            (found.left == time[i]) & (found.right == time[i])
            if exact[i]
            else ((found.left >= left[i]) & (found.right <= time[i]) & (found.right > left[i]))
        )
        expected = np.where(there, mass, 0.0) / mass[there].sum()
        later = np.cumsum(expected[::-1])[::-1]  # still free of it before each interval
        deaths += weights[i] * expected
        at_risk += weights[i] * np.where(inside, later, 0.0)
    np.testing.assert_allclose(found.hazard, deaths / at_risk, rtol=1e-6)


def test_one_class_by_its_probabilities():
    """A weight of 2 is a patient twice, one of 0 nobody."""
    left, time, event, enter = scanned(np.random.default_rng(2), 60)
    weights = np.random.default_rng(3).integers(0, 3, 60)
    found = turnbull(left, time, event, enter, weights)
    again = turnbull(*(np.repeat(values, weights) for values in (left, time, event, enter)))
    np.testing.assert_allclose(found.hazard, again.hazard, atol=1e-7)
    np.testing.assert_array_equal(found.left, again.left)


def test_curve_between_the_intervals():
    """Two events between 2 and 4, and two patients seen free of it at 6: flat, down to a half from 2 to 4, flat."""
    found = turnbull([1.0, 2.0, 6.0, 6.0], [4.0, 5.0, 6.0, 6.0], [1, 1, 0, 0], np.zeros(4))
    np.testing.assert_allclose(found.survival([0.0, 2.0, 3.0, 4.0, 6.0]), [1.0, 1.0, 0.75, 0.5, 0.5], atol=1e-7)
    assert np.isnan(found.survival([6.1])).all()
    months, values = found.steps()
    np.testing.assert_allclose(months, [0.0, 2.0, 4.0, 6.0])
    np.testing.assert_allclose(values, [1.0, 1.0, 0.5, 0.5], atol=1e-7)
    np.testing.assert_allclose(found.survival([3.0, 4.0], start=3.0), [1.0, 0.5], atol=1e-7)
