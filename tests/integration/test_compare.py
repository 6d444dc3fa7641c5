"""compare_classifiers as a whole, and the LOO of survival given counts against refits in earnest."""

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from statsmodels.duration.hazard_regression import PHReg

import bayesctc as bc
from bayesctc.criteria.survival_given_counts import exact_survival
from bayesctc.errors import DataError, SpecError
from bayesctc.model.likelihood import Evaluator

pytestmark = pytest.mark.integration
SPEC = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")
SHORT = {"draws": 150, "tune": 100, "chains": 2, "n_starts": 4, "progress": False}
# where nothing is asserted of draws
FEW = {"settings": bc.Settings(draws=30, tune=60, chains=2, n_starts=4, max_refits=0, progress=False)}


@pytest.fixture(scope="module")
def comparison(reference_cohort):
    """With the joint model beside the classes by the counts alone."""
    how = {"confounders": "~ arm + bone", "window": (0.0, np.inf), "joint": True, **SHORT}
    return bc.compare_classifiers(reference_cohort, SPEC, **how)


@pytest.fixture(scope="module")
def carried(reference_cohort):
    """Two endpoints, as compared unless told otherwise; the second is not what the counts foretell."""
    patients = reference_cohort.patients.reset_index()
    rng = np.random.default_rng(2)
    times = {"pfs_time": patients["os_time"] * rng.uniform(0.95, 1.0, len(patients)), "pfs_event": 1}
    cohort = bc.Cohort(reference_cohort.samples, patients.assign(**times))
    return bc.compare_classifiers(cohort, SPEC, endpoints=["os", "pfs"], window=(0.0, np.inf), **SHORT)


def test_classes_are_of_the_counts_alone_and_carried_to_every_endpoint(carried):
    assert carried.growth.spec.endpoint is None
    assert carried.endpoints == ("os", "pfs")
    assert carried.fits == {}
    tables = (carried.hazard_ratios, carried.criteria)
    for table in tables:
        assert set(table.loc[table["reading"] == "tctc", "classes"]) == {"counts alone"}
        assert set(table.loc[table["reading"] != "tctc", "classes"]) == {""}
        assert not table["method"].str.startswith("joint").any()
    levels = carried.readings["tctc"].levels
    pd.testing.assert_series_equal(levels, bc.tctc(carried.growth.class_probabilities_counts).levels)
    for endpoint in carried.endpoints:
        data = carried.cohort.endpoint(endpoint)
        one_and_same = levels.loc[list(data.patient_ids)]
        found = carried.hazard_ratios.query("endpoint == @endpoint and reading == 'tctc'").set_index("method")
        x = pd.DataFrame({"class 2": (one_and_same == "class 2").astype(float)})
        cox = bc.cox_regression(data.time, data.event, x)
        assert found.loc["Cox", "estimate"] == pytest.approx(cox.table["hazard_ratio"].iloc[0], rel=1e-9)
        p = carried.growth.class_probabilities_counts.loc[list(data.patient_ids)]
        bch = bc.bch_weibull(data.time, data.event, p, pd.DataFrame(index=p.index))
        assert found.loc["three-step BCH", "estimate"] == pytest.approx(bch.table["hazard_ratio"].iloc[0], rel=1e-9)
    assert "formed once, from the counts alone" in carried.sentence
    assert "joint fit" not in carried.sentence


