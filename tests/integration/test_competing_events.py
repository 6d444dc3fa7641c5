"""Competing events, sampled and recovered."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import CAUSES, fit_causes, two_cause_cohort
from statsmodels.duration.hazard_regression import PHReg

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.inference.ml import fit_analysis
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.generative import simulate
from bayesctc.time_to_event.aalen_johansen import aalen_johansen

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("nuts")]


@pytest.fixture(scope="module")
def cohort():
    """The embedded trial, treatment failure told apart by whether progression or death came at the same time."""
    trial = bc.load_trial()
    patients = trial.patients.reset_index()
    ended = (patients["ttf_time"] == patients["pfs_time"]) & (patients["pfs_event"] == 1)
    patients["ttf_event"] *= np.where(ended, 1, 2)
    return bc.Cohort(trial.samples, patients, causes={"ttf": CAUSES}).include(min_samples=3)


@pytest.fixture(scope="module")
def ml(cohort):
    spec = bc.ModelSpec(
        n_classes=3,
        growth="linear",
        random_effects="intercept",
        endpoint="ttf",
        hazard="exponential",
        survival="~ arm",
        family="gaussian",
        common_shape=False,
    )
    return bc.fit_ml(cohort, spec, n_starts=6, random_seed=1, progress=False)


def test_the_trial(ml):
    """The trial's toxicity depends on the arm and not on the class; progression on the class."""
    assert ml.converged
    assert ml.expected_events.sum(axis=1).tolist() == pytest.approx([309, 103])
    ratios = bc.hazard_ratios(ml)
    between = ratios[(ratios["quantity"] == "hazard ratio") & ratios["comparison"].str.contains(" vs ")]
    toxicity, progression = (between[between["cause"] == c] for c in CAUSES[::-1])
    assert ((toxicity["lower"] < 1.0) & (toxicity["upper"] > 1.0)).all()
    assert (progression["lower"] > 1.0).all()
    curves = bc.cumulative_incidence(ml, [0.0, 6.0, 24.0])
    total = curves["cumulative_incidence"].sum("cause") + curves["survival_function"]
    np.testing.assert_allclose(total, 1.0, atol=1e-8)


def test_posterior(ml, tmp_path):
    fit = bc.fit_bayes(ml.cohort, ml.spec, ml=ml, draws=250, tune=100, chains=2, random_seed=2, progress=False)
    assert fit.diagnostics.max_rhat < 1.05
    assert fit.diagnostics.n_divergences == 0
    table = fit.summary().set_index(["parameter", "latent_class", "term"])
    for row in ml.estimates[ml.estimates["parameter"].str.startswith(("scale_", "hazard_coefficient_"))].itertuples():
        mine = table.loc[(row.parameter, row.latent_class, row.term)]
        assert mine["lower"] < row.estimate < mine["upper"]
    fit.save(tmp_path / "fit.nc")
    again = bc.load_fit(tmp_path / "fit.nc")
    assert again.cohort.causes == {"ttf": CAUSES}
    assert again.cohort.fingerprint == fit.cohort.fingerprint
    ours, theirs = (bc.cumulative_incidence(f, [12.0]) for f in (fit, again))
    assert ours.identical(theirs)
    at_mode = bc.cumulative_incidence(ml, [12.0])["cumulative_incidence"]
    assert ((ours["lower"] < at_mode) & (at_mode < ours["upper"])).all()
    total = ours["cumulative_incidence"].sum("cause") + ours["survival_function"]
    np.testing.assert_allclose(total, 1.0, atol=1e-8)
    assert "posterior mean" in ours.attrs["interval"]
    assert np.isfinite(bc.waic(fit).elpd)


