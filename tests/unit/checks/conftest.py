"""Fits and cohorts of the tests of predictive checks."""

import numpy as np
import pytest
import xarray as xr
from checks_helpers import fitted, simulated

from bayesctc.model.likelihood import Evaluator
from bayesctc.results.bayes_fit import BayesFit


@pytest.fixture(scope="session")
def cohort():
    return simulated()


@pytest.fixture(scope="session")
def ml(cohort):
    return fitted(cohort)


@pytest.fixture(scope="session")
def bayes(ml):
    """A Bayesian fit whose draws are from the asymptotic distribution: nothing is sampled."""
    layout, thetas = ml.design.layout, ml.parameter_draws(400)
    natural = layout.natural(thetas[None])
    posterior = xr.Dataset(
        {name: (("chain", "draw", *layout.dims[name]), value) for name, value in natural.items()},
        coords={**layout.coords, "chain": [0], "draw": np.arange(400)},
    )
    joint = Evaluator(ml.packed, ml.design.shape, 2).draws(layout.theta(natural)[0])
    values = xr.Dataset({"joint": (("chain", "draw", "patient"), joint[None])})
    idata = xr.DataTree(children={"posterior": xr.DataTree(posterior), "log_likelihood": xr.DataTree(values)})
    return BayesFit(ml.cohort, ml.design, ml.packed, idata, ml.theta, ml.modes, ())
