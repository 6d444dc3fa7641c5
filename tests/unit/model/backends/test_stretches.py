"""Follow-up in stretches: events between two visits and covariates that change, against formulas written out."""

from dataclasses import replace
from functools import cache

import numba
import numpy as np
import pytest
from helpers import frames, read_by_user
from scipy.integrate import quad
from scipy.special import logsumexp

import bayesctc as bc
from bayesctc.model.analysis import Analysis
from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.blocks import Blocks
from bayesctc.model.backends.compiled.stretches import make_causes
from bayesctc.model.backends.plain import PlainLikelihood
from bayesctc.model.class_hazards import cumulative_hazard, log_hazard
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.sizes import EVENT, NO_EVENT
from bayesctc.model.stretches import Changes

pytestmark = pytest.mark.unit
NAMES = ("progression", "death")
RNG_LEFT, RNG_CHANGES = 11, 12


class Made:
    """Patients with and without delayed entry, some of whose events lie between two visits; random parameters."""

    def __init__(self, hazard="weibull", causes=(), looked_for=(1,), changing=False, n=40):
        samples, patients = frames(n, 5, entry=True)
        if causes:
            patients["os_event"] *= np.random.default_rng(3).choice([1, 2], n)
        self.spec = bc.ModelSpec(
            n_classes=2,
            growth="linear",
            family="gaussian",
            survival="~ bone",
            survival_by_class="~ arm",
            hazard=hazard,
            hazard_knots=(4.0, 11.0),
            common_shape=False,
        )
        cohort = bc.Cohort(samples, patients, causes={"os": causes} if causes else None)
        self.analysis = Analysis.settle(cohort, self.spec)
        self.design, packed = self.analysis.design, self.analysis.packed
        rng = np.random.default_rng(RNG_LEFT)
        share = np.where(rng.random(n) < 0.7, rng.uniform(0.0, 0.9, n), 1.0)
        left = packed.entry + share * (packed.time - packed.entry)
        self.packed = replace(packed, left=left, looked_for=looked_for, changes=self.changes() if changing else None)
        layout = self.design.layout
        theta = layout.to_theta(np.random.default_rng(2).normal(0.0, 0.2, layout.n_parameters))
        for name, where in layout.places.items():
            if name.startswith("scale"):
                theta[:, where] += 2.5
        self.theta = read_by_user(layout, theta)

    def changes(self):
        """One to three rows for each patient."""
        packed, rng = self.analysis.packed, np.random.default_rng(RNG_CHANGES)
        patient = np.repeat(np.arange(packed.n_patients), rng.integers(1, 4, packed.n_patients))
        first = np.append(True, patient[1:] != patient[:-1])
        start = np.where(first, 0.0, rng.uniform(0.0, 1.2, len(patient)) * packed.time[patient])
        order = np.lexsort((start, patient))
        x = packed.terms("survival")[patient] + rng.normal(0.0, 1.0, (len(patient), 1)) * ~first[:, None]
        return Changes(patient, start[order], x)

    def evaluator(self, packed=None, weights=None):
        return Evaluator(self.packed if packed is None else packed, self.design.sizes, 2, weights)

    def hazard_of(self, i, g, c):
        """Cumulative hazard of cause `c` from 0 to t, and its log hazard, of one patient in one class."""
        sizes, changes = self.design.sizes, self.packed.changes
        if changes is None:
            start, x = np.zeros(1), self.packed.terms("survival")[i : i + 1]
        else:
            own = changes.patient == i
            start, x = changes.start[own], changes.x[own]

        def whole(t):
            ends = np.append(start[1:], np.inf)
            each = [
                cumulative_hazard(self.theta, sizes, [b], row[None], c)[g, 0, 0]
                - cumulative_hazard(self.theta, sizes, [a], row[None], c)[g, 0, 0]
                for a, b, row in zip(start, np.clip(t, start, ends), x, strict=True)
            ]
            return sum(each)

        def log_rate(t):
            row = x[np.flatnonzero(start < t)[-1]]
            return log_hazard(self.theta, sizes, [t], row[None], c)[g, 0, 0]

        return whole, log_rate

    def survival_of(self, i, g):
        """Log probability of what is known of one patient's survival in one class, and of their entry."""
        packed, causes = self.packed, range(max(len(self.design.causes), 1))
        of = [self.hazard_of(i, g, c) for c in causes]
        left, time, event = packed.left[i], packed.time[i], int(packed.event[i])
        at_entry = -sum(whole(packed.entry[i]) for whole, _ in of)
        if event == 0:
            ends = (left if c + 1 in packed.looked_for else time for c in causes)
            return -sum(whole(end) for end, (whole, _) in zip(ends, of, strict=True)), at_entry
        c = event - 1
        if event in packed.looked_for and left < time:
            sought = [of[k] for k in causes if k + 1 in packed.looked_for]
            others = -sum(of[k][0](time) for k in causes if k + 1 not in packed.looked_for)
            if len(sought) == 1:
                return np.log(np.exp(-of[c][0](left)) - np.exp(-of[c][0](time))) + others, at_entry
            points = [] if packed.changes is None else packed.changes.start[packed.changes.patient == i]
            points = [p for p in points if left < p < time] + [p for p in (4.0, 11.0) if left < p < time]
            density = lambda t: np.exp(of[c][1](t) - sum(whole(t) for whole, _ in sought))  # noqa: E731
            inside = quad(density, left, time, points=points or None, epsabs=1e-13, epsrel=1e-11)[0]
            return np.log(inside) + others, at_entry
        survived = sum(of[k][0](left if k != c and k + 1 in packed.looked_for else time) for k in range(len(of)))
        return of[c][1](time) - survived, at_entry


