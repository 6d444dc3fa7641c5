"""A fit whose draws are made from the estimate's normal approximation: nothing is sampled."""

import pytest
from helpers import made_bayes

import bayesctc as bc
from bayesctc.data import Cohort
from bayesctc.results.bayes_fit import BayesFit

SPEC = bc.ModelSpec(
    n_classes=2,
    growth="quadratic",
    family="gaussian",
    random_effects="slope",
    membership="~ bone",
    survival="~ arm",
    class_specific_sigma=True,
    class_specific_random_effects=True,
    common_shape=False,
)


@pytest.fixture(scope="package")
def cohort(reference_cohort) -> Cohort:
    return reference_cohort.select(reference_cohort.patients.index[:120])


@pytest.fixture(scope="package")
def made(cohort) -> BayesFit:
    ml = bc.fit_ml(cohort, SPEC, n_starts=3, random_seed=1, progress=False)
    assert ml.has_intervals
    return made_bayes(ml, ml.parameter_draws(1000).reshape(2, 500, *ml.theta.shape))
