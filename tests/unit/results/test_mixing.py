"""R-hat and effective sample sizes against ArviZ."""

import warnings

import arviz as az
import numpy as np
import pytest
import xarray as xr
from scipy.signal import lfilter

from bayesctc.results.mixing import ess_bulk, ess_tail, rhat

pytestmark = pytest.mark.unit


def chains(n_chains, n_draws):
    """Independent, positively and negatively correlated, heavy-tailed, tied, apart, and two-valued draws."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(7, n_chains, n_draws))
    noise[1], noise[2] = lfilter([1.0], [1.0, -0.95], noise[1]), lfilter([1.0], [1.0, 0.7], noise[2])
    noise[3] = rng.standard_cauchy((n_chains, n_draws))
    noise[4] = np.round(noise[4])
    noise[5] = 1e-6 * noise[5] + np.arange(n_chains)[:, None]
    noise[6] = np.arange(n_draws) >= n_draws // 3
    return noise


@pytest.mark.parametrize("n_draws", [3, 4, 5, 6, 7, 8, 11, 100, 501])
@pytest.mark.parametrize("n_chains", [1, 2, 4])
def test_they_are_arvizs(n_chains, n_draws):
    draws = chains(n_chains, n_draws)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few draws
        data = xr.Dataset({"x": (("row", "chain", "draw"), draws)})
        bulk, tail = (az.ess(data, method=method)["x"] for method in ("bulk", "tail"))
        ratio = az.rhat(data)["x"]
    np.testing.assert_allclose(ess_bulk(draws), bulk, rtol=1e-9)
    np.testing.assert_allclose(ess_tail(draws), tail, rtol=1e-9)
    np.testing.assert_allclose(rhat(draws), ratio, rtol=1e-9)