def dense(made):
    """log L_i with the survival part written out; the rest is what the likelihood says at entry."""
    nothing = replace(made.analysis.packed, follow_up=np.zeros((3, made.packed.n_patients)))
    counts = made.evaluator(nothing).own.evaluate(made.theta).joint
    log_pi = made.evaluator(nothing).own.evaluate(made.theta).at_entry
    n = made.packed.n_patients
    survival = np.array([[made.survival_of(i, g) for g in range(2)] for i in range(n)])
    return logsumexp(counts + survival[..., 0], axis=1) - logsumexp(log_pi + survival[..., 1], axis=1)


@pytest.mark.parametrize("changing", [False, True])
def test_one_event_against_the_formula(changing):
    made = Made("weibull", changing=changing)
    assert made.packed.within.sum() > 10
    unit = made.packed.log_jacobian
    np.testing.assert_allclose(made.evaluator().patients(made.theta), dense_in_months(made, unit), rtol=1e-10)


def dense_in_months(made, unit):
    """`log_hazard` is per month, as the user's density is: the counts' own unit is added."""
    return dense(made) + unit + known(made)


def known(made):
    """What the unit of the fit adds to the density of each event that is known to the day."""
    return np.where((made.packed.event > 0) & ~made.packed.within, np.log(made.design.sizes.months), 0.0)


@cache
def compiled_survival(hazard):
    """What the kernel calls for survival, without the counts, which take longer to compile."""
    causes = make_causes(HAZARDS[hazard].compiled)

    @numba.njit(error_model="numpy")
    def survival(theta, positive, knots, data, rows, runs, sizes, event, out, gradient, step):
        for b in range(len(data)):
            causes(theta, positive, knots, data[b], (rows[b], runs), sizes, event, out[b], gradient, 0, step)

    return survival


@pytest.mark.parametrize("changing", [False, True])
@pytest.mark.parametrize("hazard", ["piecewise", "gompertz"])
def test_another_hazard_against_the_formula(hazard, changing):
    made = Made(hazard, changing=changing)
    blocks, theta, n = Blocks.of(made.packed), made.theta, made.packed.n_patients
    step = made.design.sizes.events[0].where.stop - made.design.sizes.events[0].where.start
    patients = made.design.sizes.own_knots, blocks.values, blocks.stretches, blocks.runs, blocks.sizes
    expected = np.array([[made.survival_of(i, g) for g in range(2)] for i in range(n)])
    expected[..., 0] += known(made)[:, None]
    for event, values in zip((EVENT, NO_EVENT), np.moveaxis(expected, -1, 0), strict=True):
        found, gradient = np.zeros((blocks.n_blocks, 2, BLOCK)), np.empty((2 * step, BLOCK))
        compiled_survival(hazard)(theta, np.exp(theta), *patients, event, found, gradient, step)
        np.testing.assert_allclose(blocks.gather(found), values, rtol=1e-10)


@pytest.mark.parametrize("changing", [False, True])
@pytest.mark.parametrize(("looked_for", "close"), [((1,), 1e-9), ((1, 2), 2e-4)])
def test_competing_events_against_an_integral(looked_for, close, changing):
    made = Made("weibull", NAMES, looked_for, changing)
    assert made.packed.within.sum() > 5
    found = made.evaluator().patients(made.theta)
    np.testing.assert_allclose(found, dense_in_months(made, made.packed.log_jacobian), atol=close)


