"""The same data in other units, from other origins, with other reference levels: the same fit, in those units."""

from functools import cache, cached_property

import numpy as np
import pandas as pd
import pytest
from helpers import marker_frames

import bayesctc as bc

pytestmark = pytest.mark.unit

FORMULAS = {
    "survival": ["~ {x}", "~ arm * {x}", "~ poly({x}, 2)", "~ bs({x}, df=4) + arm", "~ center({x}):bone + bone + {x}"],
    "survival_by_class": ["~ {x}", "~ arm * {x}"],
    "membership": ["~ {x}", "~ {x} + arm", "~ scale({x}) * bone", "~ cs({x}, df=3)"],
    "longitudinal": ["~ {x}", "~ {x} * bone", "~ poly({x}, 2) + arm"],
    "longitudinal_by_class": ["~ {x} + arm"],
}
CASES = [(part, formula.format(x="age")) for part, formulas in FORMULAS.items() for formula in formulas]
N, K = 90, 2
QUICK = {"random_seed": 4, "progress": False}
SCALES, ORIGINS = (1e-6, 1e-3, 1 / 12, 1.0, 365.25, 1e5, 1e8), (0.0, -40.0, 2000.0, 1e4)


@cache
def tables():
    """Two classes; age, in whole years, matters to survival and a little to the counts."""
    rng = np.random.default_rng(8)
    high, age = rng.random(N) < 0.4, np.round(rng.normal(56.0, 10.0, N))
    death = np.where(high, 9.0, 30.0) * rng.weibull(1.3, N) * np.exp(-0.03 * (age - 56.0)) + 0.5
    entry = np.where(rng.random(N) < 0.3, 0.4 * death, 0.0)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(N)],
            "os_time": np.minimum(death, 36.0),
            "os_event": (death < 36.0).astype(int),
            "entry": np.minimum(entry, 20.0),
            "age": age,
            "bone": rng.binomial(1, 0.4, N),
            "arm": rng.choice(["A", "B", "C"], N),
        }
    )
    rows = []
    for i in range(N):
        for t in np.sort(rng.uniform(-0.5, min(patients["os_time"][i], 14.0), rng.integers(2, 8))):
            level = (3.2 if high[i] else 0.8) + 0.01 * (age[i] - 56.0) - 0.04 * t + rng.normal(0.0, 0.5)
            rows.append((f"P{i}", t, max(round(np.expm1(level)), 0)))
    return pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]), patients


def spec_of(part, formula):
    return bc.ModelSpec(
        n_classes=K,
        growth="linear",
        random_effects="intercept",
        family="gaussian",
        common_shape=True,
        **{part: formula},
    )


@cache
def base(spec):
    """Fits to the data as they are."""
    return both(bc.Cohort(*tables()), spec)


@cache
def marker_base(spec, transform="log", survival=True):
    """The same of a marker; without endpoints if `survival` is False."""
    samples, patients = marker_frames(80)
    patients = patients if survival else patients[["patient_id"]]
    return both(bc.Cohort(samples, patients, marker=bc.Marker("bili", transform=transform)), spec)


class Fits(tuple):
    """A fit of each kind, in a unit of time of which there are so many in a month; predictions are computed once."""

    months = 1.0

    @cached_property
    def survival(self):
        """Of each class at two times."""
        curves = [bc.class_survival(fit, np.array([3.0, 12.0]) * self.months) for fit in self]
        return np.stack([each["survival_function"] for each in curves])

    @cached_property
    def ratio(self):
        """The first hazard ratio between classes, with its interval."""
        between = bc.hazard_ratios(self[1]).query("comparison.str.contains(' vs ')")
        return between[["estimate", "lower", "upper"]].iloc[0].to_numpy(dtype=float)


def both(cohort, spec):
    """Fits of the same data."""
    ml = bc.fit_ml(cohort, spec, n_starts=2, **QUICK)
    return Fits((ml, bc.fit_bayes(cohort, spec, ml=ml, draws=12, tune=30, chains=1, **QUICK)))


