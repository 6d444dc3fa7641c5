"""Criteria for the number of classes, side by side."""

import textwrap
from collections.abc import Callable
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bayesctc.criteria.families import FamilySelection
from bayesctc.criteria.loo import HIGH_K
from bayesctc.criteria.selection import Selection
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.look import Look, Style, look_of

CLASSICAL = (
    ("aic", "AIC", "o", style.BLUE),
    ("bic", "BIC", "s", style.VERMILLION),
    ("sabic", "adjusted BIC", "^", style.GREEN),
    ("icl", "ICL", "D", style.PURPLE),
)
Shown = tuple[list[Any], list[str], np.ndarray] | None  # handles and labels of a legend, and the values drawn
GIVEN_UP = "given up: not compared"
TOO_SMALL = "a class too small: not compared"
LINEAR_WIDTH = 5.0  # differences below this are drawn on a nearly linear scale, larger ones on a logarithmic one


def plot_selection(selection: Selection, *, axes: Any = None, **look: Unpack[Style]) -> np.ndarray:
    """Criteria for the number of classes: Bayesian on the left, classical on the right, the recommendation in both.

    Left: elpd by LOO and by WAIC as differences from the best number that can be compared, with the standard error of
    the LOO difference; hollow if a Pareto k is above 0.7. Right: AIC, BIC, adjusted BIC and ICL as differences from
    their minimum. A number of classes is excluded from the comparison if its fit failed, if it was given up early or
    if a class is too small; it is then hollow and grey, is not joined to the others and is never the best. The scale is
    linear near 0 and logarithmic beyond. The share of the smallest class is below each number of classes.

    Parameters
    ----------
    selection : Selection
        From a comparison of families, one of its `selections`.
    axes : two Axes, optional
        Where to draw; a new figure 7 inches wide unless given.
    **look
        color (of LOO, WAIC, AIC, BIC, adjusted BIC, ICL), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (2,)

    Raises
    ------
    SpecError
        `axes` is not a pair of Axes, or `selection` compares families.

    Examples
    --------
    >>> selection = bc.select_n_classes(cohort, spec, [1, 2], settings=few)
    >>> axes = bc.plot_selection(selection)
    """
    if isinstance(selection, FamilySelection):
        raise SpecError(
            "plot_selection draws one family; found a comparison of "
            f"{', '.join(selection.selections)}: draw selection.selections[{next(iter(selection.selections))!r}]."
        )
    table = selection.table
    own = (style.BLUE, style.ORANGE, *(colour for *_, colour in CLASSICAL))
    drawn = look_of(look, colours=own, linewidth=1.2, legend=True)
    panels = style.panels(axes, (2,), "two Axes", 3.6, 2 * style.WIDTH)
    classes = table.index.to_numpy()
    usable, large = _whether(table, "usable"), _whether(table, "above_floor")
    given_up = _texts(table, "given_up") != ""
    why = ((style.NOT_COUNTED, ~usable & ~given_up), (GIVEN_UP, given_up), (TOO_SMALL, usable & ~large))
    said = "; ".join(text for text, wrong in why if wrong.any())
    bayesian = _draw_bayesian(panels[0], table, classes, usable & large, said, drawn)
    searched = _whether(table, "ml_usable")
    counted = usable & large & searched
    classical = _draw_classical(panels[1], table, classes, counted, said or style.NOT_COUNTED, drawn)
    for ax, shown, n_columns, title, ylabel in (
        (panels[0], bayesian, 2, "Bayesian criteria (higher is better)", "elpd, difference from the best"),
        (panels[1], classical, 3, "Classical criteria (lower is better)", "Difference from the minimum"),
    ):
        _classes_axis(ax, table, classes, selection.recommended)
        if shown:
            handles, labels, values = shown
            _difference_scale(ax, values)
            if selection.recommended is not None:
                handles.append(Patch(facecolor=style.YELLOW, alpha=0.4, linewidth=0))
                labels.append("recommended")
            pad = style.legend_above(ax, handles, labels, drawn.legend, n_columns)
        else:
            ax.text(
                0.5, 0.5, "not computed", transform=ax.transAxes, ha="center", fontsize=style.TEXT, color=style.MUTED
            )
            ax.set_yticks([])
            pad = 6.0
        style.dress(ax, title, "Number of classes (share of the smallest)", ylabel, pad=pad)
    if axes is None:
        said = style.plain(textwrap.fill(selection.sentence, 125))
        panels[0].figure.supxlabel(said, x=0.01, ha="left", fontsize=style.SMALL, color=style.INK)
    else:
        style.caption(panels[0], selection.sentence, 42.0)
    return panels


