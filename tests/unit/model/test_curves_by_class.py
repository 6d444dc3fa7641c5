"""Covariates that change the growth curve of a class, and covariates of the sample, against least squares."""

import numpy as np
import pandas as pd
import pytest
from curves_helpers import TRUTH, counts_only, frames
from helpers import made_bayes
from scipy.stats import norm

import bayesctc as bc
from bayesctc.checks.replicate import Replicator
from bayesctc.criteria.blrt import _replicate
from bayesctc.errors import DataError, SpecError
from bayesctc.model.log_prior import log_prior
from bayesctc.model.settled import design_from_json, design_to_json
from bayesctc.sensitivity.dropout import complete

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def cohort():
    return bc.Cohort(*frames())


@pytest.fixture(scope="module")
def two(cohort):
    """Two classes whose curves depend on the arm."""
    return counts_only(cohort, n_classes=2, longitudinal_by_class="~ arm")


def test_arms_at_once_are_two_separate_fits(cohort):
    """One class: the same curves, and the likelihood that their residuals together have (one sigma for both)."""
    joint = counts_only(cohort, longitudinal_by_class="~ arm")
    arms = {arm: cohort.select(cohort.patients.index[cohort.patients["arm"] == arm]) for arm in "AB"}
    separate = {arm: counts_only(own) for arm, own in arms.items()}
    growth, change = (joint.parameters[name].to_numpy()[0] for name in ("growth", "longitudinal_by_class"))
    np.testing.assert_allclose(growth, separate["A"].parameters["growth"][0], atol=1e-6)
    np.testing.assert_allclose(growth + change, separate["B"].parameters["growth"][0], atol=1e-6)
    n = {arm: own.n_samples for arm, own in arms.items()}
    total = sum(n.values())
    variance = sum(n[arm] * float(fit.parameters["sigma"]) ** 2 for arm, fit in separate.items()) / total
    expected = -0.5 * total * (np.log(2.0 * np.pi * variance) + 1.0)
    assert joint.log_likelihood == pytest.approx(expected, abs=1e-6)
    assert list(joint.parameters["longitudinal_by_class_term"].to_numpy()) == ["arm[T.B]", "arm[T.B]:s"]


def test_with_one_class_it_is_the_same_columns_in_longitudinal(cohort):
    by_class = counts_only(cohort, longitudinal_by_class="~ age", random_effects="intercept")
    alike = counts_only(cohort, longitudinal="~ age + age:time", random_effects="intercept")
    assert by_class.log_likelihood == pytest.approx(alike.log_likelihood, abs=1e-6)
    own, common = (
        by_class.parameters["longitudinal_by_class"].to_numpy()[0],
        alike.parameters["longitudinal"].to_numpy(),
    )
    np.testing.assert_allclose(own, common * [1.0, 6.0], rtol=1e-4, atol=1e-7)


def test_known_parameters_are_recovered(two):
    names, estimates = [], two.estimates.query("parameter in ['growth', 'longitudinal_by_class']")
    for row in estimates.itertuples():
        truth = TRUTH[row.parameter][row.latent_class][row.term]
        assert abs(row.estimate - truth) < 4 * row.se, (row.parameter, row.latent_class, row.term)
        assert row.se < 0.15
        names.append(row.parameter)
    assert names.count("longitudinal_by_class") == 4


def test_contrasts_of_arms_are_those_of_the_parameters(two):
    months = np.array([0.0, 3.0, 6.0])
    found = bc.trajectory_contrasts(two, "arm", ("A", "B"), months)
    change = two.parameters["longitudinal_by_class"].to_numpy()
    np.testing.assert_allclose(found["difference"], change @ np.stack([np.ones(3), months / 6.0]), atol=1e-9)
    at_start = two.estimates.query("parameter == 'longitudinal_by_class' and term == 'arm[T.B]'")
    width = (found["upper"] - found["lower"]).to_numpy()[:, 0]
    np.testing.assert_allclose(width, 2 * 1.96 * at_start["se"], rtol=0.12)  # quantiles of 1,000 draws
    back = bc.trajectory_contrasts(two, "arm", ("B", "A"), months)
    np.testing.assert_allclose(back["difference"], -found["difference"], atol=1e-12)
    low, high = two.design.basis.span
    middle = change @ [1.0, 0.5 * (low + high) / 6.0]  # a line's mean is that of its middle
    np.testing.assert_allclose(found["mean"], middle, atol=1e-9)
    assert "arm = B minus" in found.attrs["estimand"]


