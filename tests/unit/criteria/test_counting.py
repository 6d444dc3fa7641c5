"""The probability of the counts as one measure for every family."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

import bayesctc as bc
from bayesctc.criteria.counting import counting, log_likelihood_counts, loo_counts
from bayesctc.criteria.families import _told
from bayesctc.errors import DataError, SpecError
from bayesctc.inference.ml import fit_analysis
from bayesctc.model.generative import simulate

pytestmark = pytest.mark.integration
SPEC = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")
SHORT = {"draws": 100, "tune": 100, "chains": 2, "n_starts": 4, "progress": False}


@pytest.fixture(scope="module")
def selection(reference_cohort):
    return bc.select_families(
        reference_cohort.select(reference_cohort.patients.index[::2]),
        SPEC.with_(random_effects="none"),
        ["gaussian", "censored", "negative_binomial"],
        n_classes=[1, 2],
        max_refits=0,
        **SHORT,
    )


def test_gaussian_estimates_are_scored_by_the_censored_family(reference_cohort):
    ml = bc.fit_ml(reference_cohort, SPEC, n_starts=3, progress=False)
    expected = bc.log_likelihood(reference_cohort, SPEC.with_(family="censored"), ml.parameters).sum()
    assert log_likelihood_counts(ml) == pytest.approx(expected, abs=0.05)
    censored = bc.fit_ml(reference_cohort, SPEC.with_(family="censored"), n_starts=3, progress=False)
    assert log_likelihood_counts(censored) == censored.log_likelihood
    assert censored.log_likelihood > log_likelihood_counts(ml)  # its own maximum
    assert counting(censored) is censored.analysis


def test_one_table_of_family_and_classes(selection):
    table = selection.table
    assert list(table.index.get_level_values("family").unique()) == ["gaussian", "censored", "negative_binomial"]
    assert len(table) == 6
    assert table["elpd_diff"].max() == 0.0
    assert table.loc["gaussian", "elpd"].max() < table.loc["censored", "elpd"].max() + 5.0
    np.testing.assert_allclose(table["aic"], -2 * table["log_likelihood"] + 2 * table["n_parameters"])
    # of a family of counts the measure is its own
    own = selection.selections["negative_binomial"].table.loc[2, "elpd_loo"]
    assert table.loc[("negative_binomial", 2), "elpd"] == pytest.approx(own, abs=1e-6)
    best = table["elpd"].idxmax()
    assert f"{best[0]} with K = {best[1]} first" in selection.sentence


@pytest.mark.parametrize("random_effects", ["none", "intercept"])
def test_weights_are_of_the_gaussian_posterior(selection, random_effects):
    """Without smoothing where k is low: sum of weight x probability over sum of weights, weight 1 / density."""
    fit, criterion = selection.selections["gaussian"].bayes[2], selection.loo["gaussian", 2]
    if random_effects != "none":
        fit = bc.fit_bayes(fit.cohort, fit.spec.with_(random_effects=random_effects), **SHORT)
        criterion = loo_counts(fit, max_refits=0, progress=False)
    found = criterion.pointwise
    density = fit.idata["log_likelihood"].dataset["joint"].to_numpy().reshape(-1, fit.n_patients)
    scored = counting(fit).evaluator().draws(fit.thetas)
    plain = logsumexp(scored - density, axis=0) - logsumexp(-density, axis=0)
    calm = (found["pareto_k"] < 0.2).to_numpy()
    assert calm.sum() > 50
    np.testing.assert_allclose(found["elpd"][calm], plain[calm], atol=0.02)


def test_unknown_family(reference_cohort):
    for family in (["gaussian", "normal"], [], "gaussian", ["poisson", "gaussian", "poisson"]):
        with pytest.raises(SpecError, match="families has to be a list"):
            bc.select_families(reference_cohort, SPEC, family, [1])


def test_what_a_later_family_refuses_is_refused_before_the_first_fit(reference_cohort, monkeypatch):
    def fits(*arguments, **settings):
        raise AssertionError("a fit has started")

    monkeypatch.setattr("bayesctc.criteria.families.select_n_classes", fits)
    samples = reference_cohort.samples.copy()
    samples.loc[samples.index[3], "ctc"] = 200_000_000
    large = bc.Cohort(samples, reference_cohort.patients.reset_index())
    for family in (["gaussian", "negative_binomial"], ["gaussian"]):  # whose counts are scored by the censored family
        with pytest.raises(DataError, match="found 200000000; allowed under family="):
            bc.select_families(large, SPEC, family, [1])
    quadratic = SPEC.with_(growth="quadratic", random_effects="quadratic")
    with pytest.raises(SpecError, match="none, intercept or slope"):
        bc.select_families(reference_cohort, quadratic, ["gaussian"], [1])
    with pytest.raises(SpecError, match="n_classes=90"):
        bc.select_families(reference_cohort, SPEC, ["gaussian", "censored"], [1, 90])


@pytest.mark.parametrize("family", ["censored", "poisson"])
def test_bootstrap_replicates_of_a_family_of_counts_are_whole(reference_cohort, family):
    """What a replicate packs is what the family draws: refitting replicates of one class gives its estimate back."""
    spec = SPEC.with_(n_classes=1, family=family, random_effects="none", endpoint=None, common_shape=False)
    one = bc.fit_ml(reference_cohort, spec, progress=False)
    rng = np.random.default_rng(1)
    schedule = reference_cohort.samples[["patient_id", "time", "volume_ml"]]
    samples, people = simulate(one.design, one.theta, reference_cohort.patients, schedule, rng, follow_up=1e6)
    np.testing.assert_array_equal(samples["exact_ctc"], samples["ctc"])
    packed = one.design.pack_tables(samples.assign(ctc=samples["exact_ctc"]), people)
    again = fit_analysis(replace(one.analysis, packed=packed), bc.Settings(n_starts=1, random_seed=1, progress=False))
    se = one.estimates.query("parameter == 'growth'")["se"].to_numpy()
    gone = again.parameters["growth"].to_numpy()[0] - one.parameters["growth"].to_numpy()[0]
    assert (np.abs(gone) < 4 * se).all()


def test_a_row_is_warned_of_once():
    """A family of counts has one LOO, whose warnings are in its own selection already."""
    assert _told("draw more; 6 patients were not refitted", ("6 patients were not refitted", "p_loo is high")) == (
        "draw more; 6 patients were not refitted; p_loo is high"
    )
    assert _told("", ("p_loo is high",)) == "p_loo is high"
    assert _told("", ()) == ""
