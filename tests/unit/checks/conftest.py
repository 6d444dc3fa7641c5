"""Fits and cohorts of the tests of predictive checks."""

import pytest
from checks_helpers import fitted, simulated
from helpers import made_bayes


@pytest.fixture(scope="session")
def cohort():
    return simulated()


@pytest.fixture(scope="session")
def ml(cohort):
    return fitted(cohort)


@pytest.fixture(scope="session")
def bayes(ml):
    """A Bayesian fit whose draws are from the asymptotic distribution: nothing is sampled."""
    return made_bayes(ml, ml.parameter_draws(400)[None])
