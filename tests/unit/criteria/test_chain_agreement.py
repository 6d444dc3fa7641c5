"""Chains agree in prediction or not: draws that are constructed."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from helpers import made_bayes
from scipy.special import logsumexp
from scipy.stats import norm

from bayesctc.criteria.agreement import Agreement, every_chain
from bayesctc.criteria.loo import CHAINS, STACKED, loo, predicted
from bayesctc.results.idata import SET_ASIDE, set_aside
from bayesctc.results.storage import load_fit
from bayesctc.results.usable import why_not

pytestmark = pytest.mark.unit
N = 60
NO_NUMBERS = "the log likelihood of some draws is not finite, or a chain is stuck or too short"


def likelihood(means, draws=400, seed=3, wander=0.0):
    """log p(y_i | mu_s) of a normal mean, chains around `means`; `wander` moves a parameter nothing depends on."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=N)
    mu = np.asarray(means)[:, None] + rng.normal(0.0, N**-0.5, (len(means), draws))
    idle = wander * np.arange(len(means))[:, None] + rng.normal(size=mu.shape)
    values = norm.logpdf(y, mu[..., None] + 0.0 * idle[..., None], 1.0)
    return xr.DataArray(values, dims=("chain", "draw", "patient"), coords={"chain": np.arange(len(means))})


def test_chains_of_one_posterior_agree_and_those_of_two_modes_do_not():
    same = Agreement.of(likelihood([0.0, 0.0, 0.0]))
    assert same.agrees()
    assert same.failure() is None
    assert same.gain >= 0.0
    apart = Agreement.of(likelihood([0.0, 0.0, 1.5]))
    assert not apart.agrees()
    assert "R-hat of the total log likelihood" in str(apart.disagreement())
    assert "elpds differ by" in str(replace(apart, max_rhat=100.0).disagreement())
    assert apart.range > 20.0


def test_modes_that_are_equally_good_for_different_patients_disagree():
    """Totals have one distribution, R-hat and range see nothing: the gain of mixing does."""
    one = likelihood([0.0], draws=800).to_numpy()[0]
    shift = np.where(np.arange(N) % 2 == 0, 2.0, -2.0)
    values = np.stack([one[:400] + shift, one[400:] - shift])
    found = Agreement.of(xr.DataArray(values, dims=("chain", "draw", "patient"), coords={"chain": [0, 1]}))
    assert found.rhat < 1.05
    assert found.range < 4.0
    gain = N * (np.logaddexp(2.0, -2.0) - np.log(2.0))
    assert found.gain == pytest.approx(gain, rel=0.01)
    assert "averaging their predictions gains" in str(found.disagreement())


