"""Plans: what they take, and what they refuse before anything runs."""

import numpy as np
import pandas as pd
import pytest
from helpers import frames

import bayesctc as bc
from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.sensitivity.plan import SensitivityPlan, Variation
from bayesctc.sensitivity.resolve import Base, resolve
from bayesctc.sensitivity.targets import Targets

pytestmark = pytest.mark.unit

SPEC = bc.ModelSpec(n_classes=2, growth="linear", family="gaussian", random_effects="intercept", common_shape=False)


@pytest.fixture(scope="module")
def treated() -> Cohort:
    return Cohort(*frames(60, 3))


@pytest.fixture(scope="module")
def cohort(treated) -> Cohort:
    return treated.include(min_samples=2)


def base(cohort, treated=None, spec=SPEC) -> Base:
    return Base(cohort, spec, treated, Targets((0.0,), (12.0,), 20.0))


def test_rows_are_named_by_what_they_change():
    plan = SensitivityPlan(
        [
            {"option": "n_classes", "value": 3},
            {"option": "include", "value": {"min_samples": 3, "entry": "third_sample"}},
            {"option": "leave_out", "value": {"arm": "A"}},
            {"option": "priors", "value": {"curve_sd": 6}, "variation": "steeper"},
        ]
    )

    assert plan.table["variation"].tolist() == [
        "3 classes",
        "3 or more samples, entry at sample 3",
        "without arm A",
        "steeper",
    ]
    assert set(plan.table["method"]) == {"nuts"}


def test_a_plan_is_its_table():
    plan = SensitivityPlan([Variation("n_classes", 3), Variation("family", "poisson", method="ml")])

    assert SensitivityPlan(plan.table) == plan
    assert len(plan.add("hazard", "gompertz")) == 3
    assert len(plan) == 2
    assert "poisson" in repr(plan)


def test_numbers_of_numpy_become_plain():
    assert type(Variation("cutoff", np.int64(3)).value) is int
    assert type(SensitivityPlan(pd.DataFrame({"option": ["prior_power"], "value": [0.5]})).rows[0].value) is float


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"option": "sampler", "value": "x"}, "option has to be one of priors, n_classes"),
        ({"option": "prior_power", "value": 0}, "above 0 other than 1"),
        ({"option": "prior_power", "value": 1.0}, "above 0 other than 1"),
        ({"option": "cutoff", "value": 2.5}, "whole number of cells"),
        ({"option": "priors", "value": {"slop_sd": 2.0}}, "fields of Priors"),
        ({"option": "priors", "value": {}}, "fields of Priors"),
        ({"option": "include", "value": {"entry": "third_sample"}}, "min_samples"),
        ({"option": "leave_out", "value": {"arm": "A", "bone": 1}}, "one covariate"),
        ({"option": "leave_out_pareto_k", "value": -1}, "above 0"),
        ({"option": "dropout_delta", "value": float("nan")}, "log scale"),
        ({"option": "n_classes", "value": 3, "method": "vi"}, "nuts, ml"),
        ({"option": "cutoff", "value": 3, "method": "ml"}, "not with cutoff"),
        ({"option": "n_classes"}, "found no value"),
        ({"option": "n_classes", "value": 3, "seed": 1}, "found seed"),
        ("n_classes", "a row is a dict"),
    ],
)
def test_impossible_rows_are_refused_by_their_number(row, said):
    with pytest.raises(SpecError, match="plan, row 1") as refused:
        SensitivityPlan([{"option": "n_classes", "value": 5}, row])

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "at least one row"),
        ("n_classes", "a list of rows"),
        ([Variation("n_classes", 3), Variation("n_classes", 3, "again")], "the same change as row 0"),
        ([Variation("n_classes", 3, "x"), Variation("n_classes", 4, "x")], "the same name as row 0"),
        ([Variation("n_classes", 3, "base")], "name of the base"),
    ],
)
def test_plans_that_cannot_be(rows, said):
    with pytest.raises(SpecError, match=said):
        SensitivityPlan(rows)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("n_classes", 2, "is the value of the base"),
        ("n_classes", 0, "whole number of 1 or more"),
        ("n_classes", 40, "at most"),
        ("hazard", "lognormal", "weibull"),
        ("random_effects", "quadratic", "part of the growth curve"),
        ("endpoint", "pfs", "pfs"),
        ("cutoff", 5, "is the value of the base"),
        ("leave_out", {"site": "1"}, "is not a covariate"),
        ("leave_out", {"arm": "Z"}, "no patient with 'Z'"),
        ("include", {"min_samples": 3}, "treated="),
    ],
)
def test_rows_that_do_not_fit_the_data_are_refused_by_name(cohort, option, value, said):
    plan = SensitivityPlan([{"option": "growth", "value": "quadratic"}, {"option": option, "value": value}])

    with pytest.raises(SpecError, match="plan, row 1") as refused:
        resolve(plan, base(cohort))
    assert said in str(refused.value)


