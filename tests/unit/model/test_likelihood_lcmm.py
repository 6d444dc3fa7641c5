"""The likelihood at lcmm's estimates equals lcmm's log likelihood."""

import numpy as np
import pytest
from helpers import natural_parameters
from lcmm_models import MODELS, specification

from bayesctc.model.density import log_likelihood
from bayesctc.model.design import Design
from bayesctc.model.likelihood import Evaluator

pytestmark = [pytest.mark.unit, pytest.mark.reference]


@pytest.mark.parametrize("name", MODELS)
def test_log_likelihood_at_the_estimates_of_lcmm(name, lcmm, reference_cohort, reference_cohort_with_entry):
    fit = lcmm[name]
    cohort = reference_cohort_with_entry if name.startswith("covariates") else reference_cohort
    spec = specification(name, fit["n_classes"])
    assert Design.settle(cohort, spec).layout.n_parameters == fit["n_parameters"]
    found = log_likelihood(cohort, spec, natural_parameters(fit)).sum()
    assert found == pytest.approx(fit["log_likelihood"], abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_vanishes_at_the_estimates_of_lcmm(name, lcmm, reference_cohort, reference_cohort_with_entry):
    """lcmm found its optimum without this gradient."""
    cohort = reference_cohort_with_entry if name.startswith("covariates") else reference_cohort
    design = Design.settle(cohort, specification(name, lcmm[name]["n_classes"]))
    layout = design.layout
    theta = layout.theta(natural_parameters(lcmm[name]))
    _, gradient = Evaluator(design.pack(cohort), design.sizes, design.spec.n_classes).total(theta)
    assert np.abs(layout.transform.T @ gradient.ravel()).max() < 0.01


def test_class_probabilities_of_lcmm(lcmm, reference_cohort):
    joint = log_likelihood(
        reference_cohort,
        specification("joint_K3", 3),
        natural_parameters(lcmm["joint_K3"]),
        by_class=True,
    )
    first = joint.loc[[str(patient) for patient in lcmm["joint_K3_posterior_first5"]["id"]]].to_numpy()
    probabilities = np.exp(first - first.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, lcmm["joint_K3_posterior_first5"]["rows"], atol=1e-7)


@pytest.mark.parametrize("name", ["growth_K3", "joint_K2", "joint_K4", "covariates_K3"])
def test_relative_entropy_of_lcmm(name, lcmm, reference_cohort, reference_cohort_with_entry):
    """Every patient's class probabilities enter it."""
    cohort = reference_cohort_with_entry if name.startswith("covariates") else reference_cohort
    fit = lcmm[name]
    joint = log_likelihood(
        cohort, specification(name, fit["n_classes"]), natural_parameters(fit), by_class=True
    ).to_numpy()
    p = np.exp(joint - joint.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    entropy = 1.0 + np.sum(p * np.log(np.maximum(p, 1e-300))) / (len(p) * np.log(p.shape[1]))
    assert entropy == pytest.approx(fit["entropy"], abs=1e-5)
