"""Columns of the samples at a landmark: what is known is used, later values never, a scenario has to be stated."""

import numpy as np
import pytest
from curves_helpers import counts_only, frames

import bayesctc as bc
from bayesctc.errors import DataError, SpecError
from bayesctc.predict.landmark import at_landmark

pytestmark = pytest.mark.unit
LANDMARK = 3.0


@pytest.fixture(scope="module")
def cohort():
    return bc.Cohort(*frames())


@pytest.fixture(scope="module")
def fit(cohort):
    """The laboratory matters in truth to nobody; at these parameters it does."""
    return counts_only(
        cohort, n_classes=2, longitudinal="~ lab", longitudinal_by_class="~ dose", endpoint="os", common_shape=True
    )


@pytest.fixture(scope="module")
def few(cohort):
    """Patients who are followed beyond the landmark."""
    return cohort.select(cohort.patients.index[:8])


def test_later_values_are_never_used(fit, few):
    samples = few.samples
    later = samples["time"] > LANDMARK
    spoiled = samples.assign(
        lab=samples["lab"].astype(object).where(~later, "Z"),
        dose=samples["dose"].where(~later),
        ctc=samples["ctc"].where(~later, 99_999),
    )
    other = bc.Cohort(spoiled, few.patients)
    mine, theirs = (bc.predict_survival(fit, each, LANDMARK, [6.0, 12.0]) for each in (few, other))
    np.testing.assert_array_equal(mine["survival_function"], theirs["survival_function"])
    np.testing.assert_array_equal(mine["class_probability"], theirs["class_probability"])
    assert mine.attrs["n_samples_after_landmark"] == int(later.sum()) == theirs.attrs["n_samples_after_landmark"]
    with pytest.raises(DataError, match=r"a level of the cohort whose schema is used: '1', '2'; found such as 'Z'"):
        bc.predict_survival(fit, other, 5.0, [6.0])


def test_what_is_known_is_used(fit, few):
    samples = few.samples
    other = bc.Cohort(samples.assign(dose=samples["dose"] + 5.0), few.patients)
    mine, theirs = (at_landmark(fit, each, LANDMARK).evaluator().evaluate(fit.theta) for each in (few, other))
    assert (np.abs(mine.log_likelihood - theirs.log_likelihood) > 1e-3).all()


def test_counts_need_a_stated_scenario(fit, few):
    with pytest.raises(
        SpecError, match=r"uses 'lab', a column of the samples .* allowed: a value for it, at=\{'lab': \.\.\.\}"
    ):
        bc.predict_counts(fit, few, LANDMARK, [4.0])
    with pytest.raises(SpecError, match=r"at: found 'arm'; allowed: columns of the samples .*: 'lab', 'dose'\."):
        bc.predict_counts(fit, few, LANDMARK, [4.0], at={"lab": "1", "dose": 10.0, "arm": "A"})
    low, high = (bc.predict_counts(fit, few, LANDMARK, [4.0], at={"lab": "1", "dose": dose}) for dose in (10.0, 30.0))
    assert low.attrs["at"] == "lab = 1, dose = 10.0"
    effect = fit.parameters["longitudinal_by_class"].to_numpy() @ [1.0, 4.0 / 6.0] * 20.0
    classes = bc.predict_survival(fit, few, LANDMARK, [1.0])["class_probability"].to_numpy()
    sure = classes.max(axis=1) > 0.99
    moved = np.log1p(high["median_ctc"]) - np.log1p(low["median_ctc"])
    size = 1.0 / (1.0 + low["median_ctc"].to_numpy()[sure, 0])  # rounding to whole counts
    assert (np.abs(moved.to_numpy()[sure, 0] - effect[classes.argmax(axis=1)[sure]]) < 1.2 * size).all()
    assert sure.sum() > 4
