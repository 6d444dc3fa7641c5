"""The model in words: the right terms for every option."""

from itertools import product

import numpy as np
import pytest

import bayesctc as bc
from bayesctc.model.describe import describe
from bayesctc.model.prior_text import number

pytestmark = pytest.mark.unit


def text(**options) -> str:
    return " ".join(
        describe(
            bc.ModelSpec(
                **{
                    "family": "gaussian",
                    "random_effects": "slope",
                    "growth": "quadratic",
                    "common_shape": False,
                    **options,
                }
            )
        ).split()
    )


def test_default():
    found = text(priors=bc.Priors(level_mean=1.5, level_sd=2.0))
    for part in (
        "joint latent class model with 4 classes",
        "overall survival (os)",
        "s = months since the start of treatment / 6",
        "Given class g: y_ij = β_0g + β_1g s + β_2g s² + b_0i + b_1i s + ε_ij",
        "σ common to all classes",
        "unstructured 2 × 2 covariance D common to all classes",
        "H_g(t) = (t / scale_g)^shape_g",
        "hazard ratio between classes changes with time",
        "log Σ_g π_ig S_g(e_i)",
        "delayed entry",
        "Missing at random",
        "Conditional independence",
        "Level of a class, the mean of its curve over the span of the samples (5 % to 95 % "
        "of their times): normal(1.5, 2), median 3.5 cells per 7.5 mL, 95 % between 0 and 220",
        "scale_g: log-normal around the value for a single hazard of all patients, from their person-months per event: "
        "95 % between 0.14 and 7.1 times that value",
    ):
        assert part in found
    for part in ("α", "ω", "γ", "B_k"):
        assert part not in found


def test_method_of_the_specification():
    spec = bc.ModelSpec(n_classes=2, family="gaussian", random_effects="slope", common_shape=False, growth="quadratic")
    assert spec.describe() == describe(spec)
    assert max(map(len, spec.describe().splitlines())) <= 110


def test_growth():
    assert "β_1g s + b" in text(growth="linear")
    assert "β_3g s³" in text(growth="cubic")
    # a line of root mean square 0.3 changes by 2 sqrt(3) 0.3: exp(1.96 x 1.04) = 7.7
    assert (
        "normal(0, 0.3) for its root mean square; factor by which a straight line changes from the start to the end "
        "of the span: 95 % between 0.13 and 7.7" in text(growth="cubic", priors=bc.Priors(curve_sd=0.3))
    )
    spline = text(growth="spline", spline_df=4)
    assert "3 bends of a natural cubic spline with knots at 5 quantiles" in spline
    assert "β_2" not in spline
    assert "the 1 bend of a natural cubic spline with knots at 0, 3, 9 months (given)" in text(
        growth="spline", knots=(0, 3, 9)
    )


def test_random_effects():
    assert "No random effects" in text(random_effects="none")
    assert "LKJ" not in text(random_effects="none")
    one = text(random_effects="intercept")
    assert "variance D" in one
    assert "LKJ" not in one
    assert "b_2i s²" in text(random_effects="quadratic")
    assert "intercept, slope and quadratic term" in text(random_effects="quadratic")
    scaled = text(class_specific_random_effects=True)
    assert "Normal(0, ω_g² D)" in scaled
    assert "Σ_g log ω_g = 0" in scaled
    assert "log ω_g: zero-sum normal" in scaled


def test_lkj_correlations_by_their_margin():
    # LKJ(1) of two is uniform on (-1, 1), LKJ(2) has density 3/4 (1 - r^2): 95 % within 0.811
    assert "LKJ(1), each 95 % between -0.95 and 0.95" in text(priors=bc.Priors(correlation_eta=1.0))
    assert "LKJ(2), each 95 % between -0.81 and 0.81" in text(priors=bc.Priors(correlation_eta=2.0))


def test_residuals():
    assert "a standard deviation σ_g for each class" in text(class_specific_sigma=True)
    assert "Common to all classes: the random-effect covariance D." in text(class_specific_sigma=True)
    nothing = text(class_specific_sigma=True, random_effects="none")
    assert "Common to all classes: nothing." in nothing


