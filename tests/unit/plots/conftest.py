"""The fits of the tests of predictions, and bands of few draws."""

import importlib.util
from pathlib import Path

import matplotlib as mpl
import pytest

from bayesctc.predict.curves import MAX_DRAWS
from bayesctc.results.ml_fit import MLFit

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


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    """Where a band is of as many draws as bands are, 100 do: a picture shows what was computed, however precise."""
    drawn = MLFit.parameter_draws

    def few(self, n=MAX_DRAWS, *seed, **options):
        return drawn(self, n if n < MAX_DRAWS else 100, *seed, **options)

    monkeypatch.setattr(MLFit, "parameter_draws", few)


@pytest.fixture(scope="session")
def ml_three():
    """Three classes."""
    return fit(simulated_cohort(), n_classes=3, common_shape=True)


@pytest.fixture(scope="session")
def ml_arms():
    """The arm's effect on survival differs between two classes."""
    return fit(simulated_cohort(), common_shape=True, survival_by_class="~ arm")