def test_the_inclusion_of_the_base_is_no_variation(cohort, treated):
    plan = SensitivityPlan([Variation("include", {"min_samples": 2})])

    with pytest.raises(SpecError, match="is the value of the base"):
        resolve(plan, base(cohort, treated))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_default_plan_imputes_after_drop_out_under_every_family(cohort, family):
    plan = bc.default_plan(cohort, SPEC.with_(family=family))

    assert plan.table.query("option == 'dropout_delta'")["value"].tolist() == [1.0]


def test_variations_change_one_thing(cohort, treated):
    plan = SensitivityPlan(
        [
            Variation("priors", {"curve_sd": 6.0}),
            Variation("leave_out", {"arm": "A"}),
            Variation("include", {"min_samples": 4}),
            Variation("cutoff", 2),
        ]
    )
    priors, arm, more, cutoff = resolve(plan, base(cohort, treated))

    assert priors.spec == SPEC.with_(priors=bc.Priors(curve_sd=6.0))
    assert priors.cohort is cohort
    assert set(arm.cohort.patients["arm"]) == {"B", "C"}
    assert arm.cohort.flow().iloc[-1]["patients_excluded"] == (cohort.patients["arm"] == "A").sum()
    assert more.cohort.fingerprint == treated.include(min_samples=4).fingerprint
    assert (cutoff.targets.cutoff, cutoff.free) == (2, True)
    assert all(each.spec == SPEC for each in (arm, more, cutoff))


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        bc.ModelSpec(n_classes=1, growth="linear", family="gaussian", random_effects="none", common_shape=False),
        bc.ModelSpec(n_classes=2, family="gaussian", random_effects="quadratic", endpoint=None, growth="quadratic"),
        bc.ModelSpec(
            n_classes=2,
            growth="spline",
            family="gaussian",
            random_effects="slope",
            hazard="piecewise",
            common_shape=True,
        ),
        bc.ModelSpec(
            n_classes=2,
            family="poisson",
            random_effects="intercept",
            hazard="exponential",
            common_shape=False,
            growth="quadratic",
        ),
    ],
    ids=lambda spec: f"{spec.family}-{spec.growth}-{spec.random_effects}",
)
def test_the_default_plan_fits_every_base(treated, cohort, spec):
    plan = bc.default_plan(cohort, spec, treated)

    assert 8 <= len(plan) <= 15
    resolve(plan, base(cohort, treated, spec))
    with_quadrature = plan.table.query("option == 'family' and value == 'negative_binomial'")
    assert set(with_quadrature["method"]) <= {"ml"}


@pytest.mark.parametrize(("months", "survival"), [((3.0, 1.0), (12.0,)), ((), (12.0,)), ((0.0,), (0.0, 12.0))])
def test_months_have_to_increase(months, survival):
    with pytest.raises(SpecError, match="has to be increasing months"):
        Targets(months, survival)