def test_parameters_come_back(ml):
    """Two classes, two causes: every estimate within 3.5 of its standard errors, in 600 simulated patients."""
    n, spec = 600, ml.spec.with_(n_classes=2, hazard="weibull")
    design = Design.settle(ml.cohort, spec)
    layout = design.layout
    truth = {
        "membership": np.array([[0.3], [-0.3]]),
        "growth": np.array([[0.8, -0.4], [3.2, 0.3]]),
        "sigma": np.array(0.6),
        "random_effect_sd": np.array([0.5]),
        "random_effect_corr": np.eye(1),
        "scale_progression": np.array([30.0, 9.0]),
        "shape_progression": np.array([1.4, 1.1]),
        "hazard_coefficient_progression": np.array([0.4, -0.2]),
        "scale_toxicity": np.array([40.0, 35.0]),
        "shape_toxicity": np.array([0.8, 1.2]),
        "hazard_coefficient_toxicity": np.array([-0.5, 0.3]),
    }
    theta = layout.theta(truth)
    rng = np.random.default_rng(5)
    patients = pd.DataFrame(
        {"arm": rng.choice(ml.cohort.patients["arm"].unique(), n)}, index=[f"S{i}" for i in range(n)]
    )
    patients.index.name = "patient_id"
    schedule = pd.DataFrame(
        [(i, t, 7.5) for i in patients.index for t in np.arange(0.0, 8.0, 1.0)],
        columns=["patient_id", "time", "volume_ml"],
    )
    samples, people = simulate(design, theta, patients, schedule, rng, follow_up=rng.uniform(12.0, 40.0, n))
    packed = design.pack_tables(samples.assign(ctc=samples["exact_ctc"]), people)
    search = bc.Settings(n_starts=3, random_seed=1, progress=False)
    found = fit_analysis(Analysis(ml.cohort, design, packed), search)
    table = found.estimates[~found.estimates["parameter"].isin(["random_effect_corr"])]
    dataset = replace(found, theta=theta).estimates["estimate"].loc[table.index]
    scales = {"log": np.log, "identity": np.asarray}
    for row, value in zip(table.itertuples(), dataset, strict=True):
        on = scales[row.interval_on]
        error = (on(row.upper) - on(row.lower)) / (2 * 1.96)
        assert abs(on(row.estimate) - on(value)) < 3.5 * error, row


def test_a_class_without_events_of_a_cause():
    """Its hazard is the prior's, and the result says that no data speak of it."""
    ml = fit_causes(two_cause_cohort(toxicity=(0.06, 0.0)), hazard="exponential")
    fit = bc.fit_bayes(ml.cohort, ml.spec, ml=ml, draws=200, tune=100, chains=2, random_seed=1, progress=False)
    assert list(fit.not_estimable) == [(1, 1)]
    assert any(w.startswith("class 2") and "its hazard of toxicity is not estimable" in w for w in fit.warnings)
    row = bc.hazard_ratios(fit).set_index(["comparison", "cause"]).loc[("class 2 vs class 1", "toxicity")]
    assert np.isnan(row["estimate"])
    assert row["kind"].startswith("not estimable")


@pytest.fixture(scope="module")
def compared():
    spec = bc.ModelSpec(n_classes=2, growth="linear", random_effects="none", family="gaussian", endpoint="ttf")
    short = {"draws": 60, "tune": 100, "chains": 2, "n_starts": 2, "progress": False}
    return bc.compare_classifiers(two_cause_cohort(), spec, confounders="~ arm", window=(0.0, 3.0), **short)


