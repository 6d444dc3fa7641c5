"""Sampling: the posterior of a small simulated cohort, its neighbours, and what interruptions leave behind."""

import dataclasses

import arviz as az
import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytest

import bayesctc as bc
from bayesctc.criteria import loo as loo_module
from bayesctc.criteria.loo import loo
from bayesctc.criteria.waic import waic
from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.inference import nuts
from bayesctc.inference.ml import fit_ml
from bayesctc.inference.nuts import fit_bayes
from bayesctc.model.nodes import quadrature_error
from bayesctc.model.priors import Priors
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.storage import load_fit

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("nuts")]

SPEC = ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")
SHORT = {"draws": 300, "tune": 100, "chains": 2, "random_seed": 7, "progress": False}


def simulated_cohort(n: int = 120, seed: int = 4) -> Cohort:
    """Class 1 (60 %): mean log count 0.5, falling 0.3 in 6 months; class 2: 3.0, rising 0.4, with a hazard higher."""
    rng = np.random.default_rng(seed)
    latent = (rng.random(n) < 0.4).astype(int)
    lifetime = np.array([40.0, 10.0])[latent] * rng.exponential(size=n) ** (1 / 1.3)
    end = rng.uniform(12.0, 36.0, n)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(n)],
            "os_time": np.round(np.minimum(lifetime, end), 3) + 0.05,
            "os_event": (lifetime <= end).astype(int),
        }
    )
    rows = []
    for i in range(n):
        deviation = rng.normal(0.0, 0.5)
        for month in np.arange(0.0, 12.0, 1.5):
            if month <= patients["os_time"][i]:
                mean = [0.5, 3.0][latent[i]] + [-0.3, 0.4][latent[i]] * month / 6.0 + deviation
                rows.append((f"P{i}", month, max(0, round(np.expm1(rng.normal(mean, 0.4))))))
    return Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]), patients)


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort()


