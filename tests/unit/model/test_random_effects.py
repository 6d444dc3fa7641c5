"""Random effects given the counts, against integration on a grid; expected counts of the families by summation."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from count_probability import log_probability
from helpers import fit_at, moved_by_user

import bayesctc as bc
from bayesctc.model.families import FAMILIES
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.random_effects import RandomEffects, class_probabilities_near, expected_effects

pytestmark = pytest.mark.unit
OWN = {"sigma": 0.6, "dispersion": 0.8, "zero_inflation": np.array([0.25, 0.05])}
SD, CORR = np.array([0.9, 0.5]), -0.3
GROWTH = np.array([[0.4, -0.6], [2.9, 0.3]])
N_DRAWS = 4000  # resampled, worth some 3,000: tolerances are four standard errors


@cache
def cohort() -> bc.Cohort:
    """Zeros only, one sample, high counts, many samples; the others to settle a model on."""
    rng = np.random.default_rng(5)
    counts = {"A": [0, 0, 0, 0], "B": [12], "C": [150, 260, 90], "D": [3, 0, 8, 1, 0, 2, 30]}
    counts |= {f"X{k}": rng.poisson(5, 4).tolist() for k in range(12)}
    rows = [
        (patient, 1.5 * j, c, v)
        for patient, each in counts.items()
        for j, (c, v) in enumerate(zip(each, np.resize([7.5, 5.0, 10.0], len(each)), strict=True))
    ]
    patients = pd.DataFrame({"patient_id": list(counts), "os_time": 20.0, "os_event": [1, 0] * (len(counts) // 2)})
    return bc.Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc", "volume_ml"]), patients)


def made(family: str, effects: str, n_nodes: int = 9):
    """A model of two classes at given parameters."""
    q = {"none": 0, "intercept": 1, "slope": 2}[effects]
    spec = bc.ModelSpec(n_classes=2, growth="linear", family=family, random_effects=effects, endpoint=None)
    names = [p.name for p in FAMILIES[family].parameters]
    natural = {"membership": np.zeros((2, 1)), "growth": GROWTH, **{name: OWN[name] for name in names}}
    if q:
        corr = np.array([[1.0, CORR], [CORR, 1.0]])[:q, :q]
        natural |= {"random_effect_sd": SD[:q], "random_effect_corr": corr}
    return fit_at(cohort(), spec, natural, n_nodes=None if family == "gaussian" or not q else n_nodes)


def by_powers(fit, effects):
    """Random effects (..., q) on the functions of the fit, as coefficients of 1 and s."""
    q = fit.spec.n_random
    return effects @ fit.design.basis.to_user[:q, :q].T


def of_class(g):
    """The families' parameters in a class."""
    return {name: np.broadcast_to(value, 2)[g] for name, value in OWN.items()}


@cache
def posterior_on_a_grid(family, patient, g, q):
    """Points b (m, q) and their probabilities given a patient's counts: a grid, then finer ones where they are.

    Finest in the first effect, whose tail is a sum of whole cells.
    """
    samples = cohort().samples
    samples = samples[samples["patient_id"] == patient]
    factor = np.linalg.cholesky(np.outer(SD, SD) * np.array([[1.0, CORR], [CORR, 1.0]]))[:q, :q]
    s = samples["time"].to_numpy() / 6.0
    Z = np.stack([np.ones_like(s), s])
    middle, reach = np.zeros(q), np.full(q, 6.0)
    for _ in range(3):
        sizes = (201, 61) if q == 2 else (2001,)
        axes = [np.linspace(m - r, m + r, n) for m, r, n in zip(middle, reach, sizes, strict=True)]
        u = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, q)
        b = u @ factor.T
        log_p = -0.5 * np.sum(u**2, axis=1)
        for j, (c, v) in enumerate(zip(samples["ctc"], samples["volume_ml"], strict=True)):
            log_p = log_p + log_probability(family, c, v, GROWTH[g] @ Z[:, j] + b @ Z[:q, j], of_class(g))
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        middle = p @ u
        reach = 6.0 * np.sqrt(p @ (u - middle) ** 2)
    return b, p


@pytest.mark.parametrize("effects", ["intercept", "slope"])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_expected_effects_are_the_posteriors(family, effects):
    fit = made(family, effects, n_nodes=15)
    evaluator = Evaluator(fit.packed, fit.design.sizes, 2)
    p_class = evaluator.evaluate(fit.theta).class_probabilities
    found = by_powers(fit, expected_effects(evaluator.gradients(fit.theta), fit.design, fit.theta))
    for patient in "ABCD":
        i = fit.packed.patient_ids.index(patient)
        for g in (0, 1):
            points, p = posterior_on_a_grid(family, patient, g, fit.spec.n_random)
            mean, sd = p @ points, np.sqrt(p @ (points - p @ points) ** 2)
            np.testing.assert_allclose(found[i, g] / p_class[i, g], mean, atol=1e-4 * sd.min())


