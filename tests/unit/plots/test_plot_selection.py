"""The picture of the number of classes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import bayesctc as bc
from bayesctc.criteria.families import FamilySelection
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit


def selection(recommended=3, **columns):
    """A table of K = 1..4, the last of which could not be fitted."""
    nan = np.nan
    table = pd.DataFrame(
        {
            "log_likelihood": [-4100.0, -3800.0, -3700.0, nan],
            "n_parameters": [9, 15, 21, 27],
            "aic": [8218.0, 7630.0, 7442.0, nan],
            "bic": [8250.0, 7690.0, 7530.0, nan],
            "sabic": [8230.0, 7650.0, 7470.0, nan],
            "icl": [8250.0, 7700.0, 7550.0, nan],
            "entropy": 0.9,
            "smallest_class": [1.0, 0.3, 0.015, nan],
            "average_posterior": 0.9,
            "odds_correct": 9.0,
            "elpd_loo": [-4105.0, -3815.0, -3720.0, nan],
            "elpd_loo_se": 30.0,
            "elpd_waic": [-4104.0, -3814.0, -3718.0, nan],
            "elpd_diff": [-385.0, -95.0, 0.0, nan],
            "elpd_diff_se": [25.0, 14.0, 0.0, nan],
            "n_high_k": [0, 0, 2, nan],
            **columns,
        },
        index=pd.Index([1, 2, 3, 4], name="n_classes"),
    )
    return SimpleNamespace(
        table=table, recommended=recommended, sentence="3 classes: " + "the reasons, at length; " * 12
    )


def legend_texts(ax):
    """Entries of the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_both_panels():
    left, right = bc.plot_selection(selection())
    figure = left.figure
    figure.canvas.draw()
    assert set(legend_texts(left)) == {
        "LOO, ± 1 SE of the difference",
        "WAIC",
        "Pareto k > 0.7 for some patients",
        "recommended",
    }
    assert set(legend_texts(right)) == {"AIC", "BIC", "adjusted BIC", "ICL", "recommended"}
    labels = [t.get_text() for t in left.get_xticklabels()]
    assert labels == ["1\n100 %", "2\n30 %", "3\n1.5 %", "4\nnot fitted"]
    assert left.get_xticklabels()[2].get_fontweight() == "bold"
    assert "3 classes" in figure.get_supxlabel()
    assert "\n" in figure.get_supxlabel()
    assert any(np.allclose(line.get_ydata()[:3], [588.0 + 188.0, 188.0, 0.0]) for line in right.lines[:1])


def test_without_elpd_and_without_a_recommendation():
    nothing = dict.fromkeys(("elpd_loo", "elpd_waic", "elpd_diff", "elpd_diff_se", "n_high_k"), np.nan)
    left, right = bc.plot_selection(selection(None, **nothing))
    left.figure.canvas.draw()
    assert left.get_legend() is None
    assert [t.get_text() for t in left.texts] == ["not computed"]
    assert "recommended" not in legend_texts(right)


def test_small_differences_keep_a_linear_scale():
    left, _ = bc.plot_selection(
        selection(
            elpd_diff=[-9.0, -3.0, 0.0, np.nan],
            elpd_waic=[-9.0, -3.0, 0.0, np.nan],
            elpd_diff_se=[3.0, 2.0, 0.0, np.nan],
        )
    )
    assert left.get_yscale() == "linear"


def test_axes_given_are_used():
    axes = Figure(figsize=(8, 4)).subplots(1, 2)
    drawn = bc.plot_selection(selection(), axes=axes)
    assert list(drawn) == list(axes)
    axes[0].figure.canvas.draw()
    assert any("3 classes" in text.get_text() for text in axes[0].texts)
    with pytest.raises(SpecError, match="two Axes"):
        bc.plot_selection(selection(), axes=axes[:1])


def test_a_comparison_of_families_is_drawn_a_family_at_a_time():
    one = selection()
    families = pd.concat({"gaussian": one.table, "poisson": one.table}, names=["family"])
    both = FamilySelection(families, {"gaussian": one, "poisson": one}, {}, None, "")
    with pytest.raises(SpecError, match=r"one family; found .* gaussian, poisson: draw selection\.selections\['gauss"):
        bc.plot_selection(both)
    assert len(bc.plot_selection(both.selections["poisson"])) == 2


def test_what_was_given_up_is_said_to_be():
    early = ["", "", "", "its ICL is 58 above that of K = 3"]
    usable = [True, True, True, False]
    share = [1.0, 0.3, 0.2, 0.1]
    made = selection(given_up=early, usable=usable, smallest_class=share, aic=[8218.0, 7630.0, 7442.0, 7430.0])
    left, right = bc.plot_selection(made)
    assert [tick.get_text().split("\n")[1] for tick in left.get_xticklabels()] == ["100 %", "30 %", "20 %", "given up"]
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert "given up: not compared" in labels  # its maximum-likelihood fit has not failed
    assert not any("failed" in label for label in labels)
