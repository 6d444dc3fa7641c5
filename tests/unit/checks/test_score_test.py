"""The score test of conditional independence."""

import numpy as np
import pytest
from checks_helpers import fitted, simulated
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import chi2, norm, weibull_min

import bayesctc as bc
from bayesctc.checks.score_test import _parameter_scores, patient_scores
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit


def log_likelihood(fit, patient, eta):
    """log L_i with the random intercept in the log hazard, by numerical integration over it."""
    p = fit.parameters
    samples = fit.cohort.samples.query("patient_id == @patient")
    time, event = fit.cohort.patients.loc[patient, ["os_time", "os_event"]].astype(float)
    y, s = np.log1p(samples["ctc"].to_numpy()), samples["time"].to_numpy() / 6
    sigma, sd = float(p["sigma"]), float(p["random_effect_sd"][0])
    log_pi = p["membership"].to_numpy()[:, 0]
    parts = []
    for g in range(2):
        curve = p["growth"].to_numpy()[g] @ np.array([np.ones_like(s), s])
        law = weibull_min(float(p["shape"][g]), scale=float(p["scale"][g]))

        def density(b, curve=curve, law=law):
            counts = norm.logpdf(y, curve + b, sigma).sum() + norm.logpdf(b, 0.0, sd)
            hazard = law.logpdf(time) - law.logsf(time) + eta * b
            return np.exp(counts + event * hazard + law.logsf(time) * np.exp(eta * b) + 5.0)

        centre = (y - curve).sum() / (len(y) + sigma**2 / sd**2)
        parts.append(np.log(quad(density, centre - 4, centre + 4, limit=200, epsabs=0, epsrel=1e-10)[0]) - 5.0)
    return logsumexp(log_pi - logsumexp(log_pi) + np.array(parts))


def test_scores_are_derivatives_of_the_log_likelihood(ml):
    found = patient_scores(ml)
    for i in (0, 7, 31):
        patient, step = ml.packed.patient_ids[i], 1e-4
        expected = (log_likelihood(ml, patient, step) - log_likelihood(ml, patient, -step)) / (2 * step)
        assert found[i, 0] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_scores_of_the_parameters_sum_to_zero_at_the_estimate(ml):
    scores = _parameter_scores(ml)
    np.testing.assert_allclose(scores.sum(axis=0), 0.0, atol=0.02)
    assert np.abs(scores).max() > 0.1


def test_dependence_within_classes_is_found():
    cohort = simulated(300, seed=4)
    level = np.log1p(cohort.samples.groupby("patient_id")["ctc"].mean())
    high = level > 3.6
    away = level - level.groupby(high).transform("mean")
    people = cohort.patients
    longer = people["os_time"] * np.exp(0.9 * away.reindex(people.index).fillna(0).clip(lower=0))
    moved = bc.Cohort(cohort.samples, people.assign(os_time=longer).reset_index())
    found = bc.conditional_independence_test(fitted(moved))
    assert found.p < 0.01
    assert found.scores["intercept"] < 0
    assert "still associated" in found.sentence
    assert found.p == pytest.approx(chi2.sf(found.statistic, found.df))


def test_what_is_refused(bayes, cohort):
    for fit in (bayes, fitted(cohort, random_effects="none"), fitted(cohort, endpoint=None)):
        with pytest.raises(SpecError, match="score test"):
            bc.conditional_independence_test(fit)
