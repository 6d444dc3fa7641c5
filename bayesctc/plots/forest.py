"""Ratios with their intervals in several series: the parts of every forest plot."""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bayesctc.comparison.compare import Comparison
from bayesctc.plots import style

INTERVAL = 1.1  # points
TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
HIGHEST, LOWEST = 100.0, 0.05


def forest(
    ax: Axes, names: list[str], series: dict[str, tuple[str, str]], rows: dict[Any, Any], linewidth: float
) -> None:
    """Draw ratios on a log scale, from the top.

    Parameters
    ----------
    ax : Axes
    names : list of str
        One for each group of rows.
    series : dict of (colour, marker)
        In the order of the rows within a group.
    rows : dict of mapping
        By (position of the group, series): estimate, lower, upper, usable; a missing estimate (<NA>) is marked as
        such.
    linewidth : float
        Of the intervals, in points.
    """
    ends, step = [1.0], min(0.17, 0.8 / max(len(series), 1))
    for j, (name, look) in enumerate(series.items()):
        for k in range(len(names)):
            if (k, name) in rows:
                ends += draw(ax, rows[k, name], k + (j - (len(series) - 1) / 2) * step, *look, linewidth)
    ratio_axis(ax, ends)
    ax.set_yticks(range(len(names)), [style.plain(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)


def ratio_axis(ax: Axes, ends: list[float]) -> None:
    """A log scale with round ticks around the ends of intervals, and a line at 1."""
    ax.set_xscale("log")
    low, high = max(min(ends) / 1.2, LOWEST), min(max(ends) * 1.2, HIGHEST)
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(FixedLocator([t for t in TICKS if low <= t <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.axvline(1.0, color=style.MUTED, linewidth=0.6)


def level_name(comparison: Comparison, endpoint: str, reading: str, level: str) -> str:
    """A level compared with its reference, with the number of its patients in the endpoint's analysis."""
    levels = comparison.readings[reading].levels.loc[list(comparison.cohort.endpoint(endpoint).patient_ids)]
    n, reference = int((levels == level).sum()), comparison.readings[reading].reference
    return f"{reading} {level}\nvs {reference}, n = {n}"


def failures(rows: dict[Any, Any], shown: Iterable[str]) -> list[str]:
    """Series that are not counted, with the reason, among rows that have an estimate."""
    found = [(name, row) for (_, name), row in rows.items() if name in shown and not row.get("usable", True)]
    return list(dict.fromkeys(f"{name}: {row['reason']}" for name, row in found if not pd.isna(row["estimate"])))


def draw(
    ax: Axes, row: Any, y: float, colour: str, marker: str, linewidth: float, *, ratio: bool = True
) -> list[float]:
    """One estimate with its interval, a ratio or another number; returns its ends, or writes that there is none.

    An estimate that is not `usable` is hollow and grey.
    """
    look: dict[str, Any] = {"color": colour} if row.get("usable", True) else style.FAILED
    numbers = [float("nan") if pd.isna(row[c]) else float(row[c]) for c in ("estimate", "lower", "upper")]
    if any(map(math.isnan, numbers)):
        where = ax.transData if ratio else ax.get_yaxis_transform()
        ax.text(
            1.05 if ratio else 0.02,
            y,
            "not estimable",
            transform=where,
            color=style.text_colour(colour),
            fontsize=style.SMALL - 1,
            va="center",
        )
        return []
    estimate, lower, upper = numbers
    ax.plot([lower, upper], [y, y], color=look["color"], linewidth=linewidth)
    ax.plot(estimate, y, marker, markersize=3.5, **look)
    for limit, beyond, arrow in ((LOWEST, lower < LOWEST, "<"), (HIGHEST, upper > HIGHEST, ">")):
        if ratio and beyond:
            ax.plot([limit, limit], [y, y], arrow, color=look["color"], markersize=3.0, clip_on=False)
    return [lower, upper]
