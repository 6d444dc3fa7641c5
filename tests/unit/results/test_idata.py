"""The tree of a posterior: ArviZ reads it, constants are no part of it, its log prior is that of what is sampled."""

from dataclasses import replace
from functools import cache

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers import Case, dense, draw_natural, fit_at, made_bayes, two_cause_cohort
from scipy.special import expit, softmax
from scipy.stats import beta, halfnorm, norm

import bayesctc as bc
from bayesctc.errors import FitError, SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.log_prior import log_prior
from bayesctc.model.posterior import Posterior
from bayesctc.results.idata import natural_draws

pytestmark = pytest.mark.unit

CASES = {
    "one class": Case(1, n=40, survival=("arm",), options={"random_effects": "intercept"}),
    "a correlation": Case(2, n=40, membership=("bone",), survival=("arm",)),
    "three correlations": Case(3, n=40, options={"random_effects": "quadratic", "class_specific_random_effects": True}),
    "no random effects": Case(2, n=40, longitudinal=("bone",), options={"random_effects": "none", "endpoint": None}),
}


@cache
def draws_around(name: str):
    """A fit whose draws scatter around random parameters."""
    case = CASES[name]
    ml = fit_at(case.cohort(), case.spec, draw_natural(case, np.random.default_rng(4)))
    ml = replace(ml, covariance=0.01 * np.eye(ml.n_parameters))
    return made_bayes(ml, ml.parameter_draws(200, random_seed=1).reshape(2, 100, *ml.theta.shape))


@pytest.fixture(scope="module")
def fit():
    return draws_around("a correlation")