def test_each_chain_s_elpd_is_that_of_the_normal_model():
    """y_i given the others is normal around their mean: elpd is known, and the Monte Carlo error covers the rest."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=N)
    mu = rng.normal(y.mean(), N**-0.5, (6, 500))
    values = norm.logpdf(y, mu[..., None], 1.0)
    found = Agreement.of(xr.DataArray(values, dims=("chain", "draw", "patient"), coords={"chain": np.arange(6)}))
    others = (y.sum() - y) / (N - 1)
    exact = norm.logpdf(y, others, np.sqrt(1.0 + 1.0 / (N - 1))).sum()
    away = (found.elpd.sum(axis=1) - exact) / found.mcse
    assert np.abs(away).max() < 4.0
    assert np.abs(away).max() > 0.1


def test_what_is_not_a_number_fails_and_one_chain_does():
    values = likelihood([0.0, 0.0])
    values[0, 3, 5] = np.nan
    assert Agreement.of(values).failure() == NO_NUMBERS
    assert not Agreement.of(values).agrees()
    assert "1 chain" in str(Agreement.of(likelihood([0.0])).failure())
    stuck = likelihood([0.0, 0.0])
    stuck[:] = stuck.to_numpy()[:, :1]
    assert Agreement.of(stuck).failure() == NO_NUMBERS


def test_few_effective_draws_fail():
    found = replace(Agreement.of(likelihood([0.0, 0.0])), ess=19.0)
    assert found.failure() == "the effective sample size of the total log likelihood is 19, at least 20 needed"


def wandering(ml):
    """Chains of one mode whose classes are called otherwise in one of them: R-hat is high, predictions are alike."""
    thetas = ml.parameter_draws(1000, random_seed=5).reshape(2, 500, *ml.theta.shape)
    thetas[1] = thetas[1][:, ::-1]
    return made_bayes(ml, thetas)


def test_parameters_that_have_not_mixed_do_not_exclude_chains_that_predict_alike(ml_fits):
    fit = wandering(ml_fits[2])
    assert fit.diagnostics.max_rhat > 1.5
    assert "the chains have not mixed" in str(why_not(fit))
    found = predicted(fit)
    assert found.method == CHAINS
    assert not found.warnings
    straight = made_bayes(ml_fits[2], ml_fits[2].parameter_draws(1000, random_seed=5).reshape(2, 500, 2, -1))
    table, same = found.pointwise, predicted(straight).pointwise
    plain = ~(table["matched"] | same["matched"])
    assert plain.sum() > 50
    assert table["elpd"][plain].to_numpy() == pytest.approx(same["elpd"][plain].to_numpy(), abs=1e-10)
    assert table["elpd"].to_numpy() == pytest.approx(same["elpd"].to_numpy(), abs=0.3)


@pytest.fixture
def two_modes(ml_fits):
    """Three chains, the last three standard deviations away."""
    ml = ml_fits[2]
    thetas = ml.parameter_draws(900, random_seed=5).reshape(3, 300, *ml.theta.shape)
    thetas[2] += 3.0 * thetas[2].std(axis=0)
    return made_bayes(ml, thetas)


def test_chains_that_disagree_are_stacked_and_nothing_is_sampled_again(two_modes, monkeypatch):
    monkeypatch.setattr("bayesctc.criteria.loo.refit", lambda *a, **k: pytest.fail("refitted"))
    found = loo(two_modes, progress=False)
    assert found.method == STACKED
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert found.weights[(2,)] < 0.2
    assert "the predictions of the chains disagree" in found.warnings[0]
    alone = found.agreement.elpd
    w = np.array(list(found.weights.values()))
    mixed = logsumexp(alone[w > 0].T + np.log(w[w > 0]), axis=1).sum()
    assert found.elpd == pytest.approx(mixed - ((w > 0).sum() - 1), abs=1e-8)
    assert mixed >= alone.sum(axis=1).max() - 1e-6


def test_a_chain_set_aside_counts_by_what_it_predicts(two_modes, tmp_path):
    joint = two_modes.idata["log_likelihood"].dataset["joint"].to_numpy()
    main = two_modes.idata.map_over_datasets(lambda d: d.isel(chain=[0, 1]) if "chain" in d.dims else d)
    main.attrs = {**two_modes.idata.attrs, "chains_left": np.array([0])}
    fit = replace(two_modes, idata=main)
    without = predicted(fit)
    main[SET_ASIDE] = set_aside(joint[[2]] - 0.5, np.array([0]), fit.analysis)
    together = every_chain(replace(fit, idata=main))
    assert together["chain"].to_numpy().tolist() == [1, 2, 0]
    assert np.array_equal(together.sel(chain=0).to_numpy(), joint[2] - 0.5)
    found = predicted(replace(fit, idata=main))
    assert found.method == CHAINS
    assert found.elpd == without.elpd
    assert found.agreement.chains == (1, 2)
    main[SET_ASIDE] = set_aside(joint[[2]] + 1.0, np.array([0]), fit.analysis)  # the better one was set aside
    fit = replace(fit, idata=main)
    fit.save(tmp_path / "fit.nc")
    assert np.array_equal(every_chain(load_fit(tmp_path / "fit.nc")).to_numpy(), every_chain(fit).to_numpy())
    better = predicted(fit)
    assert better.method == STACKED
    assert better.elpd > without.elpd
    assert "whose weight is 0." in better.warnings[0]


def test_one_limit_is_that_of_all_that_is_asked():
    """What a rule allows holds for the row of a table, for refits and for what is stacked."""
    values = likelihood([0.0, 0.0, 0.15])
    strict, lenient = Agreement.of(values, 1.0), Agreement.of(values, 100.0)
    assert "at most 1 allowed" in str(strict.disagreement())
    assert not strict.agrees()
    assert strict.failure() is not None
    assert "R-hat" not in str(lenient.failure())
