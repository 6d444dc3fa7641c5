"""The recommended number of classes on tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.criteria.loo import CHAINS, STACKED
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.sentence import passed_over, sentence
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit
BY_LOO = ParsimonyRule(criterion="loo")


def table(diff, se, smallest=None):
    ks = pd.Index(range(1, len(diff) + 1), name="n_classes")
    smallest = [1 / k for k in ks] if smallest is None else smallest
    columns = {"smallest_class": smallest, "elpd_loo": diff, "elpd_diff": diff, "elpd_diff_se": se, "max_rhat": 1.0}
    return pd.DataFrame(columns, index=ks, dtype=float)


def test_the_smallest_within_the_margin_is_picked():
    shown, chosen = BY_LOO.apply(table([-200, -50, -3.9, 0, -1], [20, 10, 1, 0, 1]))
    assert chosen == 3
    assert shown["close_to_best"].tolist() == [False, False, True, True, True]
    assert shown["recommended"].tolist() == [False, False, True, False, False]


def test_just_beyond_the_margin():
    assert BY_LOO.apply(table([-4.1, 0], [3.9, 0]))[1] == 2
    assert BY_LOO.apply(table([-4.0, 0], [0.5, 0]))[1] == 1


def test_one_standard_error_counts_where_it_is_more_than_the_margin():
    given = table([-200, -9, 0], [20, 10, 0])
    assert BY_LOO.apply(given)[1] == 2
    assert ParsimonyRule(criterion="loo", standard_errors=0.8).apply(given)[1] == 3
    assert ParsimonyRule(criterion="loo", margin=10.0, standard_errors=0.0).apply(given)[1] == 2
    assert ParsimonyRule(criterion="loo", standard_errors=20.0).apply(given)[1] == 1


def test_a_class_under_the_floor_rules_a_number_out():
    shown, chosen = BY_LOO.apply(table([-80, -30, -2, 0], [9, 5, 1, 0], [1, 0.3, 0.019, 0.1]))
    assert chosen == 4
    assert shown["above_floor"].tolist() == [True, True, False, True]
    assert not shown.loc[3, "close_to_best"]
    assert ParsimonyRule(criterion="loo", floor=0.01).apply(shown)[1] == 3
    assert BY_LOO.apply(table([-80, 0], [9, 0], [1, 0.02]))[1] == 2  # the floor itself is allowed


def test_the_largest_number_may_be_picked():
    assert BY_LOO.apply(table([-300, -200, -100, 0], [10, 10, 10, 0]))[1] == 4


def test_none_where_none_is_left():
    shown, chosen = BY_LOO.apply(table([-80, 0], [9, 0], [0.01, 0.01]))
    assert chosen is None
    assert not shown["recommended"].any()


def test_a_number_that_could_not_be_fitted_is_not_picked():
    shown, chosen = BY_LOO.apply(table([np.nan, -30, 0], [np.nan, 9, 0], [np.nan, 0.4, 0.2]))
    assert chosen == 3
    assert not shown.loc[1, "above_floor"]


def test_by_icl_the_smallest_is_picked_of_those_that_may_be_compared():
    given = table([-200, -50, -9, 0], [20, 10, 3, 0]).assign(icl=[900.0, 820.0, 800.0, 790.0], ml_usable=True)
    shown, chosen = ParsimonyRule().apply(given)
    assert chosen == 4
    assert shown["close_to_best"].tolist() == [False, False, False, True]
    assert BY_LOO.apply(given)[1] == 4
    for spoilt in (
        {"max_rhat": [1.0, 1.0, 1.0, 1.2]},
        {"ml_usable": [True, True, True, False]},
        {"icl": [900.0, 820.0, 800.0, np.nan]},
        {"smallest_class": [1, 0.4, 0.2, 0.01]},
    ):
        assert ParsimonyRule().apply(given.assign(**spoilt))[1] == 3
    assert ParsimonyRule().apply(given.assign(icl=np.nan))[1] is None


def test_the_two_criteria_answer_two_questions():
    given = full([-30, -9, -5, -1], [-30, -9, -6, -2], [9, 8, 7, 6], [9, 5, 6, 7])
    given = given.assign(elpd_diff=given["elpd_loo"] + 1, elpd_diff_se=[9.0, 2.0, 1.0, 0.0])
    assert ParsimonyRule().apply(given)[1] == 2
    assert BY_LOO.apply(given)[1] == 3
    assert "smallest ICL" in sentence(given, 2, ParsimonyRule())
    assert "extend" not in sentence(given, 2, ParsimonyRule())
    assert "ICL is best at the largest K tried, 4: extend" in sentence(given, 4, ParsimonyRule())
    assert "LOO is best at the largest K tried, 4: extend" in sentence(given, 3, BY_LOO)


def test_refusals():
    with pytest.raises(SpecError, match=r"criterion has to be one of icl, loo; found 'bic'"):
        ParsimonyRule(criterion="bic")
    for wrong in ({"floor": -0.1}, {"floor": 1.0}, {"margin": -1.0}, {"standard_errors": -1.0}):
        with pytest.raises(SpecError, match="floor"):
            ParsimonyRule(**wrong)


def full(loo, waic, aic, bic):
    ks = pd.Index(range(1, len(loo) + 1), name="n_classes")
    return pd.DataFrame(
        {
            "elpd_loo": loo,
            "elpd_waic": waic,
            "aic": aic,
            "bic": bic,
            "sabic": aic,
            "icl": bic,
            "n_high_k": 0,
            "max_rhat": 1.0,
            "smallest_class": 0.2,
        },
        index=ks,
    )


def test_the_sentence_says_who_favours_what():
    text = sentence(full([-9, -5, -7], [-9, -6, -4], [9, 8, 7], [5, 6, 7]), 2, BY_LOO)
    assert "LOO favours K = 2" in text
    assert "BIC, ICL favour K = 1" in text
    assert "WAIC, AIC, adjusted BIC favour K = 3" in text
    assert "picks K = 2" in text
    assert "extend" not in text


def test_the_sentence_asks_for_more_classes_at_the_end_of_the_range():
    text = sentence(full([-9, -7, -5], [-9, -6, -4], [9, 8, 7], [5, 6, 7]), 2, BY_LOO)
    assert "extend the range" in text
    assert "largest" in text


def test_the_sentence_names_what_not_to_trust():
    given = full([-9, -5, -7], [-9, -6, -4], [9, 8, 7], [5, 6, 7]).assign(n_high_k=[0, 2, 1])
    text = sentence(given, 2, BY_LOO)
    assert (
        "Pareto k is above 0.7 for 3 patients (K = 2, 3), without exact refits: their elpd is approximate, but used."
        in text
    )
    assert "reliable" not in text
    assert "trust" not in text
    assert "No K meets the rule" in sentence(given, None, BY_LOO)


def test_a_better_number_that_was_left_out_leaves_the_question_open():
    given = full([-9, -5, -3, -4], [-9, -5, -3, -4], [9, 8, 7, 6], [9800.0, 9794.2, 9809.4, 9820.0]).drop(
        columns="max_rhat"
    )
    given = given.assign(prediction_rhat=[1.0, np.nan, 1.0, 1.0], prediction_ess=400.0, n_compared=[2, 1, 2, 2])
    shown, chosen = ParsimonyRule().apply(given)
    assert chosen == 1
    assert passed_over(shown, ParsimonyRule()) == {2: ["BIC", "ICL"]}
    text = sentence(shown, chosen, ParsimonyRule())
    assert (
        "not settled: ICL is better for K = 2, excluded from the comparison (9794.2 for K = 2, 9800.0 for K = 1)"
        in text
    )
    assert "Better, but not compared: K = 2 by BIC." in text
    for harmless in ({"n_compared": 2, "prediction_rhat": 1.0}, {"icl": [9790.0, 9794.2, 9809.4, 9820.0]}):
        again, chosen = ParsimonyRule().apply(given.assign(**harmless))
        assert "not settled" not in sentence(again, chosen, ParsimonyRule())
        assert ("not compared" in sentence(again, chosen, ParsimonyRule())) == ("icl" in harmless)


def test_a_reason_s_full_stop_is_not_doubled():
    given = full([-9, -5, np.nan], [-9, -6, np.nan], [9, 8, np.nan], [5, 6, np.nan])
    given["warnings"], given["max_rhat"] = ["", "", "no start ended in an interior mode."], [1.0, 1.0, np.nan]
    text = sentence(given, 2, BY_LOO)
    assert "no start ended in an interior mode." in text
    assert ".." not in text


def test_a_number_whose_chains_have_not_mixed_is_left_out_and_named():
    given = table([-60, -20, 0], [20, 10, 0])
    given["max_rhat"] = [1.0, 1.0, 1.06]
    given["elpd_diff"] -= given["elpd_diff"].iloc[1]
    shown, chosen = BY_LOO.apply(given)
    assert chosen == 2
    assert shown["usable"].tolist() == [True, True, False]
    assert shown["reason"].tolist()[:2] == ["", ""]
    assert shown["reason"][3] == (
        "R-hat of the total log likelihood is 1.06, at most 1.05 allowed: the predictions of the chains disagree"
    )
    assert ParsimonyRule(criterion="loo", max_rhat=1.1).eligible(given)["usable"].all()
    columns = {"elpd_waic": given["elpd_loo"], "n_high_k": 0} | dict.fromkeys(
        ("aic", "bic", "sabic", "icl"), given["elpd_loo"]
    )
    assert "K = 3 was excluded" in sentence(shown.assign(**columns), chosen, BY_LOO)


def test_a_table_that_was_written_and_read_says_the_same(tmp_path):
    given = full([-9, -5, np.nan], [-9, -6, np.nan], [9, 8, 9], [5, 4, 90]).drop(columns="max_rhat")
    given = given.assign(
        prediction_rhat=[1.0, 1.3, np.nan],
        prediction_ess=[400.0, 90.0, np.nan],
        n_compared=[4, 2, np.nan],
        method=[CHAINS, STACKED, ""],
        given_up=["", "", "its ICL, which does not depend on draws, is 86 above that of K = 2"],
        warnings="",
    )
    given.to_csv(tmp_path / "selection.csv")
    read = pd.read_csv(tmp_path / "selection.csv", index_col="n_classes")
    for table_, rule in ((given, ParsimonyRule()), (read, ParsimonyRule())):
        shown, chosen = rule.apply(table_)
        assert chosen == 2
        assert shown["reason"].tolist()[:2] == ["", ""]
        assert shown.loc[3, "reason"].startswith("given up: its ICL, which does not depend on draws, is 86")
        text = sentence(shown, chosen, rule)
        assert "K = 3 was given up: its ICL, which does not depend on draws, is 86 above" in text
        assert "The predictions of the chains of K = 2 disagree" in text
        assert "failed" not in text
