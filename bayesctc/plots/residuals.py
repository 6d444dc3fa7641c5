"""Residuals against time and fitted values, to detect a dependence that the model does not describe."""

from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from scipy.special import ndtri

from bayesctc.checks.residuals import quantile_residuals
from bayesctc.plots import style
from bayesctc.plots.look import Look, Style, look_of
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_PROB, CI_TEXT
from bayesctc.results.usable import COMPARED_RHAT

LIMIT = 4.0  # of the axis; beyond it one residual in 16,000 lies
MOST_BINS, ENOUGH = 10, 15  # intervals of means, and residuals in each of them at least
HEIGHT = 1.55  # inches, of a row


def plot_residuals(
    fit: Fit,
    *,
    axes: Any = None,
    random_seed: int = 0,
    max_rhat: float = COMPARED_RHAT,
    **look: Unpack[Style],
) -> np.ndarray:
    """Randomised quantile residuals of the samples against time and against fitted values, a row for each class.

    The residuals are those of `quantile_residuals`; if the model holds, they are independent and standard normal,
    whatever the family. Points are samples; residuals beyond 4 are triangles at the edge and count as 4 in means. The
    line joins means of groups of neighbouring samples, at least 15 each, and the band contains 95 % of such means if
    the model holds. A line that repeatedly leaves the band suggests that the curve has another shape (against time) or
    that counts scatter differently from the family (against fitted values).

    Parameters
    ----------
    fit : MLFit or BayesFit
        Or `Applied`, for other patients.
    axes : Axes (n_classes, 2), optional
        Where to draw; a new figure 7 inches wide unless given. The title goes on their figure.
    random_seed : int
        For the draws of class and random effects, and for the randomised residual of a count.
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
    **look
        color (of the classes), alpha (of the points), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (n_classes, 2)
        Against time, and against fitted values.

    Raises
    ------
    SpecError
        As `quantile_residuals`, or `axes` are other than 2 for each class.

    Examples
    --------
    >>> axes = bc.plot_residuals(fit)
    >>> axes.shape
    (2, 2)
    """
    table, outcome = quantile_residuals(fit, random_seed=random_seed), fit.design.outcome
    labels = [str(label) for label in fit.analysis.labels]
    drawn = look_of(look, colours=style.class_colours(len(labels)), alpha=0.35, linewidth=1.4, legend=True)
    height = 0.9 + HEIGHT * len(labels)
    panels = style.panels(axes, (len(labels), 2), f"2 Axes for each of {len(labels)} classes", height, 2 * style.WIDTH)
    months, fitted = (table[name].to_numpy(dtype=float) for name in ("time", "fitted"))
    transformed = outcome.forward(outcome.within(fitted), outcome.reference)
    for g, (row, label) in enumerate(zip(panels, labels, strict=True)):
        own = (table["latent_class"] == label).to_numpy()
        for ax, x in zip(row, (months, transformed), strict=True):
            _scatter(ax, x[own], table["residual"].to_numpy()[own], drawn.colours[g], drawn)
            style.dress(ax, "", "", "")
        n = table.loc[own, "patient_id"].nunique()
        title = {"fontsize": style.SMALL, "fontweight": "normal", "color": style.text_colour(drawn.colours[g])}
        row[0].set_title(style.plain(f"{label}: {own.sum():,} samples, {n} patients"), title, loc="left", pad=2.0)
        for ax in row:
            ax.tick_params(labelbottom=g == len(labels) - 1)
        row[0].set_ylabel("Residual", fontsize=style.SMALL, color=style.INK)
        row[0].set_xticks(style.month_ticks(months.max()))
        row[0].set_xlim(months.min() - 0.3, months.max() + 0.3)
        _fitted_axis(row[1], outcome, transformed)
    last, words = panels[-1], outcome.words
    last[0].set_xlabel("Months from start of treatment", fontsize=style.TEXT, color=style.INK)
    last[1].set_xlabel(style.plain(f"Fitted: {words.axis}"), fontsize=style.TEXT, color=style.INK)
    handles = [style.line_handle(style.MUTED, linewidth=drawn.linewidth), Patch(facecolor=style.MUTED, alpha=0.3)]
    if len(table):
        style.legend_above(panels[0, 1], handles, ["mean", f"{CI_TEXT} of means if the model holds"], drawn.legend)
    _say_what_it_is(panels[0, 0], fit, table)
    style.mark_failed(panels[0, 0], fit, max_rhat)
    return panels


