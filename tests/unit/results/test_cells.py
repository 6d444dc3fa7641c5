"""Levels that a class has no patients, or no events, of: found by counting, and said wherever their ratio would be."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.report.effects_by_class import effect_sentences
from bayesctc.report.first_page import _rates
from bayesctc.report.subject import Subject
from bayesctc.results.cells import EmptyCell, cell_warnings, empty_cells

pytestmark = pytest.mark.unit


def cohort(*, events: bool, as_number: bool = False) -> bc.Cohort:
    """Two classes far apart; of the higher nobody has arm A or, with `events`, nobody of arm A dies."""
    rng = np.random.default_rng(3)
    n = 60
    high = np.arange(n) < 20
    arm = np.where(np.arange(n) % 2 == 0, "A", "B")
    arm = arm if events else np.where(high, "B", arm)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(n)],
            "os_time": np.where(high, 8.0, 20.0) * rng.weibull(1.3, n) + 5.0,
            "os_event": np.where(high & (arm == "A"), 0, 1),
            "arm": np.where(arm == "B", 1, 0) if as_number else arm,
        }
    )
    rows = [
        (f"P{i}", month, int(rng.poisson(200.0 if high[i] else 3.0))) for i in range(n) for month in (0.0, 1.5, 3.0)
    ]
    return bc.Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]), patients)


SPEC = bc.ModelSpec(n_classes=2, growth="linear", survival_by_class="~ arm", common_shape=True)


def fitted(*args, **kwargs):
    return bc.fit_ml(cohort(*args, **kwargs), SPEC, n_starts=3, progress=False)


@pytest.fixture(scope="module")
def nobody():
    return fitted(events=False)


def test_counts_are_those_of_a_table(nobody):
    (cell,) = nobody.empty_cells
    p = nobody.class_probabilities
    expected = p.groupby(nobody.cohort.patients.loc[p.index, "arm"].astype(str)).sum()
    assert (cell.column, cell.level, cell.latent_class, cell.cause) == ("arm", "A", 1, None)
    assert cell.expected == pytest.approx(expected.loc["A"].iloc[1], rel=1e-12, abs=1e-300)
    assert cell.found == 0


def test_it_is_said_wherever_the_ratio_would_be(nobody):
    (warning,) = [text for text in nobody.warnings if "patients whose arm is A" in text]
    assert warning.startswith("class 2 has no patients whose arm is A (")
    assert "the hazard ratio of arm in this class is not estimable" in warning
    effects = bc.covariate_effects(nobody).set_index("latent_class")
    assert np.isnan(effects.loc["class 2", ["estimate", "lower", "upper"]].astype(float)).all()
    assert "class 2 has no patients whose arm is A" in effects.loc["class 2", "note"]
    assert effects.loc["class 1", "estimate"] > 0
    assert effects.loc["class 1", "note"] == ""
    assert bc.covariate_effects(nobody, contrasts=True)["estimate"].isna().all()
    ratios = bc.hazard_ratios(nobody).set_index("comparison")
    assert ratios.loc["arm[T.B] in class 2", "kind"].startswith("not estimable: class 2 has no patients whose arm is A")
    assert np.isnan(ratios.loc["arm[T.B] in class 2", "estimate"])
    assert np.isnan(ratios.loc["arm[T.B], class 2 vs class 1", "estimate"])
    assert ratios.loc["class 2 vs class 1", "note"].str.contains("class 2 has no patients whose arm is A").all()
    subject = Subject.of(nobody)
    (sentence,) = effect_sentences(subject, lambda cause: "die", lambda row: f"{row['estimate']:.2f} (x)")
    assert "at a rate in class 2 that cannot be estimated (no patients whose arm is A)" in sentence
    (rate,) = _rates(subject, "class 2")
    assert rate.endswith(
        "This number rests on an effect that cannot be estimated: class 2 has no patients whose arm is A."
    )
    ax = bc.plot_covariate_effects(nobody)
    assert [text.get_text() for text in ax.texts].count("not estimable") == 1
    plt.close(ax.figure)


def test_an_arm_without_events():
    (cell,) = fitted(events=True).empty_cells
    assert (cell.level, cell.latent_class, cell.cause, cell.found) == ("A", 1, 0, 0)
    assert cell.lacks.startswith("no events among patients whose arm is A (")


def test_an_arm_of_zeros_and_ones_is_counted_alike(nobody):
    (cell,) = empty_cells(fitted(events=False, as_number=True).analysis, nobody.class_probabilities)
    assert (cell.level, cell.reference, cell.touches("arm")) == ("0", "0", True)


def test_terms_that_a_level_is_compared_in():
    reference = EmptyCell("survival_by_class", "arm", "A", "A", 0, None, 0.0, 0)
    other = EmptyCell("survival_by_class", "arm", "B", "A", 0, None, 0.0, 0)
    touched = {"arm[T.B]": (True, True), "arm[T.C]": (True, False), "C(arm)[T.B]:age": (True, True)}
    touched |= {"age": (False, False), "farm[T.B]": (False, False), "age:arm[T.C]": (True, False)}
    assert {term: (reference.touches(term), other.touches(term)) for term in touched} == touched


def test_a_posterior_says_that_the_prior_decides():
    cells = [
        EmptyCell(formula, "arm", "A", "A", 1, None, 0.2, 0)
        for formula in ("survival_by_class", "longitudinal_by_class")
    ]
    hazard, curve = cell_warnings(cells, ["low", "high"], bayesian=True)
    assert hazard.startswith(
        "high has no patients whose arm is A (0.2 expected): the hazard ratio of arm in this class is determined"
    )
    assert curve.endswith("the curve of arm A in this class is determined by the prior")
