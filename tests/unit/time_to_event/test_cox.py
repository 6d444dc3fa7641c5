"""Cox regression: an independent Efron fit, a closed form, invariances."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg

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
