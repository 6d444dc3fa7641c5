"""The growth curve of treatment: its fall against a closed form, and the time constant that is settled on the data."""

import json

import numpy as np
import pytest

import bayesctc as bc
from bayesctc.design.basis import TimeBasis, choose_basis
from bayesctc.errors import SpecError
from bayesctc.model.design import Design
from bayesctc.model.settled import design_from_json, design_to_json

pytestmark = pytest.mark.unit

VISITS = np.array([-0.3, 0.0, 0.9, 2.8, 4.6, 6.5, 8.3])


def exact(tau, *, n=40, noise=0.0, seed=0, times=VISITS):
    """Samples of patients with a level and a fall of their own and a drift for all; times, values, patients."""
    rng = np.random.default_rng(seed)
    t, patient = np.tile(times, n), np.repeat(np.arange(n), len(times))
    level, fall = rng.normal(2.0, 1.5, n), rng.normal(2.0, 1.0, n)
    start = max(times.min(), 0.0)
    y = level[patient] + fall[patient] * np.exp(-np.maximum(t - start, 0.0) / tau) + 0.1 * t
    return t, y + noise * rng.normal(size=len(t)), patient


def settled(t, y, patient):
    return choose_basis("treatment", 3, None, t, values=y, patients=patient).fall


def test_terms_are_a_level_a_fall_after_time_0_and_a_drift():
    basis = TimeBasis("treatment", span=(-3.0, 13.0), fall=2.0, origin=1.0)
    assert basis.names == ("intercept", "fall", "s")
    at = np.array([-2.0, 0.0, 1.0, 2.0, 30.0])
    fall = [1.0, 1.0, np.exp(-0.5), np.exp(-1.0), np.exp(-15.0)]
    found = basis.evaluate(at) @ np.linalg.inv(basis.to_user)
    np.testing.assert_allclose(found, np.column_stack([np.ones(5), fall, (at - 1.0) / 6.0]), atol=1e-9)


@pytest.mark.parametrize("tau", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_time_constant_is_recovered(tau, noise):
    """To a step of the values that are tried without noise."""
    found = settled(*exact(tau, noise=noise, n=400))
    step = np.log(1.0 / 0.03) / 39.0
    assert abs(np.log(found / tau)) < (0.51 * step if noise == 0.0 else 0.3)


@pytest.mark.parametrize("tau", [0.8, 2.0])
def test_patients_of_one_or_two_samples_do_not_move_it(tau):
    t, y, patient = exact(tau, noise=0.3)
    few = np.array([0.0, 3.0, 5.0]), np.array([9.0, -4.0, 2.0]), np.array([100, 100, 101])
    basis = choose_basis("treatment", 3, None, t, values=y, patients=patient)
    more = [np.concatenate(pair) for pair in zip((t, y, patient), few, strict=True)]
    again = choose_basis("treatment", 3, None, more[0], values=more[1], patients=more[2])
    grid = [b.fall / (b.span[1] - b.span[0]) for b in (basis, again)]
    assert abs(np.log(grid[1] / grid[0])) < 0.1  # a grid on a span that is a little longer


@pytest.mark.parametrize("factor", [30.4375, 1e-6, 1e8])
@pytest.mark.parametrize("seed", range(5))
def test_it_follows_the_unit_of_time_and_of_a_marker(factor, seed):
    t, y, patient = exact(0.9, noise=0.4, seed=seed)
    before = settled(t, y, patient)
    assert settled(t * factor, y, patient) == pytest.approx(before * factor, rel=1e-9)
    assert settled(t, -3.0 + factor * y, patient) == pytest.approx(before, rel=1e-9)
    order = np.random.default_rng(seed).permutation(len(t))
    assert settled(t[order], y[order], patient[order]) == pytest.approx(before, rel=1e-9)


def test_samples_that_begin_late_fall_from_their_beginning():
    """With age as time nothing is near 0: the curve is a level, a change that fades, and a drift."""
    t, y, patient = exact(1.5, times=VISITS + 600.0)
    basis = choose_basis("treatment", 3, None, t, values=y, patients=patient)
    assert basis.span[0] > 0
    assert np.linalg.matrix_rank(basis.evaluate(np.unique(t))) == 3


def test_nobody_with_three_samples():
    t = np.array([0.0, 1.0, 0.0, 6.0, 1.0, 6.0])
    found = settled(t, np.exp(-t / 0.5), np.array([0, 0, 1, 1, 2, 2]))
    assert 0.03 * 6.0 < found < 6.0


@pytest.mark.parametrize("times", [[0.0, 3.0], [-0.5, -0.2, 0.0, 5.0], [2.0]])
def test_fewer_than_three_times_are_refused(times):
    t = np.tile(times, 4)
    with pytest.raises(SpecError, match=r"growth='treatment'.*three or more times"):
        settled(t, t, np.repeat(np.arange(4), len(times)))


def test_it_is_read_back_with_the_fit():
    spec = bc.ModelSpec(n_classes=2)
    design = Design.settle(bc.load_trial(), spec)
    again = design_from_json(spec, json.loads(json.dumps(design_to_json(design))))
    assert again.basis == design.basis
    at = np.linspace(-1.0, 12.0, 50)
    np.testing.assert_array_equal(again.basis.evaluate(at), design.basis.evaluate(at))


@pytest.mark.parametrize("factor", [30.4375, 7.0, 1 / 12])
def test_functions_are_equal_to_the_last_bit_in_any_unit(factor):
    t, y, patient = exact(0.9, noise=0.4)
    months, other = (choose_basis("treatment", 3, None, x, values=y, patients=patient) for x in (t, t * factor))
    np.testing.assert_array_equal(other.evaluate(t * factor), months.evaluate(t))


def test_given_months_are_kept_and_others_settled_on_counts_in_any_unit():
    cohort, per = bc.load_trial(), 30.4375
    assert Design.settle(cohort, bc.ModelSpec(fall_months=1.25)).basis.fall == 1.25
    months = [c for c in cohort.patients if c.endswith("_time") or c == "followup_end"]
    patients = cohort.patients.assign(**per * cohort.patients[months]).reset_index()
    days = bc.Cohort(cohort.samples.assign(time=per * cohort.samples["time"]), patients, time_unit="days")
    falls = [Design.settle(c, bc.ModelSpec()).basis.fall for c in (cohort, days)]
    assert falls[1] == pytest.approx(falls[0], rel=1e-12)
    text = bc.ModelSpec().describe(cohort=cohort)
    assert f"τ = {falls[0]:.2g} months" in text
    assert "held fixed" in text
