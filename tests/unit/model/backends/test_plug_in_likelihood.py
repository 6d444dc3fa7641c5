"""A family and a hazard that the package does not know (`plug_ins`): compiled, and in NumPy alone."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from helpers import frames
from plug_ins import LOG_LOGISTIC, LOGISTIC
from scipy.special import logsumexp
from scipy.stats import fisk, logistic, norm

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.model import families, hazards
from bayesctc.model.backends.compiled.evaluator import CompiledLikelihood
from bayesctc.model.backends.plain import PlainLikelihood
from bayesctc.model.design import Design
from bayesctc.model.hazards.weibull import WEIBULL
from bayesctc.model.likelihood import Evaluator

pytestmark = pytest.mark.unit
NATURAL = {
    "membership": [[0.4], [-0.4]],
    "growth": [[0.6, -0.3], [2.4, 0.2]],
    "spread": 0.5,
    "scale": [30.0, 12.0],
    "steepness": [1.6, 2.2],
}


@pytest.fixture(params=["compiled", "family in NumPy", "hazard in NumPy"])
def registered(request):
    """The two pieces, registered for one test; how they are computed."""
    family, hazard = LOGISTIC, LOG_LOGISTIC
    if request.param == "family in NumPy":
        family = replace(family, compiled=None)
    if request.param == "hazard in NumPy":
        hazard = replace(hazard, compiled=None)
    families.register(family)
    hazards.register(hazard)
    yield CompiledLikelihood if request.param == "compiled" else PlainLikelihood
    families.unregister("logistic")
    hazards.unregister("log_logistic")


@pytest.fixture(scope="module")
def cohort():
    return bc.Cohort(*frames(50, 3, entry=True))


def spec(random_effects="none", n_classes=2, **options):
    return bc.ModelSpec(
        n_classes=n_classes,
        growth="linear",
        random_effects=random_effects,
        family="logistic",
        common_shape=False,
        **{"hazard": "log_logistic", **options},
    )


@cache
def by_scipy(cohort, sd):
    """log L_i by scipy's distributions, a random intercept integrated over a fixed interval."""
    samples, patients = cohort.samples, cohort.patients
    log_pi = np.log([1.0 / (1.0 + np.exp(-0.8)), 1.0 / (1.0 + np.exp(0.8))])
    joint, entered = np.empty((len(patients), 2)), np.empty((len(patients), 2))
    for i, (name, patient) in enumerate(patients.iterrows()):
        own = samples[samples["patient_id"] == name]
        y, s = np.log1p(own["ctc"] * 7.5 / own["volume_ml"]).to_numpy(), own["time"].to_numpy() / 6.0
        for g in range(2):
            curve = NATURAL["growth"][g][0] + NATURAL["growth"][g][1] * s
            grid = np.linspace(-9.0 * sd, 9.0 * sd, 2001 if sd else 1)
            of_y = logistic.logpdf(y[:, None], curve[:, None] + grid, NATURAL["spread"]).sum(axis=0)
            of_y = logsumexp(of_y + norm.logpdf(grid, 0.0, sd)) + np.log(grid[1] - grid[0]) if sd else of_y[0]
            of_time = fisk(NATURAL["steepness"][g], scale=NATURAL["scale"][g])
            density = of_time.logpdf if patient["os_event"] else of_time.logsf
            joint[i, g] = log_pi[g] + of_y + density(patient["os_time"])
            entered[i, g] = log_pi[g] + of_time.logsf(patient["entry"])
    return logsumexp(joint, axis=1) - logsumexp(entered, axis=1)


def test_the_likelihood_is_scipys(registered, cohort):
    found = bc.log_likelihood(cohort, spec(), NATURAL)
    np.testing.assert_allclose(found, by_scipy(cohort, 0.0), rtol=1e-9)

    own = {"random_effect_sd": [0.7], "random_effect_corr": [[1.0]]}
    found = bc.log_likelihood(cohort, spec("intercept", n_nodes=64), NATURAL | own)
    np.testing.assert_allclose(found, by_scipy(cohort, 0.7), atol=1e-4)


