"""The score test of conditional independence."""

from itertools import product

import numpy as np
import pytest
from checks_helpers import fitted, simulated
from count_probability import log_probability
from helpers import fit_at, frames
from scipy.special import logsumexp
from scipy.stats import chi2

import bayesctc as bc
from bayesctc.checks.score_test import patient_scores
from bayesctc.errors import SpecError
from bayesctc.model.design import Design
from bayesctc.model.likelihood import Evaluator

pytestmark = pytest.mark.unit
OWN = {"sigma": 0.6, "dispersion": 0.8, "zero_inflation": np.array([0.25, 0.05])}
SD, CORR, KNOT = np.array([0.7, 0.5]), -0.3, 9.0
BETWEEN = ("gaussian", "intercept", "weibull", True)  # events between two visits
CASES = [  # pairs that other tests compile as well
    ("gaussian", "intercept", "exponential"),
    ("censored", "intercept", "weibull"),
    ("negative_binomial", "intercept", "gompertz"),
    ("zero_inflated_negative_binomial", "intercept", "weibull"),
    ("poisson", "intercept", "weibull"),
    ("negative_binomial", "slope", "piecewise"),
    ("gaussian", "slope", "gompertz"),
]


def tiny(family, effects, hazard, looked_for=False):
    """A model at given parameters, of twelve patients of whom half entered late; one has no sample, one has one.

    `looked_for`: of every other event is known only that it came after a visit between entry and the time.
    """
    samples, patients = frames(12, 4, entry=True)
    if looked_for:
        gone = np.where(np.arange(12) % 2, 0.7, 0.0) * (patients["os_time"] - patients["entry"])
        patients["os_right"] = patients["os_time"].where(patients["os_event"] == 1)
        patients["os_left"] = patients["os_time"] - np.where(patients["os_event"] == 1, gone, 0.0)
    cohort = bc.Cohort(samples, patients)
    spec = bc.ModelSpec(
        n_classes=2,
        growth="linear",
        family=family,
        random_effects=effects,
        hazard=hazard,
        hazard_knots=(KNOT,),
        survival="~ bone",
        common_shape=False,
    )
    design = Design.settle(cohort, spec)
    natural = design.layout.natural(design.layout.to_theta(np.full(design.layout.n_parameters, 0.1)))
    q = spec.n_random
    given = {
        **OWN,
        "membership": np.array([[0.2], [-0.2]]),
        "growth": np.array([[0.6, -0.4], [2.8, 0.2]]),
        "random_effect_sd": SD[:q],
        "random_effect_corr": np.array([[1.0, CORR], [CORR, 1.0]])[:q, :q],
        "scale": np.array([25.0, 11.0]),
        "shape": np.array([1.2, 0.8]),
        "slope": np.array([0.03, -0.02]),
        "relative_hazard": np.array([[1.5], [0.7]]),
        "hazard_coefficient": np.array([0.4]),
    }
    assert set(natural) <= set(given)
    n_nodes = None if family == "gaussian" else 25
    return fit_at(cohort, spec, {name: given[name] for name in natural}, n_nodes=n_nodes)


def hazard_of(fit, g, time):
    """Cumulative and log hazard without covariates, by the formulas of their distributions."""
    p = {name: np.asarray(fit.parameters[name]) for name in fit.parameters.data_vars}
    scale, time = p["scale"][g], max(time, 1e-300)  # an entry at 0 has a logarithm too
    if fit.spec.hazard == "weibull":
        k = p["shape"][g]
        return (time / scale) ** k, np.log(k / scale) + (k - 1) * np.log(time / scale)
    if fit.spec.hazard == "gompertz":
        k = p["slope"][g]
        return np.expm1(k * time) / (k * scale), k * time - np.log(scale)
    r = p["relative_hazard"][g, 0] if fit.spec.hazard == "piecewise" else 1.0
    rate = r / scale if time > KNOT else 1 / scale
    return min(time, KNOT) / scale + max(time - KNOT, 0.0) * r / scale, np.log(rate)


