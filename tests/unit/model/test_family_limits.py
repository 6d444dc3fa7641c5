"""Families of counts at their limits: where one becomes another, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.model.design import Design
from bayesctc.model.likelihood import Evaluator

pytestmark = pytest.mark.unit
ONE_CLASS = {"n_classes": 1, "growth": "linear", "random_effects": "none", "endpoint": None}


def test_limits_of_the_families(reference_cohort):
    """Dispersion to infinity is Poisson, so is no spread; no zero inflation is the negative binomial."""
    base = {"n_classes": 1, "growth": "linear", "random_effects": "intercept", "endpoint": None}
    natural = {
        "membership": np.zeros((1, 1)),
        "growth": np.array([[1.0, -0.5]]),
        "random_effect_sd": np.array([0.7]),
        "random_effect_corr": np.ones((1, 1)),
    }
    one = bc.log_likelihood(reference_cohort, bc.ModelSpec(family="poisson", **base), natural)
    other = bc.log_likelihood(
        reference_cohort, bc.ModelSpec(family="negative_binomial", **base), natural | {"dispersion": np.array(1e8)}
    )
    np.testing.assert_allclose(one, other, atol=1e-3, rtol=1e-4)
    groups = base | {"random_effects": "none"}
    curve = {name: natural[name] for name in ("membership", "growth")}
    one = bc.log_likelihood(reference_cohort, bc.ModelSpec(family="poisson", **groups), curve)
    other = bc.log_likelihood(
        reference_cohort, bc.ModelSpec(family="poisson_log_normal", **groups), curve | {"sigma": np.array(1e-5)}
    )
    np.testing.assert_allclose(one, other, atol=1e-5)
    zero = bc.ModelSpec(family="zero_inflated_negative_binomial", **base)
    some = natural | {"dispersion": np.array(1.2)}
    plain = bc.log_likelihood(reference_cohort, bc.ModelSpec(family="negative_binomial", **base), some)
    inflated = bc.log_likelihood(reference_cohort, zero, some | {"zero_inflation": np.array(1e-12)})
    np.testing.assert_allclose(plain, inflated, atol=1e-8)


def poisson_cohort(seed):
    """60 patients in two classes whose counts are Poisson: nothing is left for a log-normal spread."""
    rng = np.random.default_rng(seed)
    patient, time = np.repeat(np.arange(60), 4), np.tile([0.0, 2.0, 4.0, 6.0], 60)
    counts = rng.poisson(np.exp(np.where(patient < 30, 0.5, 2.5)))
    samples = pd.DataFrame({"patient_id": patient.astype(str), "time": time, "ctc": counts})
    return bc.Cohort(samples, pd.DataFrame({"patient_id": np.arange(60).astype(str)}))


@pytest.mark.parametrize("seed", range(3))
def test_counts_without_a_spread_are_sampled_all_the_same(seed):
    """The likelihood may put sigma at 0, where its logarithm has no end; the posterior is its prior there."""
    cohort = poisson_cohort(seed)
    spec = bc.ModelSpec(**ONE_CLASS | {"n_classes": 2}, family="poisson_log_normal")
    ml = bc.fit_ml(cohort, spec, n_starts=2, progress=False)
    fit = bc.fit_bayes(cohort, spec, ml=ml, draws=200, tune=100, chains=2, progress=False)
    assert float(fit.idata["posterior"]["sigma"].mean()) < 0.2
    assert fit.diagnostics.max_rhat < 1.05
    assert fit.diagnostics.n_divergences == 0
    if float(ml.parameters["sigma"]) < 0.01:
        assert any("sigma is at a limit of its range" in text for text in ml.warnings)


@pytest.mark.parametrize("log_sigma", [-700.0, -40.0, 5.0, 20.0, 700.0])
def test_a_step_to_a_vast_or_vanishing_spread_ends(log_sigma):
    """A sampler's first steps go anywhere; what they find there may not be finite, but is found at once."""
    cohort = poisson_cohort(0)
    design = Design.settle(cohort, bc.ModelSpec(**ONE_CLASS, family="poisson_log_normal"))
    theta = np.zeros((1, design.sizes.n_class_parameters))
    evaluator = Evaluator(design.pack(cohort), design.sizes, 1)
    middle = evaluator.total(theta)[0]
    theta[:, design.layout.places["sigma"]] = log_sigma
    assert not evaluator.total(theta)[0] > middle


@pytest.mark.parametrize(
    ("family", "option"), [("poisson", "class_specific_sigma"), ("gaussian", "class_specific_dispersion")]
)
def test_what_has_nothing_to_act_on_is_refused(family, option):
    with pytest.raises(SpecError, match=f"{option}=True has no effect under family='{family}'"):
        bc.ModelSpec(**{"family": family, option: True})


def test_what_quadrature_cannot_do_is_refused():
    with pytest.raises(SpecError, match="none, intercept or slope"):
        bc.ModelSpec(family="negative_binomial", random_effects="quadratic", common_shape=False, growth="quadratic")
    with pytest.raises(SpecError, match="n_nodes"):
        bc.ModelSpec(
            family="negative_binomial", n_nodes=0, random_effects="slope", common_shape=False, growth="quadratic"
        )
