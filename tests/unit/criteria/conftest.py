"""Fits whose draws are made, not sampled: from the estimate's normal approximation."""

import pytest
from helpers import made_bayes

from bayesctc.inference.ml import fit_ml
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit


@pytest.fixture(scope="session")
def cohort_of_60(reference_cohort):
    """Every fifth reference patient."""
    return reference_cohort.select(reference_cohort.patients.index[::5])


@pytest.fixture(scope="session")
def small_spec() -> ModelSpec:
    return ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")


@pytest.fixture(scope="session")
def ml_fits(cohort_of_60, small_spec):
    """Maximum likelihood with one class and with two."""
    return {
        K: fit_ml(cohort_of_60, small_spec.with_(n_classes=K), n_starts=4, random_seed=1, progress=False)
        for K in (1, 2)
    }


@pytest.fixture(scope="session")
def made(ml_fits) -> BayesFit:
    """Two chains of 250 draws around the two-class estimate."""
    ml = ml_fits[2]
    return made_bayes(ml, ml.parameter_draws(500, random_seed=5).reshape(2, 250, *ml.theta.shape))
