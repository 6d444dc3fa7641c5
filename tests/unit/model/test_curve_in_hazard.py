"""Association of a patient's curve and the hazard: what is refused, scales, follow-up in stretches, draws, nodes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dense_association import dense_joint, settled, some_of
from helpers import frames

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.density import log_likelihood
from bayesctc.model.design import Design
from bayesctc.model.generative import Simulator
from bayesctc.model.nodes import enough_nodes
from bayesctc.model.patient_hazards import PatientHazards
from bayesctc.model.settled import design_from_json, design_to_json
from bayesctc.model.stretches import Changes

pytestmark = pytest.mark.unit
OPTIONS = {"family": "negative_binomial", "hazard": "piecewise", "growth": "treatment", "longitudinal": "~ arm"}
KINDS = ("random_effects", "current_value", "current_slope", "area")


@pytest.fixture(scope="module")
def cohort():
    samples, patients = frames(30, 3, entry=True)
    return bc.Cohort(samples.assign(ctc=np.minimum(samples["ctc"], 20)), patients)


@pytest.mark.parametrize(
    ("options", "found", "allowed"),
    [
        ({"association": "value"}, "found 'value'", "current_value"),
        ({"association": "area"}, "random_effects='none'", "intercept or slope"),
        ({"association": "area", "random_effects": "slope", "endpoint": None}, "endpoint=None", "name of an endpoint"),
        ({"association_by_class": True}, "no effect with association='none'", "area"),
        (
            {"association": "area", "family": "gaussian", "growth": "quadratic", "random_effects": "quadratic"},
            "association='area'",
            "none, intercept or slope",
        ),
    ],
)
def test_what_is_refused_says_what_was_found_and_what_is_allowed(options, found, allowed):
    with pytest.raises(SpecError, match=found) as refused:
        bc.ModelSpec(**options)
    assert allowed in str(refused.value)


@pytest.mark.parametrize("what", ["longitudinal", "longitudinal_by_class"])
def test_covariates_of_the_samples_are_refused_where_the_curve_is_read_between_them(what, cohort):
    batch = bc.Cohort(cohort.samples.assign(batch=np.arange(len(cohort.samples)) % 2), cohort.patients.reset_index())
    spec = bc.ModelSpec(n_classes=1, random_effects="intercept", association="area", growth="linear")
    with pytest.raises(SpecError, match=rf"{what}: found 'batch', a column of the samples.*allowed.*patients \(.*arm"):
        Design.settle(batch, spec.with_(**{what: "~ batch"}))
    Design.settle(batch, spec.with_(association="random_effects", **{what: "~ batch"}))
    spec = spec.with_(longitudinal="~ bone:time")
    with pytest.raises(SpecError, match="found 'time', a column of the samples"):
        Design.settle(cohort, spec)
    Design.settle(cohort, spec.with_(association="random_effects"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_users_numbers_are_the_same_model(kind, cohort):
    """theta of the user's numbers, and back; a curve told from another time and in another unit."""
    options = {**OPTIONS, "longitudinal": "~ 1", "longitudinal_by_class": "~ arm"}
    design, theta = settled(cohort, association=kind, association_by_class=True, random_effects="slope", **options)
    natural = design.layout.natural(theta)
    np.testing.assert_allclose(design.layout.theta(natural), theta, atol=1e-9)
    other = Design.settle(cohort, design.spec.with_(growth_unit=1.0, time_origin=2.0))
    moved = other.layout.natural(theta)
    per = {"current_slope": 6.0, "random_effects": None}.get(kind, 1.0)
    if per:
        np.testing.assert_allclose(moved["association"], natural["association"] * 1.0 / (1.0 / per), rtol=1e-9)
    np.testing.assert_allclose(moved["scale"], natural["scale"], rtol=1e-9)


