"""One predictive check: what was observed, and the 95 % interval of what the model would produce."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesctc.checks.result import Checked, PredictiveCheck, number
from bayesctc.data.outcome import CUTOFF, FREQUENCY
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import draw_observed, estimate_name, survival_axes
from bayesctc.plots.look import Look, Style, look_of
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.results.intervals import CI_TEXT

Labelled = tuple[str, str, Sequence[Artist], list[str], float]  # both axes, the legend, room for ticks in points
SIDE = 0.09  # of the visits' spacing, between statistics drawn at one visit


def plot_predictive_check(result: PredictiveCheck, name: str, *, ax: Axes | None = None, **look: Unpack[Style]) -> Axes:
    """Draw one check.

    Shares of samples or patients are bars' tops with their intervals; statistics by visit, points at their planned
    month; survival, Kaplan-Meier's or Turnbull's estimate within the band of the replicates'; all other statistics
    stand in rows, in standard deviations of the replicates. Observed values that are flagged are red diamonds.

    Parameters
    ----------
    result : PredictiveCheck
    name : str
        One of ``result.checks``.
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    **look
        color (of what was observed: one, or one for each class or statistic), alpha (of the intervals): see
        `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        `result` is no such result, or has no such check.
    """
    style.check_axes(ax)
    if not isinstance(result, PredictiveCheck):
        raise SpecError(f"plot_predictive_check needs a PredictiveCheck; found {type(result).__name__}.")
    if name not in result.checks:
        raise SpecError(f"the check has to be one of {', '.join(result.checks)}; found {name!r}.")
    found = result.checks[name]
    survival = found.check.picture == "survival"
    drawn = look_of(look, colours=_palette(found, result), alpha=style.BAND_ALPHA if survival else 0.3)
    ax = style.new_axes(3.0) if ax is None else ax
    draw = {"visits": _visits, "bars": _bars, "survival": _survival, "intervals": _intervals}[found.check.picture]
    xlabel, ylabel, handles, labels, below = draw(ax, found, result, drawn)
    handles = [*handles, Patch(facecolor=style.MUTED, alpha=0.3 if survival else drawn.alpha, linewidth=0)]
    labels = [*labels, f"model, {CI_TEXT} {'band' if survival else 'interval'}"]
    if found.calibrated.flag.any() and not survival:
        handles.append(_marker(style.VERMILLION, "D"))
        labels.append("observed, flagged")
    pad = style.legend_above(ax, handles, labels)
    style.dress(ax, found.check.title, xlabel, ylabel, pad=pad)
    style.caption(ax, _caption(found, result), below)
    return ax


def _palette(found: Checked, result: PredictiveCheck) -> tuple[str, ...]:
    """A colour for each class or statistic that is told apart."""
    if found.check.picture == "survival" and found.labels[0].group in result.setting.classes:
        return style.class_colours(len(result.setting.classes))
    several = found.check.picture == "visits" and len({label.statistic for label in found.labels}) > 1
    return (style.BLUE, style.PURPLE) if several else (style.INK,)


def _caption(found: Checked, result: PredictiveCheck) -> str:
    words = {"posterior": "posterior predictive", "asymptotic": "asymptotic predictive", "prior": "prior predictive"}
    patients = len(result.setting.observed.time)
    p = found.calibrated.p_check
    text = "p not available" if not np.isfinite(p) else f"p = {p:.3f}" if p >= 0.002 else "p < 0.002"
    start = result.setting.start if found.check.picture == "survival" else 0.0
    given = f" Survival given being free of the event at {start:.1f} months." if start else ""
    return (
        f"{patients:,} patients, {result.n_replicates:,} replicates; {words[result.kind]} {text} for "
        f"{_n_statistics(found)}{'' if result.kind == 'prior' else ' (conservative)'}.{given}"
    )


def _n_statistics(found: Checked) -> str:
    n = len(found.labels)
    return f"the {n} statistics together" if n > 1 else "the statistic"


def _marker(colour: str, shape: str) -> Line2D:
    return style.line_handle(colour, linestyle="none", marker=shape, markersize=4.0)


def _points(ax: Axes, x: np.ndarray, y: np.ndarray, flags: np.ndarray, colour: str, horizontal: bool = False) -> None:
    """Observed values, flagged ones apart."""
    for flagged, shade, shape in ((False, colour, "o"), (True, style.VERMILLION, "D")):
        chosen = flags == flagged
        a, b = (y[chosen], x[chosen]) if horizontal else (x[chosen], y[chosen])
        ax.plot(a, b, linestyle="none", marker=shape, markersize=3.8, color=shade, zorder=3)


def _visits(ax: Axes, found: Checked, result: PredictiveCheck, drawn: Look) -> Labelled:
    statistics = list(dict.fromkeys(label.statistic for label in found.labels))
    colours = drawn.colours
    months = np.array([label.month for label in found.labels])
    step = np.diff(np.unique(months)).min() if len(np.unique(months)) > 1 else 1.0
    c = found.calibrated
    values, outcome = found.check.of_values, result.setting.outcome
    for k, statistic in enumerate(statistics):
        rows = np.flatnonzero([label.statistic == statistic for label in found.labels])
        x = months[rows] + SIDE * step * (k - 0.5 * (len(statistics) - 1)) * 2.0
        shade = style.MUTED if len(statistics) == 1 else colours[k]
        ax.vlines(x, c.lower[rows], c.upper[rows], color=shade, alpha=drawn.alpha, linewidth=6.0)
        ax.plot(x, c.middle[rows], linestyle="none", marker="_", markersize=6, color=shade)
        _points(ax, x, found.observed[rows], c.flag[rows], colours[k])
    if values:
        known = np.concatenate([c.lower, c.upper, found.observed])
        low, high = float(np.nanmin(known)), float(np.nanmax(known))
        style.value_axis(ax, outcome, low, 1.15 * max(high, POSITIVE_COUNT) if CUTOFF in outcome.answers else high)
    elif found.check.axis.startswith("Share"):
        ax.set_ylim(0.0, min(1.05 * max(float(np.nanmax(c.upper)), float(np.nanmax(found.observed))), 1.02))
    taken = np.bincount(result.setting.visits.visit, result.setting.visits.present.sum(axis=0)).astype(int)
    small: dict[str, Any] = {
        "fontsize": style.SMALL - 1.5,
        "color": style.MUTED,
        "va": "top",
        "textcoords": "offset points",
    }
    ax.annotate("n", (0.0, 1.0), xycoords="axes fraction", xytext=(3, 0), ha="left", **small)
    for month in np.unique(months):
        n = taken[int(np.argmin(np.abs(result.setting.visits.months - month)))]
        ax.annotate(f"{n}", (month, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 0), ha="center", **small)
    margin = max(0.8, 0.05 * float(np.ptp(months)))
    ax.set_xlim(months.min() - margin, months.max() + margin)
    low, high = ax.get_ylim()
    if values:
        ends, below = outcome.forward([low, high], outcome.reference), 0.0 if FREQUENCY in outcome.answers else 0.04
        ax.set_ylim(*outcome.inverse(ends + np.ptp(ends) * np.array([-below, 0.08])))
    else:
        ax.set_ylim(low, high + 0.08 * (high - low))
    names = ["observed"] if len(statistics) == 1 else [f"observed {s}" for s in statistics]
    handles = [_marker(colour, "o") for colour in colours[: len(names)]]
    return "Months from start of treatment (planned visit)", found.check.axis, handles, names, 30.0


def _bars(ax: Axes, found: Checked, result: PredictiveCheck, drawn: Look) -> Labelled:
    (colour,) = drawn.colours
    x, c = np.arange(len(found.labels)), found.calibrated
    ax.vlines(x, c.lower, c.upper, color=style.MUTED, alpha=drawn.alpha, linewidth=8.0)
    ax.plot(x, c.middle, linestyle="none", marker="_", markersize=8, color=style.MUTED)
    _points(ax, x, found.observed, c.flag, colour)
    names = [style.plain(_short(label.group)) for label in found.labels]
    slanted = max(len(n) for n in names) * len(names) > 45
    ax.set_xticks(x, names, rotation=35 if slanted else 0, ha="right" if slanted else "center")
    ax.set_ylim(bottom=0.0)
    ax.set_xlim(-0.6, len(x) - 0.4)
    what = {"frequencies": result.setting.outcome.words.heading_label, "n_samples": "Samples", "class_shares": "Class"}
    xlabel = what.get(found.check.name, "Baseline–cycle 2")
    return xlabel, found.check.axis, [_marker(colour, "o")], ["observed"], 46.0 if slanted else 30.0


def _short(group: str) -> str:
    """A group's name for a tick."""
    for word in (" cells", " samples", " sample"):
        group = group.replace(word, "")
    return group.replace(" or more", "+").replace(" to ", "–")


def _survival(ax: Axes, found: Checked, result: PredictiveCheck, drawn: Look) -> Labelled:
    groups = list(dict.fromkeys(label.group for label in found.labels))
    data, setting = result.setting.observed, result.setting
    by_class = groups[0] in setting.classes
    colours = drawn.colours
    handles, names = [], []
    start, c = setting.start, found.calibrated
    last = max(label.month for label in found.labels)
    for group in groups:
        rows = np.flatnonzero([label.group == group for label in found.labels])
        g = setting.classes.index(group) if by_class else 0
        of = data.latent_class == g if by_class else np.ones(len(data.time), dtype=bool)
        months = np.array([start, *(found.labels[k].month for k in rows)])
        ax.fill_between(
            months, [1.0, *c.lower[rows]], [1.0, *c.upper[rows]], color=colours[g], linewidth=0, alpha=drawn.alpha
        )
        left = None if data.left is None else data.left[of]
        line = {"color": colours[g], "linewidth": 1.4}
        draw_observed(ax, data.time[of], data.event[of], data.entry[of], left, start, last, **line)
        flagged = rows[c.flag[rows]]
        _points(
            ax, np.array([found.labels[k].month for k in flagged]), found.observed[flagged], c.flag[flagged], colours[g]
        )
        handles.append(style.line_handle(colours[g]))
        names.append(f"{group}, n = {int(of.sum())}" if by_class else estimate_name(data.left))
    survival_axes(ax, last)
    if by_class and data.left is not None:
        handles.append(style.line_handle(style.MUTED))
        names.append(estimate_name(data.left))
    if c.flag.any():
        handles.append(_marker(style.VERMILLION, "D"))
        names.append("flagged")
    return "Months from start of treatment", "Free of the event", handles, names, 30.0


def _intervals(ax: Axes, found: Checked, result: PredictiveCheck, drawn: Look) -> Labelled:
    """Rows, each in standard deviations of its replicates around their median."""
    (colour,) = drawn.colours
    c, y = found.calibrated, -np.arange(len(found.labels), dtype=float)
    middle, sd = c.middle, np.where(c.sd > 0, c.sd, 1.0)
    ax.hlines(y, (c.lower - middle) / sd, (c.upper - middle) / sd, color=style.MUTED, alpha=drawn.alpha, linewidth=6.0)
    _points(ax, y, (found.observed - middle) / sd, c.flag, colour, horizontal=True)
    ax.axvline(0.0, color=style.GRID, linewidth=0.8, zorder=0)
    for k, label in enumerate(found.labels):
        limits = f"({number(c.lower[k])} to {number(c.upper[k])})"
        text = style.plain(f"{label.statistic}: {number(found.observed[k])} {limits}")
        note = ax.annotate(
            text,
            (0.0, y[k]),
            xycoords=("axes fraction", "data"),
            xytext=(0, 5),
            va="bottom",
            textcoords="offset points",
            fontsize=style.SMALL - 0.8,
            color=style.INK,
        )
        note.set_in_layout(False)
    ax.set_yticks([])
    ax.set_ylim(y.min() - 0.5, 0.9)
    return "Standard deviations of the replicates", "", [_marker(colour, "o")], ["observed"], 30.0