def _scatter(ax: Axes, x: np.ndarray, residual: np.ndarray, colour: str, drawn: Look) -> None:
    """Points, and means of neighbours with the band in which they should lie."""
    z = ndtri(0.5 + CI_PROB / 2.0)
    for height in (-z, z):
        ax.axhline(height, color=style.GRID, linewidth=0.8, zorder=0)
    ax.axhline(0.0, color=style.MUTED, linewidth=0.6, zorder=0)
    inside = np.abs(residual) <= LIMIT
    point: dict[str, Any] = {"color": colour, "linestyle": "none", "markeredgewidth": 0, "zorder": 1}
    ax.plot(x[inside], residual[inside], marker="o", markersize=1.8, alpha=drawn.alpha, **point)
    for sign, marker in ((1.0, "^"), (-1.0, "v")):
        beyond = sign * residual > LIMIT
        if beyond.any():
            edge = np.full(beyond.sum(), sign * LIMIT)
            ax.plot(x[beyond], edge, marker=marker, markersize=3.5, clip_on=False, **point)
    ax.set_ylim(-LIMIT, LIMIT)
    ax.set_yticks([-4, -2, 0, 2, 4])
    groups = _neighbours(x)
    if groups:
        centre = np.array([x[each].mean() for each in groups])
        mean = np.array([np.clip(residual[each], -LIMIT, LIMIT).mean() for each in groups])
        half = np.array([z / np.sqrt(len(each)) for each in groups])
        ax.fill_between(centre, -half, half, color=style.MUTED, alpha=0.3, linewidth=0, zorder=2)
        ax.plot(centre, mean, color="white", linewidth=drawn.linewidth + 1.2, zorder=3)
        ax.plot(centre, mean, color=colour, linewidth=drawn.linewidth, zorder=4)


def _neighbours(x: np.ndarray) -> list[np.ndarray]:
    """Positions of neighbouring values, in groups alike in size; equal values stay together."""
    if len(x) < ENOUGH:
        return []
    n = int(np.clip(len(x) // ENOUGH, 1, MOST_BINS))
    edges = np.unique(np.quantile(x, np.linspace(0.0, 1.0, n + 1)[1:-1]))
    place = np.searchsorted(edges, x, side="left")
    groups = [np.flatnonzero(place == k) for k in range(len(edges) + 1)]
    return [each for each in groups if len(each) >= ENOUGH]


def _fitted_axis(ax: Axes, outcome: Any, transformed: np.ndarray) -> None:
    """Ticks in the unit of the outcome, on the scale of the growth curve."""
    low, high = float(transformed.min()), float(transformed.max())
    room = 0.03 * max(high - low, 1e-6)
    ax.set_xlim(low - room, high + room)
    ticks = outcome.ticks(float(outcome.inverse(low)), float(outcome.inverse(high)), 5)
    if ticks is None:
        ticks = sorted({float(f"{value:.2g}") for value in outcome.inverse(np.linspace(low, high, 5))})
    places = outcome.forward(np.asarray(ticks, dtype=float), outcome.reference)
    shown = [(place, tick) for place, tick in zip(places, ticks, strict=True) if low - room <= place <= high + room]
    ax.set_xticks([place for place, _ in shown], [f"{tick:,.10g}" for _, tick in shown])


def _say_what_it_is(ax: Axes, fit: Fit, table: pd.DataFrame) -> None:
    """Title of the picture, with the mean and sd, which are 0 and 1 for a standard normal."""
    finite = table["residual"][np.isfinite(table["residual"])]
    beyond = int((table["residual"].abs() > LIMIT).sum())
    text = (
        f"Randomised quantile residuals of the {fit.design.outcome.words.values}: mean {finite.mean():.2f}, "
        f"sd {finite.std():.2f}{f'; {beyond} beyond {LIMIT:g} (triangles)' if beyond else ''}"
    )
    ax.figure.suptitle(style.plain(text), x=0.01, ha="left", fontsize=style.TEXT, fontweight="bold", color=style.INK)
