"""The forest of a sensitivity analysis, on records made by hand."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.sensitivity import plot_sensitivity
from bayesctc.sensitivity.jobs import DONE, FAILED, empty_record
from bayesctc.sensitivity.plan import SensitivityPlan, Variation
from bayesctc.sensitivity.resolve import Resolved
from bayesctc.sensitivity.result import gather
from bayesctc.sensitivity.targets import Targets

pytestmark = pytest.mark.unit


def record(name, ratio, median, n_classes=2):
    labels = [f"class {g + 1}" for g in range(n_classes)]
    rows = [["hazard_ratio", label, None, *ratio, ""] for label in labels[1:]]
    rows += [["median_ctc", label, month, *median, ""] for label in labels for month in (0.0, 6.0)]
    return {**empty_record(name, name, {}, DONE, ""), "rows": rows, "labels": labels, "n_patients": 50}


def gathered(plan, base, records):
    targets = Targets((0.0, 6.0), (12.0,))
    found = [Resolved(row, None, None, targets) for row in plan.rows]  # type: ignore[arg-type]
    return gather(plan, found, base, records, targets, None)


@pytest.fixture
def result():
    plan = SensitivityPlan([Variation("hazard", "gompertz"), Variation("n_classes", 3), Variation("growth", "cubic")])
    base = record("base", (2.0, 1.2, 3.0), (300.0, 200.0, 400.0))
    names = plan.table["variation"].tolist()
    records = [
        record(names[0], (1.4, 0.8, 2.4), (310.0, 200.0, 420.0)),
        empty_record(names[1], names[1], {}, FAILED, "no interior mode"),
        record(names[2], (2.2, 1.3, 3.1), (900.0, 700.0, 1100.0)),
    ]
    return gathered(plan, base, records)


@pytest.fixture
def unmixed():
    """The first fit has not mixed; the second has another number of classes."""
    plan = SensitivityPlan([Variation("hazard", "piecewise"), Variation("n_classes", 2)])
    names, numbers = plan.table["variation"].tolist(), ((2.0, 1.2, 3.0), (300.0, 200.0, 400.0))
    failed = {"unusable": "R-hat is 1.08, at most 1.05 allowed: the chains have not mixed"}
    records = [record(names[0], *numbers, n_classes=3) | failed, record(names[1], *numbers)]
    return gathered(plan, record("base", *numbers, n_classes=3), records)


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_the_caption_ends_inside_the_picture(unmixed, layout):
    figure = plt.figure(figsize=(5.0, 3.0), layout=layout)
    ax = plot_sensitivity(unmixed, ax=figure.subplots())
    figure.draw_without_rendering()
    (said,) = [text for text in ax.texts if text.get_text().startswith("Not counted.")]
    assert " ".join(said.get_text().split()).endswith("the chains have not mixed.")
    assert said.get_window_extent().x1 <= figure.bbox.x1


def test_the_legend_has_the_markers_of_the_rows(unmixed):
    ax = plot_sensitivity(unmixed)
    texts = {text.get_text() for text in ax.get_legend().get_texts()}
    assert texts == {"base, its interval shaded", "not changed by the rule", "fit failed: not counted"}
    rows = {(line.get_marker(), to_hex(line.get_color())) for line in ax.lines if line.get_marker() not in ("None", "")}
    assert {(line.get_marker(), to_hex(line.get_color())) for line in ax.get_legend().get_lines()} == rows


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({}, "Hazard ratio, highest class vs the lowest class"),
        ({"latent_class": "class 2"}, "Hazard ratio, class 2 vs the lowest class"),
        ({"quantity": "median_ctc"}, "Median count per 7.5 mL, highest class, month 6"),
        ({"quantity": "median_ctc", "latent_class": "class 1"}, "Median count per 7.5 mL, class 1, month 6"),
    ],
)
def test_the_title_holds_for_every_row(unmixed, options, title):
    """The highest of two classes is compared with the highest of three."""
    assert plot_sensitivity(unmixed, **options).get_title() == title


def points(ax):
    return {
        int(line.get_ydata()[0]): (float(line.get_xdata()[0]), to_hex(line.get_color()))
        for line in ax.lines
        if line.get_marker() in ("D", "o", "s")
    }


def test_hazard_ratios_on_a_log_scale(result):
    ax = plot_sensitivity(result)

    assert ax.get_xscale() == "log"
    assert points(ax) == {
        0: (2.0, style.BLACK),
        1: (1.4, style.VERMILLION.lower()),
        3: (2.2, style.BLUE.lower()),
    }
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "base (n = 50)",
        "hazard: gompertz (n = 50)",
        "3 classes",
        "growth: cubic (n = 50)",
    ]
    assert [text.get_text() for text in ax.texts] == ["failed"]
    (band,) = ax.patches
    assert band.get_x() == 1.2
    assert band.get_x() + band.get_width() == pytest.approx(3.0)


def test_counts_on_their_own_scale(result):
    ax = plot_sensitivity(result, "median_ctc", latent_class="class 1", time=6)

    assert ax.get_xscale() == "linear"
    assert points(ax)[3] == (900.0, style.VERMILLION.lower())
    assert ax.get_title() == "Median count per 7.5 mL, class 1, month 6"
    assert result.summary["n_changed"].tolist() == [0, 1, 0, 4]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantity": "elpd"}, "quantity has to be one of hazard_ratio, median_ctc"),
        ({"latent_class": "class 9"}, "latent_class has to be one of class 2"),
        ({"quantity": "median_ctc", "time": 3.0}, "time has to be one of 0, 6 months"),
        ({"ax": 1}, "matplotlib Axes"),
    ],
)
def test_what_is_not_there_is_refused(result, options, said):
    with pytest.raises(SpecError, match=said):
        plot_sensitivity(result, **options)


def test_it_takes_a_result_only(result):
    with pytest.raises(SpecError, match="run_sensitivity returns"):
        plot_sensitivity(result.table)  # type: ignore[arg-type]
