"""Events between two visits against `survreg(Surv(left, right, type = "interval2"))` (`tests/data/r_figures.R`)."""

import numpy as np
import pytest

import bayesctc as bc

pytestmark = pytest.mark.reference
VISITS = 2.1  # months from one to the next


@pytest.fixture(scope="module")
def cohort(reference_cohort):
    """Events seen at the next visit; those of patients with an even number are known to the day."""
    patients = reference_cohort.patients.reset_index()
    time, seen = patients["os_time"], patients["os_event"] == 1
    before = np.floor(time / VISITS) * VISITS
    late = seen & (patients["patient_id"].astype(int) % 2 == 1)
    bounds = {"os_left": time.where(~late, before), "os_right": time.where(~late, before + VISITS).where(seen)}
    return bc.Cohort(reference_cohort.samples, patients[["patient_id", "bone", "arm"]].assign(**bounds))


def fitted(cohort, **of_survival):
    return bc.fit_ml(cohort, bc.ModelSpec(n_classes=1, **of_survival), n_starts=1, progress=False)


def test_weibull_regression_is_that_of_survreg(cohort, r_figures):
    """log T = intercept + x b + scale W there; here shape = 1 / scale and log hazard ratios are -b / scale.

    In one class survival does not depend on the counts, whose log likelihood is therefore taken off.
    """
    theirs = r_figures["weibull"]
    intercept, *slopes = theirs["coefficients"]
    fit, of_the_counts = fitted(cohort, endpoint="os", survival="~ bone + arm"), fitted(cohort, endpoint=None)
    assert fit.log_likelihood - of_the_counts.log_likelihood == pytest.approx(theirs["log_likelihood"], abs=1e-6)
    assert float(np.log(fit.parameters["scale"].item())) == pytest.approx(intercept, abs=1e-4)
    assert 1.0 / float(fit.parameters["shape"].item()) == pytest.approx(theirs["scale"], rel=1e-4)
    np.testing.assert_allclose(fit.parameters["hazard_coefficient"], -np.array(slopes) / theirs["scale"], atol=1e-4)
