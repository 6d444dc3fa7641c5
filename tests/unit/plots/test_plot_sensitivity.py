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


def record(name, ratio, median):
    rows = [["hazard_ratio", "class 2", None, *ratio, ""]]
    rows += [["median_ctc", label, month, *median, ""] for label in ("class 1", "class 2") for month in (0.0, 6.0)]
    labels = ["class 1", "class 2"]
    return {**empty_record(name, name, {}, DONE, ""), "rows": rows, "labels": labels, "n_patients": 50}


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
    targets = Targets((0.0, 6.0), (12.0,))
    found = [Resolved(row, None, None, targets) for row in plan.rows]  # type: ignore[arg-type]
    yield gather(plan, found, base, records, targets, None)
    plt.close("all")


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