@pytest.mark.parametrize("effects", ["intercept", "slope"])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_draws_are_from_the_posterior(family, effects):
    fit = made(family, effects)
    q, ids = fit.spec.n_random, list("ABCD")
    place = [fit.packed.patient_ids.index(i) for i in ids]
    classes = np.repeat([[0, 1]], N_DRAWS, axis=1).reshape(1, -1).repeat(len(ids), axis=0)
    effects_of = RandomEffects(fit.analysis.take(place), classes.shape[1])
    b = by_powers(fit, effects_of.draw(fit.theta, classes, np.random.default_rng(3)))
    for i, patient in enumerate(ids):
        for g in (0, 1):
            points, p = posterior_on_a_grid(family, patient, g, q)
            mean = p @ points
            sd = np.sqrt(p @ (points - mean) ** 2)
            found = b[i, classes[i] == g]
            np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.08 * sd.max())
            np.testing.assert_allclose(found.std(axis=0), sd, rtol=0.08)
            tail = p[points[:, 0] < mean[0] - 1.5 * sd[0]].sum()
            assert np.mean(found[:, 0] < mean[0] - 1.5 * sd[0]) == pytest.approx(tail, abs=0.025)


@pytest.mark.parametrize(("family", "effects"), [("negative_binomial", "slope"), ("censored", "intercept")])
def test_single_draws_of_patients_who_are_alike(family, effects):
    """One draw of each has the fewest candidates: mean and standard deviation within four standard errors."""
    fit, n, times = made(family, effects), 500, 12
    ids, rng = list("ABCD"), np.random.default_rng(7)
    place = np.repeat([fit.packed.patient_ids.index(i) for i in ids], n)
    effects_of = RandomEffects(fit.analysis.take(place), 1)
    none = np.zeros((len(place), 1), dtype=int)
    drawn = [by_powers(fit, effects_of.draw(fit.theta, none, rng)).reshape(4, n, -1) for _ in range(times)]
    b = np.concatenate(drawn, axis=1)
    for found, patient in zip(b, ids, strict=True):
        points, p = posterior_on_a_grid(family, patient, 0, fit.spec.n_random)
        mean = p @ points
        sd = np.sqrt(p @ (points - mean) ** 2)
        error = sd / np.sqrt(n * times)
        assert (np.abs(found.mean(axis=0) - mean) < 4 * error).all()
        kurtosis = p @ (points - mean) ** 4 / sd**4
        assert (np.abs(found.std(axis=0) - sd) < 4 * error * np.sqrt((kurtosis - 1) / 4)).all()


@pytest.mark.parametrize("family", ["negative_binomial", "censored"])
def test_class_probabilities_near_where_the_nodes_stand(family):
    """Nodes side by side, standing where another theta has them, against nodes centred anew: within 0.2 points."""
    fit = made(family, "slope")
    few = fit.analysis.take([fit.packed.patient_ids.index(i) for i in "AD"])
    near = class_probabilities_near(few, fit.theta)
    anew = few.with_nodes(16).evaluator()
    rng = np.random.default_rng(1)
    for _ in range(20):
        theta = moved_by_user(fit.design.layout, fit.theta, rng.normal(0.0, 0.1, fit.n_parameters))
        np.testing.assert_allclose(near(theta), anew.evaluate(theta).class_probabilities, atol=2e-3)


def test_without_random_effects_there_is_nothing_to_draw():
    fit = made("poisson", "none")
    classes = np.zeros((fit.n_patients, 5), dtype=int)
    found = RandomEffects(fit.analysis, 5).draw(fit.theta, classes, np.random.default_rng(0))
    assert found.shape == (fit.n_patients, 5, 0)


@pytest.mark.parametrize("volume", [7.5, 4.0])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_expected_counts(family, volume):
    """The sum of count x probability, for a rounded count from the distribution function of a normal."""
    c, own = np.arange(0.0, 60_000.0), {p.name: of_class(0)[p.name] for p in FAMILIES[family].parameters}
    for eta in (-1.5, 0.0, 1.0, 3.0, 5.5):
        of = "censored" if family == "gaussian" else family
        expected = np.sum(c * np.exp(log_probability(of, c, volume, eta, of_class(0))))
        assert FAMILIES[family].mean(np.array(eta), volume, **own) == pytest.approx(expected, rel=2e-3, abs=2e-4)
