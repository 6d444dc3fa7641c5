"""Effects of covariates on the hazard by class, and their contrasts."""

import numpy as np
import pandas as pd
import pytest
from helpers import two_cause_cohort
from scipy.stats import norm

import bayesctc as bc
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit
SPEC = bc.ModelSpec(n_classes=2, growth="linear", family="gaussian", survival="~ bone", survival_by_class="~ arm")

BARE = SPEC.with_(n_classes=1, survival="~ 1", survival_by_class="~ 1")


@pytest.fixture(scope="module")
def ml(reference_cohort):
    return bc.fit_ml(reference_cohort, SPEC, n_starts=3, progress=False)


def test_hazard_ratios_are_those_of_the_estimates(ml):
    table = bc.covariate_effects(ml)
    assert table["term"].tolist() == ["bone", "arm", "arm"]
    assert table["latent_class"].tolist() == ["", "class 1", "class 2"]
    own = ml.parameters
    logs = [*own["hazard_coefficient"].to_numpy().ravel(), *own["hazard_coefficient_by_class"].to_numpy().ravel()]
    np.testing.assert_allclose(np.log(table["estimate"]), logs, rtol=1e-10)
    estimates = ml.estimates.set_index("parameter").loc[["hazard_coefficient", "hazard_coefficient_by_class"]]
    np.testing.assert_allclose(np.log(table[["lower", "upper"]]), estimates[["lower", "upper"]], atol=0.15)


def test_one_class_is_a_weibull_regression(reference_cohort):
    """lcmm's and survreg's: the hazard ratio per unit of a covariate, with its interval."""
    fit = bc.fit_ml(reference_cohort, SPEC.with_(n_classes=1, survival_by_class="~ 1"), n_starts=1, progress=False)
    patients = reference_cohort.patients
    weibull = bc.weibull_regression(patients["os_time"], patients["os_event"], patients[["bone"]]).table
    (row,) = bc.covariate_effects(fit).to_dict("records")
    assert np.log(row["estimate"]) == pytest.approx(weibull["log_hazard_ratio"].item(), abs=1e-4)
    z = weibull["log_hazard_ratio"].item() / weibull["standard_error"].item()
    assert row["probability_below_1"] == pytest.approx(norm.cdf(-z), abs=0.05)


def test_contrasts_are_ratios(ml):
    ratios = bc.covariate_effects(ml).set_index("latent_class")["estimate"]
    (row,) = bc.covariate_effects(ml, contrasts=True).to_dict("records")
    assert (row["latent_class"], row["reference"]) == ("class 2", "class 1")
    assert row["estimate"] == pytest.approx(ratios["class 2"] / ratios["class 1"], rel=1e-12)
    assert row["lower"] < row["estimate"] < row["upper"]
    table = bc.hazard_ratios(ml).set_index("quantity")
    between = table.loc["ratio of hazard ratios"]
    assert between["comparison"] == "arm, class 2 vs class 1"
    one, other = (table.set_index("comparison")["estimate"][f"arm in class {g}"] for g in (2, 1))
    assert between["estimate"] == pytest.approx(one / other, rel=1e-9)


def test_units_of_a_covariate(ml, reference_cohort):
    patients = reference_cohort.patients.reset_index()
    tenths = bc.Cohort(reference_cohort.samples, patients.assign(bone=patients["bone"] / 10.0))
    other = bc.fit_ml(tenths, SPEC, n_starts=3, progress=False)
    here, there = (bc.covariate_effects(fit)["estimate"][0] for fit in (ml, other))
    assert np.log(there) == pytest.approx(10.0 * np.log(here), rel=1e-4)


def test_causes():
    fit = bc.fit_ml(
        two_cause_cohort(), SPEC.with_(survival="~ 1", endpoint="ttf", n_classes=1), n_starts=1, progress=False
    )
    first, second = (bc.covariate_effects(fit, cause=cause) for cause in fit.design.causes)
    assert bc.covariate_effects(fit).equals(first)
    assert first["estimate"].iloc[0] != second["estimate"].iloc[0]
    with pytest.raises(SpecError, match="cause"):
        bc.covariate_effects(fit, cause="rain")


def test_what_is_refused(ml, reference_cohort):
    plain = bc.fit_ml(reference_cohort, SPEC.with_(n_classes=1, survival_by_class="~ 1"), n_starts=1, progress=False)
    with pytest.raises(SpecError, match="survival_by_class, such as"):
        bc.covariate_effects(plain, contrasts=True)
    with pytest.raises(SpecError, match="found no terms"):
        bc.covariate_effects(bc.fit_ml(reference_cohort, BARE, n_starts=1, progress=False))
    with pytest.raises(SpecError, match="term has to be one of bone, arm"):
        bc.plot_covariate_effects(ml, "stage")


def test_picture(ml):
    ax = bc.plot_covariate_effects(ml, "arm")
    assert [label.get_text().splitlines()[0] for label in ax.get_yticklabels()] == ["arm, per unit"] * 2
    assert ax.get_xscale() == "log"
    sizes = ml.class_probabilities.idxmax(axis=1).value_counts()
    assert f"n = {sizes['class 1']}" in ax.get_yticklabels()[0].get_text()


def test_a_picture_says_which_level_others_are_compared_with(reference_cohort):
    patients = reference_cohort.patients.reset_index()
    arms = patients.assign(arm=pd.Categorical(patients["arm"].map({0: "old", 1: "new"}), ["old", "new"]))
    spec = SPEC.with_(n_classes=1, survival="~ arm", survival_by_class="~ 1")
    fit = bc.fit_ml(bc.Cohort(reference_cohort.samples, arms), spec, n_starts=1, progress=False)
    (label,) = bc.plot_covariate_effects(fit).get_yticklabels()
    assert label.get_text() == "arm: new\nvs old\nall classes"
