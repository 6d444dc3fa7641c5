"""When a conclusion counts as changed, on records made by hand."""

import numpy as np
import pytest

from bayesctc.sensitivity.plan import SensitivityPlan
from bayesctc.sensitivity.resolve import Resolved
from bayesctc.sensitivity.result import BETTER, HALF, OUTSIDE, SIGNIFICANCE, compare, gather

pytestmark = pytest.mark.unit


def record(rows, labels=("class 1", "class 2"), **more):
    return {"rows": [[*row, *([""] if len(row) == 6 else [])] for row in rows], "labels": list(labels), **more}


BASE = record(
    [
        ["class_share", "class 1", None, 0.6, 0.5, 0.7],
        ["positive_share", "class 1", 3.0, 0.55, 0.45, 0.65],
        ["hazard_ratio", "class 2", None, 2.0, 1.2, 3.0],
        ["survival_function", "class 2", 12.0, 0.5, 0.4, 0.6],
    ]
)


def one(row, option="priors", labels=("class 1", "class 2"), base=BASE, **more):
    return compare(base, record([row], labels, **more), option).iloc[0]


def test_a_number_inside_the_interval_changes_nothing():
    found = one(["class_share", "class 1", None, 0.69, 0.6, 0.8])

    assert not found["changed"]
    assert found["base"] == 0.6
    assert found["difference"] == pytest.approx(0.09)


@pytest.mark.parametrize(
    ("estimate", "lower", "upper", "why"),
    [
        (1.5, 0.9, 2.5, [SIGNIFICANCE]),  # includes 1
        (0.5, 0.3, 0.8, [SIGNIFICANCE, OUTSIDE]),  # the other side
        (3.5, 2.0, 6.0, [OUTSIDE]),
        (2.5, 1.1, 4.0, []),
    ],
)
def test_hazard_ratios(estimate, lower, upper, why):
    found = one(["hazard_ratio", "class 2", None, estimate, lower, upper])

    assert found["why"] == "; ".join(why)
    assert found["changed"] == bool(why)


def test_another_endpoint_is_held_to_significance_only():
    far = one(["hazard_ratio", "class 2", None, 9.0, 5.0, 20.0], "endpoint")
    survival = one(["survival_function", "class 2", 12.0, 0.1, 0.05, 0.2], "endpoint")
    none = one(["hazard_ratio", "class 2", None, 1.1, 0.8, 1.6], "endpoint")

    assert not far["changed"]
    assert not survival["changed"]
    assert "a different quantity from the base" in survival["why"]
    assert none["why"] == SIGNIFICANCE


@pytest.mark.parametrize(("share", "changed"), [(0.7, False), (0.3, True)])
def test_another_cutoff_is_held_to_one_half_only(share, changed):
    found = one(["positive_share", "class 1", 3.0, share, share - 0.05, share + 0.05], "cutoff")

    assert found["changed"] == changed
    assert (found["why"] == HALF) == changed


def test_with_another_number_of_classes_only_the_ends_answer():
    three = ("class 1", "class 2", "class 3")
    rows = [["hazard_ratio", name, None, 2.1, 1.3, 3.1] for name in three[1:]]
    table = compare(BASE, record(rows, three), "n_classes")

    assert table["base_class"].tolist() == ["", "class 2"]
    assert np.isnan(table["difference"].iloc[0])
    assert table["why"].iloc[0] == "no corresponding class in the base"
    assert table["difference"].iloc[1] == pytest.approx(0.1)


def test_without_an_interval_nothing_is_judged():
    found = one(["class_share", "class 1", None, 0.95, None, None])

    assert not found["changed"]
    assert found["why"] == "no interval: not judged"


@pytest.mark.parametrize(("gain", "better"), [(0.2, True), (0.03, False), (-0.2, False)])
def test_elpd_changes_a_conclusion_if_the_variation_predicts_better(gain, better):
    rng = np.random.default_rng(1)
    own = rng.normal(-5.0, 1.0, 100)
    row = ["elpd", "", None, -500.0, -520.0, -480.0]
    noise = rng.normal(0.0, 0.1, 100)
    found = one(row, elpd=(own + gain + noise).tolist(), against={"elpd": own.tolist()})

    assert found["changed"] == better
    assert found["difference"] == pytest.approx(100 * gain + noise.sum())
    assert found["difference_se"] == pytest.approx(np.sqrt(100) * noise.std(ddof=1))
    assert found["why"] == (BETTER if better else "")


@pytest.mark.parametrize("flipped", [0, 1, 3, 5])
def test_the_sentence_names_hazard_ratios_whose_interval_changes(flipped):
    """At most three by name."""
    base = {
        **BASE,
        "variation": "base",
        "n_patients": 9,
        "warnings": [],
        "status": "done",
        "unusable": "",
        "reason": "",
    }
    plan = SensitivityPlan(
        [{"option": "priors", "value": {"curve_sd": 1.0 + k}, "variation": f"v{k}"} for k in range(6)]
    )
    intervals = [(0.9, 2.5) if k < flipped else (1.1, 3.0) for k in range(6)]
    records = [
        {**base, "variation": f"v{k}", "rows": record([["hazard_ratio", "class 2", None, 1.8, *limits]])["rows"]}
        for k, limits in enumerate(intervals)
    ]
    found = [Resolved(row, None, None, None) for row in plan.rows]
    sentence = gather(plan, found, base, records, None, None).sentence
    named = [f"class 2 with v{k}" for k in range(min(flipped, 3))] + ["2 more (see changes)"] * (flipped == 5)
    said = "hazard ratios it changes whether the interval excludes 1"
    assert sentence.endswith(f"For {flipped} of 6 {said}{': ' * bool(named)}{'; '.join(named)}.")
    assert len(gather(plan, found, base, records, None, None).changes) == flipped


def test_each_cause_is_beside_its_own():
    ratio = ["hazard_ratio", "class 2", None]
    causes = [[*ratio, 2.0, 1.2, 3.0, "a"], [*ratio, 0.5, 0.3, 0.8, "b"]]
    found = one([*ratio, 0.6, 0.4, 0.9, "b"], base=record(causes))
    assert (found["base"], found["cause"], found["compared"], found["changed"]) == (0.5, "b", True, False)
    other = one([*ratio, 0.6, 0.4, 0.9, ""], "endpoint", base=record(causes))
    assert not other["compared"]
    assert other["why"] == "the base has no such event"


def test_elpd_of_other_patients_is_not_compared():
    found = one(["elpd", "", None, -500.0, -520.0, -480.0], elpd=[-1.0], against="not compared: other patients")

    assert np.isnan(found["difference"])
    assert found["why"] == "not compared: other patients"
