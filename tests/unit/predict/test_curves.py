"""Curves against scipy, simulation and hand computation."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import weibull_min

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.predict.curves import restricted_mean_nodes
from bayesctc.predict.survival_of_groups import survival_by_assigned

pytestmark = pytest.mark.unit
TIMES = np.array([0.0, 0.5, 3.0, 12.0, 40.0])


def weibulls(fit):
    """Scale and shape by class."""
    parameters, K = fit.parameters, fit.spec.n_classes
    return np.broadcast_to(parameters["scale"], K), np.broadcast_to(parameters["shape"], K)


@pytest.mark.parametrize("name", ["ml", "ml_one"])
def test_survival_is_scipys_weibull(name, request):
    fit = request.getfixturevalue(name)
    scale, shape = weibulls(fit)
    curves = bc.class_survival(fit, TIMES)
    expected = [weibull_min.sf(TIMES, a, scale=s) for s, a in zip(scale, shape, strict=True)]
    np.testing.assert_allclose(curves["survival_function"], expected, atol=1e-12)
    assert (curves["lower"] <= curves["survival_function"] + 1e-9).all()
    assert (curves["upper"] >= curves["survival_function"] - 1e-9).all()


def test_survival_is_the_mean_over_patients(ml_by_class):
    parameters, patients = ml_by_class.parameters, ml_by_class.cohort.patients
    arm = (patients["arm"] == "B").to_numpy() * parameters["hazard_coefficient"].to_numpy()
    scale, shape = weibulls(ml_by_class)
    expected = []
    for g in range(2):
        bone = patients["bone"].to_numpy() * parameters["hazard_coefficient_by_class"].to_numpy()[g, 0]
        cumulative = (TIMES / scale[g]) ** shape[g]
        expected.append(np.mean([np.exp(-cumulative * np.exp(lp)) for lp in arm + bone], axis=0))
    np.testing.assert_allclose(bc.class_survival(ml_by_class, TIMES)["survival_function"], expected, atol=1e-12)


def test_restricted_mean_is_quads(ml):
    scale, shape = weibulls(ml)
    curves = bc.class_survival(ml, TIMES, horizon=25.0)
    for g in range(2):
        expected = quad(lambda t, g=g: weibull_min.sf(t, shape[g], scale=scale[g]), 0.0, 25.0)[0]
        assert float(curves["rmst"][g]) == pytest.approx(expected, rel=1e-8)
    assert curves["rmst"].attrs["horizon"] == 25.0
    assert bc.class_survival(ml, TIMES).attrs["horizon"] == 40.0


def test_months_past_follow_up_are_warned_of(ml):
    last = float(ml.cohort.patients["os_time"].max())
    assert bc.class_survival(ml, [last]).attrs["warnings"] == ()
    for curves in (bc.class_survival(ml, [240.0]), bc.class_survival(ml, [12.0], horizon=240.0)):
        assert "240 months is beyond the longest follow-up" in curves.attrs["warnings"][0]


@pytest.mark.parametrize("shape", [0.2, 0.7, 1.0, 5.0])
def test_nodes_integrate_every_allowed_shape(shape):
    t, w = restricted_mean_nodes(30.0)
    expected = quad(lambda u: weibull_min.sf(u, shape, scale=12.0), 0.0, 30.0, epsabs=1e-12, limit=200)[0]
    assert np.sum(w * weibull_min.sf(t, shape, scale=12.0)) == pytest.approx(expected, rel=1e-6)


def test_median_and_share_are_those_of_simulated_counts(ml_slope):
    """200,000 patients per class with random effects, covariate at its mean, and noise."""
    rng = np.random.default_rng(1)
    month = 4.0
    p = ml_slope.parameters
    curves = bc.class_trajectories(ml_slope, [month])
    samples = ml_slope.cohort.samples.merge(ml_slope.cohort.patients.reset_index()[["patient_id", "bone"]])
    covariate = samples["bone"].mean() * month
    sd = p["random_effect_sd"].to_numpy()
    covariance = sd[:, None] * p["random_effect_corr"].to_numpy() * sd
    b = rng.multivariate_normal([0.0, 0.0], covariance, 200_000)
    for g in range(2):
        mean = p["growth"].to_numpy()[g] @ [1.0, month / 6] + float(p["longitudinal"][0]) * covariate
        y = mean + b @ [1.0, month / 6] + rng.normal(0.0, float(p["sigma"]), len(b))
        count = np.round(np.maximum(np.expm1(y), 0.0))
        assert float(curves["positive_share"][g, 0]) == pytest.approx(np.mean(count >= 5), abs=0.004)
        assert np.log1p(float(curves["median_ctc"][g, 0])) == pytest.approx(
            np.log1p(max(np.expm1(np.median(y)), 0)), abs=0.02
        )


def test_medians_of_the_default_family_are_those_of_simulated_counts():
    """Of a Poisson count the median is not that of its concentration: whole counts, half a cell to either side."""
    fit = bc.fit_ml(bc.load_trial().include(min_samples=3), bc.ModelSpec(n_classes=3), n_starts=3, progress=False)
    month, rng = 2.0, np.random.default_rng(3)
    curves, family = bc.class_trajectories(fit, [month]), FAMILIES["poisson_log_normal"]
    eta = fit.analysis.design.basis.evaluate([month]) @ fit.theta[:, fit.design.layout.places["growth"]].T
    for g, level in enumerate(eta[0]):
        _, counts = family.draw(rng, np.full(400_000, level), 7.5, float(fit.parameters["sigma"]))
        median = float(curves["median_ctc"][g, 0])
        assert np.mean(counts <= median - 0.5) < 0.502
        assert np.mean(counts <= median + 0.5) > 0.498
        assert float(curves["positive_share"][g, 0]) == pytest.approx(np.mean(counts >= 5), abs=0.004)


def test_default_months_and_words(ml):
    curves = bc.class_trajectories(ml)
    assert curves.sizes == {"latent_class": 2, "time": 61}
    samples = ml.cohort.endpoint("os").samples
    assert float(curves["time"].max()) == pytest.approx(samples["time"].quantile(0.95))
    assert curves.attrs["unit"] == "cells per 7.5 mL"
    assert float(bc.class_survival(ml)["time"].max()) == ml.cohort.patients["os_time"].max()


def test_bayes_is_the_median_of_its_draws(bayes):
    curves = bc.class_survival(bayes, TIMES)
    parameters = bayes.idata["posterior"].dataset
    scale, shape = parameters["scale"].to_numpy()[0], parameters["shape"].to_numpy()[0]
    draws = weibull_min.sf(TIMES, shape[:, :, None], scale=scale[:, :, None])
    for name, q in (("survival_function", 0.5), ("lower", 0.025), ("upper", 0.975)):
        np.testing.assert_allclose(curves[name], np.quantile(draws, q, axis=0), atol=1e-10)
    medians = np.median(np.expm1(parameters["growth"].to_numpy()[0, :, :, 0]), axis=0)
    np.testing.assert_allclose(bc.class_trajectories(bayes, [0.0])["median_ctc"][:, 0], medians, rtol=1e-10)


def test_without_a_hessian_intervals_are_not_numbers(ml, ml_no_hessian):
    curves = bc.class_survival(ml_no_hessian, TIMES)
    assert np.isnan(curves["lower"]).all()
    np.testing.assert_array_equal(curves["survival_function"], bc.class_survival(ml, TIMES)["survival_function"])
    assert "not positive definite" in curves.attrs["interval"]
    assert np.isnan(bc.class_trajectories(ml_no_hessian)["upper"]).all()


def test_expectation_of_groups_by_hand(ml_common):
    p = ml_common.class_probabilities_counts.to_numpy()
    parameters, group = ml_common.parameters, p.argmax(axis=1)
    scale, shape = weibulls(ml_common)
    lp = (ml_common.cohort.patients["arm"] == "B").to_numpy() * float(parameters["hazard_coefficient"][0])
    by_class = np.exp(-((TIMES[None, None] / scale[:, None, None]) ** shape[:, None, None]) * np.exp(lp)[None, :, None])
    each = np.einsum("ih,hit->it", p, by_class)
    curves = survival_by_assigned(ml_common, TIMES)
    for g in range(2):
        np.testing.assert_allclose(curves["survival_function"][g], each[group == g].mean(axis=0), atol=1e-12)
    assert curves["n_patients"].sum() == 80


def test_expectation_with_entry_is_the_hazard_of_the_risk_set(ml_entry):
    """Against a fine product over days, patient by patient."""
    p = ml_entry.class_probabilities_counts.to_numpy()
    patients, group = ml_entry.cohort.patients, p.argmax(axis=1)
    scale, shape = weibulls(ml_entry)
    risk = np.exp((patients["arm"] == "B").to_numpy() * float(ml_entry.parameters["hazard_coefficient"][0]))
    entry = patients["entry"].to_numpy()

    def cumulative(t):
        return (t / scale[:, None]) ** shape[:, None] * risk

    members, value, start, end = group == 0, 1.0, 2.0, 12.0
    grid = np.linspace(start, end, 4001)
    for a, b in pairwise(grid):
        inside = members & (entry <= a)
        now, later = ((p.T * np.exp(cumulative(entry) - cumulative(t))).sum(axis=0)[inside].sum() for t in (a, b))
        value *= later / now
    curves = survival_by_assigned(ml_entry, np.array([1.0, start, end]), start=start)
    assert float(curves["survival_function"][0, 2]) == pytest.approx(value, abs=2e-3)
    np.testing.assert_array_equal(curves["survival_function"][0, :2], [1.0, 1.0])


def test_what_is_refused(ml, ml_growth):
    with pytest.raises(SpecError, match="endpoint=None"):
        bc.class_survival(ml_growth)
    with pytest.raises(SpecError, match="endpoint=None"):
        survival_by_assigned(ml_growth)
    for wrong in ([-1.0], [np.nan], [], ["a"], {}):
        with pytest.raises(SpecError, match="times has to be"):
            bc.class_survival(ml, wrong)
    with pytest.raises(SpecError, match="horizon"):
        bc.class_survival(ml, TIMES, horizon=0.0)
    with pytest.raises(SpecError, match="months has to be"):
        bc.class_trajectories(ml, [[1.0, 2.0]])
    for wrong in (-1, 0, np.nan, "5", True):
        with pytest.raises(SpecError, match="cutoff has to be"):
            bc.class_trajectories(ml, TIMES, cutoff=wrong)