def test_the_hazard_is_that_of_the_users_curve(cohort):
    """h0 exp(alpha times the value), all three on the user's scale, is the hazard of the fit's numbers."""
    options = {**OPTIONS, "hazard": "weibull", "longitudinal": "~ 1", "longitudinal_by_class": "~ age"}
    design, theta = settled(cohort, association="current_value", **options)
    natural, months, b, age = design.layout.natural(theta), np.array([3.0, 11.0]), 0.7, 61.0
    s = (months - design.basis.origin) / design.basis.unit
    own = natural["growth"] + age * natural["longitudinal_by_class"]
    curve = own @ np.stack([np.ones(2), np.exp(-months / design.basis.fall), s])
    scale, shape = natural["scale"][:, None], natural["shape"][:, None]
    expected = np.log(shape / scale) + (shape - 1.0) * np.log(months / scale) + natural["association"] * (curve + b)
    people = pd.DataFrame({"age": np.full(4, age)})
    constant = design.longitudinal_by_class.directions(people, "longitudinal_by_class")
    hazards = PatientHazards(design.layout, design.sizes, np.zeros((4, 0)), constant)
    classes, at = np.repeat([0, 1], 2), np.tile(months, 2)
    step = 1e-4
    upto = [hazards.cumulative(theta, classes, np.full((4, 1), b), at + k * step)[0] for k in (-1, 1)]
    np.testing.assert_allclose(np.log((upto[1] - upto[0]) / (2 * step)), expected.ravel(), atol=1e-6)