def test_covariates():
    found = text(membership="~ bone", survival="~ arm", survival_by_class="~ age", longitudinal="~ arm:time")
    for part in (
        "P(class g | x_i)",
        "the terms of ~ bone",
        "exp(x_i′γ + z_i′γ_g)",
        "the terms of ~ arm, with log hazard ratios γ, the same in all classes",
        "the terms of ~ age, with log hazard ratios γ_g, which differ by class",
        "w_ij′α",
        "time is the time of the sample in months",
        "ξ_0 (at the mean of the terms): zero-sum normal",
        "ξ: zero-sum normal over classes, sd 0.75 per standard deviation of a direction of the terms; odds ratio "
        "between any two classes: 95 % between 0.13 and 8",  # exp(1.96 x 0.75 sqrt(2))
        "γ: normal(0, 0.5) per standard deviation of a direction of the terms; hazard ratio: 95 % between 0.38 and 2.7",
        "α: normal(0, 0.5) per standard deviation",
    ):
        assert part in found
    assert "time is the time of the sample" not in text(longitudinal="~ arm")


def test_with_a_cohort_numbers_are_its_own(reference_cohort):
    samples, patients = reference_cohort.endpoint("os").samples, reference_cohort.patients
    low, high = np.quantile(samples["time"], [0.05, 0.95])
    months = patients["os_time"].sum() / patients["os_event"].sum()
    found = " ".join(bc.ModelSpec().describe(cohort=reference_cohort).split())
    assert f"the span of the samples ({low:.3g} to {high:.3g} months, 5 % to 95 % of their times)" in found
    assert f"In this cohort that value is {number(months)} months." in found


def test_samples_after_the_endpoint_are_as_the_cohort_has_them(reference_cohort):
    tables = (reference_cohort.samples, reference_cohort.patients.reset_index())
    for given, said in (("drop", "are excluded. A"), ("keep", "are kept and modelled like the others")):
        cohort = bc.Cohort(*tables, samples_after_endpoint=given)
        found = " ".join(bc.ModelSpec().describe(cohort=cohort).split())
        assert f"Samples after the os time {said}" in found
    assert "Samples after the os time are excluded, unless the cohort keeps them." in text()
    assert "Samples after" not in text(endpoint=None)


def test_common_shape():
    found = text(common_shape=True)
    assert "hazards are proportional between classes" in found
    assert "(scale_h / scale_g)^shape at all times." in found
    assert "where the terms of z are 0" in text(common_shape=True, survival_by_class="~ arm")


def test_without_survival():
    found = text(endpoint=None)
    assert "growth mixture model with 4 latent classes" in found
    assert "Survival is not modelled" in found
    for part in ("Weibull", "delayed entry", "Censoring", "scale_g"):
        assert part not in found


def test_one_class():
    found = text(n_classes=1, membership="~ bone", survival_by_class="~ arm")
    assert "_g" not in found
    assert "counts and survival are modelled as independent: no association is estimated" in found
    assert "has no effect with one class" in found
    assert "f(y_i) h(T_i)^δ_i S(T_i) / S(e_i)" in found
    assert "ξ_0" not in found


def test_another_endpoint():
    assert "the endpoint relapse" in text(endpoint="relapse")


def test_no_option_breaks_it():
    options = product(
        (1, 3), ("linear", "spline"), ("none", "slope"), (None, "pfs"), (False, True), (False, True), (False, True)
    )
    for K, growth, effects, endpoint, shape, sigma, omega in options:
        if omega and effects == "none":
            continue
        found = text(
            n_classes=K,
            growth=growth,
            random_effects=effects,
            endpoint=endpoint,
            common_shape=shape,
            class_specific_sigma=sigma,
            class_specific_random_effects=omega,
        )
        for clumsy in (",.", "..", " ,", "None", "{", "}"):
            assert clumsy not in found


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (0.05321, "0.053"), (1.96, "2"), (64.3, "64"), (224.9, "220"), (12345.0, "12,000")]
)
def test_number(value, shown):
    assert number(value) == shown