@pytest.fixture(scope="module")
def ml(cohort):
    return fit_ml(cohort, SPEC, n_starts=6, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def fit(cohort, ml):
    return fit_bayes(cohort, SPEC, ml=ml, **SHORT)


def table_of(fit):
    return fit.summary().set_index(["parameter", "latent_class", "term"])


def assert_same_draws(found, expected):
    for name, values in expected.idata["posterior"].dataset.data_vars.items():
        np.testing.assert_array_equal(found.idata["posterior"].dataset[name], values, err_msg=str(name))


def test_chains_agree(fit):
    assert fit.diagnostics.n_chains == 2
    assert fit.diagnostics.n_draws == 300
    assert fit.diagnostics.max_rhat < 1.05
    assert fit.diagnostics.min_ess > 100
    assert fit.diagnostics.n_divergences == 0
    assert fit.diagnostics.chains_left == ()
    assert fit.idata["posterior"].dataset["growth"].dims == ("chain", "draw", "latent_class", "growth_term")


def test_posterior_is_near_maximum_likelihood(fit, ml):
    """120 patients and 760 samples say more than the priors."""
    table = table_of(fit)
    estimates = ml.estimates.set_index(["parameter", "latent_class", "term"])
    assert set(table.index) == set(estimates.index)
    for row, estimate in estimates["estimate"].items():
        assert abs(table.loc[row, "mean"] - estimate) < 3 * table.loc[row, "sd"], row
    for row, se in estimates["se"].items():
        assert 0.6 < table.loc[row, "sd"] / se < 1.6, row


def test_what_was_simulated_comes_back(fit):
    table = table_of(fit)
    for row, truth in {
        ("growth", "class 1", "intercept"): 0.5,
        ("growth", "class 2", "intercept"): 3.0,
        ("growth", "class 2", "s"): 0.4,
        ("random_effect_sd", "", "intercept"): 0.5,
        ("scale", "class 1", ""): 40.0,
        ("scale", "class 2", ""): 10.0,
        ("shape", "", ""): 1.3,
        ("sigma", "", ""): 0.4,
    }.items():
        assert abs(table.loc[row, "mean"] - truth) < 3.5 * table.loc[row, "sd"], row


def test_classes_are_sorted_in_every_draw(fit):
    """By mean log count over months 0 to 12; these classes are far apart."""
    growth = fit.idata["posterior"].dataset["growth"]
    mean = growth.sel(growth_term="intercept") + growth.sel(growth_term="s") * 1.0
    assert (mean.sel(latent_class="class 1") < mean.sel(latent_class="class 2")).all()


def test_class_probabilities(fit):
    for p in (fit.class_probabilities, fit.class_probabilities_counts):
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
        assert p.index.tolist() == fit.cohort.patients.index.tolist()
    assert fit.entropy > 0.9
    assert fit.quality["share"].tolist() == pytest.approx(fit.class_probabilities.mean().tolist())


def test_log_likelihoods_stored_are_those_of_the_draws(fit, cohort):
    from bayesctc.model.density import log_likelihood

    draw = fit.idata["posterior"].dataset.isel(chain=1, draw=123)
    expected = log_likelihood(cohort, SPEC, {name: draw[name].to_numpy() for name in draw.data_vars})
    stored = fit.idata["log_likelihood"].dataset["joint"].isel(chain=1, draw=123)
    np.testing.assert_allclose(stored, expected, atol=1e-9)


def test_what_warnings_needed_is_not_computed_again(cohort, ml, monkeypatch):
    made = fit_bayes(cohort, SPEC, ml=ml, **SHORT | {"draws": 50, "tune": 100})
    again = BayesFit(made.analysis, made.idata, made.mode_theta, made.modes, made.notes)
    expected = again.class_probabilities, again.class_separation(), again.diagnostics
    monkeypatch.setattr("bayesctc.model.likelihood.Evaluator.evaluate", None)
    monkeypatch.setattr("bayesctc.results.diagnostics.quality", None)
    pd.testing.assert_frame_equal(made.class_probabilities, expected[0])
    pd.testing.assert_frame_equal(made.class_separation(), expected[1])
    assert made.diagnostics == expected[2]


def test_same_seed_same_draws(cohort, ml):
    given = SHORT | {"draws": 50, "tune": 100}
    first, again, alone, other = (
        fit_bayes(cohort, SPEC, ml=ml, **given | more) for more in ({}, {}, {"cores": 1}, {"random_seed": 8})
    )
    assert_same_draws(again, first)
    assert_same_draws(alone, first)
    assert not np.array_equal(other.idata["posterior"].dataset["sigma"], first.idata["posterior"].dataset["sigma"])


def test_same_seed_same_draws_however_chains_take_turns(cohort, ml):
    """Which chain asks first for its start is chance; what it starts from must not be."""
    given = {"draws": 10, "tune": 10, "chains": 4, "random_seed": 3, "progress": False}
    expected = fit_bayes(cohort, SPEC, ml=ml, cores=1, **given)
    for _ in range(15):
        assert_same_draws(fit_bayes(cohort, SPEC, ml=ml, cores=4, **given), expected)


def test_the_search_is_done_where_no_ml_fit_is_given(cohort):
    given = SHORT | {"draws": 50, "tune": 100}
    ml = fit_ml(cohort, SPEC, n_starts=4, random_seed=7, progress=False)
    assert_same_draws(fit_bayes(cohort, SPEC, n_starts=4, **given), fit_bayes(cohort, SPEC, ml=ml, **given))


def test_another_prior_compiles_nothing_and_moves_the_posterior(fit, cohort, ml, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("compiled again")

    monkeypatch.setattr(nutpie, "compile_pymc_model", refuse)
    monkeypatch.setattr(pm.Model, "compile_fn", refuse)
    monkeypatch.setattr(pm.Model, "logp_dlogp_function", refuse)
    tight = SPEC.with_(priors=Priors(level_mean=1.7, level_sd=0.02, log_shape_sd=0.02))
    moved = fit_bayes(cohort, tight, ml=ml, **SHORT)
    assert moved.spec.priors.level_sd == 0.02
    before, after = table_of(fit), table_of(moved)
    middle = np.quantile(cohort.endpoint("os").samples["time"], [0.05, 0.95]).mean() / 6.0
    # 0.02 around 1.7 against a standard error of 0.06: levels and the shape are drawn to their priors' means
    for label in ("class 1", "class 2"):
        rows = [("growth", label, "intercept"), ("growth", label, "s")]
        was, now = (table.loc[rows, "mean"].to_numpy() @ [1.0, middle] for table in (before, after))
        assert abs(now - 1.7) < 0.35 * abs(was - 1.7)
    assert abs(after.loc[("shape", "", ""), "mean"] - 1.0) < 0.05 < before.loc[("shape", "", ""), "mean"] - 1.0
    again = fit_bayes(cohort, SPEC, ml=ml, **SHORT)
    assert_same_draws(again, fit)


def test_the_sampler_of_pymc_agrees(fit, cohort, ml):
    """Through the PyMC model's own density: another sampler and another graph, the same posterior."""
    other = fit_bayes(cohort, SPEC, ml=ml, **(SHORT | {"draws": 150, "tune": 150}), nuts_sampler="pymc")
    assert other.idata.attrs["nuts_sampler"] == "pymc"
    for each in (fit, other):
        assert each.idata["sample_stats"].dataset.sizes == {"chain": 2, "draw": each.diagnostics.n_draws}
        stats = {"energy", "lp", "acceptance_rate", "step_size", "tree_depth", "n_steps", "diverging"}
        assert stats <= set(each.idata["sample_stats"].dataset)
        assert (az.bfmi(each.idata)["energy"] > 0.3).all()
        # both sample the logarithms of standard deviations
        own = each.design.layout.own(each.idata["internal"]["theta"].to_numpy())
        jacobian = np.log(own["sigma"]) + np.log(own["random_effect_sd"]).sum(axis=-1)
        joint, prior = each.idata["log_likelihood"]["joint"], each.idata["log_prior"].dataset.to_dataarray()
        apart = each.idata["sample_stats"]["lp"] - joint.sum("patient") - prior.sum("variable") - jacobian
        assert np.ptp(apart.to_numpy()) < 1e-6  # a constant, which one of them leaves out
    a, b = table_of(fit), table_of(other)
    for row in a.index:
        error = np.hypot(a.loc[row, "sd"] / np.sqrt(a.loc[row, "ess_bulk"]), b.loc[row, "sd"] / np.sqrt(50))
        assert abs(a.loc[row, "mean"] - b.loc[row, "mean"]) < 4.5 * error, row
        assert 0.65 < a.loc[row, "sd"] / b.loc[row, "sd"] < 1.5, row


def test_an_interruption_leaves_nothing_behind(fit, cohort, ml, monkeypatch, tmp_path):
    """Ctrl-C while chains run: they are cancelled, nothing is written, and the next fit is as if nothing had been."""
    monkeypatch.chdir(tmp_path)
    cancelled = []
    sample = nutpie.sample

    def interrupted(*args, **kwargs):
        sampler = sample(*args, **kwargs)

        class Handle:
            def wait(self, *_, **__):
                raise KeyboardInterrupt

            def cancel(self):
                cancelled.append(True)
                sampler.cancel()

        return Handle()

    with monkeypatch.context() as patch:
        patch.setattr(nutpie, "sample", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit_bayes(cohort, SPEC, ml=ml, **(SHORT | {"draws": 200_000}))
    assert cancelled == [True]
    assert list(tmp_path.iterdir()) == []
    assert_same_draws(fit_bayes(cohort, SPEC, ml=ml, **SHORT), fit)


def test_rival_modes_get_chains_of_their_own(fit, cohort, ml):
    """The best mode again, as if it were a rival, and one too far below to be one."""
    row = ml.modes.iloc[[0]]
    table = pd.concat(
        [row, row.assign(log_likelihood=ml.log_likelihood - 2.0), row.assign(log_likelihood=ml.log_likelihood - 3.5)],
        ignore_index=True,
    ).rename_axis("mode")
    with_rivals = dataclasses.replace(ml, modes=table, mode_thetas=(ml.theta,) * 3)
    found = fit_bayes(cohort, SPEC, ml=with_rivals, rivals=True, **SHORT)
    assert len(found.rivals) == 1
    assert_same_draws(found, fit)
    rival = found.rivals[0]
    assert rival.idata.attrs["random_seed"] != fit.idata.attrs["random_seed"]
    a, b = table_of(fit), table_of(rival)
    assert (np.abs(a["mean"] - b["mean"]) < 0.5 * a["sd"]).all()
    assert fit_bayes(cohort, SPEC, ml=with_rivals, **SHORT | {"draws": 30, "tune": 30}).rivals == ()


def test_exact_refits_agree_with_psis_and_moment_matching(fit, monkeypatch):
    """Where PSIS is reliable, the model fitted without the patient must say the same, and moved draws too."""
    psis = loo(fit, max_refits=0, progress=False)
    limit = psis.pointwise["pareto_k"].nlargest(3).iloc[2]
    worst = psis.pointwise["pareto_k"].nlargest(2).index
    assert psis.pointwise["pareto_k"].max() < 0.7
    monkeypatch.setattr(loo_module, "HIGH_K", limit)
    moved = loo(fit, max_refits=2, progress=False)
    monkeypatch.setattr(loo_module, "_matched", lambda fit, found: found)
    exact = loo(fit, max_refits=2, progress=False)
    log_density = fit.idata["log_likelihood"].dataset["joint"]
    others = ~psis.pointwise.index.isin(worst)
    for found, column in ((moved, "matched"), (exact, "refitted")):
        assert found.pointwise.index[found.pointwise[column]].sort_values().tolist() == sorted(worst)
        assert found.n_high_k == 0
        np.testing.assert_array_equal(found.pointwise["elpd"][others], psis.pointwise["elpd"][others])
        for patient in worst:
            values = log_density.sel(patient=patient).to_numpy().ravel()
            elpd, expected = found.pointwise.loc[patient, "elpd"], psis.pointwise.loc[patient, "elpd"]
            assert elpd != expected
            # each side is a mean of densities over draws of which about 200 are independent
            assert abs(elpd - expected) < 4 * np.sqrt(2) * values.std() / np.sqrt(200) + 0.02


def test_loo_and_waic_agree_and_count_the_parameters(fit, ml):
    by_loo, by_waic = loo(fit, max_refits=0, progress=False), waic(fit)
    assert by_loo.elpd == pytest.approx(by_waic.elpd, abs=1.0)
    assert 0.4 * ml.n_parameters < by_loo.p_loo < 2.5 * ml.n_parameters
    # AIC / -2 is elpd's asymptotic estimate
    assert by_loo.elpd == pytest.approx(-0.5 * ml.aic, abs=8.0)


def test_saved_and_read_again(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    found = load_fit(tmp_path / "fit.nc")
    assert_same_draws(found, fit)
    assert found.idata.identical(fit.idata)
    assert found.warnings == fit.warnings
    assert loo(found, max_refits=0, progress=False).elpd == loo(fit, max_refits=0, progress=False).elpd


def test_what_made_it_is_kept(fit, cohort):
    attrs = fit.idata.attrs
    assert attrs["data_fingerprint"] == cohort.fingerprint
    assert (attrs["draws"], attrs["tune"], attrs["chains"], attrs["random_seed"]) == (300, 100, 2, 7)
    assert attrs["nutpie"] == nutpie.__version__
    assert attrs["pymc"] == pm.__version__


def test_one_class(cohort):
    fit = fit_bayes(cohort, SPEC.with_(n_classes=1), **SHORT)
    assert fit.diagnostics.max_rhat < 1.05
    assert (fit.class_probabilities.to_numpy() == 1.0).all()
    assert "membership" not in fit.idata["posterior"]  # a constant
    assert (fit.summary().query("parameter == 'membership'")["mean"] == 0.0).all()


def test_refusals(cohort, ml, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("sampled")

    monkeypatch.setattr(nuts, "sample_mode", refuse)
    for wrong in ({"draws": 0}, {"draws": 2.5}, {"tune": 0}, {"chains": 0}, {"nuts_sampler": "stan"}):
        with pytest.raises(SpecError, match=next(iter(wrong))):
            fit_bayes(cohort, SPEC, ml=ml, **(SHORT | wrong))
    with pytest.raises(SpecError, match="another specification"):
        fit_bayes(cohort, SPEC.with_(growth="quadratic"), ml=ml, **SHORT)
    with pytest.raises(SpecError, match="another cohort"):
        fit_bayes(cohort.select(cohort.patients.index[:100]), SPEC, ml=ml, **SHORT)


@pytest.mark.parametrize("family", ["negative_binomial", "censored"])
def test_a_family_of_counts_is_sampled_and_its_nodes_are_checked(reference_cohort, family, tmp_path):
    """Posterior around the estimate; the reported error of the quadrature is that of the nodes as they were sampled."""
    spec = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", family=family, common_shape=True)
    few = reference_cohort.select(reference_cohort.patients.index[::3])
    ml = bc.fit_ml(few, spec, n_starts=4, progress=False)
    fit = bc.fit_bayes(few, spec, ml=ml, draws=100, tune=100, chains=2, random_seed=1, progress=False)
    growth = fit.idata["posterior"].dataset["growth"].mean(("chain", "draw")).to_numpy()
    se = ml.estimates.query("parameter == 'growth'")["se"].to_numpy().reshape(growth.shape)
    assert (np.abs(growth - ml.parameters["growth"].to_numpy()) < 2 * se).all()
    stood = None if fit.idata.attrs["nodes_follow"] else fit.mode_theta
    error = quadrature_error(fit.analysis, fit.thetas[::20], centre=stood).max()
    assert error <= fit.idata.attrs["node_error"] + 1e-9
    assert any("nodes" in w for w in fit.warnings) == (fit.idata.attrs["node_error"] > 0.001)
    fit.save(tmp_path / "fit.nc")
    again = bc.load_fit(tmp_path / "fit.nc")
    assert again.design.n_nodes == fit.design.n_nodes
    np.testing.assert_array_equal(again.class_probabilities, fit.class_probabilities)
    found = bc.loo(fit, max_refits=0, progress=False)
    assert found.elpd <= fit.idata["log_likelihood"].dataset["joint"].mean(("chain", "draw")).sum()
