"""What a report says of numbers of classes that were fitted and not sampled."""

from dataclasses import replace

import numpy as np
import pytest

from bayesctc.report import figures, grolts, requirements, selection_tables
from bayesctc.report.html import _of_models
from bayesctc.report.subject import Subject

pytestmark = pytest.mark.unit


def parts_of(selection):
    """What a report says on which K were fitted, sampled and drawn."""
    subject = Subject.of(selection)
    checks = {check.name: check for check in requirements.requirements(subject)}
    items = {item.number: item for item in grolts.checklist(subject)}
    drawn = [picture.caption for picture in figures.all_models(subject)]
    note = selection_tables.classical(subject).note
    return checks["Numbers of classes that could be fitted"], items, drawn, note


@pytest.mark.usefixtures("unrendered")
def test_a_number_of_classes_that_was_given_up_was_fitted_but_not_sampled(selection):
    table = selection.table.copy()
    table.loc[3, ["elpd_loo", "elpd_diff", "elpd_waic"]] = np.nan
    table["given_up"] = ["", "", "a class with 1 % of patients"]
    kept = {name: {k: x for k, x in getattr(selection, name).items() if k != 3} for name in ("bayes", "loo", "waic")}
    check, items, drawn, note = parts_of(replace(selection, table=table, recommended=2, **kept))
    assert check.found == "3 of 3; by maximum likelihood only: K = 3"
    assert check.passed
    assert "3 could be fitted by maximum likelihood, 2 of them were sampled" in items["11"].answer
    assert drawn == ["K = 1", "K = 2", "K = 3 (ML)"]
    assert "from the draws for K = 1, 2." in note


@pytest.mark.usefixtures("unrendered")
def test_without_draws_nothing_comes_from_them(selection):
    check, items, drawn, note = parts_of(replace(selection, bayes={}, waic={}, recommended=2))
    assert check.found == "3 of 3"
    assert "3 could be fitted by maximum likelihood, 0 of them were sampled" in items["11"].answer
    assert drawn == ["K = 1 (ML)", "K = 2 (ML)", "K = 3 (ML)"]
    assert "draws" not in note
    assert "credible" not in _of_models(Subject.of(replace(selection, bayes={}, recommended=2)))


@pytest.mark.usefixtures("unrendered")
def test_with_all_draws(selection):
    check, items, drawn, note = parts_of(selection)
    assert check.found == "3 of 3"
    assert items["11"].answer.endswith("3 could be fitted.")
    assert drawn == ["K = 1", "K = 2", "K = 3"]
    assert note.endswith("; they come from the draws.")
    assert "ML" not in _of_models(Subject.of(selection))