def test_what_can_be_seen_has_probability_one():
    """Of one patient with a visit at month 6: progression seen there, death before it, or neither."""
    made, visit = Made("weibull", NAMES, (1,)), 6.0
    nodes, weights = np.polynomial.legendre.leggauss(60)
    share = 0.5 * (nodes + 1.0)
    times, weights = visit * share**3, 1.5 * visit * weights * share**2  # hazards may be infinite at 0
    n = len(times)
    one = made.packed.take(np.zeros(n + 2, dtype=int))
    event = np.concatenate([np.full(n, 2.0), [1.0, 0.0]])
    follow_up = np.stack([event, np.append(times, [visit, visit]), np.zeros(n + 2)])
    left = np.append(np.zeros(n + 1), visit)
    seen = replace(one, follow_up=follow_up, left=left)
    counts = replace(one, follow_up=np.zeros((3, n + 2)), left=np.zeros(n + 2))
    given = [made.evaluator(each).own.evaluate(made.theta) for each in (seen, counts)]
    shares = np.exp(given[0].joint - given[1].joint)  # by class: of what is seen, given the class
    died = weights @ shares[:n] / made.design.sizes.months
    np.testing.assert_allclose(died + shares[n] + shares[n + 1], 1.0, atol=1e-8)


@pytest.mark.parametrize(("causes", "looked_for"), [((), (1,)), (NAMES, (1,)), (NAMES, (1, 2))])
def test_gradient_and_numpy_agree(causes, looked_for, monkeypatch):
    made = Made("weibull", causes, looked_for, changing=True)
    weights = np.random.default_rng(4).choice([0.0, 1.0, 2.0], made.packed.n_patients)
    fast = made.evaluator(weights=weights)
    value, gradient = fast.total(made.theta)
    here = fast.own.evaluate(made.theta)
    monkeypatch.setitem(HAZARDS, "weibull", replace(HAZARDS["weibull"], compiled=None))
    slow = PlainLikelihood(Made("weibull", causes, looked_for, changing=True).packed, made.design.sizes, 2, weights)
    other, other_gradient = slow.total(made.theta)
    assert value - fast.constant == pytest.approx(other, rel=1e-10)
    np.testing.assert_allclose(gradient, other_gradient, rtol=1e-6, atol=1e-6)
    there = slow.evaluate(made.theta)
    np.testing.assert_allclose(here.joint, there.joint, rtol=1e-10)
    np.testing.assert_allclose(here.at_entry, there.at_entry, rtol=1e-10)


def test_one_piece_is_a_stretch():
    made = Made()
    known = replace(made.packed, left=made.packed.time)
    np.testing.assert_allclose(
        made.evaluator(known).patients(made.theta),
        made.evaluator(made.analysis.packed).patients(made.theta),
        rtol=1e-12,
    )


def test_a_row_split_in_two_changes_nothing():
    made = Made(changing=True)
    changes, cut = made.packed.changes, np.random.default_rng(6).uniform(0.2, 3.0, 400)
    n = len(changes.patient)
    patient = np.repeat(changes.patient, 2)
    start = np.repeat(changes.start, 2)
    start[1::2] += np.minimum(cut[:n], 0.5 * np.append(np.diff(changes.start), 1.0).clip(1e-3))
    split = replace(made.packed, changes=Changes(patient, start, np.repeat(changes.x, 2, axis=0)))
    np.testing.assert_allclose(
        made.evaluator(split).patients(made.theta), made.evaluator().patients(made.theta), rtol=1e-11
    )


def test_a_narrow_interval_is_an_event_known_to_the_day():
    made = Made()
    packed, within = made.packed, made.packed.within
    width = 1e-3
    narrow = replace(packed, left=np.where(within, packed.time - width, packed.time))
    middle = made.analysis.packed.followed_to(packed.time - np.where(within, width / 2.0, 0.0), packed.event)
    found = made.evaluator(narrow).patients(made.theta) - np.where(within, np.log(width), 0.0)
    np.testing.assert_allclose(found, made.evaluator(middle).patients(made.theta), atol=1e-6)


def test_a_subset_has_its_own_rows():
    made = Made(changing=True)
    some = np.array([7, 3, 3, 20])
    np.testing.assert_allclose(
        made.evaluator(made.packed.take(some)).patients(made.theta), made.evaluator().patients(made.theta)[some]
    )
