"""Whether a fit may enter a comparison."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from helpers import made_bayes
from hypothesis import given
from hypothesis import strategies as st

from bayesctc.inference.ml import fit_ml
from bayesctc.model.spec import ModelSpec
from bayesctc.results.usable import usable, why_not, why_not_draws

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def ml(reference_cohort):
    cohort = reference_cohort.select(reference_cohort.patients.index[::5])
    spec = ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")
    return fit_ml(cohort, spec, n_starts=4, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def bayes(ml):
    return made_bayes(ml, ml.parameter_draws(500, random_seed=5).reshape(2, 250, *ml.theta.shape))


@given(
    st.floats(allow_nan=True),
    st.floats(allow_nan=True),
    st.one_of(st.integers(0, 8), st.just(float("nan"))),
    st.floats(1.0, 2.0),
)
def test_draws(rhat, ess, n_chains, limit):
    good = n_chains >= 2 and -np.inf < rhat <= limit and ess >= 10 * n_chains
    assert (why_not_draws(rhat, ess, n_chains, limit) is None) == good


def test_good_draws_may(bayes):
    assert why_not(bayes) is None
    assert usable(bayes)


def _with(fit, theta):
    """A fit with other draws on its own scale, which its diagnostics read."""
    idata = fit.idata.copy()
    internal = fit.idata["internal"].dataset
    idata["internal"] = xr.DataTree(internal.assign(theta=internal["theta"].copy(data=theta)))
    return replace(fit, idata=idata)


def _theta(fit):
    return fit.idata["internal"].dataset["theta"].to_numpy().copy()


def test_what_is_not_a_number_fails(bayes):
    theta = _theta(bayes)
    theta[0, 3, 0] = np.nan
    assert not usable(_with(bayes, theta))
    joint = bayes.idata["log_likelihood"].dataset["joint"].copy(deep=True)
    joint[0, 0, 0] = -np.inf
    idata = bayes.idata.copy()
    idata["log_likelihood"] = xr.DataTree(joint.to_dataset(name="joint"))
    assert why_not(replace(bayes, idata=idata)) == "the log likelihood of some draws is not finite"


def test_a_parameter_that_does_not_move_fails(bayes):
    theta = _theta(bayes)
    theta[:, :, 0] = 1.0
    assert why_not(_with(bayes, theta)) == "R-hat cannot be computed"


def test_chains_set_aside(bayes):
    one = bayes.idata.map_over_datasets(lambda d: d.isel(chain=[0]) if "chain" in d.dims else d)
    one.attrs = {**bayes.idata.attrs, "chains_left": np.array([1])}
    assert why_not(replace(bayes, idata=one)) == "1 chain left, at least 2 needed (1 set aside)"


def test_chains_apart(bayes):
    theta = _theta(bayes)
    theta[1] += 6.0 * theta.std(axis=(0, 1))
    reason = why_not(_with(bayes, theta))
    assert reason is not None
    assert reason.endswith("at most 1.05 allowed: the chains have not mixed")
    assert "effective sample size" in why_not(_with(bayes, theta), max_rhat=100.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"criterion": 1e-3}, "not converged"),
        ({"criterion": np.nan}, "not converged"),
        ({"log_likelihood": np.nan}, "the log likelihood is not finite"),
    ],
)
def test_maximum_likelihood(ml, change, said):
    assert usable(ml)
    assert str(why_not(replace(ml, **change))).startswith(said)
    assert why_not(replace(ml, modes=ml.modes.assign(interior=False))) == "no interior mode"
