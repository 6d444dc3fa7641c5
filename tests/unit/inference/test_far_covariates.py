"""A covariate far from 0: the hazard of a patient for whom it is 0 may be no number; everything else is."""

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit


def fitted(cohort, origin, hazard):
    rng = np.random.default_rng(3)
    year = pd.Series(origin + rng.integers(0, 3, cohort.n_patients), index=cohort.patients.index)
    cohort = cohort.with_covariates(year=year)
    spec = bc.ModelSpec(
        n_classes=1, growth="linear", random_effects="none", family="gaussian", survival="~ year", hazard=hazard
    )
    return bc.fit_ml(cohort, spec, n_starts=1, random_seed=1, progress=False)


@pytest.mark.parametrize("hazard", ["weibull", "exponential"])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_scale_beyond_numbers_is_warned_of_and_refused(reference_cohort, hazard, sign):
    cohort = reference_cohort.select(reference_cohort.patients.index[::5])
    near, far = (fitted(cohort, origin, hazard) for origin in (0.0, sign * 1e6))
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-6)
    scale = far.parameters["scale"].item()
    assert scale in (0.0, np.inf)
    assert [w for w in near.warnings if "scale" in w] == []
    (warning,) = [w for w in far.warnings if w.startswith("scale is")]
    assert "whose year is 0" in warning
    for given in (far.parameters, far.estimates):
        with pytest.raises(SpecError, match=r"'scale' has to be finite and above 0; found .*whose year is 0"):
            bc.log_likelihood(far.cohort, far.spec, given)
    assert bc.log_likelihood(near.cohort, near.spec, near.parameters).sum() == pytest.approx(near.log_likelihood)
    row = far.estimates.set_index("parameter").loc["hazard_coefficient"]
    other = near.estimates.set_index("parameter").loc["hazard_coefficient"]
    np.testing.assert_allclose(
        row[["estimate", "se"]].astype(float), other[["estimate", "se"]].astype(float), rtol=1e-3
    )
