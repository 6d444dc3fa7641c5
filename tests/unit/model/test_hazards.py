"""Hazards beside Weibull: numerical integration, gradients, draws, and their limits."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from helpers import frames, read_by_user
from scipy.integrate import quad

import bayesctc as bc
from bayesctc.cli.compile_ahead import is_compiled_ahead
from bayesctc.errors import SpecError
from bayesctc.model.class_hazards import cumulative_hazard, log_hazard
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import simulate
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.parameter_blocks import intervals
from bayesctc.model.sizes import Sizes

pytestmark = pytest.mark.unit
NAMES = ("weibull", "exponential", "gompertz", "piecewise", "splines")
KNOTS = (4.0, 11.0)


@cache
def cohort_of(n):
    """Irregular data with delayed entry."""
    return bc.Cohort(*frames(n, 5, entry=True))


class Made:
    """Two classes under a hazard, with delayed entry and a covariate."""

    def __init__(self, hazard, family="gaussian", effects="intercept", n=60, **options):
        self.cohort = cohort_of(n)
        self.spec = bc.ModelSpec(
            n_classes=2,
            growth="linear",
            random_effects=effects,
            hazard=hazard,
            family=family,
            survival="~ arm",
            hazard_knots=KNOTS,
            **{"common_shape": False, **options},
        )
        self.design = Design.settle(self.cohort, self.spec)
        layout = self.design.layout
        theta = layout.to_theta(np.random.default_rng(2).normal(0.0, 0.2, layout.n_parameters))
        theta[:, layout.places["scale"]] += 3.0
        if hazard == "gompertz":
            theta[:, layout.places["slope"]] = 0.02 if options.get("common_shape") else [[0.03], [-0.05]]
        self.theta = read_by_user(layout, theta)
        sizes = self.design.sizes
        if not sizes.compiled and self.design.n_nodes > 1:  # NumPy is slow
            sizes = self.design.with_nodes(3).sizes
        self.evaluator = Evaluator(self.design.pack(self.cohort), sizes, 2)


@pytest.mark.parametrize("hazard", NAMES)
def test_cumulative_hazard_is_the_integral_of_the_hazard(hazard):
    made = Made(hazard)
    for t in (0.7, 4.0, 9.0, 30.0):
        found = cumulative_hazard(made.theta, made.design.sizes, [t])
        for g in range(2):

            def rate(u, g=g):
                return float(np.exp(log_hazard(made.theta, made.design.sizes, [u])[g, 0, 0]))

            expected = quad(rate, 1e-12, t, points=[k for k in KNOTS if k < t] or None, epsabs=1e-12, limit=200)[0]
            assert float(found[g, 0, 0]) == pytest.approx(expected, rel=1e-7)
    assert np.all(cumulative_hazard(made.theta, made.design.sizes, [0.0]) == 0.0)


def pieces():
    """Hazards, families and random effects: all that are compiled ahead; of the others each two of them meet.

    Not splines: what these add does not know the family, and is in test_splines.
    """
    for (h, hazard), (f, family) in product(enumerate(NAMES[:4]), enumerate(FAMILIES)):
        every = ("none", "intercept", "slope")
        for effects in every if is_compiled_ahead(family, hazard) else [every[(h + f) % 3]]:
            yield hazard, family, effects


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize(("hazard", "family", "effects"), [*pieces()])
def test_gradient(hazard, common, family, effects, monkeypatch):
    n = 60
    if not is_compiled_ahead(family, hazard):
        monkeypatch.setitem(HAZARDS, hazard, replace(HAZARDS[hazard], compiled=None))
        n = 12
    made = Made(hazard, family, effects, n, common_shape=common)
    layout, evaluator = made.design.layout, made.evaluator
    evaluator.centre(made.theta)
    free = layout.to_free(made.theta)
    total, gradient = evaluator.total(layout.to_theta(free))
    gradient = layout.transform.T @ gradient.ravel()
    assert evaluator.patients(layout.to_theta(free), centre=False).sum() == pytest.approx(total, rel=1e-12)
    for j in range(len(free)):
        shift = np.zeros_like(free)
        shift[j] = 1e-5
        moved = (layout.to_theta(free + sign * shift) for sign in (1, -1))
        up, down = (evaluator.patients(theta, centre=False).sum() for theta in moved)
        assert (up - down) / 2e-5 == pytest.approx(gradient[j], abs=1e-6 * max(1.0, abs(gradient[j])))


@pytest.mark.parametrize("hazard", NAMES)
def test_random_times_have_the_survival_function(hazard):
    """Of a patient whose covariates are 0, by parameters in months."""
    made = Made(hazard, effects="none")
    design, n = made.design, 4000
    rng = np.random.default_rng(7)
    natural = design.layout.natural(made.theta)
    rows = {p.name: np.repeat(natural[p.name][:1], n, axis=0) for p in HAZARDS[hazard].parameters}
    exponential = rng.exponential(size=n)
    times = HAZARDS[hazard].inverse(exponential, np.array(design.hazard_knots), **rows)
    there = np.isfinite(times)
    terms = design.survival.directions(pd.DataFrame({"arm": ["A"]}), "survival")
    again = cumulative_hazard(made.theta[:1], design.sizes, times[there], terms)[0, 0]
    np.testing.assert_allclose(again, exponential[there], rtol=1e-8)


def test_exponential_is_weibull_with_shape_one(reference_cohort):
    base = {
        "family": "gaussian",
        "n_classes": 2,
        "growth": "linear",
        "random_effects": "intercept",
        "common_shape": False,
    }
    ml = bc.fit_ml(reference_cohort, bc.ModelSpec(hazard="exponential", **base), n_starts=3, progress=False)
    values = dict(ml.parameters) | {"shape": np.ones(2)}
    values = {k: np.asarray(v) for k, v in values.items()}
    found = bc.log_likelihood(reference_cohort, bc.ModelSpec(**base), values)
    assert found.sum() == pytest.approx(ml.log_likelihood, abs=1e-8)


def test_flat_gompertz_steps_and_splines_are_exponential(reference_cohort):
    base = {"family": "gaussian", "n_classes": 1, "growth": "linear", "random_effects": "none"}
    ml = bc.fit_ml(reference_cohort, bc.ModelSpec(hazard="exponential", **base), progress=False)
    values = {k: np.asarray(v) for k, v in ml.parameters.items()}
    flat = {"gompertz": {"slope": np.array(0.0)}, "piecewise": {"relative_hazard": np.ones(3)}}
    flat["splines"] = {"relative_coefficient": np.ones(5)}
    for hazard, more in flat.items():
        found = bc.log_likelihood(reference_cohort, bc.ModelSpec(hazard=hazard, **base), values | more)
        assert found.sum() == pytest.approx(ml.log_likelihood, abs=1e-8)


def test_piecewise_rates_are_events_over_time_at_risk(reference_cohort):
    """One class: the estimates have a closed form."""
    spec = bc.ModelSpec(
        n_classes=1,
        growth="linear",
        random_effects="none",
        hazard="piecewise",
        hazard_knots=(6.0, 15.0),
        family="gaussian",
        common_shape=False,
    )
    ml = bc.fit_ml(reference_cohort, spec, progress=False)
    data = reference_cohort.endpoint("os")
    rates = []
    for a, b in ((0.0, 6.0), (6.0, 15.0), (15.0, np.inf)):
        exposed = np.clip(data.time, a, b) - a
        rates.append(np.sum((data.event == 1) & (data.time > a) & (data.time <= b)) / exposed.sum())
    scale, relative = float(ml.parameters["scale"].item()), ml.parameters["relative_hazard"].to_numpy()
    np.testing.assert_allclose(np.r_[1.0, relative.ravel()] / scale, rates, rtol=1e-5)
    assert list(ml.parameters["interval"].to_numpy()) == ["6 to 15 months", "from 15 months"]


@pytest.mark.parametrize("hazard", NAMES)
def test_whole_way(reference_cohort, hazard, tmp_path):
    """Fit, curves, hazard ratios, description."""
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", random_effects="intercept", hazard=hazard, common_shape=True, family="gaussian"
    )
    ml = bc.fit_ml(reference_cohort, spec, n_starts=4, progress=False)
    assert ml.converged
    assert np.isfinite(ml.estimates["se"]).all()
    curves = bc.class_survival(ml, [0.0, 12.0, 24.0])["survival_function"].to_numpy()
    assert (np.diff(curves, axis=1) < 0).all()
    ratio = bc.hazard_ratios(ml).iloc[0]
    assert ratio["kind"] == "constant over time"
    assert hazard in spec.describe().lower()
    samples, people = simulate(
        ml.design,
        ml.theta,
        reference_cohort.patients,
        reference_cohort.samples.assign(volume_ml=7.5),
        np.random.default_rng(1),
        follow_up=30.0,
    )
    assert len(people) == 300
    assert people["_event"].mean() > 0.2
    assert len(samples) > 0


def test_bad_knots(reference_cohort):
    for knots in ((3.0, 2.0), (0.0, 3.0), 0, 99, "two", (-1.0,)):
        with pytest.raises(SpecError, match="hazard_knots"):
            bc.ModelSpec(
                hazard="piecewise",
                hazard_knots=knots,
                family="gaussian",
                random_effects="slope",
                common_shape=False,
                growth="quadratic",
            )
    with pytest.raises(SpecError, match="after the last event"):
        bc.fit_ml(
            reference_cohort,
            bc.ModelSpec(
                hazard="piecewise",
                hazard_knots=(3.0, 500.0),
                family="gaussian",
                random_effects="slope",
                common_shape=False,
                growth="quadratic",
            ),
            progress=False,
        )


def test_knots_that_no_follow_up_tells_apart():
    """Before anyone has entered, and at a last event that many share, where quantiles put one."""
    options = {"n_classes": 1, "growth": "linear", "random_effects": "none", "family": "gaussian"}
    n, rng = 40, np.random.default_rng(1)
    patients = pd.DataFrame(
        {"patient_id": range(n), "os_event": 1, "entry": 6.0, "os_time": [*np.linspace(8.0, 18.0, 25), *[20.0] * 15]}
    )
    samples = pd.DataFrame(
        {"patient_id": np.repeat(range(n), 3), "time": np.tile([0.0, 1.0, 2.0], n), "ctc": rng.poisson(5, 3 * n)}
    )
    cohort = bc.Cohort(samples, patients)
    for knots, message in (
        ((3.0, 10.0), "found 3 months, before anyone is under observation"),
        ((6.0, 10.0), "found 6 months, before anyone is under observation"),
        (3, "puts a knot at the last event of os"),
    ):
        with pytest.raises(SpecError, match=message):
            Design.settle(cohort, bc.ModelSpec(hazard="piecewise", hazard_knots=knots, **options))
    for knots in ((6.5, 10.0), 1):
        Design.settle(cohort, bc.ModelSpec(hazard="piecewise", hazard_knots=knots, **options))


def test_intervals_have_names_of_their_own():
    assert intervals((3.0, 10.123)) == ("3 to 10.1 months", "from 10.1 months")
    names = intervals((100.1, 100.2, 100.3))
    assert names == ("100.1 to 100.2 months", "100.2 to 100.3 months", "from 100.3 months")


@pytest.mark.parametrize("factor", [30.4375, 0.1])
@pytest.mark.parametrize("hazard", NAMES)
def test_unit_of_time(hazard, factor, backend):
    """Times and what is measured in them in another unit: a density of event times is one per unit."""
    made = Made(hazard)
    samples, patients = frames(60, 5, entry=True)
    other = bc.Cohort(
        samples.assign(time=samples["time"] * factor),
        patients.assign(os_time=patients["os_time"] * factor, entry=patients["entry"] * factor),
        baseline_window=28.0 * factor,
    )
    natural = made.design.layout.natural(made.theta)
    natural["scale"] = natural["scale"] * factor
    natural["growth"] = natural["growth"] / [1.0, factor]
    if hazard == "gompertz":
        natural["slope"] = natural["slope"] / factor
    design = Design.settle(other, made.spec.with_(hazard_knots=tuple(k * factor for k in KNOTS)))
    found = Evaluator(design.pack(other), design.sizes, 2).patients(design.layout.theta(natural))
    shift = patients["os_event"].to_numpy() * np.log(factor)
    np.testing.assert_allclose(found + shift, made.evaluator.patients(made.theta), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("hazard", [name for name in NAMES if not HAZARDS[name].has_knots])
@pytest.mark.parametrize("log_value", [-900.0, 900.0])
def test_parameters_beyond_what_a_double_holds(hazard, log_value):
    """As they are drawn where the data hardly inform them: survival is 1 at the start, falls, and is a number."""
    sizes = Sizes("gaussian", hazard, 1, 1, 0, 0)
    theta = np.zeros((1, sizes.n_class_parameters))
    theta[0, sizes.cause(0)[0].start] = log_value

    survival = np.exp(-cumulative_hazard(theta, sizes, [0.0, 1.0, 30.0])[0, 0])

    assert survival[0] == 1.0
    assert survival[1] in (0.0, 1.0)
    assert survival[2] == survival[1]