def test_an_event_between_two_visits(cohort):
    """The difference of two survival probabilities, averaged over the same random effects."""
    design, theta = settled(cohort, association="current_value", **OPTIONS)
    analysis = Analysis.of(cohort, design)
    packed = analysis.packed
    left, event = 0.6 * packed.time, np.where(np.arange(30) % 3 == 0, 1.0, 0.0)
    within = packed.followed_to(packed.time, event)
    within = replace(within, left=np.where(event > 0, left, packed.time), looked_for=(1,))
    alive_left, alive_right = (
        replace(analysis, packed=packed.followed_to(t)).evaluator().evaluate(theta).joint for t in (left, packed.time)
    )
    found = replace(analysis, packed=within).evaluator().own
    found.centre(theta)
    joint = found.evaluate(theta).joint
    expected = np.where(event[:, None] > 0, np.log(np.exp(alive_left) - np.exp(alive_right)), alive_right)
    np.testing.assert_allclose(joint, expected, atol=1e-6)
    gradient = found.total(theta)[1]
    for place in [(0, design.sizes.blocks["association"].start), (1, design.layout.places["growth"].start)]:
        step = np.zeros(theta.shape)
        step[place] = 1e-5
        slope = (found.total(theta + step)[0] - found.total(theta - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-6)


def test_splitting_follow_up_changes_nothing(cohort):
    """Covariates that change in time, to what they were: only where the nodes stand differs."""
    design, theta = settled(cohort, association="current_value", survival="~ bone", time_nodes=30, **OPTIONS)
    analysis = Analysis.of(cohort, design)
    x, n = analysis.packed.terms("survival"), analysis.n_patients
    starts = np.stack([np.zeros(n), 0.37 * analysis.packed.time], axis=1).ravel()
    changes = Changes(np.repeat(np.arange(n), 2), starts, np.repeat(x, 2, axis=0))
    split = replace(analysis, packed=replace(analysis.packed, changes=changes))
    whole, pieces = (each.evaluator().patients(theta) for each in (analysis, split))
    np.testing.assert_allclose(pieces, whole, atol=1e-8)


def test_a_design_is_read_back_as_it_was(cohort):
    design, theta = settled(cohort, association="area", time_nodes=8, **OPTIONS)
    again = design_from_json(design.spec, design_to_json(design))
    assert again.sizes == design.sizes
    np.testing.assert_array_equal(again.layout.natural(theta)["scale"], design.layout.natural(theta)["scale"])


def test_estimates_by_name_give_the_density(cohort):
    design, theta = settled(cohort, association="current_value", **OPTIONS)
    natural = design.layout.natural(theta)
    by_name = log_likelihood(cohort, design.spec, natural)
    np.testing.assert_allclose(by_name, Analysis.of(cohort, design).evaluator().patients(theta), atol=1e-3)


def test_nodes_in_time_are_as_many_as_it_takes(cohort):
    design, theta = settled(cohort, association="current_value", **OPTIONS)
    few = Analysis.of(cohort, design.with_nodes(7, 1))
    enough, error = enough_nodes(few, [theta])
    exact = Analysis.of(cohort, design.with_nodes(41, 40)).evaluator().patients(theta)
    assert 1 < enough.design.time_nodes < 40
    assert error <= 1e-3
    assert np.abs(enough.evaluator().patients(theta) - exact).max() < 1e-3
    assert np.abs(few.evaluator().patients(theta) - exact).max() > 1e-3


@pytest.mark.parametrize("kind", ["random_effects", "current_value"])
def test_draws_survive_as_the_model_says(kind, cohort):
    """Many patients alike: shares alive in each class, given that they are at entry, and their random effects."""
    design, theta = settled(cohort, association=kind, **{**OPTIONS, "longitudinal": "~ 1"})
    n, entry, times = 4000, 2.0, np.array([4.0, 10.0])
    patients = pd.DataFrame({"arm": "A", "bone": 0.0, "age": 50.0}, index=[f"P{i}" for i in range(n)])
    schedule = pd.DataFrame({"patient_id": patients.index, "time": 0.0, "volume_ml": 7.5})
    simulator = Simulator.of(design, patients, schedule, entry)
    classes, time, event, _, effects = simulator.draw_patients(theta, np.random.default_rng(2), 500.0)
    assert event.mean() > 0.2
    one = PatientHazards(design.layout, design.sizes, np.zeros((1, 0)), np.zeros((1, 0)))
    free = one.survival(theta, np.concatenate([[entry], times])[None])[:, 0]
    share = np.exp(theta[:, 0]) * free[:, 0]
    assert np.mean(classes == 0) == pytest.approx(share[0] / share.sum(), abs=4.0 * 0.5 / np.sqrt(n))
    for g in range(2):
        found, expected = np.mean(time[classes == g, None] > times, axis=0), free[g, 1:] / free[g, 0]
        spread = np.sqrt(expected * (1.0 - expected) / np.sum(classes == g))
        assert (np.abs(found - expected) < 4.0 * spread).all()
    with_effect = np.corrcoef(effects[classes == 0, 0], np.log(time[classes == 0]))[0, 1]
    alpha = theta[0, design.sizes.blocks["association"]][0]
    assert np.sign(with_effect) == -np.sign(alpha)


def test_times_are_where_the_cumulative_hazard_reaches_its_value(cohort):
    design, theta = settled(cohort, association="area", **OPTIONS)
    packed = Analysis.of(cohort, design).packed
    hazards = PatientHazards(design.layout, design.sizes, packed.terms("survival"), packed.constant)
    rng, n = np.random.default_rng(4), packed.n_patients
    classes, effects, reached = rng.integers(0, 2, n), rng.normal(0.0, 0.8, (n, 1)), rng.exponential(size=(1, n))
    times = hazards.times(theta, classes, effects, packed.entry, reached, np.full(n, 500.0))
    ends = np.where(np.isfinite(times[0]), times[0], 0.0), packed.entry
    gone = [hazards.cumulative(theta, classes, effects, t) for t in ends]
    seen = np.isfinite(times[0])
    assert seen.mean() > 0.5
    np.testing.assert_allclose((gone[0] - gone[1])[:, seen], reached[:, seen], rtol=1e-6)
    late = hazards.cumulative(theta, classes, effects, np.full(n, 500.0)) - gone[1]
    assert (late[:, ~seen] < reached[:, ~seen]).all()


def test_survival_to_a_time_is_the_dense_integrals(cohort):
    """What a landmark prediction divides: density of the counts and of being free of the event at a time."""
    design, theta = settled(cohort, association="current_value", **OPTIONS)
    samples, patients = some_of(cohort, design.spec)
    patients = patients.assign(_event=0, _entry=0.0)
    later = patients.assign(_time=patients["_time"] + 5.0)
    dense = [dense_joint(design, theta, samples, table) for table in (patients, later)]
    expected = np.exp(np.logaddexp.reduce(dense[1], axis=1) - np.logaddexp.reduce(dense[0], axis=1))
    packed = design.pack_tables(samples.reset_index(drop=True), patients)
    analysis = Analysis(cohort, design, packed)
    from bayesctc.predict.followed import followed

    found = followed(analysis, packed.time, (packed.time + 5.0)[None])(theta)[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-7)
