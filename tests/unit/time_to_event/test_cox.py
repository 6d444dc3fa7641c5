"""Cox regression: an independent Efron fit, a closed form, invariances."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from statsmodels.duration.hazard_regression import PHReg

from bayesctc.errors import DataError
from bayesctc.time_to_event.cox import cox_regression

pytestmark = pytest.mark.unit

EFRON = Path(__file__).parents[3] / "benchmarks" / "efron_cox.py"


@pytest.fixture
def tied():
    rng = np.random.default_rng(2)
    design = pd.DataFrame({"a": rng.integers(0, 2, 120).astype(float), "b": rng.normal(size=120)})
    time = np.ceil(rng.exponential(12.0 * np.exp(-0.7 * design["a"])) / 2.0)
    return time, rng.integers(0, 2, 120), design


def test_tied_events_agree_with_newton_steps(tied):
    spec = importlib.util.spec_from_file_location("efron_cox", EFRON)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    time, event, design = tied
    beta, value = module.fit_efron_cox(time, event, design.to_numpy())
    fit = cox_regression(time, event, design)
    np.testing.assert_allclose(fit.table["log_hazard_ratio"], beta, rtol=1e-4)
    assert fit.log_likelihood == pytest.approx(value, rel=1e-7)


def test_three_patients_have_a_closed_form():
    # x = 1, 0, 1 dying in turn: L = e / (2e + 1) x 1 / (1 + e), highest where 2 e^2 = 1
    fit = cox_regression([1.0, 2.0, 3.0], [1, 1, 1], pd.DataFrame({"x": [1.0, 0.0, 1.0]}))
    assert fit.table.loc["x", "hazard_ratio"] == pytest.approx(np.sqrt(0.5), rel=1e-4)


def test_row_order_and_time_unit_do_not_matter(tied):
    time, event, design = tied
    rows = np.random.default_rng(3).permutation(len(time))
    fit = cox_regression(time, event, design)
    other = cox_regression(time[rows] * 30.4375, event[rows], design.iloc[rows])
    np.testing.assert_allclose(other.table, fit.table, rtol=1e-6)
    np.testing.assert_allclose(other.proportional_hazards, fit.proportional_hazards, rtol=1e-6)


@pytest.mark.parametrize("late", [False, True])
def test_estimates_are_those_of_statsmodels(tied, late):
    """With ties among events and between events and entries."""
    time, event, design = tied
    entry = np.where(np.arange(len(time)) % 3 == 0, np.maximum(time - 4.0, 0.0), 0.0) if late else None
    alone = PHReg(time, design.to_numpy(), status=event, entry=entry, ties="efron").fit(disp=0)
    found = cox_regression(time, event, design, entry=entry).table
    np.testing.assert_allclose(np.log(found["hazard_ratio"]), alone.params, rtol=1e-7)
    np.testing.assert_allclose(found["standard_error"], alone.bse)


def groups(seed):
    """60 patients in four groups, one of them of three patients with a high risk."""
    rng = np.random.default_rng(seed)
    group = np.r_[0, 0, 0, rng.choice([1, 2, 3], 57, p=[0.2, 0.3, 0.5])]
    x = np.column_stack([group == k for k in range(3)]).astype(float)
    time, censored = rng.exponential(20.0 * np.exp(-x @ [2.0, 0.3, -0.5])), rng.uniform(5.0, 40.0, 60)
    return np.minimum(time, censored), (time < censored).astype(float), pd.DataFrame(x, columns=["few", "some", "many"])


def minus_partial_likelihood(b, time, event, x):
    eta = x @ b
    return -sum(eta[i] - np.log(np.exp(eta[time >= time[i]]).sum()) for i in np.flatnonzero(event))


@pytest.mark.parametrize("seed", range(12))
def test_few_patients_with_a_term_have_an_estimate_if_it_is_finite(seed):
    """Newton's first step from 0 is far too long for most of these."""
    time, event, x = groups(seed)
    by_scipy = minimize(minus_partial_likelihood, np.zeros(3), (time, event, x.to_numpy())).x
    if abs(by_scipy).max() < 8.0:
        found = cox_regression(time, event, x).table["log_hazard_ratio"]
        np.testing.assert_allclose(found.astype(float), by_scipy, atol=1e-4)
        return
    with pytest.raises(DataError, match="no finite estimate"):
        cox_regression(time, event, x)


def test_only_the_term_that_diverges_is_named():
    time, event, x = groups(0)
    event = np.where(x["some"] == 1.0, 0.0, event)  # nobody with it has the event
    with pytest.raises(DataError, match="found no finite estimate for some \\(complete separation\\)"):
        cox_regression(time, event, x)