def log_likelihood(fit, patient, eta):
    """log L_i with exp(eta' b) in the hazard, by the trapezoidal rule over b."""
    p, q = fit.parameters, fit.spec.n_random
    own = fit.cohort.samples.query("patient_id == @patient")
    time, event, entry, bone = fit.cohort.patients.loc[patient, ["os_time", "os_event", "entry", "bone"]].astype(float)
    s = own["time"].to_numpy() / 6
    factor = np.linalg.cholesky(np.outer(SD, SD) * np.array([[1.0, CORR], [CORR, 1.0]]))[:q, :q]
    z = np.linspace(-9.0, 9.0, 6001 if q == 1 else 401)
    u = np.stack(np.meshgrid(*[z] * q, indexing="ij"), -1).reshape(-1, q)
    b = u @ factor.T
    prior = -0.5 * np.sum(u**2, axis=1)
    curves = np.stack([np.ones_like(s), s])
    log_pi = p["membership"].to_numpy()[:, 0]
    above, below = [], []
    for g in range(2):
        family = {name: np.broadcast_to(value, 2)[g] for name, value in OWN.items()}
        counts = np.zeros(len(b))
        for j, (c, v) in enumerate(zip(own["ctc"], own["volume_ml"], strict=True)):
            curve = p["growth"].to_numpy()[g] @ curves[:, j] + b @ curves[:q, j]
            counts += log_probability(fit.spec.family, c, v, curve, family)
        by_covariate = 0.4 * bone + b @ eta
        (H, log_h), (H_entry, _) = hazard_of(fit, g, time), hazard_of(fit, g, entry)
        at_risk = np.exp(by_covariate)
        of_time = event * (log_h + by_covariate) - H * at_risk
        left = fit.cohort.patients["os_left"][patient] if "os_left" in fit.cohort.patients else time
        if left < time:
            of_time = np.log(np.exp(-hazard_of(fit, g, left)[0] * at_risk) - np.exp(-H * at_risk))
        above.append(logsumexp(prior + counts + of_time))
        below.append(logsumexp(prior - H_entry * at_risk))
    return logsumexp(log_pi + above) - logsumexp(log_pi + below)


@pytest.mark.parametrize(("family", "effects", "hazard", "looked_for"), [*((*case, False) for case in CASES), BETWEEN])
def test_scores_are_derivatives_of_the_log_likelihood(family, effects, hazard, looked_for):
    fit = tiny(family, effects, hazard, looked_for)
    assert fit.packed.within.any() == looked_for
    gradients = Evaluator(fit.packed, fit.design.sizes, 2).gradients(fit.theta)
    found = patient_scores(fit, gradients)
    q, step = fit.spec.n_random, 1e-4
    assert np.abs(found).max() > 0.3
    for i, k in product(range(12) if q == 1 else (1, 8), range(q)):
        patient, eta = fit.packed.patient_ids[i], step * np.eye(q)[k]
        expected = (log_likelihood(fit, patient, eta) - log_likelihood(fit, patient, -eta)) / (2 * step)
        assert found[i, k] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_scores_of_the_parameters_sum_to_zero_at_the_estimate(ml):
    gradients = Evaluator(ml.packed, ml.design.sizes, 2).gradients(ml.theta)
    scores = gradients.reshape(ml.n_patients, -1) @ ml.design.layout.transform
    np.testing.assert_allclose(scores.sum(axis=0), 0.0, atol=0.02)
    assert np.abs(scores).max() > 0.1


@pytest.mark.parametrize("family", ["gaussian", "negative_binomial"])
def test_dependence_within_classes_is_found(family):
    cohort = simulated(300, seed=4)
    level = np.log1p(cohort.samples.groupby("patient_id")["ctc"].mean())
    high = level > 3.6
    away = level - level.groupby(high).transform("mean")
    people = cohort.patients
    longer = people["os_time"] * np.exp(0.9 * away.reindex(people.index).fillna(0).clip(lower=0))
    moved = bc.Cohort(cohort.samples, people.assign(os_time=longer).reset_index())
    found = bc.conditional_independence_test(fitted(moved, family=family))
    assert found.p < 0.01
    assert found.scores["intercept"] < 0
    assert "still associated" in found.sentence
    assert found.p == pytest.approx(chi2.sf(found.statistic, found.df))


def test_what_is_refused(bayes, cohort):
    for fit in (bayes, fitted(cohort, random_effects="none"), fitted(cohort, endpoint=None)):
        with pytest.raises(SpecError, match="score test"):
            bc.conditional_independence_test(fit)
