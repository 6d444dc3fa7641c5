"""Power-scaling: the log prior is PyMC's, and resampled draws carry the weights."""

import numpy as np
import pymc as pm
import pytensor
import pytest

import bayesctc as bc
from bayesctc.model.covariance import partial_of_corr
from bayesctc.model.graph import build_model, start_values
from bayesctc.model.log_prior import log_prior as of_draws
from bayesctc.sensitivity.powers import log_density, log_prior, power_sensitivity, scaled

pytestmark = pytest.mark.unit


def _forward(model, variable):
    """From a variable to the value PyMC's sampler moves."""
    transform = model.rvs_to_transforms[variable]
    if transform is None:
        return lambda value: value
    x = variable.type()
    return pytensor.function([x], transform.forward(x, *variable.owner.inputs), mode="FAST_COMPILE")


def test_the_log_prior_is_that_of_the_pymc_model(made):
    """Without Jacobians, as `pm.compute_log_prior` has it."""
    model = build_model(made.analysis)
    terms = model.logp(model.free_RVs, jacobian=False, sum=False)
    prior = model.compile_fn(pm.math.stack([term.sum() for term in terms]), mode="FAST_COMPILE")
    own = log_prior(made).to_numpy().ravel()[::40]
    differences = []
    forward = {variable.name: _forward(model, variable) for variable in model.free_RVs}
    for theta, value in zip(made.thetas[::40], own, strict=True):
        start, natural = start_values(made.design, theta), made.design.layout.own(theta)
        # which keeps standard deviations and correlations off their edges
        start["random_effect_sd"] = natural["random_effect_sd"]
        start["random_effect_partial"] = 0.5 + 0.5 * partial_of_corr(natural["random_effect_corr"])
        point = {model.rvs_to_values[v].name: forward[v.name](start[v.name]) for v in model.free_RVs}
        differences.append(float(np.sum(prior(point))) - value)

    assert np.ptp(own) > 1.0
    assert np.abs(differences).max() < 1e-8


def test_the_log_prior_of_a_draw_is_its_own_alone(made):
    layout, priors = made.design.layout, made.spec.priors
    alone = sum(of_draws(made.thetas[:1], layout, priors).values())
    assert alone == pytest.approx(log_prior(made).to_numpy().ravel()[:1], rel=1e-14)
    assert np.isfinite(alone).all()


@pytest.mark.parametrize(("component", "alpha"), [("prior", 0.9), ("prior", 1.5), ("likelihood", 1.2)])
def test_resampled_draws_have_the_mean_of_weighted_ones(made, component, alpha):
    log = (alpha - 1.0) * log_density(made, component).to_numpy().ravel()
    weights = np.exp(log - log.max())
    values = made.thetas.reshape(1000, -1)
    expected = weights @ values / weights.sum()
    found, k = scaled(made, component, alpha)
    new = found.thetas.reshape(1000, -1)
    spread = values.std(axis=0)

    assert k < 0.7
    assert found.warnings == ()
    moved = np.abs(expected - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    missed = np.abs(expected - new.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    assert moved.max() > 0.05
    assert missed.max() < 0.25 * moved.max() + 0.03  # Pareto smoothing and 1,000 whole draws


def test_weights_that_cannot_be_trusted_say_so(made):
    found, k = scaled(made, "likelihood", 0.05)

    assert k > 0.7
    assert "do not trust this row" in found.warnings[-1]


def test_sensitivity_by_parameter(made):
    table = power_sensitivity(made)

    assert {"parameter", "latent_class", "term", "prior", "likelihood", "diagnosis"} == set(table.columns)
    assert (table[["prior", "likelihood"]] >= 0).all().all()
    assert len(table) == len(made.summary().query("sd > 0"))


def test_the_likelihood_to_a_power_is_not_the_prior_to_it(made):
    one, other = (scaled(made, component, 0.9)[0].thetas for component in ("prior", "likelihood"))

    assert not np.array_equal(one, other)
    assert bc.class_trajectories(scaled(made, "prior", 0.9)[0], [0.0, 3.0])["median_ctc"].shape == (2, 2)
