"""Posterior and prior predictive checks as a whole, LOO-PIT, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest
from checks_helpers import fitted, simulated
from scipy.stats import beta, halfnorm, kstest, norm

import bayesctc as bc
from bayesctc.checks.predictive import CHECKS
from bayesctc.errors import FitError, SpecError
from bayesctc.model.design import Design
from bayesctc.model.posterior import CoordinatePriors

pytestmark = pytest.mark.unit
COLUMNS = ["check", "group", "statistic", "month", "observed", "lower", "upper", "p", "p_joint", "flag", "sentence"]


@pytest.fixture(scope="module")
def found(ml):
    return bc.predictive_check(ml, n_replicates=200, random_seed=3, progress=False)


def test_every_check_is_answered_and_the_truth_is_not_flagged(found):
    assert list(found.checks) == [check.name for check in CHECKS if not check.needs_causes]
    assert list(found.table.columns) == COLUMNS
    assert len(found.left_out) == 0
    assert found.kind == "asymptotic"
    assert "maximum-likelihood" in found.p_is
    assert len(found.flagged) <= 1
    assert found.summary["sentence"].str.len().min() > 20
    outside = (found.table["observed"] < found.table["lower"]) | (found.table["observed"] > found.table["upper"])
    assert outside.mean() < 0.1
    assert any("reverse Kaplan-Meier" in text for text in found.assumptions)
    assert "replicated cohorts" in repr(found)


def test_the_seed_decides_everything(ml, found):
    again = bc.predictive_check(ml, n_replicates=200, random_seed=3, progress=False, checks=("zeros", "survival"))
    other = bc.predictive_check(ml, n_replicates=200, random_seed=4, progress=False, checks=("zeros",))
    np.testing.assert_array_equal(again.checks["zeros"].draws, found.checks["zeros"].draws)
    assert not np.array_equal(other.checks["zeros"].draws, found.checks["zeros"].draws)


def test_a_posterior_says_so_and_uses_its_draws(bayes):
    result = bc.predictive_check(bayes, n_replicates=50, progress=False, checks="zeros")
    assert result.kind == "posterior"
    assert "posterior predictive" in result.p_is
    assert result.n_replicates == 50


def test_a_model_without_survival_leaves_survival_out(cohort):
    result = bc.predictive_check(fitted(cohort, endpoint=None), n_replicates=30, progress=False)
    assert set(result.left_out["check"]) == {"survival", "survival_by_class", "association", "independence"}
    assert any("only by drop-out" in text for text in result.assumptions)


def test_wrong_counts_are_flagged(ml):
    """Twice as many cells in half of the samples than the model was fitted to."""
    samples = ml.cohort.samples
    samples["ctc"] = np.where(np.arange(len(samples)) % 2 == 0, samples["ctc"] * 4, samples["ctc"] // 4)
    other = bc.Cohort(samples, ml.cohort.patients.reset_index())
    changed = replace(ml, analysis=replace(ml.analysis, cohort=other))
    result = bc.predictive_check(changed, n_replicates=100, progress=False)
    assert "variation" in result.flagged
    assert "survival" not in result.flagged
    assert "not consistent with the model" in result.summary.loc["variation", "sentence"]


def test_ignoring_the_inclusion_rule_is_said():
    cohort = simulated(120, seed=8).include(min_samples=3)
    ignored = bc.predictive_check(fitted(cohort), n_replicates=20, progress=False, checks="zeros")
    assert any("third_sample" in text for text in ignored.warnings)
    late = simulated(120, seed=8).include(min_samples=3, entry="third_sample")
    known = bc.predictive_check(fitted(late), n_replicates=20, progress=False, checks="zeros")
    assert not any("third_sample" in text for text in known.warnings)
    assert any("keeps the visits" in text for text in known.assumptions)


def test_what_is_refused(ml, cohort):
    for call, says in (
        (lambda: bc.predictive_check(cohort), "MLFit or a BayesFit"),
        (lambda: bc.predictive_check(ml, n_replicates=5), "20 or more"),
        (lambda: bc.predictive_check(ml, n_replicates=50.0), "whole number"),
        (lambda: bc.predictive_check(ml, checks=("zero",)), "allowed: zeros, positive"),
        (lambda: bc.predictive_check(ml, checks=()), "none"),
        (lambda: bc.predictive_check(ml, schedule=[2, 1]), "increasing"),
        (lambda: bc.loo_pit(ml), "fit_bayes"),
    ):
        with pytest.raises(SpecError, match=says):
            call()
    with pytest.raises(FitError, match="not positive definite"):
        bc.predictive_check(replace(ml, covariance=np.full_like(ml.covariance, np.nan)))


def test_prior_predictive_needs_no_fit(cohort):
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", random_effects="slope", family="negative_binomial", common_shape=False
    )
    result = bc.prior_predictive(cohort, spec, n_replicates=100, random_seed=2, progress=False)
    assert result.kind == "prior"
    assert set(result.left_out["check"]) == {"class_shares", "survival_by_class", "independence"}
    wide = result.table.query("check == 'zeros'")
    assert ((wide["upper"] - wide["lower"]) > 0.5).all()
    vague = spec.with_(priors=bc.Priors(level_sd=25.0))
    assert bc.prior_predictive(cohort, vague, n_replicates=50, progress=False, checks="zeros").n_redrawn > 0


def test_draws_from_the_priors_are_those_of_the_priors(cohort):
    spec = bc.ModelSpec(
        n_classes=3,
        growth="linear",
        random_effects="slope",
        class_specific_random_effects=True,
        family="gaussian",
        common_shape=False,
    )
    layout = Design.settle(cohort, spec).layout
    priors = CoordinatePriors.of(layout, spec.priors)
    thetas = priors.thetas(priors.draw(4000, np.random.default_rng(1)))
    natural, own = layout.natural(thetas), layout.own(thetas)
    low, high = np.quantile(cohort.endpoint("os").samples["time"], [0.05, 0.95])
    line = natural["growth"] @ [[1.0, 1.0], [low / 6.0, high / 6.0]]  # of each class, at the ends of the span
    patients = cohort.patients
    per_event = patients["os_time"].sum() / patients["os_event"].sum()
    zero_sum = 1.5 * np.sqrt(2 / 3)  # of three classes that sum to zero
    for values, distribution in (
        (natural["sigma"], halfnorm(scale=1.0)),
        (own["random_effect_sd"][:, 1], halfnorm(scale=1.0)),
        # of a line without a mean, whose root mean square over the span is that
        (natural["random_effect_sd"][:, 1] * (high - low) / 6.0 / np.sqrt(12.0), halfnorm(scale=1.0)),
        (0.5 + 0.5 * own["random_effect_corr"][:, 0, 1], beta(2.0, 2.0)),  # LKJ(2) of two
        (line[:, 2].mean(axis=1), norm(1.5, 2.0)),
        ((line[:, 0, 1] - line[:, 0, 0]) / np.sqrt(12.0), norm(0.0, 1.0)),
        (natural["membership"][:, 1, 0], norm(0.0, zero_sum)),
        (np.log(natural["scale"][:, 0]), norm(np.log(per_event), 1.0)),
        (np.log(natural["shape"][:, 1]), norm(0.0, 0.4)),
    ):
        assert kstest(values, distribution.cdf).pvalue > 0.001
    np.testing.assert_allclose(natural["membership"].sum(axis=1), 0.0, atol=1e-12)


def test_loo_pit_of_the_truth_is_uniform(bayes, cohort):
    result = bc.loo_pit(bayes, random_seed=1)
    assert list(result.tests) == ["count_1", "count_2", "count_3", "survival"]
    assert len(result.counts) == cohort.n_samples
    assert len(result.survival) == cohort.n_patients
    assert result.table["p"].min() > 0.01
    assert "no evidence against uniformity" in repr(result)
    # events fall where the survival function of the estimate says, near enough
    event = result.survival["event"] == 1
    from bayesctc.predict.patients import patient_survival

    at = 1 - patient_survival(bayes, bayes.cohort.patients["os_time"].to_numpy()[:, None])[:, 0]
    np.testing.assert_allclose(result.survival["pit"][event], at[event], atol=0.15)
    assert (result.survival["pit"][~event] >= at[~event] - 0.15).all()


def test_loo_pit_sees_other_counts(bayes):
    samples = bayes.cohort.samples
    samples["ctc"] = samples["ctc"] * 3
    other = bc.Cohort(samples, bayes.cohort.patients.reset_index())
    result = bc.loo_pit(replace(bayes, analysis=replace(bayes.analysis, cohort=other)))
    assert result.tests["count_1"].p < 0.01
    assert result.table.set_index("check").loc["count_1", "flag"]