@pytest.mark.parametrize("name", CASES)
def test_every_coordinate_of_the_posterior_varies_and_has_an_r_hat(name):
    table = az.summary(draws_around(name).idata, round_to="none")
    assert np.isfinite(table["r_hat"].astype(float)).all()
    assert (table["sd"] > 0).all()
    own = draws_around(name).summary()
    varies = own[own["rhat"].notna()]
    assert len(table) == len(varies)
    np.testing.assert_allclose(table["mean"].astype(float), varies["mean"], rtol=1e-12)
    np.testing.assert_allclose(table["r_hat"].astype(float), varies["rhat"], rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost_with_the_constants(name):
    fit = draws_around(name)
    found = natural_draws(fit.idata["posterior"].dataset, fit.design.layout)
    expected = fit.design.layout.natural(fit.idata["internal"]["theta"].to_numpy())
    assert set(found) == set(expected)
    for parameter, values in expected.items():
        np.testing.assert_allclose(found[parameter], values, rtol=1e-13, atol=1e-13, err_msg=parameter)


@pytest.mark.parametrize("name", CASES)
def test_a_draw_is_what_log_likelihood_takes(name):
    fit = draws_around(name)
    draw = fit.idata["posterior"].dataset.isel(chain=1, draw=7)
    expected = fit.idata["log_likelihood"]["joint"].isel(chain=1, draw=7).to_numpy()
    for given in (draw, {str(n): draw[n].to_numpy() for n in draw}):
        np.testing.assert_allclose(bc.log_likelihood(fit.cohort, fit.spec, given), expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # of random parameters
@pytest.mark.parametrize("name", ["plot_trace", "plot_forest", "plot_energy"])
def test_arviz_plots_the_draws(fit, name):
    assert getattr(az, name)(fit.idata) is not None


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_loo_and_comparison_by_arviz(fit):
    assert az.loo(fit.idata, reff=1.0).elpd == pytest.approx(bc.loo(fit, max_refits=0, progress=False).elpd, abs=1e-8)
    other = replace(
        fit, idata=fit.idata.map_over_datasets(lambda data: data + 0.0 if "joint" not in data else data - 1)
    )
    table = az.compare({"one": fit.idata, "other": other.idata}, round_to="none")
    assert table.loc["other", "elpd_diff"] == pytest.approx(-fit.n_patients)


def test_power_scaling_by_arviz_is_that_of_the_sensitivity_analysis(fit):
    from bayesctc.sensitivity.powers import power_sensitivity

    found, own = az.psense_summary(fit.idata, round_to=12), power_sensitivity(fit)
    for component in ("prior", "likelihood"):
        np.testing.assert_allclose(found[component].astype(float), own[component], atol=1e-11)


@pytest.mark.filterwarnings("ignore:.*look discrete")
def test_predicted_samples_beside_the_observed_ones(fit):
    with_samples = fit.with_posterior_predictive(60, random_seed=3)
    group = with_samples.idata["posterior_predictive"]
    samples = fit.cohort.endpoint("os").samples
    assert dict(group.sizes) == {"chain": 2, "draw": 30, "visit": len(samples)}
    assert list(group["patient_id"].to_numpy()) == list(samples["patient_id"])
    np.testing.assert_array_equal(with_samples.idata["observed_data"]["ctc"], samples["ctc"])
    assert az.plot_ppc_dist(with_samples.idata, num_samples=20) is not None
    assert "posterior_predictive" not in fit.idata.children
    again = fit.with_posterior_predictive(60, random_seed=3).idata["posterior_predictive"]
    assert again.identical(group)
    for wrong in ({"n": 0}, {"random_seed": -1}):
        with pytest.raises(SpecError, match=next(iter(wrong))):
            fit.with_posterior_predictive(**wrong)


@pytest.mark.parametrize("endpoint", [None, "os"])
def test_predicted_samples_are_of_the_class_that_survival_expects(endpoint):
    """Classes 0 and 4 on the log scale, without scatter: a drawn count tells its class."""
    case = Case(2, n=30, membership=("bone",), options={"random_effects": "none", "growth": "linear"})
    case = replace(case, options={**case.options, "endpoint": endpoint})
    cohort, natural = case.cohort(), draw_natural(case, np.random.default_rng(2))
    natural |= {"growth": np.array([[0.0, 0.0], [4.0, 0.0]]), "sigma": np.array(1e-3)}
    if endpoint is not None:
        natural |= {"scale": np.array([8.0, 40.0])}
    ml = fit_at(cohort, case.spec, natural)
    fit = made_bayes(ml, np.tile(ml.theta, (2, 1000, 1, 1)))
    values = fit.with_posterior_predictive(2000).idata["posterior_predictive"]["ctc"]
    low = (values == 0).mean(("chain", "draw")).to_numpy()
    theirs = dense(case, cohort, natural)
    p = softmax(theirs.log_pi + theirs.survival, axis=1)[:, 0]
    expected = p[cohort.patients.index.get_indexer(values["patient_id"].to_numpy())]
    assert np.ptp(expected) > 0.2
    np.testing.assert_allclose(low, expected, atol=5 * np.sqrt(0.25 / 2000))


def test_a_count_that_no_number_holds_is_an_error(fit):
    thetas = fit.idata["internal"]["theta"].to_numpy().copy()
    thetas[..., fit.design.sizes.blocks["growth"]] = 100.0
    tree = fit.idata.copy()
    tree["internal"] = xr.DataTree(tree["internal"].dataset.assign(theta=tree["internal"]["theta"].copy(data=thetas)))
    with pytest.raises(FitError, match="log count"):
        replace(fit, idata=tree).with_posterior_predictive(4)


SAMPLED = {
    "one class": (Case(1, n=30), None),
    "everything": (
        Case(3, n=30, membership=("bone",), survival=("arm",), longitudinal=("age",)),
        {
            "random_effects": "quadratic",
            "class_specific_random_effects": True,
            "class_specific_sigma": True,
            "hazard": "piecewise",
        },
    ),
    "gompertz": (Case(2, n=30, survival_by_class=("bone",)), {"hazard": "gompertz", "random_effects": "intercept"}),
    "counts": (Case(2, n=30), {"family": "zero_inflated_negative_binomial", "random_effects": "none"}),
}


@pytest.mark.parametrize("name", [*SAMPLED, "two causes"])
def test_the_sampled_density_is_likelihood_log_prior_and_jacobians(name):
    """Up to a constant; the Jacobians are those of logarithms and logits, of coordinates drawn from the prior."""
    if name == "two causes":
        cohort = two_cause_cohort(60)
        spec = bc.ModelSpec(n_classes=2, family="gaussian", growth="linear", random_effects="slope", endpoint="ttf")
    else:
        case, options = SAMPLED[name]
        cohort, spec = case.cohort(), case.spec.with_(**(options or {}))
    analysis = Analysis.settle(cohort, spec)
    design = analysis.design
    centre = design.layout.to_theta(np.zeros(design.layout.n_parameters))
    posterior, evaluator = Posterior(analysis, centre), analysis.evaluator()
    xs = posterior.prior.draw(30, np.random.default_rng(6))
    thetas = posterior.thetas(xs)
    jacobian = xs[:, posterior.prior.half > 0].sum(axis=1)
    u = expit(xs[:, posterior.prior.logit])
    jacobian += np.log(u * (1.0 - u)).sum(axis=1)
    by_parameter = log_prior(thetas, design.layout, spec.priors)
    left = [
        posterior(x)[0] - evaluator.patients(theta).sum() - change
        for x, theta, change in zip(xs, thetas, jacobian, strict=True)
    ]
    apart = np.array(left) - sum(by_parameter.values())
    np.testing.assert_allclose(apart, apart[0], rtol=1e-9, atol=1e-7)
    assert np.ptp(left) > 1.0
    assert all(np.ptp(values) > 0 for values in by_parameter.values())


def test_log_priors_of_single_parameters_are_those_declared(fit):
    found, priors = fit.idata["log_prior"].dataset, fit.spec.priors
    own = fit.design.layout.own(fit.idata["internal"]["theta"].to_numpy())
    expected = {
        "sigma": halfnorm.logpdf(own["sigma"], scale=priors.sigma_sd),
        "random_effect_sd": halfnorm.logpdf(own["random_effect_sd"], scale=priors.random_effect_sd).sum(axis=-1),
        "random_effect_corr": beta.logpdf(
            0.5 + 0.5 * own["random_effect_corr"][..., 1, 0], priors.correlation_eta, priors.correlation_eta
        ),
        "hazard_coefficient": norm.logpdf(own["hazard_coefficient"], 0.0, priors.hazard_coefficient_sd).sum(axis=-1),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-10, err_msg=name)
    assert set(found) == set(fit.idata["posterior"].dataset.data_vars)


def test_observed_data_of_a_marker_have_its_name():
    from helpers import marker_frames

    cohort = bc.Cohort(*marker_frames(20), marker=bc.Marker("bili", "mg/dL", "log"))
    spec = bc.ModelSpec(n_classes=1, family="gaussian", growth="linear", random_effects="intercept")
    ml = bc.fit_ml(cohort, spec, n_starts=1, progress=False)
    fit = made_bayes(ml, np.tile(ml.theta, (2, 5, 1, 1))).with_posterior_predictive(10)
    np.testing.assert_array_equal(fit.idata["observed_data"]["bili"], cohort.samples["bili"])
    drawn = np.log(fit.idata["posterior_predictive"]["bili"])
    assert abs(float(drawn.mean()) - np.log(cohort.samples["bili"]).mean()) < 0.5
    assert fit.idata["log_likelihood"].attrs["measure"] == "density of log(bili), density of the time to os"


def test_the_summary_of_fits_keeps_what_is_constant():
    """As maximum likelihood has it."""
    fit = draws_around("one class")
    row = fit.summary().set_index("parameter").loc["membership"]
    assert row["mean"] == 0.0
    assert pd.isna(row["rhat"])
    assert np.isfinite(fit.diagnostics.max_rhat)
