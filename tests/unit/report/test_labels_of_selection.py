"""Names of the classes of a selection, in the report, its tables and its code."""

from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from test_first_page import all_of, first

import bayesctc as bc
from bayesctc.report.code import code
from bayesctc.report.overview import in_short
from bayesctc.report.subject import Subject
from bayesctc.report.tables import class_quality

pytestmark = pytest.mark.unit


def names(k: int) -> list[str]:
    return [f"kind {letter}" for letter in "xyz"[:k]]


@pytest.fixture(scope="module")
def chosen(selection):
    """The selection, had the rule chosen 3 classes."""
    table = selection.table.assign(recommended=selection.table.index == 3)
    return replace(selection, recommended=3, table=table)


def test_names_are_shown_and_the_selection_is_kept(chosen, tmp_path, unrendered):
    named = chosen.with_labels(names(3))
    subject = Subject.of(named)
    assert subject.labels == names(3)
    assert [row[0] for row in in_short(subject).rows] == [row[0] for row in class_quality(subject).rows] == names(3)
    text = unescape(bc.write_report(named, tmp_path / "report.html").read_text())
    assert "3 numbers of classes were tried, from 1 to 3." in text
    assert "3 models, K = 1, 2, 3, the one-class model included" in text  # GRoLTS 11
    assert f"selection = selection.with_labels({names(3)})" in code(subject)
    assert "class 3" not in all_of(first(named))
    bc.write_tables(named, tmp_path / "tables")
    header = (tmp_path / "tables" / "classes_by_counts.csv").read_text().splitlines()[0]
    assert header.endswith(",".join(names(3)))


def test_in_sentences_they_are_in_quotation_marks(chosen):
    found = first(chosen.with_labels(names(3)))
    for name in names(3):
        assert name in all_of(found)
        assert name not in all_of(found).replace(f'"{name}"', "")


def test_other_numbers_of_classes_keep_their_names(chosen):
    named = chosen.with_labels({2: "kind y"}, n_classes=2)
    assert named.bayes[2].quality.index.tolist() == named.ml[2].quality.index.tolist() == ["class 1", "kind y"]
    assert named.bayes[3] is chosen.bayes[3]
    assert chosen.bayes[2].quality.index.tolist() == ["class 1", "class 2"]
    assert "selection = selection.with_labels(['class 1', 'kind y'], n_classes=2)" in code(Subject.of(named))
    np.testing.assert_array_equal(named.bayes[2].class_probabilities, chosen.bayes[2].class_probabilities)


def test_a_saved_fit_keeps_them_and_so_do_warnings_in_the_table(chosen, tmp_path):
    table = chosen.table.copy()
    table.loc[3, "warnings"] = "class 2 is small; class 12 is not"
    named = replace(chosen, table=table).with_labels(names(3))
    assert named.table.loc[3, "warnings"] == "kind y is small; class 12 is not"
    assert table.loc[3, "warnings"].startswith("class 2")
    named.bayes[3].save(tmp_path / "fit.nc")
    assert bc.load_fit(tmp_path / "fit.nc").quality.index.tolist() == names(3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((["a", "b"],), "a name for each of 3 classes, or a mapping of class to name; found 2 names"),
        ((["a", "b", "a"],), "classes 1 and 3 are both named"),
        (({"fourth": "a"},), "a class is 1 to 3"),
        ((["a"], 7), "n_classes=7 was not fitted; the numbers of classes fitted are 1, 2, 3"),
    ],
)
def test_what_is_refused(chosen, arguments, said):
    with pytest.raises(bc.SpecError, match=said):
        chosen.with_labels(*arguments)


def test_without_a_recommendation_the_number_has_to_be_given(chosen):
    none = replace(chosen, recommended=None)
    with pytest.raises(bc.SpecError, match="no number of classes is recommended, so n_classes has to be given"):
        none.with_labels(["a", "b"])
    assert none.with_labels(["a", "b"], n_classes=2).ml[2].design.labels == ("a", "b")