def test_curves_at_chosen_values(two):
    growth, change = (two.parameters[name].to_numpy() for name in ("growth", "longitudinal_by_class"))
    months = np.array([1.0, 5.0])
    time = np.stack([np.ones(2), months / 6.0])
    share = (two.cohort.samples["patient_id"].map(two.cohort.patients["arm"]) == "B").mean()
    for at, weight in (({"arm": "A"}, 0.0), ({"arm": "B"}, 1.0), (None, share)):
        found = bc.class_trajectories(two, months, at=at)
        expected = np.maximum(np.expm1((growth + weight * change) @ time), 0.0)
        np.testing.assert_allclose(found["median_ctc"], expected, rtol=1e-8)
    assert found.attrs["covariates"] == "~ arm: terms at their mean over the samples"
    with pytest.raises(SpecError, match=r"at: found 'bone'; allowed: covariates of the growth curve: arm\."):
        bc.class_trajectories(two, at={"bone": 1})
    with pytest.raises(DataError, match=r"arm = 'Z', a level that is not in the model's data"):
        bc.class_trajectories(two, at={"arm": "Z"})
    for values in (("A",), "AB", ("A", "A")):
        with pytest.raises(SpecError, match=r"values: found .*; allowed: two different values of 'arm'"):
            bc.trajectory_contrasts(two, "arm", values)


@pytest.mark.parametrize("change", ["rows", "file", "unit", "levels"])
def test_how_the_data_are_written_changes_nothing(change, tmp_path):
    samples, patients = frames(120)
    options = {"n_classes": 2, "longitudinal_by_class": "~ arm + age", "longitudinal": "~ lab"}
    before = counts_only(bc.Cohort(samples, patients), **options)
    if change == "rows":
        other = bc.Cohort(samples.sample(frac=1.0, random_state=1), patients.iloc[::-1])
    elif change == "file":
        samples.to_csv(tmp_path / "s.csv", index=False)
        patients.to_csv(tmp_path / "p.csv", index=False)
        other = bc.read_cohort(tmp_path / "s.csv", tmp_path / "p.csv")
    elif change == "unit":
        other = bc.Cohort(samples, patients.assign(age=365.25 * patients["age"] - 20_000.0))
    else:
        arm, lab = pd.Categorical(patients["arm"], ["B", "A"]), pd.Categorical(samples["lab"], ["2", "1"])
        other = bc.Cohort(samples.assign(lab=lab), patients.assign(arm=arm))
    after = counts_only(other, **options)
    assert after.log_likelihood == pytest.approx(before.log_likelihood, abs=1e-7)
    contrasts = [bc.trajectory_contrasts(fit, "arm", ("A", "B"), [0.0, 4.0]) for fit in (before, after)]
    for name in ("difference", "lower", "upper"):
        np.testing.assert_allclose(contrasts[1][name], contrasts[0][name], atol=1e-6)


def test_a_sample_column_is_least_squares(cohort):
    """Number, flag and factor of the samples: one class without random effects is a linear regression."""
    fit = counts_only(cohort, longitudinal="~ lab + on_treatment + dose")
    table = cohort.samples
    X = np.column_stack(
        [np.ones(len(table)), table["time"] / 6.0, table["lab"] == "2", table["on_treatment"] == "True", table["dose"]]
    )
    assert cohort.sample_types["on_treatment"].kind == "flag"
    expected, rss, *_ = np.linalg.lstsq(X.astype(float), np.log1p(table["ctc"]), rcond=None)
    found = np.concatenate([fit.parameters["growth"].to_numpy()[0], fit.parameters["longitudinal"].to_numpy()])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert float(fit.parameters["sigma"]) == pytest.approx(np.sqrt(float(rss[0]) / len(table)), rel=1e-6)
    assert fit.design.sample_columns == ("lab", "on_treatment", "dose")


def test_a_column_of_both_tables_is_that_of_the_samples(cohort):
    both = bc.Cohort(cohort.samples, cohort.patients.assign(lab=1))
    fit, alone = (counts_only(each, longitudinal="~ lab") for each in (both, cohort))
    assert fit.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-9)
    one = both.select([both.samples["patient_id"].iloc[0]])
    with pytest.raises(SpecError, match="uses 'lab', a column of the samples"):
        bc.predict_counts(fit, one, 20.0, [21.0])
    # and what the fit read of the patients stays theirs, whatever column new samples have
    fit = counts_only(cohort, longitudinal="~ age")
    new = bc.Cohort(cohort.samples.assign(age=0.0), cohort.patients)
    np.testing.assert_array_equal(fit.design.pack(new).samples, fit.design.pack(cohort).samples)


