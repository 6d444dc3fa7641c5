"""Smooth hazards: their closed form, what they do outside their knots, knots, and a fit from data to report."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from helpers import frames
from scipy.integrate import quad
from scipy.interpolate import BSpline
from smooth_hazards import bathtub_patients, bathtub_survival, spline_hazard

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.model.class_hazards import cumulative_hazard, log_hazard
from bayesctc.model.design import Design
from bayesctc.model.hazards import splines
from bayesctc.model.likelihood import Evaluator
from bayesctc.results.storage import load_fit

pytestmark = pytest.mark.unit
KNOTS = [(0.0, 4.0, 30.0), (0.0, 4.0, 11.0, 30.0), (2.0, 3.0, 9.0, 10.0, 12.0, 40.0)]
ONE = {"n_classes": 1, "growth": "linear", "random_effects": "none", "family": "gaussian", "hazard": "splines"}


def ratios(knots, seed=1, sd=1.5):
    return np.exp(np.random.default_rng(seed).normal(0.0, sd, len(knots)))


@pytest.mark.parametrize("knots", KNOTS)
def test_functions_and_integrals_are_scipys(knots):
    t, x = np.r_[[knots[0]] * 3, knots, [knots[-1]] * 3], np.linspace(knots[0], knots[-1], 57)
    found = splines._splines(x, np.array(knots))
    integrals = [BSpline(t, each, 3).antiderivative()(x) for each in np.eye(len(knots) + 2)]
    scipys = BSpline.design_matrix(x, t, 3).toarray(), np.transpose(integrals)
    for values, expected in zip(found, scipys, strict=True):
        np.testing.assert_allclose(values[:, :-1], expected[:, :-2], atol=1e-13)
        np.testing.assert_allclose(values[:, -1], expected[:, -2:].sum(axis=1), atol=1e-13)


@cache
def made(entry, backend):
    """One class; half of the patients, or all of them, enter after time 0; packed for a backend."""
    samples, patients = frames(60, 5, entry=True)
    if entry:
        patients["entry"] = np.maximum(patients["entry"], 0.4)
    cohort = bc.Cohort(samples, patients)
    design = Design.settle(cohort, bc.ModelSpec(**ONE, hazard_knots=(3.0, 9.0)))
    theta = design.layout.to_theta(np.random.default_rng(3).normal(0.0, 0.5, design.layout.n_parameters))
    theta[:, design.layout.places["scale"]] = 0.2
    return design, design.pack(cohort), theta


@pytest.mark.parametrize("entry", [False, True])
def test_likelihood_at_any_time(entry, backend):
    """Before the first entry, on and between the knots, and long after the last event."""
    design, packed, theta = made(entry, backend)
    first, *_, last = design.hazard_knots
    assert first == (0.4 if entry else 0.0)
    packed = packed.take(np.flatnonzero(packed.entry == packed.entry.min())[:12])
    packed.follow_up[2] = 0.0
    times = np.array([1e-9, 0.01, 0.2, 0.4, 1.7, 3.0, 5.5, 9.0, 20.0, last, 1.5 * last, 40.0 * last])
    assert packed.n_patients == len(times)
    natural = design.layout.natural(theta)
    h = spline_hazard(design.hazard_knots, natural["relative_coefficient"])

    def rate(t):
        return float(h(np.clip(t, first, last))) / natural["scale"]

    gone = [quad(rate, 0.0, t, points=[k for k in design.hazard_knots if 0.0 < k < t] or None)[0] for t in times]
    nothing, censored, happened = (
        Evaluator(packed.followed_to(t, event), design.sizes, 1).patients(theta)
        for t, event in ((0.0, 0.0), (times, 0.0), (times, 1.0))
    )
    np.testing.assert_allclose(nothing - censored, gone, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(happened - censored, np.log([rate(t) for t in times]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_hazard(theta, design.sizes, times)[0, 0], happened - censored, atol=1e-9)
    np.testing.assert_allclose(cumulative_hazard(theta, design.sizes, times)[0, 0], gone, rtol=1e-8)


@pytest.mark.parametrize("event", [0.0, 1.0])
def test_gradient_at_any_time(event):
    design, packed, theta = made(True, "compiled")
    last = design.hazard_knots[-1]
    times = np.resize([0.01, 0.2, 0.4, 1.7, 3.0, 5.5, 9.0, 20.0, last, 1.5 * last], packed.n_patients)
    evaluator = Evaluator(packed.followed_to(np.maximum(times, packed.entry), event), design.sizes, 1)
    gradient = evaluator.total(theta)[1]
    for m in range(design.sizes.blocks["hazard"].start, theta.shape[1]):
        up, down = theta.copy(), theta.copy()
        up[0, m], down[0, m] = theta[0, m] + 1e-5, theta[0, m] - 1e-5
        slope = (evaluator.total(up)[0] - evaluator.total(down)[0]) / 2e-5
        assert slope == pytest.approx(gradient[0, m], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("knots", KNOTS)
def test_the_hazard_is_constant_outside_and_arrives_level(knots):
    relative, step = ratios(knots), 1e-6
    rate = np.exp(splines.log_hazard(np.array([0.5, 1.0, 1.0 + step]) * knots[-1], knots, 20.0, relative))
    assert rate[2] == rate[1]
    inside = np.exp(splines.log_hazard(np.array([1.0 - step, 1.0]) * knots[-1], knots, 20.0, relative))
    assert abs(np.diff(inside)[0]) < 1e-9 * rate[1]
    if knots[0] > 0.0:
        at_start = splines.log_hazard(np.array([1e-12, 0.5, 1.0]) * knots[0], knots, 20.0, relative)
        assert (at_start == at_start[0]).all()


@pytest.mark.parametrize("knots", KNOTS)
def test_scale_is_one_over_the_mean_hazard(knots):
    ends = splines.cumulative_hazard(np.array([knots[0], knots[-1]]), knots, 20.0, ratios(knots))
    assert np.diff(ends)[0] == pytest.approx((knots[-1] - knots[0]) / 20.0, rel=1e-12)


@pytest.mark.parametrize("sd", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("knots", KNOTS)
def test_inverse(knots, sd):
    rng = np.random.default_rng(2)
    relative, scale = np.exp(np.clip(rng.normal(0.0, sd, (500, len(knots))), -9.0, 9.0)), rng.uniform(5.0, 50.0, 500)
    wanted = rng.exponential(size=500) * 10.0 ** rng.uniform(-8.0, 3.0, 500)
    times = splines.inverse(wanted, knots, scale, relative)
    np.testing.assert_allclose(splines.cumulative_hazard(times, knots, scale, relative), wanted, rtol=1e-10)
    rising = splines.inverse(np.sort(wanted), knots, scale[0], relative[0])
    assert (np.diff(rising) > 0.0).all()
    assert splines.inverse(np.array(0.0), knots, 20.0, relative[0]) == 0.0


def test_knots_and_names():
    samples, patients = frames(60, 5)
    cohort, events = bc.Cohort(samples, patients), patients["os_time"][patients["os_event"] == 1]
    design = Design.settle(cohort, bc.ModelSpec(**ONE))
    expected = [0.0, *np.quantile(events, [0.25, 0.5, 0.75]), events.max()]
    np.testing.assert_allclose(design.hazard_knots, expected, rtol=1e-12)
    assert len(design.layout.coords["interval"]) == 5
    given = Design.settle(cohort, bc.ModelSpec(**ONE, hazard_knots=(3.0, 9.0)))
    assert given.hazard_knots == (0.0, 3.0, 9.0, events.max())
    last = events.max()
    means = [0.0, 1.0, (3.0 + 9.0 + last) / 3.0, last]  # of three knots; that of 0, 3 and 9 is in the middle
    assert given.layout.coords["interval"] == [f"near {mean:.3g} months" for mean in means]
    with pytest.raises(SpecError, match="after the last event"):
        Design.settle(cohort, bc.ModelSpec(**ONE, hazard_knots=(3.0, 500.0)))


@pytest.mark.parametrize("per", [1e-3, 7.0, 30.4375])
def test_the_unit_of_time_leaves_no_trace(per):
    """What the likelihood reads, and so every fit, is the same to the last bit."""
    samples, patients = frames(60, 5, entry=True)
    times = per * patients[["os_time", "entry"]]
    other = bc.Cohort(samples.assign(time=per * samples["time"]), patients.assign(**times), baseline_window=28 * per)
    found, expected = (Design.settle(each, bc.ModelSpec(**ONE)) for each in (other, bc.Cohort(samples, patients)))
    assert found.sizes.own_knots.tobytes() == expected.sizes.own_knots.tobytes()
    theta = expected.layout.to_theta(np.random.default_rng(1).normal(0.0, 0.3, expected.layout.n_parameters))
    mine, theirs = (design.layout.natural(theta) for design in (found, expected))
    assert float(mine["scale"]) == pytest.approx(per * float(theirs["scale"]), rel=1e-12)
    np.testing.assert_array_equal(mine["relative_coefficient"], theirs["relative_coefficient"])


def test_order_of_rows_does_not_matter():
    samples, patients = frames(60, 5, entry=True)
    spec = bc.ModelSpec(**ONE)
    shuffled = bc.Cohort(samples.sample(frac=1, random_state=1), patients.sample(frac=1, random_state=2))
    layout = Design.settle(bc.Cohort(samples, patients), spec).layout
    values = layout.natural(np.full((1, layout.sizes.n_class_parameters), 0.3))
    found, expected = (bc.log_likelihood(each, spec, values) for each in (shuffled, bc.Cohort(samples, patients)))
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_exact=True)


def test_a_bathtub_is_recovered_where_weibull_fails():
    """Early deaths, a quiet time, then a rise; survival within 3 standard errors of its product limit."""
    n = 1500
    patients = bathtub_patients(n, np.random.default_rng(11))
    counts = {"time": np.arange(n) % 2 * -0.1, "ctc": np.arange(n) % 7}
    samples = pd.DataFrame({"patient_id": patients["patient_id"], **counts})
    cohort, months = bc.Cohort(samples, patients), np.linspace(1.0, 36.0, 36)
    away = {}
    for hazard in ("splines", "weibull"):
        fit = bc.fit_ml(cohort, bc.ModelSpec(**ONE | {"hazard": hazard}), n_starts=1, progress=False)
        assert fit.converged
        found = bc.class_survival(fit, months)["survival_function"].to_numpy()[0]
        away[hazard] = np.abs(found - bathtub_survival(months)).max()
    limit = 3.0 * 0.5 / np.sqrt(n)
    assert away["splines"] < limit < away["weibull"]


@pytest.fixture(scope="module")
def fit(reference_cohort):
    """Two classes, sampled briefly."""
    spec = bc.ModelSpec(**ONE | {"n_classes": 2})
    return bc.fit_bayes(reference_cohort, spec, draws=60, tune=80, chains=2, n_starts=3, random_seed=1, progress=False)


def test_from_fit_to_report(fit, reference_cohort, tmp_path):
    assert np.isfinite(bc.loo(fit).elpd)
    landmark = reference_cohort.landmark(6.0)
    predicted = bc.predict_survival(fit, landmark, landmark=6.0, horizons=[6.0, 12.0, 200.0])
    assert np.isfinite(predicted["survival_function"]).all()
    path = bc.write_report(fit, tmp_path / "report.html")
    told = path.read_text()
    for part in ("relative_coefficient", "cubic M-splines", "near 0 months"):
        assert part in told
    fit.save(tmp_path / "fit.nc")
    again = load_fit(tmp_path / "fit.nc")
    assert again.design.hazard_knots == fit.design.hazard_knots
    pd.testing.assert_frame_equal(bc.hazard_ratios(again), bc.hazard_ratios(fit), check_exact=True)


def test_description():
    told = bc.ModelSpec(n_classes=2, hazard="splines", common_shape=False).describe()
    flat = " ".join(told.split())
    for part in (
        "h_g(t) = Σ_k a_k B_k(t) / (scale_g Σ_k w_k a_k) of cubic M-splines",
        "Knots: 3, at quantiles of the event times",
        "after the last event the hazard is constant",
        "relative_coefficient_g: log-normal(0, 1) for each, 95 % between 0.14 and 7.1",
    ):
        assert part in flat
