"""Dynamic prediction of survival: lcmm's figures, dense densities, and what it refuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import Case, dense, draw_natural, fit_at, made_bayes, natural_parameters
from scipy.special import softmax
from scipy.stats import weibull_min

import bayesctc as bc
from bayesctc.errors import DataError, SpecError
from bayesctc.predict import landmark_survival as module
from bayesctc.predict.landmark_survival import prediction_table

pytestmark = pytest.mark.unit
HORIZONS = [6, 12, 24]


def known_at(cohort: bc.Cohort, landmark: float) -> bc.Cohort:
    """What is known of those alive at a landmark: samples up to it; no columns of follow-up."""
    alive = cohort.patients[cohort.patients["os_time"] > landmark]
    samples = cohort.samples
    samples = samples[(samples["time"] <= landmark) & samples["patient_id"].isin(alive.index)]
    alive = alive.loc[alive.index.isin(samples["patient_id"])]
    return bc.Cohort(samples, alive.drop(columns=["os_time", "os_event"]).drop(columns="entry", errors="ignore"))


def lcmm_risks(lcmm) -> pd.DataFrame:
    """lcmm's predicted probabilities of the event, by patient, landmark and horizon."""
    given = lcmm["joint_K3_dynamic_prediction"]
    return pd.DataFrame(given["rows"], columns=given["columns"]).astype({"id": int})


def assert_lcmm(fit, cohort, lcmm, tolerance):
    for (patient, landmark), rows in lcmm_risks(lcmm).groupby(["id", "landmark"]):
        found = bc.predict_survival(fit, cohort.select([str(patient)]), float(landmark), rows["horizon"].tolist())
        np.testing.assert_allclose(1.0 - found["survival_function"].to_numpy()[0], rows["pred"], atol=tolerance)


