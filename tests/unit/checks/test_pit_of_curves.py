"""PITs where a patient's curve is part of the hazard: who is there to be sampled has other random effects."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dense_association import OfClass, dense_joint, log_shares, over_effects, settled, some_of
from helpers import fit_at, frames, made_bayes
from scipy.special import logsumexp
from scipy.stats import kstest

import bayesctc as bc
from bayesctc.checks.pit_of_samples import OfSamples, pits_of_samples
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import simulate
from bayesctc.model.pieces import natural_by_name

pytestmark = pytest.mark.unit
OPTIONS = {"hazard": "piecewise", "growth": "treatment", "survival": "~ bone", "common_shape": False}
FAMILY = {"negative_binomial": {}, "gaussian": {"hazard": "weibull"}}


@pytest.fixture(scope="module")
def cohort():
    samples, patients = frames(30, 3, entry=True)
    return bc.Cohort(samples.assign(ctc=np.minimum(samples["ctc"], 20)), patients)


def pits(fit, *thetas):
    """At parameters that weigh alike, with the same random numbers."""
    weights = np.full((len(thetas), fit.n_patients), 1.0 / len(thetas))
    return pits_of_samples(fit, thetas, weights, np.zeros(fit.n_patients), np.random.default_rng(2))


@pytest.mark.parametrize("family", FAMILY)
@pytest.mark.parametrize(("kind", "effects"), [("random_effects", "slope"), ("current_value", "intercept")])
def test_at_alpha_0_they_are_those_without_association(kind, effects, family, cohort):
    options = {**OPTIONS, "family": family, "random_effects": effects, **FAMILY[family]}
    design, theta = settled(cohort, association=kind, **options)
    where = design.sizes.blocks["association"]
    theta[:, where] = 0.0
    without = np.delete(theta, np.arange(where.start, where.stop), axis=1)
    plain = fit_at(cohort, bc.ModelSpec(n_classes=2, **options), without)
    linked = fit_at(cohort, design.spec, theta)
    np.testing.assert_allclose(pits(linked, theta)["pit"], pits(plain, without)["pit"], atol=1e-4)


@pytest.mark.parametrize(("kind", "effects"), [("current_value", "intercept"), ("area", "slope")])
def test_they_are_the_dense_integral(kind, effects, cohort):
    """P(count <= c) of the samples of three patients, over random effects weighted by survival to the sample."""
    options = {**OPTIONS, "family": "negative_binomial", "random_effects": effects}
    design, theta = settled(cohort, association=kind, **options)
    fit, (samples, patients) = fit_at(cohort, design.spec, theta), some_of(cohort, design.spec)
    tables = fit.analysis.tables()
    place = tables[0].index[tables[0]["patient_id"].isin(patients.index)]
    row = pd.Index(tables[1].index).get_indexer(samples["patient_id"])
    growth, alive = design.growth_matrix(samples, patients), np.maximum(samples["time"].to_numpy(), 0.0)
    alive = np.maximum(alive, fit.packed.entry[row])
    u, log_weight = over_effects(design.spec.n_random, 60)
    inside, whole = np.zeros(len(place)), np.zeros(len(place))
    for g in range(2):
        of_class = OfClass(fit.design, theta, g, u)
        own = natural_by_name(FAMILIES["negative_binomial"].parameters, theta[g, design.sizes.outcomes[0].own])
        for j, who in enumerate(samples["patient_id"]):
            i = patients.index.get_loc(who)
            free = of_class.survived(patients.assign(_time=alive[j], _event=0), i, "_time")
            share = np.exp(log_shares(design, theta, patients)[i, g] + free + log_weight)
            eta = growth[j] @ theta[g, design.sizes.blocks["growth"]] + of_class.b @ growth[j, : of_class.q]
            sample = samples.iloc[j]
            inside[j] += share @ FAMILIES["negative_binomial"].cdf(sample["ctc"], eta, sample["volume_ml"], **own)
            whole[j] += share.sum()
    of = OfSamples(fit, fit.packed.take(row), growth, alive)
    found, total = np.zeros(len(place)), np.zeros(len(place))
    for k, eta, _, share in of.at(theta, 20.0):
        count, volume = (samples[name].to_numpy()[k, None] for name in ("ctc", "volume_ml"))
        own = {name: value[:, :, None] for name, value in of.own(theta).items()}
        found[k] += np.sum(share * FAMILIES["negative_binomial"].cdf(count, eta, volume, **own), axis=(0, 2))
        total[k] += share.sum(axis=(0, 2))
    np.testing.assert_allclose(total, whole, rtol=1e-4)
    np.testing.assert_allclose(found / total, inside / whole, atol=1e-4)


def test_they_are_uniform_among_those_who_are_there(cohort):
    """Drawn from the model with a strong association; those of a model without one see fewer cells than expected."""
    options = {**OPTIONS, "survival": "~ 1", "family": "negative_binomial"}
    design, theta = settled(cohort, association="current_value", **options)
    where, n = design.sizes.blocks["association"], 500
    theta[:, where] = 1.2
    theta[:, design.layout.places["dispersion"]] = 2.0  # counts that are close to the patient's curve
    theta[:, design.layout.places["random_effect_cholesky"]] = 1.0
    patients = pd.DataFrame(index=[f"P{i}" for i in range(n)])
    planned = pd.DataFrame({"patient_id": np.repeat(patients.index, 2), "time": [1.0, 12.0] * n, "volume_ml": 7.5})
    samples, drawn = simulate(design, theta, patients, planned, np.random.default_rng(1), follow_up=40.0)
    table = drawn.rename_axis("patient_id").reset_index()
    table = table.assign(os_time=table["_time"], os_event=table["_event"].astype(int))
    columns = ["patient_id", "os_time", "os_event"]
    new = bc.Cohort(samples[["patient_id", "time", "ctc", "volume_ml"]], table[columns])
    fit = fit_at(cohort, design.spec, theta)
    fit = replace(fit, analysis=Analysis.of(new, fit.design))
    late = samples["time"].to_numpy() > 6.0
    assert kstest(pits(fit, theta)["pit"][late], "uniform").pvalue > 0.01
    without = theta.copy()
    without[:, where] = 0.0
    found = pits(fit, without)["pit"][late]
    assert kstest(found, "uniform").pvalue < 1e-3
    assert found.mean() < 0.45


def test_of_an_event_time_it_is_the_dense_survival_given_the_counts(cohort):
    options = {**OPTIONS, "family": "negative_binomial"}
    design, theta = settled(cohort, association="current_slope", **options)
    fit, (samples, patients) = fit_at(cohort, design.spec, theta, n_nodes=25), some_of(cohort, design.spec)
    near = theta + np.random.default_rng(3).normal(0.0, 1e-6, (1, 100, *theta.shape))
    found = bc.loo_pit(made_bayes(fit, near), n_draws=100)
    assert found.counts["pit"].between(0.0, 1.0).all()
    free = patients.assign(_event=0)
    joint = [dense_joint(fit.design, theta, samples, free.assign(_time=free[end])) for end in ("_entry", "_time")]
    expected = 1.0 - np.exp(logsumexp(joint[1], axis=1) - logsumexp(joint[0], axis=1))
    happened = patients["_event"].to_numpy() == 1
    assert happened.any()
    pit = found.survival.set_index("patient_id")["pit"][patients.index].to_numpy()
    np.testing.assert_allclose(pit[happened], expected[happened], atol=1e-3)