def test_pictures_and_report_without_a_joint_fit(carried, tmp_path):
    left, right = bc.plot_criteria(carried)
    assert {t.get_text() for t in right.get_legend().get_texts()} == {"bctc", "b2ctc", "tctc, modal class"}
    assert sum(len(line.get_xdata()) == 1 for line in left.lines) == 2 * 3
    ax = bc.plot_hazard_ratios(carried, "pfs")
    assert "joint Bayes" not in [t.get_text() for t in ax.get_legend().get_texts()]
    html = bc.write_report(carried, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "This picture could not be drawn" not in html
    assert "counts alone" in html
    assert "joint fit" not in html
    assert "used for every endpoint" in html


def test_rows_of_a_joint_fit_are_marked(comparison):
    for table in (comparison.hazard_ratios, comparison.criteria):
        joint = table["method"].str.startswith("joint")
        assert joint.any()
        assert (table["classes"] == "joint fit").equals(joint)
    assert "separate classes for each endpoint" in comparison.sentence
    assert list(comparison.fits) == ["os"]


def test_a_joint_fit_that_is_given(reference_cohort, comparison):
    """Its rows are those of the comparison that fitted it, but for what maximum likelihood says."""
    given = {"window": (0.0, np.inf), "joint": comparison.fits}
    found = bc.compare_classifiers(reference_cohort, SPEC, confounders="~ arm + bone", **given, **SHORT)
    assert found.fits["os"] is comparison.fits["os"]
    assert "joint ML" not in set(found.hazard_ratios["method"])
    kept = comparison.hazard_ratios["method"] != "joint ML"
    pd.testing.assert_frame_equal(found.hazard_ratios, comparison.hazard_ratios[kept].reset_index(drop=True))
    row, expected = (c.criteria.query("method == 'joint'").iloc[0] for c in (found, comparison))
    assert row["elpd"] == pytest.approx(expected["elpd"], abs=1e-9)
    assert pd.isna(row["aic_weibull"])
    assert "no AIC: the given fit is a posterior" in row["note"]
    otherwise = bc.compare_classifiers(reference_cohort, SPEC, **given, **FEW)
    assert [w for w in otherwise.warnings if "adjusts survival for '~ arm + bone'" in w]


def test_joint_fits_that_are_refused(reference_cohort, comparison):
    fit = comparison.fits["os"]
    for joint, match in (
        ("yes", "found str; allowed: True, False, or a BayesFit"),
        ({"pfs": fit}, "the endpoint 'pfs'; allowed: one of os"),
        ({"os": comparison.growth}, "found MLFit"),
    ):
        with pytest.raises(SpecError, match=match):
            bc.compare_classifiers(reference_cohort, SPEC, joint=joint, window=(0.0, np.inf), **SHORT)
    with pytest.raises(SpecError, match="2 classes; allowed: 3"):
        bc.compare_classifiers(reference_cohort, SPEC.with_(n_classes=3), joint={"os": fit}, **SHORT)
    with pytest.raises(SpecError, match="296 patients that are not the"):
        bc.compare_classifiers(reference_cohort, SPEC, joint={"os": fit}, window=(0.0, 1.0), **SHORT)
    with pytest.raises(SpecError, match="296 patients that are not the"):
        bc.compare_classifiers(reference_cohort, SPEC, joint={"os": fit}, landmark=2.0, window=(0.0, np.inf), **SHORT)


def test_cox_rows_are_those_of_r(comparison, lcmm):
    table = comparison.hazard_ratios.query("method == 'Cox' and reading == 'b2ctc'").set_index("level")
    np.testing.assert_allclose(
        table.loc[["neg-neg", "neg-pos", "pos-pos"], "estimate"].astype(float), lcmm["cox_b2ctc"]["hr"][:3], rtol=1e-4
    )
    row = comparison.criteria.query("reading == 'b2ctc'").iloc[0]
    assert row["aic_cox"] == pytest.approx(lcmm["cox_b2ctc"]["aic"], rel=1e-7)
    assert row["n_patients"] == 296


def test_one_class_regression_is_the_weibull_regression(comparison):
    """The posterior of the one-class model lies around the maximum-likelihood regression; both are told apart."""
    table = comparison.hazard_ratios.query("reading == 'bctc'").set_index("method")
    classical, bayes = table.loc["Weibull"], table.loc["Weibull, Bayes"]
    assert abs(np.log(bayes["estimate"] / classical["estimate"])) < 0.2 * np.log(
        classical["upper"] / classical["lower"]
    )


def test_forest_shows_every_estimate(comparison):
    ax = bc.plot_hazard_ratios(comparison, "os", published=True)
    assert len(ax.get_yticks()) == 1 + 3 + 1  # bctc, b2ctc, two classes
    drawn = {round(float(line.get_xdata()[0]), 6) for line in ax.lines if len(line.get_xdata()) == 1}
    shown = comparison.hazard_ratios[comparison.hazard_ratios["method"].isin(["Cox", "three-step BCH", "joint Bayes"])]
    assert {round(float(v), 6) for v in shown["estimate"]} <= drawn
    assert "296 patients" in ax.get_title()
    with pytest.raises(SpecError, match="found 'pfs'"):
        bc.plot_hazard_ratios(comparison, "pfs")
    plt.close(ax.figure)


def test_curves_by_reading_with_the_test_of_r(comparison, lcmm):
    ax = bc.plot_readings(comparison, "os", "bctc")
    sizes = comparison.readings["bctc"].levels.loc[comparison.cohort.patients.index].value_counts()
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [f"n = {sizes[level]}" in text for level, text in zip(("neg", "pos"), shown, strict=True)] == [True, True]
    row = comparison.tests.query("reading == 'bctc' and test == 'log-rank'").iloc[0]
    data = comparison.cohort.endpoint("os")
    groups = comparison.readings["bctc"].levels.loc[list(data.patient_ids)]
    assert row["chi2"] == pytest.approx(bc.log_rank(data.time, data.event, groups).chi2)
    assert f"chi-square {row['chi2']:.1f}" in " ".join(text.get_text() for text in ax.texts)
    for bad, match in ((("pfs", "bctc"), "found 'pfs'"), (("os", "stage"), "found 'stage'")):
        with pytest.raises(SpecError, match=match):
            bc.plot_readings(comparison, *bad)
    plt.close(ax.figure)


def test_flow_from_cycle_2_to_classes(comparison):
    ax = bc.plot_flow(comparison)
    ids = comparison.cohort.patients.index
    left, right = (comparison.readings[name].levels.loc[ids] for name in ("b2ctc", "tctc"))
    texts = " ".join(text.get_text() for text in ax.texts)
    for levels in (left, right):
        for level, n in levels.value_counts().items():
            assert f"{level}\n{n} (" in texts
    # ribbons: each one's height is its share of all patients
    ribbons = ax.collections[len(left.cat.categories) + len(right.cat.categories) :]
    heights = [np.ptp(r.get_paths()[0].vertices[r.get_paths()[0].vertices[:, 0] < 0.07, 1]) for r in ribbons]
    assert sum(heights) == pytest.approx(1.0, abs=0.02)
    plt.close(ax.figure)


def test_criteria_picture(comparison):
    left, right = bc.plot_criteria(comparison)
    drawn = {round(float(line.get_xdata()[0]), 6) for line in right.lines if len(line.get_xdata()) == 1}
    assert drawn >= {round(float(v), 6) for v in comparison.criteria["elpd_difference"]}
    assert sum(len(line.get_xdata()) == 1 for line in left.lines) == 3  # the joint model has no partial likelihood
    with pytest.raises(SpecError, match="two Axes"):
        bc.plot_criteria(comparison, axes=[left])
    plt.close(left.figure)


def test_report_of_a_comparison(comparison, tmp_path):
    path = bc.write_report(comparison, tmp_path / "report.html", title="<b>Mine</b>")
    html = path.read_text(encoding="utf-8")
    assert "&lt;b&gt;Mine&lt;/b&gt;" in html
    assert "<script" not in html
    assert "This picture could not be drawn" not in html
    assert html.count("data:image/png;base64,") == 1 + 1 + 3 + 1  # criteria, forest, curves, flow
    for row in comparison.hazard_ratios.query("method == 'Cox'").itertuples():
        assert f"{row.estimate:.3g}"[:4] in html
    assert "excluded from the comparison: 4 with no sample in the window of cycle 2" in html


def test_level_without_events(reference_cohort):
    """Its patients leave the classical regressions, whose likelihood is the limit of a hazard that falls to 0."""
    negpos = bc.b2ctc(reference_cohort, window=(0.0, np.inf)).levels
    patients = reference_cohort.patients
    quiet = patients["os_event"].where(~patients.index.isin(negpos.index[negpos == "neg-pos"]), 0)
    cohort = bc.Cohort(reference_cohort.samples, patients.assign(os_event=quiet).reset_index())
    found = bc.compare_classifiers(cohort, SPEC, window=(0.0, np.inf), **FEW)
    rows = found.hazard_ratios.query("level == 'neg-pos'").set_index("method")
    assert rows.loc[["Cox", "Weibull"], "estimate"].isna().all()
    assert rows.loc["Cox", "note"] == f"not estimable: no event in {(negpos == 'neg-pos').sum()} patients"
    assert rows.loc["Weibull, Bayes", "estimate"] < 1.0  # the prior makes it estimable
    data = found.cohort.endpoint("os")
    levels = negpos.loc[list(data.patient_ids)]
    x = np.column_stack([levels == level for level in ("neg-pos", "pos-pos", "neg-neg")]).astype(float)
    model = PHReg(data.time, x, status=data.event, ties="efron")
    cox = found.hazard_ratios.query("reading == 'b2ctc' and method == 'Cox'").set_index("level")["estimate"]
    limit = model.loglike(np.array([-30.0, *np.log(cox[["pos-pos", "neg-neg"]].astype(float))]))
    assert found.criteria.query("reading == 'b2ctc'")["aic_cox"].iloc[0] == pytest.approx(6.0 - 2.0 * limit, rel=1e-9)


def test_criteria_are_on_the_same_patients(comparison):
    criteria = comparison.criteria
    assert len(set(criteria["n_patients"])) == 1
    assert criteria["elpd_difference"].max() == 0.0
    assert (criteria["elpd_difference"] <= 0.0).all()
    assert comparison.flow["patients_excluded"].sum() == 4
    assert "landmark=" in comparison.sentence


def test_inclusion_rules_side_by_side(reference_cohort, comparison):
    found = bc.compare_inclusion(reference_cohort, SPEC, confounders="~ arm + bone", window=(0.0, np.inf), **FEW)
    table = bc.inclusion_table(found)
    assert list(dict.fromkeys(table["inclusion"])) == ["from baseline", "from entry", "everyone"]
    n = table.drop_duplicates("inclusion").set_index("inclusion")["n_patients"]
    assert n["from entry"] <= n["from baseline"] < n["everyone"] == 296
    ax = bc.plot_inclusion(found, "os")
    assert len(ax.get_yticks()) == 5
    assert len(ax.get_legend().get_texts()) == 3
    with pytest.raises(SpecError, match="found 'cox'"):
        bc.plot_inclusion(found, "os", method="cox")
    plt.close(ax.figure)
    everyone = table.query("inclusion == 'everyone' and method == 'Cox'")["estimate"].astype(float)
    alone = comparison.hazard_ratios.query("method == 'Cox'")["estimate"].astype(float)
    np.testing.assert_allclose(everyone, alone, rtol=1e-10)


def test_empty_level_is_marked(reference_cohort):
    """With a cut-off of one cell at a landmark, a level may have nobody."""
    at_risk = reference_cohort.patients.index[:60]
    cohort = reference_cohort.select(at_risk)
    negpos = bc.b2ctc(cohort, window=(0.0, np.inf)).levels
    kept = [p for p in negpos.index if negpos[p] != "neg-pos"]
    table = bc.compare_classifiers(cohort.select(kept), SPEC, window=(0.0, np.inf), landmark=1.5, **FEW).hazard_ratios
    rows = table.query("level == 'neg-pos'")
    assert len(rows) == 3
    assert rows["estimate"].isna().all()
    assert rows["note"].str.contains("not estimable: no patient").all()


def test_bad_input(reference_cohort):
    with pytest.raises(DataError, match="landmark"):
        bc.compare_classifiers(reference_cohort, SPEC, landmark=500.0, **SHORT)
    with pytest.raises(DataError, match="endpoint"):
        bc.compare_classifiers(reference_cohort, SPEC, endpoints=["pfs"], **SHORT)
    with pytest.raises(SpecError, match="list"):
        bc.compare_classifiers(reference_cohort, SPEC, endpoints="os", **SHORT)
    with pytest.raises(SpecError, match="2 or more"):
        bc.compare_classifiers(reference_cohort, SPEC.with_(n_classes=1), **SHORT)


def test_aic_parts_sum(reference_cohort):
    ml = bc.fit_ml(reference_cohort, SPEC, n_starts=4, progress=False)
    parts = bc.aic_parts(ml)
    assert parts.longitudinal + parts.survival_given_longitudinal == pytest.approx(ml.aic, rel=1e-12)
    assert (parts.n_survival, parts.n_longitudinal) == (3, ml.n_parameters - 3)  # two scales and a shape
    # one class: the counts say nothing of survival, whose AIC is that of the Weibull regression with no term but scale
    one = bc.aic_parts(bc.fit_ml(reference_cohort, SPEC.with_(n_classes=1, survival="~ arm + bone"), progress=False))
    patients = reference_cohort.patients
    alone = bc.weibull_regression(patients["os_time"], patients["os_event"], patients[["arm", "bone"]])
    assert one.survival_given_longitudinal == pytest.approx(alone.aic, rel=1e-8)


def test_loo_of_survival_is_that_of_refits(reference_cohort):
    """Of 40 patients 10, the model sampled without each of them, within four Monte Carlo errors of their sum."""
    n = 10
    cohort = reference_cohort.select(reference_cohort.patients.index[:40])
    fit = bc.fit_bayes(cohort, SPEC, draws=1000, tune=150, chains=2, progress=False)
    found = bc.loo_survival(fit, progress=False)
    once = bc.Settings(draws=400, tune=150, chains=1, progress=False)
    exact = [exact_survival(fit, i, once) for i in range(n)]
    # Monte Carlo error of each refit's mean density, and of the importance sampling: by halves of the draws
    evaluator = Evaluator(fit.packed, fit.design.sizes, 2)
    counts = Evaluator(fit.packed.counts_only(), fit.design.sizes, 2)
    values = (evaluator.draws(fit.thetas) - counts.draws(fit.thetas))[:, :n]
    halves = [-(logsumexp(-part, axis=0) - np.log(len(part))) for part in np.array_split(values, 8)]
    error = np.sqrt(np.sum(np.var(halves, axis=0, ddof=1)) / 8 + np.sum(np.var(values, axis=0)) / 400)
    elpd = found.pointwise["elpd"]
    assert found.elpd == pytest.approx(elpd.sum())
    assert abs(elpd.iloc[:n].sum() - np.sum(exact)) < 4 * error
    assert error < 0.5
