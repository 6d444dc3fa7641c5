"""Hazard ratios of every reading, by each method, beside the published ones: a forest plot."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bayesctc.comparators.compare import Comparison
from bayesctc.errors import SpecError
from bayesctc.plots import style

METHODS = {  # in the order of the rows within a level
    "published": (style.BLACK, "D"),
    "Cox": (style.BLUE, "o"),
    "three-step BCH": (style.GREEN, "s"),
    "joint Bayes": (style.VERMILLION, "o"),
}
TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)


def plot_hazard_ratios(comparison: Comparison, endpoint: str, *, published: bool = False, ax: Axes | None = None):
    """Forest of the hazard ratios of one endpoint, with 95 % intervals, on a log scale.

    Parameters
    ----------
    comparison : Comparison
    endpoint : str
    published : bool
        Show the study's figures too; they are of its own patients.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The endpoint was not compared.
    """
    style.check_axes(ax)
    table = comparison.hazard_ratios
    if endpoint not in set(table["endpoint"]):
        raise SpecError(f"endpoint has to be one of {', '.join(table['endpoint'].unique())}; found {endpoint!r}.")
    table = table[table["endpoint"] == endpoint]
    levels = list(dict.fromkeys(zip(table["reading"], table["level"], strict=True)))
    ax = style.new_axes(height=0.9 + 0.45 * len(levels)) if ax is None else ax
    rows = {(r["reading"], r["level"], r["method"]): r for r in table.to_dict("records")}
    study = comparison.published[comparison.published["endpoint"] == endpoint] if published else table.head(0)
    rows |= {(r["reading"], r["level"], "published"): r for r in study.to_dict("records")}
    shown = [m for m in METHODS if any(key[2] == m for key in rows)]
    ends = [1.0]
    for k, (reading, level) in enumerate(levels):
        for j, method in enumerate(shown):
            row = rows.get((reading, level, method))
            if row is not None:
                ends += _draw(ax, row, k + (j - (len(shown) - 1) / 2) * 0.17, method)
    _axes(ax, ends, [_name(comparison, table, *pair) for pair in levels])
    handles = [style.line_handle(METHODS[m][0], marker=METHODS[m][1], markersize=3.5) for m in shown]
    pad = style.legend_above(ax, handles, shown)
    n = comparison.criteria.query("endpoint == @endpoint").iloc[0]
    title = f"{style.ENDPOINTS.get(endpoint, endpoint)}: {n['n_patients']} patients, {n['n_events']} events"
    style.dress(ax, title, "Hazard ratio (95 % interval)", "", pad=pad)
    return ax


def _draw(ax, row, y, method):
    """One estimate with its interval; returns its ends, or says that there is none."""
    colour, marker = METHODS[method]
    numbers = [row["estimate"], row["lower"], row["upper"]]
    if np.isnan([_number(v) for v in numbers]).any():
        ax.text(1.05, y, "not estimable", color=colour, fontsize=style.SMALL - 1, va="center")
        return []
    estimate, lower, upper = map(_number, numbers)
    ax.plot([lower, upper], [y, y], color=colour, linewidth=1.1)
    ax.plot(estimate, y, marker, color=colour, markersize=3.5)
    return [lower, upper]


def _number(value):
    """A float; not a number for <NA>."""
    return float("nan") if pd.isna(value) else float(value)


def _name(comparison, table, reading, level):
    """Level against its reference, with its number of patients."""
    n = comparison.readings[reading].table["n"].get(level, 0)
    reference = table.loc[(table["reading"] == reading) & (table["level"] == level), "reference"].iloc[0]
    return f"{reading} {level}\nvs {reference}, n = {n}"


def _axes(ax, ends, names):
    """Log scale with readable ticks; levels from the top."""
    ax.set_xscale("log")
    low, high = max(min(ends) / 1.2, 0.05), min(max(ends) * 1.2, 100.0)
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(FixedLocator([t for t in TICKS if low <= t <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.axvline(1.0, color=style.MUTED, linewidth=0.6)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