def test_the_prior_is_that_of_longitudinal_for_each_component(two):
    value = two.theta[:, two.design.layout.places["longitudinal_by_class"]]
    found = log_prior(two.theta, two.design.layout, two.spec.priors)["longitudinal_by_class"]
    assert float(found) == pytest.approx(norm(0.0, two.spec.priors.longitudinal_sd).logpdf(value).sum())
    assert "δ: normal(0, 0.5) per standard deviation" in two.spec.describe()
    assert "v_ijm: the terms of ~ arm." in two.spec.describe()


def test_it_comes_back_from_disk(two, tmp_path):
    made = made_bayes(two, two.parameter_draws(40)[None])
    made.save(tmp_path / "fit.nc")
    again = bc.load_fit(tmp_path / "fit.nc")
    np.testing.assert_array_equal(again.thetas, made.thetas)
    contrasts = [bc.trajectory_contrasts(fit, "arm", ("A", "B"), [3.0]) for fit in (made, again)]
    np.testing.assert_array_equal(contrasts[0]["upper"], contrasts[1]["upper"])
    earlier = {k: v for k, v in design_to_json(counts_only(two.cohort).design).items() if k != "longitudinal_by_class"}
    design = design_from_json(counts_only(two.cohort).spec, earlier)  # as written before there was such a formula
    assert design.longitudinal_by_class.names == ()


def test_replicates_have_the_covariates_of_the_samples(cohort):
    fit = counts_only(cohort, n_classes=2, longitudinal="~ lab", longitudinal_by_class="~ on_treatment")
    made = Replicator(fit.analysis, random_seed=1, theta=fit.theta)
    samples, patients = fit.analysis.tables()
    row, slot = np.nonzero(made.observed.present)
    np.testing.assert_allclose(made._growth[row, slot], fit.design.growth_matrix(samples, patients), atol=1e-12)
    lab = samples["lab"].to_numpy()[made.visits.row]
    absent = ~made.observed.present
    carried = absent[:, 1:] & made.observed.present[:, :-1]
    np.testing.assert_array_equal(lab[:, 1:][carried], lab[:, :-1][carried])
    assert bc.predictive_check(fit, n_replicates=20, checks=("change",), progress=False).n_replicates == 20


def test_drawn_and_completed_cohorts_have_the_columns_of_the_samples(cohort):
    fit = counts_only(cohort, longitudinal="~ lab", longitudinal_by_class="~ dose", endpoint="os")
    drawn = _replicate(fit, np.random.default_rng(1)).evaluator().evaluate(fit.theta).log_likelihood
    own = fit.analysis.evaluator().evaluate(fit.theta).log_likelihood
    assert drawn.mean() == pytest.approx(own.mean(), abs=5.0 * own.std() / np.sqrt(len(own)))  # of the same parameters
    made = made_bayes(fit, fit.parameter_draws(5)[None])
    completed = complete(made, 0.0, random_seed=1, n=1).cohorts[0]
    assert completed.n_samples > cohort.n_samples
    added = completed.samples.merge(cohort.samples[["patient_id", "time"]], how="left", indicator=True)["_merge"]
    at = np.flatnonzero(added == "left_only")
    for column in ("lab", "dose"):
        values = completed.samples[column].to_numpy()
        np.testing.assert_array_equal(values[at], values[at - 1])
    assert np.isfinite(fit.design.pack(completed).samples).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"longitudinal_by_class": "~ time"}, r"longitudinal_by_class: '~ time' names 'time'"),
        ({"longitudinal_by_class": "~ ctc"}, "which is an outcome of the model"),
        ({"longitudinal_by_class": "~ arm", "longitudinal": "~ arm"}, r"in longitudinal and in longitudinal_by_class"),
        (
            {"longitudinal_by_class": "~ age", "longitudinal": "~ age:time"},
            r"longitudinal_by_class='~ age' cannot be distinguished .* age, age:s are linearly dependent",
        ),
        ({"longitudinal_by_class": "~ nothing"}, "which is not a column"),
    ],
)
def test_what_is_refused(cohort, options, message):
    with pytest.raises(SpecError, match=message):
        counts_only(cohort, **options)
