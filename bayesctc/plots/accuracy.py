"""Accuracy of predictions: discrimination, error and calibration, landmark by landmark."""

from typing import Any, Unpack

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bayesctc.accuracy.accuracy import Accuracy
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.look import Style, look_of
from bayesctc.results.intervals import CI_TEXT

MODELS = (
    ("joint model", style.BLUE, "o"),
    ("b2CTC", style.GREEN, "s"),
    ("bCTC", style.ORANGE, "^"),
    ("Cox: last", style.SKY, "v"),
    ("Cox: mean", style.VERMILLION, "P"),
    ("Cox: last + baseline", style.PURPLE, "X"),
    ("Kaplan-Meier", style.MUTED, "D"),
    ("Aalen-Johansen", style.MUTED, "D"),
)
ROWS = (("auc", "AUC (higher is better)"), ("brier", "Brier score (lower is better)"))
COLUMN, ROW = 2.1, 1.9  # inches
APART, TOGETHER = 0.16, 0.7  # of the step between horizons: models side by side, at most, and all of one horizon


def plot_accuracy(result: Accuracy, *, axes: Any = None, **look: Unpack[Style]) -> np.ndarray:
    """AUC and Brier score of each model by horizon, and calibration of the joint model, one column per landmark.

    Points have 95 % intervals over resamples of the patients. Calibration: observed risk (1 - Kaplan-Meier, or
    Aalen-Johansen for competing events) against predicted risk in groups of similar prediction, one symbol per horizon,
    with 95 % intervals. A model whose fit failed is hollow and grey.

    Parameters
    ----------
    result : Accuracy
    axes : Axes (3, n_landmarks), optional
        Where to draw; a new figure, 2.1 inches for each landmark, unless given. The legend goes on their figure.
    **look
        color (of the models, in the legend's order), linewidth: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (3, n_landmarks)

    Raises
    ------
    SpecError
        `result` is something else, or `axes` are other than 3 for each landmark.

    Examples
    --------
    >>> accuracy = bc.prediction_accuracy(fit, cohort, landmarks=[3], horizons=[12])
    >>> axes = bc.plot_accuracy(accuracy)
    """
    if not isinstance(result, Accuracy):
        raise SpecError(f"plot_accuracy needs a result of prediction_accuracy or cross_validate; found {result!r}.")
    landmarks = result.table["landmark"].unique()
    there = [each for each in MODELS if each[0] in set(result.table["model"])]
    drawn = look_of(look, colours=[colour for _, colour, _ in there], linewidth=1.0)
    models = [(label, colour, sign) for (label, _, sign), colour in zip(there, drawn.colours, strict=True)]
    width, shape = max(style.WIDTH, COLUMN * len(landmarks) + 0.5), (3, len(landmarks))
    wanted = f"3 Axes for each of {len(landmarks)} landmarks"
    panels = style.panels(axes, shape, wanted, 3 * ROW + 1.2, width, sharey="row")
    handles: dict[str, tuple[Line2D, str]] = {}
    for column, landmark in enumerate(landmarks):
        own = result.table[result.table["landmark"] == landmark]
        for row, (measure, _) in enumerate(ROWS):
            handles |= _draw_measure(panels[row, column], own[own["measure"] == measure], models, drawn.linewidth)
        panels[0, column].axhline(0.5, color=style.MUTED, linewidth=0.6, linestyle=(0, (1.0, 2.0)), zorder=0)
        _draw_calibration(panels[2, column], result, landmark, drawn.linewidth)
        n = int(own["n_patients"].iloc[0])
        panels[0, column].set_title(
            f"landmark {landmark:g} months\n{n} patients at risk", loc="left", fontsize=style.SMALL, color=style.INK
        )
    for row, label in enumerate([*(label for _, label in ROWS), "Observed risk"]):
        panels[row, 0].set_ylabel(label, fontsize=style.SMALL, color=style.INK)
    name = style.ENDPOINTS.get(result.endpoint, f"Survival ({result.endpoint})")
    name = style.plain(f"Incidence of {result.cause} ({result.endpoint})" if result.cause else name)
    ordered = [handles[label] for label, _, _ in models if label in handles]
    panels[0, 0].figure.legend(
        *zip(*ordered, strict=True),
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=style.SMALL,
        labelcolor=style.INK,
        handletextpad=0.3,
        columnspacing=1.0,
        title=f"{name}: accuracy of predictions\n{result.kind}; {CI_TEXT} intervals",
        title_fontsize=style.TEXT,
        alignment="left",
    )
    return panels


