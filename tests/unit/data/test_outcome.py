"""What outcomes say of themselves, by hand, and how families and hazards are held against them."""

from dataclasses import replace

import numpy as np
import pytest

import bayesctc as bc
from bayesctc.data.outcome import CTC_COUNT, CUTOFF, Continuous
from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES, register, unregister
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import LOG_MEAN, TRANSFORMED
from bayesctc.model.settling import check_family

pytestmark = pytest.mark.unit
BILI = Continuous("bili", "mg/dL", "log")


def test_counts_are_drawn_in_their_volume_and_rounded():
    y, volume = np.log1p([0.0, 4.2, 10.0]), np.array([7.5, 7.5, 15.0])
    exact, whole = CTC_COUNT.drawn(np.append(y, -1.0), np.append(volume, 7.5))
    np.testing.assert_allclose(exact, [0.0, 4.2, 20.0, np.exp(-1.0) - 1.0])
    assert whole.tolist() == [0, 4, 20, 0]
    assert whole.dtype == np.int64
    np.testing.assert_allclose(CTC_COUNT.forward(exact[:3], volume), y)


def test_values_that_a_number_cannot_hold_are_not_drawn():
    exact, observed = BILI.drawn(np.log([0.5, 2.0]), None)
    np.testing.assert_allclose(exact, [0.5, 2.0])
    np.testing.assert_array_equal(exact, observed)
    for y in (-800.0, 400.0, 800.0):
        with pytest.raises(
            OverflowError, match=rf"log\(bili\) = {y:.0f} was drawn, for which bili is not a finite number"
        ):
            BILI.drawn(np.array([0.0, y]), None)


def test_values_stay_within_both_limits():
    class Share(Continuous):
        upper = 1.0

    share = Share("vaf", "", "identity")
    np.testing.assert_array_equal(share.observed(np.array([0.3, 1.7]), None), [0.3, 1.0])
    np.testing.assert_array_equal(BILI.within([-1.0, 3.0]), [BILI.lower, 3.0])
    assert CTC_COUNT.within(-0.2) == 0.0


def test_questions_are_refused_in_the_outcomes_words():
    CTC_COUNT.need(CUTOFF, "cutoff")
    with pytest.raises(SpecError, match=r"cutoff is for counts; found a cohort of the marker 'bili \(mg/dL\)'\."):
        BILI.need(CUTOFF, "cutoff")
    assert str(CTC_COUNT.refusal("x", "fractions", "y")) == "x is for fractions; found a cohort of counts; allowed: y."


def test_a_family_is_held_against_the_kind_of_outcome():
    def found(outcome, family):
        try:
            check_family(bc.ModelSpec(family=family), outcome)
        except SpecError as error:
            return str(error)

    register(replace(FAMILIES["poisson"], name="of_fractions", outcomes=("fraction",)))
    try:
        text = found(CTC_COUNT, "of_fractions")
    finally:
        unregister("of_fractions")
    said = "family='of_fractions' is for outcomes of kind 'fraction'; found a cohort of counts; allowed:"
    assert text.startswith(said)
    assert all(f"family={name!r}" in text for name in FAMILIES)
    assert found(CTC_COUNT, "gaussian") is found(BILI, "gaussian") is found(CTC_COUNT, "poisson") is None
    assert "allowed with a marker: family='gaussian'" in found(BILI, "poisson")


def test_a_curve_is_told_and_read_on_its_scale():
    eta = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(TRANSFORMED.value(CTC_COUNT, eta), [0.0, 0.0, np.exp(2.0) - 1.0])
    np.testing.assert_allclose(LOG_MEAN.value(CTC_COUNT, eta), np.exp(eta))
    np.testing.assert_allclose(TRANSFORMED.value(BILI, eta), np.exp(eta))
    assert [scale.of(CTC_COUNT) for scale in (TRANSFORMED, LOG_MEAN)] == ["log(1 + count)", "log expected count"]
    assert TRANSFORMED.of(BILI) == "log(bili)"


def test_measures_are_told_with_the_outcome():
    assert FAMILIES["gaussian"].measured(CTC_COUNT) == "density of log(1 + count per 7.5 mL)"
    assert FAMILIES["gaussian"].measured(BILI) == "density of log(bili)"
    assert FAMILIES["poisson"].measured(CTC_COUNT) == "probability of the counts"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_counting_twin_has_the_same_parameters_and_a_probability(name):
    family = FAMILIES[name]
    assert bool(family.counting) == family.reads_transformed
    if family.counting:
        twin = FAMILIES[family.counting]
        assert twin.parameters == family.parameters
        assert not twin.reads_transformed


@pytest.mark.parametrize(("kind", "name"), [*(("family", n) for n in FAMILIES), *(("hazard", n) for n in HAZARDS)])
def test_every_parameter_says_what_it_is(kind, name):
    """A label for tables, and a sentence on its prior in every description."""
    if name == "none":
        return
    pieces = FAMILIES if kind == "family" else HAZARDS
    text = " ".join(bc.ModelSpec(n_classes=2, **{kind: name}).describe().split())
    for parameter in pieces[name].parameters:
        assert parameter.label
        assert f"{parameter.symbol or parameter.name}" in text.split("Priors (not used")[1]