def _whether(table: pd.DataFrame, column: str) -> np.ndarray:
    """A column of truth values, which a table made by hand may lack."""
    return table[column].to_numpy(dtype=bool) if column in table else np.ones(len(table), dtype=bool)


def _texts(table: pd.DataFrame, column: str) -> np.ndarray:
    """A column of texts, empty if a table made by hand lacks it."""
    return table[column].fillna("").to_numpy(dtype=str) if column in table else np.full(len(table), "")


def _points(
    ax: Axes, x: np.ndarray, values: np.ndarray, counts: np.ndarray, colour: str, marker: str, **line: Any
) -> None:
    """A criterion by number of classes: joined if compared, otherwise hollow and grey."""
    ax.plot(x[counts], values[counts], color=colour, marker=marker, zorder=3, **line)
    ax.plot(
        x[~counts],
        values[~counts],
        marker=marker,
        linestyle="none",
        markersize=line["markersize"],
        zorder=3,
        **style.FAILED,
    )


def _draw_bayesian(
    ax: Axes, table: pd.DataFrame, classes: np.ndarray, counts: np.ndarray, said: str, drawn: Look
) -> Shown:
    """LOO with its standard error and WAIC; returns handles, labels and the values, or None."""
    loo = table["elpd_diff"].to_numpy(dtype=float)
    waic = table["elpd_waic"].to_numpy(dtype=float)
    if not np.isfinite(loo).any() and not np.isfinite(waic).any():
        return None
    handles: list[Any] = []
    labels, values = [], [0.0]
    blue, orange = drawn.colours[:2]
    if np.isfinite(loo).any():
        se = np.nan_to_num(table["elpd_diff_se"].to_numpy(dtype=float))
        doubtful = table["n_high_k"].fillna(0).to_numpy() > 0
        for which, colour, width in ((counts, blue, drawn.linewidth), (~counts, style.FAILED["color"], 0.0)):
            ax.errorbar(
                classes[which] - 0.08,
                loo[which],
                yerr=se[which],
                color=colour,
                linewidth=width,
                elinewidth=1.0,
                capsize=2.5,
                marker="",
                zorder=3,
            )
        ax.scatter(
            classes - 0.08,
            loo,
            s=22,
            zorder=4,
            linewidths=1.1,
            edgecolors=np.where(counts, blue, style.FAILED["color"]).tolist(),
            facecolors=np.where(doubtful | ~counts, "white", blue).tolist(),
        )
        handles.append(style.line_handle(blue, marker="o", markersize=4, linewidth=drawn.linewidth))
        labels.append("LOO, ± 1 SE of the difference")
        values.extend([*(loo + se)[np.isfinite(loo)], *(loo - se)[np.isfinite(loo)]])
    if np.isfinite(waic).any():
        difference = waic - _best(waic, counts, np.max)
        look: dict[str, Any] = {"marker": "s", "markersize": 3.5, "linewidth": drawn.linewidth / 1.2, "linestyle": "--"}
        _points(ax, classes + 0.08, difference, counts, orange, **look)
        handles.append(style.line_handle(orange, **look))
        labels.append("WAIC")
        values.extend(difference[np.isfinite(difference)])
    if np.isfinite(loo).any() and (doubtful & counts).any():
        handles.append(style.line_handle(blue, marker="o", markersize=4, markerfacecolor="white", linewidth=0))
        labels.append(f"Pareto k > {HIGH_K:g} for some patients")
    known = np.isfinite(loo) | np.isfinite(waic)
    return *style.with_failed(handles, labels, bool((known & ~counts).any()), said), np.array(values)