def _draw_measure(
    ax: Axes, table: pd.DataFrame, models: list[tuple[str, str, str]], linewidth: float
) -> dict[str, tuple[Line2D, str]]:
    """One measure of each model by horizon; returns the legend's handles."""
    horizons = np.sort(table["horizon"].unique())
    place, handles = {h: k for k, h in enumerate(horizons)}, {}
    there = [each for each in models if each[0] in set(table["model"])]
    apart = min(APART, TOGETHER / max(len(there) - 1, 1))
    for k, (label, colour, marker) in enumerate(there):
        own = table[table["model"] == label]
        x = own["horizon"].map(place).to_numpy(dtype=float) + apart * (k - (len(there) - 1) / 2)
        middle, lower, upper = (own[name].to_numpy(dtype=float) for name in ("estimate", "lower", "upper"))
        known = np.isfinite(middle)
        failed = bool(known.any()) and not own["usable"].to_numpy()[known].any()
        look: dict[str, Any] = style.FAILED if failed else {"color": colour}
        ax.vlines(x, lower, upper, color=look["color"], linewidth=linewidth)
        (line,) = ax.plot(x, middle, marker, markersize=3.5, linestyle="none", **look)
        handles[label] = (line, f"{label}, {style.NOT_COUNTED}" if failed else label)
    _frame(ax)
    ax.set_xlim(-0.5, len(horizons) - 0.5)
    ax.set_xticks(range(len(horizons)), [f"{h:g}" for h in horizons])
    ax.set_xlabel("Months after the landmark", fontsize=style.SMALL, color=style.INK)
    return handles


def _draw_calibration(ax: Axes, result: Accuracy, landmark: float, linewidth: float) -> None:
    """Observed against predicted risk of the joint model, one symbol per horizon."""
    ax.plot([0.0, 1.0], [0.0, 1.0], color=style.MUTED, linewidth=0.6, linestyle=(0, (1.0, 2.0)), zorder=0)
    calibration, failed = result.calibration, result.failed
    if len(calibration):
        own = calibration[(calibration["landmark"] == landmark) & (calibration["model"] == MODELS[0][0])]
        horizons = np.sort(own["horizon"].unique())
        shades = plt.colormaps["viridis"](np.linspace(0.0, 0.8, max(len(horizons), 1)))
        for h, colour in zip(horizons, shades, strict=True):
            each = own[own["horizon"] == h]
            ax.vlines(each["predicted"], each["lower"], each["upper"], color=colour, linewidth=linewidth)
            ax.plot(
                each["predicted"],
                each["observed"],
                "o",
                color=colour,
                markersize=3.0,
                label=f"{h:g} months",
                markerfacecolor="white" if failed else colour,
            )
        ax.legend(
            frameon=False,
            fontsize=style.SMALL - 1.0,
            loc="upper left",
            handletextpad=0.1,
            borderpad=0.0,
            labelspacing=0.2,
            labelcolor=style.INK,
        )
    _frame(ax)
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(0.0, 1.0)
    said = f", {style.NOT_COUNTED}" if failed else ""
    ax.set_xlabel(f"Predicted risk (joint model{said})", fontsize=style.SMALL, color=style.INK)


def _frame(ax: Axes) -> None:
    ax.tick_params(labelsize=style.SMALL, colors=style.INK, width=0.6, length=2.5)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
        spine.set_color(style.INK)