def test_readings_against_each_cause(compared):
    """Cox regressions in which the other cause censors, as statsmodels fits them; AICs over both causes together."""
    data = compared.cohort.endpoint("ttf")
    total, arm = 0.0, (compared.cohort.patients["arm"] == "B").to_numpy(dtype=float)
    positive = (compared.readings["bctc"].levels.loc[list(data.patient_ids)] == "pos").to_numpy(dtype=float)
    table = compared.hazard_ratios.query("reading == 'bctc'").set_index(["cause", "method"])
    for code, cause in enumerate(CAUSES, start=1):
        cox = PHReg(data.time, np.column_stack([positive, arm]), status=data.event == code, ties="efron").fit()
        assert table.loc[(cause, "Cox"), "estimate"] == pytest.approx(np.exp(cox.params[0]), rel=1e-6)
        bayes = table.loc[(cause, "Weibull, Bayes")]
        assert table.loc[(cause, "Cox"), "lower"] < bayes["estimate"] < table.loc[(cause, "Cox"), "upper"]
        total += -2.0 * cox.llf + 2.0 * 2
        test = compared.tests.query("cause == @cause and reading == 'bctc' and test == 'log-rank'").iloc[0]
        assert test["chi2"] == pytest.approx(bc.log_rank(data.time, data.event == code, positive).chi2, rel=1e-10)
        assert compared.size("ttf", cause) == (len(data.time), int(np.sum(data.event == code)))
    row = compared.criteria.query("reading == 'bctc'").iloc[0]
    assert row["aic_cox"] == pytest.approx(total, rel=1e-8)
    assert row["n_events"] == np.sum(data.event > 0)
    assert set(compared.hazard_ratios.query("reading == 'tctc'")["cause"]) == set(CAUSES)


def test_pictures_and_report_of_a_comparison(compared, tmp_path):
    data, levels = compared.cohort.endpoint("ttf"), compared.readings["tctc"].levels
    for cause, code in ((None, 1), ("toxicity", 2)):
        ax = bc.plot_readings(compared, "ttf", "tctc", cause=cause)
        own = (levels == levels.cat.categories[0]).to_numpy()
        curve = aalen_johansen(data.time[own], data.event[own], data.entry[own], [data.time[own].max()], 2)
        assert ax.lines[0].get_ydata()[-1] == pytest.approx(curve[code - 1, 0], abs=1e-12)
        assert ax.get_ylabel() == "Cumulative incidence"
        forest = bc.plot_hazard_ratios(compared, "ttf", cause=cause)
        assert f"{np.sum(data.event == code)} events" in forest.get_title()
    for plot in (bc.plot_hazard_ratios, lambda *given, **more: bc.plot_readings(*given, "tctc", **more)):
        with pytest.raises(SpecError, match=r"'ttf': found 'death'; allowed: progression, toxicity\."):
            plot(compared, "ttf", cause="death")
    page = bc.write_report(compared, tmp_path / "comparison.html").read_text()
    assert "<h3>Cumulative incidence</h3>" in page
    assert page.count("Hazard ratios, ttf, ") >= 2
    assert "toxicity, tctc: class 2 vs class 1" in page


def test_a_sensitivity_analysis_of_each_cause(tmp_path):
    cohort = two_cause_cohort()
    spec = bc.ModelSpec(n_classes=2, growth="linear", random_effects="none", family="gaussian", endpoint="ttf")
    plan = bc.SensitivityPlan([{"option": "cutoff", "value": 3}])
    short = {"draws": 60, "tune": 100, "chains": 2, "n_starts": 2, "max_refits": 0, "progress": False}
    found = bc.run_sensitivity(cohort, spec, plan, survival_months=(12.0,), **short)
    base = found.table.query("variation == 'base'").set_index(["quantity", "cause", "latent_class"])["estimate"]
    for g in ("class 1", "class 2"):
        total = sum(base["cumulative_incidence", cause, g] for cause in CAUSES)
        assert total + base["survival_function", "", g] == pytest.approx(1.0, abs=1e-2)  # medians and means
    assert base["hazard_ratio", "progression", "class 2"] > 1.5 > 0.0
    for cause in (None, "toxicity"):
        ax = bc.plot_sensitivity(found, "cumulative_incidence", cause=cause)
        assert (cause or "progression") in ax.get_title()
    with pytest.raises(SpecError, match=r"found 'death'; allowed: progression, toxicity\."):
        bc.plot_sensitivity(found, cause="death")
