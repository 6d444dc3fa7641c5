"""Checks, accuracy and plans know one event: competing ones are refused, not read as if there were one."""

import pytest
from helpers import fit_causes, two_cause_cohort

import bayesctc as bc
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def fit():
    return fit_causes(two_cause_cohort(), random_effects="intercept")


def test_predictive_checks_refuse_competing_events(fit):
    with pytest.raises(DataError, match="a predictive check: found endpoint 'ttf' with the competing events"):
        bc.predictive_check(fit, n_replicates=20, progress=False)
    with pytest.raises(DataError, match="a predictive check: found endpoint 'ttf' with the competing events"):
        bc.prior_predictive(fit.cohort, fit.spec, n_replicates=20, progress=False)


def test_the_score_test_refuses_competing_events(fit):
    with pytest.raises(DataError, match="the score test: found endpoint 'ttf' with the competing events"):
        bc.conditional_independence_test(fit)


def test_validation_and_comparison_refuse_competing_events(fit):
    causes = "found endpoint 'ttf' with the competing events progression, toxicity"
    with pytest.raises(DataError, match=f"validate: {causes}"):
        bc.validate(fit, fit.cohort)
    with pytest.raises(DataError, match=f"compare_classifiers: {causes}"):
        bc.compare_classifiers(fit.cohort, fit.spec, endpoints=["ttf"], progress=False)


def test_accuracy_and_sensitivity_refuse_competing_events(fit):
    with pytest.raises(DataError, match="accuracy of predictions: found endpoint 'ttf' with the competing events"):
        bc.prediction_accuracy(fit, fit.cohort, [2.0], [6.0])
    plan = bc.SensitivityPlan([{"option": "cutoff", "value": 3}])
    with pytest.raises(DataError, match="run_sensitivity: found endpoint 'ttf' with the competing events"):
        bc.run_sensitivity(fit.cohort, fit.spec, plan, progress=False)
    other = bc.SensitivityPlan([{"option": "endpoint", "value": "ttf"}])
    with pytest.raises(DataError, match="run_sensitivity: found endpoint 'ttf' with the competing events"):
        bc.run_sensitivity(fit.cohort, fit.spec.with_(endpoint=None), other, progress=False)
