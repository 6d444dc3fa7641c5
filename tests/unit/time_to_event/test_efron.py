"""The partial likelihood, its gradient and its Hessian against statsmodels, which goes from event to event."""

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg

from bayesctc.time_to_event.efron import EfronRegression

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("digits", [0, 6])
@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("n_terms", [1, 3])
def test_it_is_statsmodels(digits, entry, n_terms):
    rng = np.random.default_rng(3)
    n = 80
    x = rng.normal(size=(n, n_terms))
    time = np.round(1.0 + rng.exponential(6.0, n), digits)
    event = (rng.random(n) < 0.7).astype(int)
    late = np.round(rng.uniform(0.0, 0.9, n) * time, digits) if entry else None
    ours = EfronRegression(time, event, x, late)
    theirs = PHReg(time, x, status=event, ties="efron", entry=late)
    for b in (np.zeros(n_terms), np.linspace(-0.8, 1.3, n_terms)):
        assert ours.loglike(b) == pytest.approx(theirs.loglike(b), rel=1e-12)
        np.testing.assert_allclose(ours.score(b), theirs.score(b), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(ours.hessian(b), theirs.hessian(b), rtol=1e-9, atol=1e-9)
    found, wanted = (model.fit(disp=0) for model in (ours, theirs))
    np.testing.assert_allclose(found.params, wanted.params, rtol=1e-9)
    np.testing.assert_allclose(found.bse, wanted.bse, rtol=1e-9)
    np.testing.assert_allclose(found.schoenfeld_residuals, wanted.schoenfeld_residuals, atol=1e-9)
