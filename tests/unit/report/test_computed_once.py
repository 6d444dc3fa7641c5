"""What a report shows in its summary, its tables and its pictures is computed once."""

from collections import Counter

import numpy as np
import pytest

import bayesctc as bc
from bayesctc.report import figures, subject, survival_tables
from bayesctc.report.subject import Subject

pytestmark = pytest.mark.unit


@pytest.fixture
def calls(monkeypatch):
    """Calls of what is slow, by name and fit."""
    counted: Counter = Counter()

    def counting(function):
        def counts(fit, *arguments, **options):
            counted[function.__name__, id(fit)] += 1
            return function(fit, *arguments, **options)

        return counts

    for module in (subject, figures, survival_tables, bc.plot_trajectories.__globals__):
        names = module if isinstance(module, dict) else vars(module)
        for name in ("class_trajectories", "class_survival", "hazard_ratios"):
            if name in names:
                monkeypatch.setitem(names, name, counting(names[name]))
    return counted


@pytest.mark.usefixtures("unrendered")
def test_of_a_fit(ml, calls, tmp_path):
    bc.write_report(ml, tmp_path / "report.html")

    # counts for the tables and, at other months, for the picture; differences between classes are at a horizon
    assert calls == {
        ("class_trajectories", id(ml)): 2,
        ("class_survival", id(ml)): 1,
        ("hazard_ratios", id(ml)): 2,
    }


@pytest.mark.usefixtures("unrendered")
def test_of_a_selection(selection, calls, tmp_path):
    bc.write_report(selection, tmp_path / "report.html")

    shown = selection.bayes[selection.recommended]
    others = [fit for fit in selection.bayes.values() if fit is not shown]
    assert calls["class_trajectories", id(shown)] == 2
    assert [calls["class_trajectories", id(fit)] for fit in others] == [1] * len(others)


def test_they_are_what_is_computed_alone(ml):
    found = Subject.of(ml)
    months = found.table_months
    alone = bc.class_trajectories(ml, months)
    np.testing.assert_allclose(found.counts.sel(time=months)["median_ctc"], alone["median_ctc"], rtol=1e-12)
    at = bc.class_survival(ml, [found.short_horizon], horizon=found.short_horizon)
    np.testing.assert_allclose(found.survival.sel(time=[found.short_horizon])["lower"], at["lower"], rtol=1e-12)
    mean = bc.class_survival(ml, [12.0, 24.0, 36.0], horizon=min(36.0, found.last_follow_up))
    np.testing.assert_allclose(found.survival["rmst"], mean["rmst"], rtol=1e-12)
