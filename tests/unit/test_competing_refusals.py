"""Rooms that read one event and no other refuse competing events, before anything is fitted."""

import pytest
from helpers import fit_causes, two_cause_cohort

import bayesctc as bc
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit

PLAN = bc.SensitivityPlan([{"option": "n_classes", "value": 1}])
ROOMS = {
    "a predictive check": lambda fit: bc.predictive_check(fit, progress=False),
    "the score test": bc.conditional_independence_test,
    "accuracy of predictions": lambda fit: bc.prediction_accuracy(fit, fit.cohort, [2.0], [3.0]),
    "validate": lambda fit: bc.validate(fit, fit.cohort),
    "compare_classifiers": lambda fit: bc.compare_classifiers(fit.cohort, fit.spec, endpoints=["ttf"], progress=False),
    "run_sensitivity": lambda fit: bc.run_sensitivity(fit.cohort, fit.spec, PLAN, progress=False),
}


@pytest.fixture(scope="module")
def fit():
    return fit_causes(two_cause_cohort(toxicity=(0.06, 0.03)), random_effects="intercept")


@pytest.mark.parametrize("room", ROOMS)
def test_refused(fit, room):
    with pytest.raises(DataError, match=f"{room}.*progression.*toxicity"):
        ROOMS[room](fit)
