"""WAIC by its formula; LOO against ArviZ on the same log likelihoods; exact refits by theirs."""

from types import SimpleNamespace

import arviz as az
import numpy as np
import pytest
from scipy.special import logsumexp

from bayesctc.criteria import loo as loo_module
from bayesctc.criteria.loo import loo
from bayesctc.criteria.waic import waic
from bayesctc.model.density import log_likelihood
from bayesctc.model.likelihood import Evaluator

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def values(made):
    """log L_i by draw and patient."""
    return made.idata["log_likelihood"]["joint"].stack(s=("chain", "draw")).transpose("s", "patient").to_numpy()


def test_unit_is_the_patient(made, cohort_of_60, values):
    """Class and random effects integrated out: what log_likelihood returns for the same parameters."""
    draw = made.idata["posterior"].dataset.isel(chain=1, draw=7)
    expected = log_likelihood(cohort_of_60, made.spec, {name: draw[name].to_numpy() for name in draw.data_vars})
    assert values.shape == (500, cohort_of_60.n_patients)
    np.testing.assert_allclose(values[250 + 7], expected, atol=1e-10)


def test_waic_is_watanabes(made, values):
    result = waic(made)
    n_draws, n = values.shape
    lppd, p = np.empty(n), np.empty(n)
    for i in range(n):
        lppd[i] = np.log(np.mean(np.exp(values[:, i] - values[:, i].max()))) + values[:, i].max()
        p[i] = sum((values[:, i] - values[:, i].mean()) ** 2) / (n_draws - 1)
    np.testing.assert_allclose(result.pointwise["elpd"], lppd - p, atol=1e-10)
    np.testing.assert_allclose(result.pointwise["p_waic"], p, atol=1e-10)
    assert result.elpd == pytest.approx((lppd - p).sum())
    assert result.p_waic == pytest.approx(p.sum())
    mean = (lppd - p).mean()
    assert result.se == pytest.approx(np.sqrt(n * np.sum((lppd - p - mean) ** 2) / (n - 1)))
    assert result.n_high_variance == sum(p > 0.4)
    assert result.pointwise.index.tolist() == list(made.packed.patient_ids)


def test_waic_counts_high_variances(made):
    """Log likelihoods spread five times as wide have variances 25 times as large."""
    joint = made.idata["log_likelihood"].dataset["joint"]
    spread = joint.mean(("chain", "draw")) + 5.0 * (joint - joint.mean(("chain", "draw")))
    wide = type(made)(made.analysis, made.idata.copy(), made.mode_theta, made.modes, ())
    wide.idata["log_likelihood"] = type(made.idata)(spread.to_dataset(name="joint"))
    variance = joint.var(("chain", "draw"), ddof=1).to_numpy()
    expected = int(np.sum(25 * variance > 0.4))
    assert waic(wide).n_high_variance == expected
    assert expected > waic(made).n_high_variance


@pytest.fixture
def unmatched(monkeypatch):
    """Moment matching that gains nothing."""
    monkeypatch.setattr(loo_module, "MomentMatching", lambda fit: SimpleNamespace(elpd=lambda i: (np.nan, np.inf)))


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # ArviZ's limit is lower for few draws
def test_loo_is_that_of_arviz(made, unmatched):
    """With the relative efficiency of 1 that R's loo takes unless told; ArviZ's own estimate of it moves little."""
    expected = az.loo(made.idata, var_name="joint", pointwise=True, reff=1.0)
    result = loo(made, max_refits=0, progress=False)
    assert result.elpd == pytest.approx(expected.elpd, abs=1e-9)
    assert result.p_loo == pytest.approx(expected.p, abs=1e-9)
    np.testing.assert_allclose(result.pointwise["elpd"], expected.elpd_i, atol=1e-10)
    np.testing.assert_allclose(result.pointwise["pareto_k"], expected.pareto_k, atol=1e-12)
    assert result.n_high_k == int((expected.pareto_k > 0.7).sum())
    assert result.se == pytest.approx(expected.se, rel=1e-10)
    assert result.elpd == pytest.approx(az.loo(made.idata, var_name="joint").elpd, abs=0.05)


def test_leaving_out_costs(made, values):
    lppd = logsumexp(values, axis=0) - np.log(len(values))
    result = loo(made, max_refits=0, progress=False)
    assert (result.pointwise["elpd"].to_numpy() <= lppd).all()
    assert result.p_loo == pytest.approx(lppd.sum() - result.elpd)
    assert 0 < result.p_loo < 3 * made.design.layout.n_parameters


def test_loo_is_near_the_plain_importance_estimate(made, values):
    """1 / mean of 1 / p where the ratios are tame."""
    result = loo(made, max_refits=0, progress=False)
    plain = np.log(len(values)) - logsumexp(-values, axis=0)
    tame = (result.pointwise["pareto_k"] < 0.3).to_numpy()
    assert tame.sum() > 10
    np.testing.assert_allclose(result.pointwise["elpd"].to_numpy()[tame], plain[tame], atol=0.02)


def test_patients_with_the_highest_k_are_refitted_and_the_rest_counted(made, unmatched, monkeypatch):
    before = loo(made, max_refits=0, progress=False).pointwise
    limit = before["pareto_k"].sort_values(ascending=False).iloc[5]
    worst = before["pareto_k"].sort_values(ascending=False).index[:2].tolist()
    monkeypatch.setattr(loo_module, "HIGH_K", limit)
    thetas = made.parameter_draws(40)
    asked = []

    def refit(fit, analysis, settings):
        left_out = set(fit.packed.patient_ids) - set(analysis.packed.patient_ids)
        assert analysis.n_patients == fit.n_patients - 1
        asked.extend(left_out)
        return thetas

    monkeypatch.setattr(loo_module, "refit", refit)
    result = loo(made, max_refits=2, progress=False)
    assert asked == worst
    assert result.pointwise.index[result.pointwise["refitted"]].sort_values().tolist() == sorted(worst)
    assert result.n_high_k == 3
    assert any("3 patients" in warning for warning in result.warnings)
    others = ~before.index.isin(worst)
    np.testing.assert_array_equal(result.pointwise["elpd"][others], before["elpd"][others])
    for patient in worst:
        at = list(made.packed.patient_ids).index(patient)
        evaluator = Evaluator(made.packed, made.design.sizes, 2)
        density = np.exp([evaluator.patients(theta)[at] for theta in thetas])
        assert result.pointwise.loc[patient, "elpd"] == pytest.approx(np.log(density.mean()), abs=1e-10)
    assert result.elpd == pytest.approx(result.pointwise["elpd"].sum())
