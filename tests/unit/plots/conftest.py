"""The fits of the tests of predictions, and figures that are closed."""

import importlib.util
from pathlib import Path

import matplotlib as mpl
import pytest

mpl.use("Agg")

_path = Path(__file__).parents[1] / "predict" / "conftest.py"
_spec = importlib.util.spec_from_file_location("fits_of_predict", _path)
assert _spec is not None
assert _spec.loader is not None
_fits = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fits)

ml, ml_one, ml_entry, ml_growth, ml_no_hessian, bayes = (
    getattr(_fits, name) for name in ("ml", "ml_one", "ml_entry", "ml_growth", "ml_no_hessian", "bayes")
)
fit, simulated_cohort = _fits.fit, _fits.simulated_cohort


@pytest.fixture(scope="session")
def ml_three():
    """Three classes."""
    return fit(simulated_cohort(), n_classes=3, common_shape=True)


@pytest.fixture(scope="session")
def ml_arms():
    """The arm's effect on survival differs between two classes."""
    return fit(simulated_cohort(), common_shape=True, survival_by_class="~ arm")
