"""What a specification refuses, and how it says so."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from bayesctc.errors import BayesctcError, SpecError
from bayesctc.model.priors import Priors
from bayesctc.model.spec import ModelSpec

pytestmark = pytest.mark.unit


def refused(**options) -> str:
    with pytest.raises(SpecError) as refusal:
        ModelSpec(**options)
    return str(refusal.value)


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", True, None])
def test_number_of_classes(value):
    message = refused(n_classes=value)
    for part in ("n_classes", repr(value), "whole number", "1 or more"):
        assert part in message


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("growth", "wiggly", "treatment, linear, quadratic, cubic, spline"),
        ("growth", None, "treatment, linear, quadratic, cubic, spline"),
        ("growth", ["linear"], "treatment, linear, quadratic, cubic, spline"),
        ("random_effects", "all", "none, intercept, slope, quadratic"),
        ("random_effects", None, "none, intercept, slope, quadratic"),
        ("random_effects", 2, "none, intercept, slope, quadratic"),
        ("family", "binomial", "gaussian"),
        ("family", None, "gaussian"),
        ("hazard", "cox", "weibull"),
        ("hazard", "none", "weibull"),  # endpoint=None says so
        ("hazard", None, "weibull"),
    ],
)
def test_choices(name, value, allowed):
    message = refused(**{name: value})
    for part in (name, repr(value), *allowed.split(", ")):
        assert part in message


@pytest.mark.parametrize("value", [5, "", True, ["os"]])
def test_endpoint(value):
    message = refused(endpoint=value)
    assert "endpoint" in message
    assert repr(value) in message


@pytest.mark.parametrize("name", ["membership", "survival", "survival_by_class", "longitudinal"])
@pytest.mark.parametrize("value", [3, None, "", "  ", ["age"]])
def test_formulas(name, value):
    message = refused(**{name: value})
    assert name in message
    assert repr(value) in message


@pytest.mark.parametrize("name", ["common_shape", "class_specific_sigma", "class_specific_random_effects"])
@pytest.mark.parametrize("value", ["no", None, 2])
def test_switches(name, value):
    message = refused(**{name: value})
    assert name in message
    assert repr(value) in message


@pytest.mark.parametrize("value", [1, 0, True, 2.5, "3", None])
def test_degrees_of_freedom_of_a_spline(value):
    message = refused(growth="spline", spline_df=value)
    for part in ("spline_df", "2 or more", repr(value)):
        assert part in message


@pytest.mark.parametrize(
    "value",
    [(0, 6), (0, 6, 3), (0, 3, 3, 6), (0, np.nan, 6), (0, 3, np.inf), ("a", "b", "c"), 5],
    ids=["two", "decreasing", "twice", "nan", "infinite", "text", "number"],
)
def test_knots(value):
    assert "knots" in refused(growth="spline", knots=value)


def test_knots_belong_to_a_spline():
    message = refused(growth="cubic", knots=(0, 3, 6))
    assert "knots" in message
    assert "'cubic'" in message
    assert "'spline'" in message


@pytest.mark.parametrize("value", [0, -1.0, "soon", np.nan, np.inf, True])
def test_fall_months(value):
    message = refused(growth="treatment", fall_months=value)
    for part in ("fall_months", "above 0", "3 weeks", repr(value)):
        assert part in message


def test_fall_months_belong_to_treatment_and_may_be_text():
    message = refused(growth="cubic", fall_months=1.0)
    assert "fall_months" in message
    assert "'cubic'" in message
    assert "'treatment'" in message
    assert ModelSpec(growth="treatment", fall_months="3 weeks").fall_months == pytest.approx(21 / 30.4375)


@pytest.mark.parametrize("growth", ["linear", "spline", "treatment"])
def test_random_effects_are_part_of_the_curve(growth):
    message = refused(growth=growth, random_effects="quadratic")
    assert "random_effects='quadratic'" in message
    assert repr(growth) in message
    assert ModelSpec(growth=growth, random_effects="slope").n_random == 2


@pytest.mark.parametrize("name", ["survival", "survival_by_class"])
def test_survival_formulas_need_an_endpoint(name):
    message = refused(endpoint=None, **{name: "~ arm"})
    assert "endpoint=None" in message
    assert "survival" in message


@pytest.mark.parametrize("value", [None, {"sigma_sd": 1.0}, 2])
def test_priors_are_priors(value):
    assert "priors" in refused(priors=value).lower()


@pytest.mark.parametrize("value", [0, -1.0, "a", None, np.nan, np.inf])
@pytest.mark.parametrize("name", ["sigma_sd", "correlation_eta", "log_shape_sd"])
def test_prior_scales(name, value):
    with pytest.raises(SpecError, match=rf"Priors\.{name} has to be .*found") as refusal:
        Priors(**{name: value})
    assert repr(value) in str(refusal.value)


def test_prior_locations_may_be_negative_but_finite():
    assert Priors(level_mean=-2.0).vector[2] == -2.0
    with pytest.raises(SpecError, match=r"Priors\.log_scale_mean has to be a finite number; found inf"):
        Priors(log_scale_mean=np.inf)


def test_what_belongs_to_one_growth_goes_with_it():
    spec = ModelSpec(growth="treatment", fall_months=1.0)
    assert spec.with_(growth="quadratic").fall_months is None
    assert spec.with_(growth="treatment", n_classes=2).fall_months == 1.0
    splined = spec.with_(growth="spline", knots=(0, 3, 6))
    assert (splined.knots, splined.fall_months) == ((0.0, 3.0, 6.0), None)
    assert splined.with_(growth="cubic").knots is None
    with pytest.raises(SpecError, match="knots belong to growth='spline'"):
        splined.with_(growth="cubic", knots=(0, 3, 6))


def test_a_specification_cannot_be_changed_and_changes_are_checked():
    spec = ModelSpec(n_classes=3)
    with pytest.raises(FrozenInstanceError):
        spec.n_classes = 2
    assert spec.with_(n_classes=2) == ModelSpec(n_classes=2)
    assert spec.n_classes == 3
    with pytest.raises(SpecError, match="n_classes"):
        spec.with_(n_classes=0)


def test_a_refusal_can_be_caught_as_the_packages_error_and_as_a_value_error():
    with pytest.raises(BayesctcError):
        ModelSpec(n_classes=0)
    with pytest.raises(ValueError, match="n_classes"):
        ModelSpec(n_classes=0)


def test_what_the_options_mean():
    assert ModelSpec(endpoint=None).hazard_name == "none"
    assert ModelSpec().hazard_name == "weibull"
    assert not ModelSpec().class_specific_shape
    assert ModelSpec(common_shape=False).class_specific_shape
    found = [
        ModelSpec(family="gaussian", growth="quadratic", random_effects=name).n_random
        for name in ("none", "intercept", "slope", "quadratic")
    ]
    assert found == [0, 1, 2, 3]
    assert ModelSpec(growth="spline", knots=[0, 3, 6]).knots == (0.0, 3.0, 6.0)
