"""A maximum-likelihood fit as JSON and back."""

import json
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from small_fits import fit_two_classes

from bayesctc.model.analysis import Analysis
from bayesctc.results.ml_record import ml_fit_of, ml_record

pytestmark = pytest.mark.unit

NUMBERS = ("theta", "log_likelihood", "criterion", "covariance")
TEXTS = ("search_warnings", "estimate_warnings", "search")


@pytest.mark.parametrize("limits", [False, True])
def test_it_comes_back_to_the_last_bit(reference_cohort, limits):
    fit = fit_two_classes(reference_cohort, n_starts=2)
    if limits:  # what a search may leave behind: a Hessian that cannot be inverted, a mode without curvature
        fit = replace(fit, covariance=np.full_like(fit.covariance, np.nan), criterion=np.inf)
    text = json.dumps(ml_record(fit), allow_nan=False)
    found = ml_fit_of(json.loads(text), Analysis.settle(reference_cohort, fit.spec))

    assert {field.name for field in fields(fit)} == {*NUMBERS, *TEXTS, "analysis", "modes", "mode_thetas"}
    assert found.design == fit.design
    pd.testing.assert_frame_equal(found.modes, fit.modes, check_exact=True)
    for name in NUMBERS:
        np.testing.assert_array_equal(getattr(found, name), getattr(fit, name))
    assert [getattr(found, name) for name in TEXTS] == [getattr(fit, name) for name in TEXTS]
    np.testing.assert_array_equal(np.stack(found.mode_thetas), np.stack(fit.mode_thetas))
    assert found.warnings == fit.warnings
