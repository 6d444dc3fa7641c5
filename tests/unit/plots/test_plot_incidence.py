"""Pictures of cumulative incidence: a panel per cause, a line per class, and what is said of a class without events."""

import numpy as np
import pytest
from helpers import fit_causes, two_cause_cohort

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.report.html import write_report

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def silent():
    return fit_causes(two_cause_cohort(toxicity=(0.06, 0.0)), survival="~ arm")


def test_panels_lines_and_bands(silent):
    axes = bc.plot_cumulative_incidence(silent, times=np.linspace(0.0, 30.0, 7))
    curves = bc.cumulative_incidence(silent, np.linspace(0.0, 30.0, 7))
    assert len(axes) == 2
    for c, (ax, name) in enumerate(zip(axes, ("Progression", "Toxicity"), strict=True)):
        assert ax.get_title().startswith(f"{name} (ttf)")
        assert ax.get_xlim() == (0.0, 30.0)
        assert [line.get_label() for line in ax.lines] == ["class 1", "class 2"]
        for g, line in enumerate(ax.lines):
            np.testing.assert_allclose(line.get_ydata(), curves["cumulative_incidence"][c, g])
    assert [line.get_linestyle() for line in axes[1].lines] == ["-", ":"]
    assert [len(ax.collections) for ax in axes] == [2, 1]
    keys = [[line.get_linestyle() for line in ax.get_legend().get_lines()] for ax in axes]
    assert keys == [["-", "-"], ["-", ":"]]
    assert "Dotted: not estimable" in " ".join(text.get_text() for text in axes[0].texts).replace("\n", " ")
    assert "class 2, 0.0 events" in [text.get_text() for text in axes[1].get_legend().get_texts()]


def test_axes_given_are_used_and_checked(silent, ml):
    axes = bc.plot_cumulative_incidence(silent)
    assert bc.plot_cumulative_incidence(silent, axes=axes[::-1])[0] is axes[1]
    with pytest.raises(SpecError, match="one Axes for each of progression, toxicity; found 1"):
        bc.plot_cumulative_incidence(silent, axes=axes[:1])
    with pytest.raises(SpecError, match="axes has to be a matplotlib Axes"):
        bc.plot_cumulative_incidence(silent, axes=["here", "there"])
    with pytest.raises(SpecError, match="needs competing events"):
        bc.plot_cumulative_incidence(ml)


def test_other_pictures_and_the_report(silent, tmp_path):
    ax = bc.plot_survival(silent)
    last = max(line.get_ydata()[-1] for line in ax.lines)
    assert 0.0 <= last < 0.5
    text = write_report(silent, tmp_path / "report.html").read_text()
    for part in (
        "hazard ratio of toxicity",
        "not estimable",
        "Cumulative incidence of competing events",
        "survival scale, progression",
        "expected events of toxicity",
        "class 2 vs class 1, toxicity",
    ):
        assert part in text