@pytest.mark.reference
def test_lcmms_dynamic_predictions_at_lcmms_estimates(lcmm, reference_cohort):
    fit = fit_at(
        reference_cohort,
        bc.ModelSpec(n_classes=3, family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
        natural_parameters(lcmm["joint_K3"]),
    )
    assert_lcmm(fit, reference_cohort, lcmm, 1e-8)


@pytest.mark.reference
def test_lcmms_dynamic_predictions_at_our_estimates(lcmm, reference_cohort):
    fit = bc.fit_ml(
        reference_cohort,
        bc.ModelSpec(n_classes=3, family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
        n_starts=12,
        random_seed=1,
        progress=False,
    )
    assert fit.log_likelihood == pytest.approx(lcmm["joint_K3"]["log_likelihood"], abs=1e-3)
    assert_lcmm(fit, reference_cohort, lcmm, 5e-5)
    first = fit.class_probabilities.loc[[str(i) for i in lcmm["joint_K3_posterior_first5"]["id"]]]
    np.testing.assert_allclose(first, lcmm["joint_K3_posterior_first5"]["rows"], atol=5e-5)


@pytest.mark.parametrize(
    "case",
    [
        Case(2, membership=("bone",), survival=("arm",), survival_by_class=("bone",), longitudinal=("log_age",)),
        Case(3, entry=True, options={"random_effects": "intercept", "common_shape": True}),
        Case(1, survival=("age",), options={"random_effects": "none", "growth": "linear"}),
    ],
)
def test_dense_densities(case):
    cohort, landmark = case.cohort(), 4.0
    natural = draw_natural(case, np.random.default_rng(7))
    fit = fit_at(cohort, case.spec, natural)
    new = known_at(cohort, landmark)
    found = bc.predict_survival(fit, new, landmark, HORIZONS)
    patients = cohort.patients.assign(os_time=landmark, os_event=0)
    if "entry" in patients:
        patients = patients.assign(entry=0.0)
    samples = cohort.samples[cohort.samples["time"] <= landmark]
    then = dense(case, bc.Cohort(samples, patients), natural)
    place = cohort.patients.index.get_indexer(new.patients.index)
    p = softmax(then.joint, axis=1)[place]
    np.testing.assert_allclose(found["class_probability"], p, atol=1e-9)
    for j, h in enumerate(HORIZONS):
        later = bc.Cohort(samples, patients.assign(os_time=landmark + h))
        surviving = np.exp(dense(case, later, natural).survival - then.survival)[place]
        np.testing.assert_allclose(found["survival_function"][:, j], np.sum(p * surviving, axis=1), atol=1e-9)
    assert np.isnan(found["lower"]).all()  # no covariance is known


def test_means_and_quantiles_over_draws(ml, ml_no_hessian):
    bayes = made_bayes(ml, ml.parameter_draws(50)[None])
    new = known_at(bayes.cohort, 3.0)
    new = new.select(new.patients.index[:3])
    found = bc.predict_survival(bayes, new, 3.0, HORIZONS)
    each = []
    for theta in bayes.thetas:
        one = bc.predict_survival(replace(ml_no_hessian, theta=theta), new, 3.0, HORIZONS)
        each.append(np.concatenate([one["class_probability"], one["survival_function"]], axis=1))
    values = np.stack(each)
    np.testing.assert_allclose(found["class_probability"], values[:, :, :2].mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(found["survival_function"], values[:, :, 2:].mean(axis=0), atol=1e-10)
    lower, upper = np.quantile(values[:, :, 2:], [0.025, 0.975], axis=0)
    np.testing.assert_allclose(found["lower"], lower, atol=1e-10)
    np.testing.assert_allclose(found["upper"], upper, atol=1e-10)


def test_intervals_of_maximum_likelihood_are_seeded(ml, ml_no_hessian):
    new = known_at(ml.cohort, 3.0)
    one, again, other = (bc.predict_survival(ml, new, 3.0, HORIZONS, random_seed=s) for s in (1, 1, 2))
    assert one.identical(again)
    assert not np.allclose(one["lower"], other["lower"])
    np.testing.assert_array_equal(one["survival_function"], other["survival_function"])
    assert (one["lower"] < one["survival_function"]).all()
    assert (one["survival_function"] < one["upper"]).all()
    without = bc.predict_survival(ml_no_hessian, new, 3.0, HORIZONS)
    assert np.isnan(without["lower"]).all()
    assert "not positive definite" in without.attrs["interval"]


def test_what_follows_the_landmark_says_nothing(ml):
    landmark = 4.5  # at which a visit is due
    alive = ml.cohort.patients.index[ml.cohort.patients["os_time"] > landmark]
    old, new = ml.cohort.select(alive), known_at(ml.cohort, landmark)
    one, other = (bc.predict_survival(ml, cohort, landmark, HORIZONS) for cohort in (old, new))
    assert one.equals(other)
    after = (old.samples["time"] > landmark).sum()
    assert [each.attrs["n_samples_after_landmark"] for each in (one, other)] == [after, 0]
    assert after > 0
    earlier = bc.Cohort(new.samples[new.samples["time"] < landmark], new.patients)
    assert not np.allclose(
        bc.predict_survival(ml, earlier, landmark, HORIZONS)["class_probability"], one["class_probability"]
    )


def test_patients_do_not_depend_on_each_other(ml, monkeypatch):
    new = known_at(ml.cohort, 3.0)
    whole = bc.predict_survival(ml, new, 3.0, HORIZONS)
    monkeypatch.setattr(module, "PATIENTS_AT_ONCE", 7)
    parts = bc.predict_survival(ml, new, 3.0, HORIZONS)
    np.testing.assert_allclose(parts["survival_function"], whole["survival_function"], atol=1e-12)
    one = bc.predict_survival(ml, new.select(["P11"]), 3.0, HORIZONS)
    np.testing.assert_allclose(one["upper"], whole["upper"].sel(patient=["P11"]), atol=1e-12)


@pytest.mark.parametrize("family", ["negative_binomial", "censored"])
def test_few_and_many_patients_of_a_family_with_quadrature(family, monkeypatch):
    case = Case(2, options={"family": family, "random_effects": "slope", "growth": "linear"})
    spec, cohort = case.spec, case.cohort()
    own = {"sigma": 0.7} if family == "censored" else {"dispersion": 0.8}
    natural = {
        "membership": np.array([[0.4], [-0.4]]),
        "growth": np.array([[0.5, -0.3], [3.0, 0.2]]),
        **own,
        "random_effect_sd": np.array([0.7, 0.4]),
        "random_effect_corr": np.array([[1.0, -0.2], [-0.2, 1.0]]),
        "scale": np.array([40.0, 12.0]),
        "shape": np.array([1.2, 1.4]),
    }
    fit = fit_at(cohort, spec, natural, n_nodes=16)
    new = known_at(cohort, 4.0)
    side_by_side = bc.predict_survival(fit, new.select(new.patients.index[:2]), 4.0, HORIZONS)
    monkeypatch.setattr("bayesctc.model.random_effects.FEW_COPIES", 0)
    one_after_another = bc.predict_survival(fit, new, 4.0, HORIZONS)
    few, many = (found["class_probability"].to_numpy()[:2] for found in (side_by_side, one_after_another))
    np.testing.assert_allclose(few, many, atol=1e-10)


def test_survival_of_one_class_is_scipys_weibull(ml_one):
    new = known_at(ml_one.cohort, 3.0)
    found = bc.predict_survival(ml_one, new, 3.0, HORIZONS)["survival_function"]
    scale, shape = (float(ml_one.parameters[name]) for name in ("scale", "shape"))
    expected = weibull_min.sf(3.0 + np.array(HORIZONS), shape, scale=scale) / weibull_min.sf(3.0, shape, scale=scale)
    np.testing.assert_allclose(found, np.tile(expected, (new.n_patients, 1)), atol=1e-12)


def test_horizons_past_the_data_are_marked(ml):
    last = float(ml.cohort.patients["os_time"].max())
    found = bc.predict_survival(ml, known_at(ml.cohort, 3.0), 3.0, [last - 3.0, last - 2.9])
    assert found["extrapolated"].to_numpy().tolist() == [False, True]
    assert found.attrs["landmark"] == 3.0
    assert "months after the landmark" in found.attrs["unit"]


def test_values_outside_the_fit_are_named(ml_by_class):
    samples, covariate = ml_by_class.cohort.samples, ml_by_class.cohort.patients["bone"]
    most = samples["ctc"].max()
    inside, outside = one_patient(bone=[0, 1]), one_patient(bone=[0, 75], count=most + 1)
    assert covariate.agg(["min", "max"]).tolist() == [0, 1]
    for predict in (bc.predict_survival, bc.predict_counts):
        assert predict(ml_by_class, inside, 3.0, [6]).attrs["warnings"] == ml_by_class.warnings
        *_, count, bone = predict(ml_by_class, outside, 3.0, [6]).attrs["warnings"]
        said = f"is outside the range of the fit, {samples['ctc'].min()} to {most}"
        assert count == f"ctc: {most + 1} (patient N1) {said}"
        assert bone == "bone: 75 (patient N2) is outside the range of the fit, 0 to 1"
        assert predict(ml_by_class, outside, 1.9, [6]).attrs["warnings"][-1] == bone  # the count is at 2 months
        assert not any("ctc:" in text for text in predict(ml_by_class, outside, 1.9, [6]).attrs["warnings"])


def test_a_table_of_it(ml):
    found = bc.predict_survival(ml, known_at(ml.cohort, 3.0), 3.0, [12, 6])
    table = prediction_table(found)
    assert list(table.columns) == [
        "patient_id",
        "landmark",
        "horizon",
        "survival_function",
        "lower",
        "upper",
        "extrapolated",
        "P(class 1)",
        "P(class 2)",
    ]
    row = table[(table["patient_id"] == "P11") & (table["horizon"] == 12)].iloc[0]
    assert row["survival_function"] == float(found["survival_function"].sel(patient="P11", horizon=12))
    assert row["P(class 2)"] == float(found["class_probability"].sel(patient="P11", latent_class="class 2"))
    assert len(table) == 2 * found.sizes["patient"]


def one_patient(count=8, **columns):
    patients = pd.DataFrame({"patient_id": ["N1", "N2"], "arm": ["A", "B"], "bone": [0, 1]}).assign(**columns)
    samples = pd.DataFrame({"patient_id": ["N1", "N1", "N2"], "time": [0.0, 2.0, 1.5], "ctc": [3, count, 0]})
    return bc.Cohort(samples, patients)


@pytest.mark.parametrize(
    ("landmark", "columns", "message"),
    [
        (6.0, {"os_time": [6.0, 9.0], "os_event": [1, 0]}, "'N1' died at 6 months"),
        (6.0, {"os_time": [9.0, 5.0], "os_event": [1, 0]}, "'N2' was last followed for os at 5 months"),
        (6.0, {"followup_end": [9.0, 5.0]}, "'N2' was last followed at 5 months"),
        (1.0, {}, "'N2' has no sample up to the landmark of 1 months: the first is at 1.5"),
        (6.0, {"arm": ["A", "Z"]}, "patient 'N2', column 'arm': found 'Z'; allowed: .* 'A', 'B'"),
        (6.0, {"arm": ["A", None]}, "missing for patient 'N2'"),
    ],
)
def test_patients_who_cannot_be_predicted(ml_by_class, landmark, columns, message):
    with pytest.raises(DataError, match=message):
        bc.predict_survival(ml_by_class, one_patient(**columns), landmark, [6])


def test_times_are_told_in_the_unit_of_the_file(ml_by_class):
    patients = pd.DataFrame({"patient_id": ["N1", "N2"], "arm": ["A", "B"], "bone": [0, 1], "os_time": [1053, 1400]})
    samples = pd.DataFrame({"patient_id": ["N1", "N1", "N2"], "time": [0, 61, 45], "ctc": [3, 8, 0]})
    days = bc.Cohort(samples, patients.assign(os_event=[1, 0]), time_unit="days")
    with pytest.raises(DataError, match=r"'N1' died at 1053 days \(34.6 months\), at or before .* 1095.75 days \(36 "):
        bc.predict_survival(ml_by_class, days, 36.0, [6])
    with pytest.raises(DataError, match=r"'N2' has no sample up to .*: the first is at 45 days \(1.478 months\)"):
        bc.predict_survival(ml_by_class, days, 1.0, [6])


def test_an_endpoint_before_death(ml):
    spec = bc.ModelSpec(
        n_classes=1, growth="linear", random_effects="intercept", endpoint="pfs", family="gaussian", common_shape=False
    )
    patients = ml.cohort.patients.assign(pfs_time=lambda t: t["os_time"] * 0.6, pfs_event=1)
    samples = ml.cohort.samples
    fit = bc.fit_ml(bc.Cohort(samples, patients), spec, n_starts=1, progress=False)
    with pytest.raises(DataError, match="'N1' had the endpoint pfs at 4 months"):
        bc.predict_survival(fit, one_patient(pfs_time=[4.0, 9.0], pfs_event=[1, 0]), 6.0, [6])
    with pytest.raises(DataError, match="'N2' died at 5 months"):
        bc.predict_survival(fit, one_patient(os_time=[9.0, 5.0], os_event=[1, 1]), 6.0, [6])


@pytest.mark.parametrize("landmark", [-1.0, np.inf, np.nan, "6", True, None])
def test_landmarks_that_are_not_months(ml, landmark):
    with pytest.raises(SpecError, match="landmark has to be a number of months"):
        bc.predict_survival(ml, ml.cohort, landmark, [6])


@pytest.mark.parametrize("horizons", [[], [0.0], [-1, 6], [np.nan], "soon", [[6, 12]], [6, 6], None])
def test_horizons_that_are_not_months(ml, horizons):
    with pytest.raises(SpecError, match="horizons"):
        bc.predict_survival(ml, ml.cohort, 3.0, horizons)


def test_what_is_no_fit_or_cohort(ml, ml_growth):
    with pytest.raises(SpecError, match="endpoint=None"):
        bc.predict_survival(ml_growth, ml.cohort, 3.0, [6])
    with pytest.raises(SpecError, match="found MLFit and DataFrame"):
        bc.predict_survival(ml, ml.cohort.patients, 3.0, [6])
    with pytest.raises(SpecError, match="found str and Cohort"):
        bc.predict_survival("fit.nc", ml.cohort, 3.0, [6])