def assert_same(found, expected, jacobian=0.0):
    """Log likelihood, class probabilities, draws and predictions of two fits in different units."""
    (ml, fit), (ml_before, fit_before) = found, expected
    assert ml.log_likelihood + jacobian == pytest.approx(ml_before.log_likelihood, rel=1e-9, abs=1e-6)
    np.testing.assert_allclose(ml.class_probabilities, ml_before.class_probabilities, atol=1e-6)
    np.testing.assert_allclose(fit.thetas, fit_before.thetas, rtol=1e-8, atol=1e-8)
    assert fit.warnings == fit_before.warnings
    assert repr(fit.diagnostics) == repr(fit_before.diagnostics)  # NaN with one chain
    if ml.spec.endpoint is None:
        return
    np.testing.assert_allclose(found.survival, expected.survival, rtol=1e-6)
    np.testing.assert_allclose(found.ratio, expected.ratio, rtol=1e-6)


def move(m):
    """Sign, scale and origin: over 28 every scale meets every origin, and either sign each of both."""
    return -1.0 if (m % 7 + m % 4) % 2 else 1.0, SCALES[m % 7], ORIGINS[m % 4]


@pytest.mark.parametrize(
    ("part", "formula", "sign", "scale", "origin"), [(*CASES[m // 2], *move(m)) for m in range(2 * len(CASES))]
)
def test_a_covariate_in_another_unit_and_from_another_origin(part, formula, sign, scale, origin):
    samples, patients = tables()
    moved = patients.assign(age=sign * scale * (patients["age"] + origin))
    spec = spec_of(part, formula)
    found, expected = both(bc.Cohort(samples, moved), spec), base(spec)
    assert_same(found, expected)
    if formula == "~ age" and part == "survival":
        for a, b in zip(found, expected, strict=True):
            name, value = ("estimates", "estimate") if hasattr(a, "estimates") else ("summary", "mean")
            tables_of = [getattr(f, name)() if callable(getattr(f, name)) else getattr(f, name) for f in (a, b)]
            log_ratios = [t.query("parameter == 'hazard_coefficient'")[value].item() for t in tables_of]
            assert sign * scale * log_ratios[0] == pytest.approx(log_ratios[1], rel=1e-6)


@pytest.mark.parametrize("part", list(FORMULAS))
@pytest.mark.parametrize(
    ("formula", "turned"),
    [
        ("~ age + arm", "~ arm + age"),
        ("~ arm * age", "~ age + arm + age:arm"),
        ("~ bone + arm", "~ C(bone) + arm"),
        ("~ poly(age, 2)", "~ poly(scale(age), 2)"),
    ],
)
def test_a_formula_written_otherwise(part, formula, turned):
    """Another reference level, other codes of a flag, another order of terms: other names for the same fit."""
    samples, patients = tables()
    other = patients.assign(arm=pd.Categorical(patients["arm"], categories=["C", "A", "B"]), bone=1 - patients["bone"])
    changed = both(bc.Cohort(samples, other), spec_of(part, turned))
    assert_same(changed, base(spec_of(part, formula)))


@pytest.mark.parametrize("growth", ["treatment", "linear", "quadratic", "spline"])
@pytest.mark.parametrize("unit", ["days", "weeks", "years"])
def test_time_read_in_another_unit(growth, unit):
    samples, patients = tables()
    per = {"days": 30.4375, "weeks": 30.4375 / 7, "years": 1 / 12}[unit]
    times = ["os_time", "entry"]
    spec = bc.ModelSpec(n_classes=K, growth=growth, random_effects="slope", family="gaussian", common_shape=False)
    other = bc.Cohort(
        samples.assign(time=samples["time"] * per), patients.assign(**per * patients[times]), time_unit=unit
    )
    assert_same(both(other, spec), base(spec))


@pytest.mark.parametrize(
    ("hazard", "per"),
    [
        *(("weibull", per) for per in (1e-3, 30.4375)),
        *(("exponential", per) for per in (1 / 12, 1e4)),
        *(("gompertz", per) for per in (7.0, 1e-3)),
        *(("piecewise", per) for per in (30.4375, 1 / 12)),
    ],
)
def test_time_called_months_that_is_not(hazard, per):
    """Daily values, say, given as they are: everything is in days then, and nothing else changes."""
    samples, patients = tables()
    spec = bc.ModelSpec(
        n_classes=K,
        random_effects="slope",
        family="gaussian",
        hazard=hazard,
        survival="~ age",
        common_shape=False,
        growth="quadratic",
    )
    times = per * patients[["os_time", "entry"]]
    other = bc.Cohort(
        samples.assign(time=samples["time"] * per), patients.assign(**times), baseline_window=28 * max(per, 1.0)
    )
    jacobian = patients["os_event"].sum() * np.log(per)
    found, expected = both(other, spec), base(spec)
    found.months = per
    assert_same(found, expected, jacobian)
    slopes = [f[0].parameters["growth"].sel(growth_term="s").to_numpy() for f in (found, expected)]
    np.testing.assert_allclose(per * slopes[0], slopes[1], rtol=1e-6)


@pytest.mark.parametrize("origin", [-24.0, 780.0])
def test_the_origin_of_time_of_a_growth_mixture(origin):
    samples, patients = marker_frames(80)
    spec = bc.ModelSpec(n_classes=K, random_effects="slope", family="gaussian", endpoint=None, growth="quadratic")
    marker = bc.Marker("bili")
    alone, before = patients[["patient_id"]], marker_base(spec, survival=False)
    moved = bc.Cohort(samples.assign(time=samples["time"] + origin), alone, marker=marker, baseline_window=1e4)
    assert_same(both(moved, spec), before)
    again = both(moved, spec.with_(time_origin=origin))
    for name in ("growth", "random_effect_sd"):  # told from that origin, the coefficients are those from before
        np.testing.assert_allclose(again[0].parameters[name], before[0].parameters[name], rtol=1e-6)


@pytest.mark.parametrize(("scale", "origin"), [(1e-6, 60.0), (17.1, -3.0), (1e8, 0.0)])
def test_the_unit_of_a_marker(scale, origin):
    samples, patients = marker_frames(80)
    spec = bc.ModelSpec(n_classes=K, random_effects="slope", growth="linear", family="gaussian", common_shape=False)
    linear = bc.Marker("bili", transform="identity")
    moved = samples.assign(bili=scale * (samples["bili"] + origin))
    before = marker_base(spec, "identity")
    found = both(bc.Cohort(moved, patients, marker=linear), spec)
    assert_same(found, before, len(samples) * np.log(scale))
    np.testing.assert_allclose(found[0].parameters["sigma"], scale * before[0].parameters["sigma"], rtol=1e-6)
    if origin == 0.0:  # a logarithm takes a unit for a constant
        assert_same(both(bc.Cohort(moved, patients, marker=bc.Marker("bili")), spec), marker_base(spec))


@pytest.mark.parametrize("growth", ["treatment", "quadratic", "spline"])
def test_time_origin_and_growth_unit_only_say_the_curve_otherwise(growth):
    cohort = bc.Cohort(*tables())
    spec = bc.ModelSpec(n_classes=K, growth=growth, random_effects="slope", family="gaussian", common_shape=False)
    before, after = base(spec), both(cohort, spec.with_(time_origin="1 year", growth_unit="30.4375 days"))
    np.testing.assert_array_equal(after[1].thetas, before[1].thetas)
    assert after[0].log_likelihood == before[0].log_likelihood
    for fit in (*before, *after):
        assert fit.spec.time_origin in (0.0, 12.0)
    curve = [bc.log_likelihood(cohort, f[0].spec, f[0].parameters).sum() for f in (before, after)]
    assert curve[1] == pytest.approx(curve[0], abs=1e-7)


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_in_any_order(seed):
    samples, patients = tables()
    shuffled = bc.Cohort(samples.sample(frac=1, random_state=seed), patients.sample(frac=1, random_state=seed + 1))
    spec = spec_of("survival", "~ age")
    found, expected = both(shuffled, spec), base(spec)
    np.testing.assert_array_equal(found[1].thetas, expected[1].thetas)
