"""Odds ratios of membership."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import bayesctc as bc
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def ml(reference_cohort):
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", random_effects="intercept", endpoint=None, membership="~ bone", family="gaussian"
    )
    return bc.fit_ml(reference_cohort, spec, n_starts=3, progress=False)


def test_the_logistic_regression_of_the_class_probabilities(ml):
    """At the maximum the membership coefficients solve the logistic regression on P(g | y): the EM equations."""
    p = ml.class_probabilities["class 2"].to_numpy()
    bone = ml.cohort.patients["bone"].to_numpy(dtype=float)
    y = np.column_stack([p, 1.0 - p])
    fit = sm.GLM(y, sm.add_constant(bone), family=sm.families.Binomial()).fit()
    row = bc.odds_ratios(ml).iloc[0]
    assert row["estimate"] == pytest.approx(np.exp(fit.params[1]), rel=1e-4)
    assert row["lower"] < row["estimate"] < row["upper"]


def test_the_reference_turns_the_ratio_round(ml):
    one, other = bc.odds_ratios(ml), bc.odds_ratios(ml, reference="class 2")
    assert one["estimate"].iloc[0] * other["estimate"].iloc[0] == pytest.approx(1.0)
    assert one["lower"].iloc[0] * other["upper"].iloc[0] == pytest.approx(1.0)
    assert isinstance(one, pd.DataFrame)


def test_what_has_no_odds_ratio(ml, reference_cohort):
    with pytest.raises(SpecError, match="reference has to be one of class 1, class 2"):
        bc.odds_ratios(ml, reference="tCTChi")
    plain = bc.fit_ml(reference_cohort, ml.spec.with_(membership="~ 1"), n_starts=2, progress=False)
    with pytest.raises(SpecError, match="membership formula"):
        bc.odds_ratios(plain)