def test_the_gradient_is_that_of_the_value(registered, cohort):
    with pytest.raises(SpecError, match="allowed under hazard='log_logistic': '~ 1'"):
        Design.settle(cohort, spec("slope", survival="~ arm"))
    open_hazard = hazards.HAZARDS["log_logistic"]
    hazards.HAZARDS["log_logistic"] = replace(open_hazard, closed=True)  # the likelihood itself can have covariates
    cohort = cohort.select(cohort.patients.index[:20])
    design = Design.settle(cohort, spec("slope", survival="~ arm"))
    evaluator = Evaluator(design.pack(cohort), design.sizes, 2)
    assert type(evaluator.own) is registered
    theta = design.layout.to_theta(np.random.default_rng(2).normal(0.0, 0.3, design.layout.n_parameters))
    evaluator.centre(theta)
    gradient = evaluator.total(theta)[1]
    for place in np.ndindex(theta.shape):
        shift = np.zeros_like(theta)
        shift[place] = 1e-4
        up, down = (evaluator.total(theta + sign * shift)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / 2e-4, abs=2e-5 * max(1.0, abs(gradient[place])))
    by_patient = evaluator.gradients(theta)
    np.testing.assert_allclose(by_patient.sum(axis=0), gradient, rtol=1e-6, atol=1e-7)


def test_a_fit_finds_the_parameters_that_were_drawn(registered):
    rng = np.random.default_rng(4)
    n = 300 if registered is CompiledLikelihood else 120
    months = np.tile([0.0, 1.0, 3.0, 6.0], n)
    y = logistic.rvs(3.0 - 1.2 * months / 6.0, 0.4, random_state=rng)
    samples = pd.DataFrame(
        {"patient_id": np.repeat(np.arange(n), 4), "time": months, "ctc": np.rint(np.expm1(np.maximum(y, 0.0)))}
    )
    time = fisk.rvs(1.8, scale=20.0, size=n, random_state=rng) + 6.0
    patients = pd.DataFrame({"patient_id": np.arange(n), "os_time": np.minimum(time, 60.0), "os_event": time < 60.0})
    cohort = bc.Cohort(samples, patients.assign(os_event=patients["os_event"].astype(int)))
    fit = bc.fit_ml(cohort, spec(n_classes=1), n_starts=1, progress=False)

    assert fit.converged
    found = fit.estimates.groupby("parameter", sort=False)
    for name, truth in {"growth": [3.0, -1.2], "spread": [0.4]}.items():
        rows = found.get_group(name)
        assert np.all(np.abs(rows["estimate"] - truth) < 4.0 * rows["se"])
    if registered is CompiledLikelihood:
        draws = bc.fit_bayes(cohort, fit.spec, ml=fit, draws=100, tune=100, chains=2, random_seed=1, progress=False)
        spread = float(draws.idata["posterior"].dataset["spread"].mean())
        assert spread == pytest.approx(float(fit.parameters["spread"].mean()), abs=0.05)


def test_numpy_alone_samples_too(cohort):
    families.register(replace(LOGISTIC, compiled=None))
    try:
        own = spec(n_classes=1, hazard="weibull")
        fit = bc.fit_bayes(cohort, own, draws=10, tune=10, chains=2, random_seed=1, progress=False)
        with pytest.raises(SpecError, match="needs compiled pieces"):
            bc.pymc_model(cohort, own)
    finally:
        families.unregister("logistic")

    assert np.isfinite(fit.idata["posterior"].dataset["spread"]).all()


@pytest.mark.parametrize("name", ["gaussian", "weibull", "Log_logistic", "log-logistic", ""])
def test_names_that_are_refused(name):
    with pytest.raises(SpecError, match="allowed"):
        families.register(replace(LOGISTIC, name="gaussian" if name == "weibull" else name))
    with pytest.raises(SpecError, match="allowed"):
        hazards.register(replace(WEIBULL, name="weibull" if name == "gaussian" else name))