def _best(values: np.ndarray, counts: np.ndarray, of: Callable[[np.ndarray], float]) -> float:
    """The best of those compared, or of all if none is, so that they can be drawn."""
    known = np.isfinite(values)
    return of(values[known & counts] if (known & counts).any() else values[known])


def _draw_classical(
    ax: Axes, table: pd.DataFrame, classes: np.ndarray, counts: np.ndarray, said: str, drawn: Look
) -> Shown:
    """Each criterion minus its minimum; returns handles, labels and the values, or None."""
    handles: list[Any] = []
    labels, values = [], [0.0]
    for k, ((column, name, marker, _), colour) in enumerate(zip(CLASSICAL, drawn.colours[2:], strict=True)):
        criterion = table[column].to_numpy(dtype=float)
        if not np.isfinite(criterion).any():
            continue
        difference = criterion - _best(criterion, counts, np.min)
        look: dict[str, Any] = {"marker": marker, "markersize": 3.5, "linewidth": drawn.linewidth * 11 / 12}
        _points(ax, classes + 0.05 * (k - 1.5), difference, counts, colour, **look)
        handles.append(style.line_handle(colour, **look))
        labels.append(name)
        values.extend(difference[np.isfinite(difference)])
    if not handles:
        return None
    return *style.with_failed(handles, labels, bool((~counts & table["aic"].notna()).any()), said), np.array(values)


def _difference_scale(ax: Axes, values: np.ndarray) -> None:
    """A scale linear near 0 and logarithmic beyond, with round ticks, for large values; otherwise a linear one."""
    low, high = float(values.min()), float(values.max())
    ax.axhline(0.0, color=style.MUTED, linewidth=0.6, zorder=1)
    if high - low <= 12 * LINEAR_WIDTH:
        ax.margins(y=0.08)
        return
    ax.set_yscale("asinh", linear_width=LINEAR_WIDTH)
    rounds = [m * 10**p for p in range(6) for m in (1, 2, 5)]
    rounds = [r for r in rounds if r >= LINEAR_WIDTH]
    ticks = [-r for r in reversed(rounds) if -r >= low * 1.1] + [0] + [r for r in rounds if r <= high * 1.1]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")))
    ax.set_ylim(min(1.35 * low, -2.0), max(1.35 * high, 2.0))


def _classes_axis(ax: Axes, table: pd.DataFrame, classes: np.ndarray, recommended: int | None) -> None:
    """Ticks with the smallest class's share, and a band on the recommended number."""
    shares = table["smallest_class"].to_numpy(dtype=float)
    given_up = (
        (table["given_up"].fillna("") != "").to_numpy() if "given_up" in table else np.zeros(len(table), dtype=bool)
    )
    texts = [
        f"{k}\nnot fitted"
        if not np.isfinite(share)
        else f"{k}\ngiven up"
        if early
        else f"{k}\nfailed"
        if not usable
        else f"{k}\n{100 * share:.{0 if share >= 0.1 else 1}f} %"
        for k, share, usable, early in zip(classes, shares, _whether(table, "usable"), given_up, strict=True)
    ]
    ax.set_xticks(classes, texts)
    ax.set_xlim(classes.min() - 0.5, classes.max() + 0.5)
    ax.yaxis.grid(visible=True, color=style.GRID, linewidth=0.5)
    ax.set_axisbelow(True)
    if recommended is None:
        return
    ax.axvspan(recommended - 0.4, recommended + 0.4, color=style.YELLOW, alpha=0.28, linewidth=0, zorder=0)
    for tick, k in zip(ax.get_xticklabels(), classes, strict=True):
        tick.set_fontweight("bold" if k == recommended else "normal")
