"""Pareto-smoothed importance sampling: ArviZ's, patient by patient; the shape of known tails; patients without any."""

import arviz as az  # noqa: F401  registers the accessor
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesctc as bc
from bayesctc.criteria.psis import psis, smoothed

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("shape", [(4, 400, 150), (2, 100, 30), (1, 120, 20), (1, 30, 5)])
def test_it_is_that_of_arviz(shape):
    rng = np.random.default_rng(shape[2])
    scale = np.exp(rng.normal(-1.0, 1.5, shape[2]))  # k from -0.1 to 10
    draws = xr.DataArray(rng.standard_t(4, shape) * scale - 3.0, dims=("chain", "draw", "patient"))
    weights, k = psis(draws)
    theirs, their_k = draws.azstats.psislw(dim=["chain", "draw"])
    theirs = theirs.transpose("chain", "draw", "patient").to_numpy().reshape(weights.shape)
    np.testing.assert_allclose(weights, theirs, rtol=0, atol=1e-11)
    np.testing.assert_allclose(k, xr.DataArray(their_k), rtol=0, atol=1e-11)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.8])
def test_the_shape_of_a_pareto_tail_is_found(shape):
    """Ratios U^-k have a generalised Pareto tail of shape k; by quantiles of U they have it without noise."""
    uniform = (np.arange(20_000) + 0.5) / 20_000
    _, k = smoothed(-shape * np.log(uniform)[:, None])
    assert k[0] == pytest.approx(shape, abs=0.03)


def test_patients_without_a_tail():
    """The same at every draw: nothing changes without them; half of the draws the same largest: nothing can be said."""
    rng = np.random.default_rng(1)
    ratios = np.column_stack([np.zeros(400), np.repeat([0.0, -1.0], 200), rng.normal(size=400)])
    ratios[rng.random(400) < 0.1, 2] = -np.inf
    weights, k = smoothed(ratios)
    np.testing.assert_allclose(np.exp(weights).sum(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(weights[:, 0], weights[0, 0])
    assert (k[0], k[1], k[2] < 0.7) == (0.0, np.inf, True)
    assert np.exp(weights[ratios[:, 2] == -np.inf, 2]).max() == 0.0
    with pytest.raises(ValueError, match="25 draws or more; found 24"):
        smoothed(ratios[:24])


def test_a_patient_without_samples_is_predicted_for_certain():
    few = bc.load_trial().include(min_samples=3)
    few = few.select(few.patients.index[:20])
    patients = few.patients.reset_index()
    cohort = bc.Cohort(few.samples, pd.concat([patients, patients.iloc[:1].assign(patient_id="empty")]))
    spec = bc.ModelSpec(n_classes=1, endpoint=None)
    fit = bc.fit_bayes(cohort, spec, draws=50, tune=50, chains=1, n_starts=1, random_seed=1, progress=False)
    found = bc.loo(fit, max_refits=0, progress=False).pointwise.loc["empty"]
    assert (found["elpd"], found["pareto_k"]) == (0.0, 0.0)
