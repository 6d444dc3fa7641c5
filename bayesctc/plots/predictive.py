"""One predictive check: the observed values, and 95 % intervals of data simulated from the model."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesctc.checks.check import Setting
from bayesctc.checks.result import Checked, PredictiveCheck, number
from bayesctc.checks.survival_and_classes import INCIDENCE_BY_CLASS, with_event
from bayesctc.data.endpoint import checked_cause, code_of
from bayesctc.data.outcome import CUTOFF, FREQUENCY
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import draw_observed, estimate_name, incidence, survival_axes
from bayesctc.plots.look import Look, Style, look_of
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.results.intervals import CI_TEXT

Labelled = tuple[str, str, Sequence[Artist], list[str], float]  # both axes, the legend, room for ticks in points
CURVES = ("survival", "incidence")  # pictures of probabilities by month
SIDE = 0.09  # of the visits' spacing, between statistics drawn at one visit


def plot_predictive_check(
    result: PredictiveCheck, name: str, *, ax: Axes | None = None, cause: str | None = None, **look: Unpack[Style]
) -> Axes:
    """Draw one check.

    Shares of samples or patients are drawn as bars with intervals, and statistics by visit as points at the planned
    month. Survival is drawn as Kaplan-Meier's or Turnbull's estimate with the band of the replicates, and competing
    events as the Aalen-Johansen estimate of each. All other statistics are in rows, in standard deviations of the
    replicates. Flagged observed values are red diamonds.

    Parameters
    ----------
    result : PredictiveCheck
    name : str
        One of ``result.checks``.
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    cause : str, optional
        The competing event that "incidence_by_class" shows; the first unless given. Not for other checks.
    **look
        color (of observed values: one, or one for each class, cause or statistic), alpha (of the intervals), legend:
        see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        `result` is something else, or has no such check or cause.

    Examples
    --------
    >>> check = bc.predictive_check(fit, n_replicates=20, progress=False)
    >>> ax = bc.plot_predictive_check(check, "zeros")
    """
    style.check_axes(ax)
    if not isinstance(result, PredictiveCheck):
        raise SpecError(f"plot_predictive_check needs a PredictiveCheck; found {type(result).__name__}.")
    if name not in result.checks:
        raise SpecError(f"the check has to be one of {', '.join(result.checks)}; found {name!r}.")
    found = result.checks[name]
    survival, cause = found.check.picture in CURVES, _cause(found, result, cause)
    drawn = look_of(look, colours=_palette(found, result), alpha=style.BAND_ALPHA if survival else 0.3, legend=True)
    ax = style.new_axes(3.0) if ax is None else ax
    draw = {"visits": _visits, "bars": _bars, "intervals": _intervals}
    if survival:
        xlabel, ylabel, handles, labels, below = _curves(ax, found, result, drawn, cause)
    else:
        xlabel, ylabel, handles, labels, below = draw[found.check.picture](ax, found, result, drawn)
    handles = [*handles, Patch(facecolor=style.MUTED, alpha=0.3 if survival else drawn.alpha, linewidth=0)]
    labels = [*labels, f"model, {CI_TEXT} {'band' if survival else 'interval'}"]
    if found.calibrated.flag.any() and not survival:
        handles.append(_marker(style.VERMILLION, "D"))
        labels.append("observed, flagged")
    pad = style.legend_above(ax, handles, labels, drawn.legend)
    title = f"{found.check.title}: {cause}" if cause else found.check.title
    style.dress(ax, title, xlabel, ylabel, pad=pad)
    style.caption(ax, _caption(found, result), below)
    return ax


def _cause(found: Checked, result: PredictiveCheck, cause: str | None) -> str:
    """The competing event of a picture by class; "" for all other pictures."""
    if found.check.name == INCIDENCE_BY_CLASS.name:
        return checked_cause("", result.setting.causes, cause)
    if cause is not None:
        raise SpecError(f"cause: found {cause!r} for {found.check.name}; allowed: only for {INCIDENCE_BY_CLASS.name}.")
    return ""


def _palette(found: Checked, result: PredictiveCheck) -> tuple[str, ...]:
    """A colour for each class or statistic."""
    if found.check.picture in CURVES and found.labels[0].group in result.setting.classes:
        return style.class_colours(len(result.setting.classes))
    if found.check.picture == "incidence":
        return style.cause_colours(len(result.setting.causes))
    several = found.check.picture == "visits" and len({label.statistic for label in found.labels}) > 1
    return (style.BLUE, style.PURPLE) if several else (style.INK,)


def _caption(found: Checked, result: PredictiveCheck) -> str:
    words = {"posterior": "posterior predictive", "asymptotic": "asymptotic predictive", "prior": "prior predictive"}
    patients = len(result.setting.observed.time)
    p = found.calibrated.p_check
    text = "p not available" if not np.isfinite(p) else f"p = {p:.3f}" if p >= 0.002 else "p < 0.002"
    start, what = result.setting.start, "Incidence" if found.check.picture == "incidence" else "Survival"
    estimate = " Steps: Aalen–Johansen." if found.check.picture == "incidence" else ""
    late = found.check.picture in CURVES and start > 0.0
    given = f" {what} given being free of the event at {start:.1f} months." if late else ""
    return (
        f"{patients:,} patients, {result.n_replicates:,} replicates; {words[result.kind]} {text} for "
        f"{_n_statistics(found)}{'' if result.kind == 'prior' else ' (conservative)'}.{estimate}{given}"
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
    taken = np.bincount(result.setting.visits.visit, result.setting.visits.counted.sum(axis=0)).astype(int)
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


def _curves(ax: Axes, found: Checked, result: PredictiveCheck, drawn: Look, cause: str) -> Labelled:
    """Survival, by class or overall; cumulative incidence of one cause by class, or of each cause overall."""
    setting, c = result.setting, found.calibrated
    of_events = found.check.picture == "incidence"
    shown = [k for k, label in enumerate(found.labels) if not cause or label.statistic == with_event(cause)]
    by_class = found.labels[0].group in setting.classes
    names = [found.labels[k].group if by_class or not of_events else found.labels[k].statistic for k in shown]
    handles, entries = [], []
    start, last = setting.start, max(found.labels[k].month for k in shown)
    first = 0.0 if of_events else 1.0
    for place, name in enumerate(dict.fromkeys(names)):
        rows = np.array([k for k, each in zip(shown, names, strict=True) if each == name])
        colour = drawn.colours[setting.classes.index(name) if by_class else place]
        months = np.array([start, *(found.labels[k].month for k in rows)])
        band = ([first, *c.lower[rows]], [first, *c.upper[rows]])
        ax.fill_between(months, *band, color=colour, linewidth=0, alpha=drawn.alpha)
        of = _members(setting, name if by_class else "")
        code = code_of(setting.causes, cause) if cause else place + 1
        _draw_observed(ax, setting, of, code if of_events else 0, last, colour)
        flagged = rows[c.flag[rows]]
        at = np.array([found.labels[k].month for k in flagged])
        _points(ax, at, found.observed[flagged], c.flag[flagged], colour)
        handles.append(style.line_handle(colour))
        estimate = setting.causes[place] if of_events else estimate_name(setting.observed.left)
        entries.append(f"{name}, n = {int(of.sum())}" if by_class else estimate)
    survival_axes(ax, last)
    if by_class and not of_events and setting.observed.left is not None:
        handles.append(style.line_handle(style.MUTED))
        entries.append(estimate_name(setting.observed.left))
    if c.flag[shown].any():
        handles.append(_marker(style.VERMILLION, "D"))
        entries.append("flagged")
    axis = found.check.axis if of_events else found.labels[0].statistic.capitalize()
    return "Months from start of treatment", axis, handles, entries, 30.0


def _members(setting: Setting, name: str) -> np.ndarray:
    """Patients of a class by its label, or everybody."""
    classes = setting.observed.latent_class
    return classes == setting.classes.index(name) if name else np.ones(len(classes), dtype=bool)


def _draw_observed(ax: Axes, setting: Setting, of: np.ndarray, code: int, last: float, colour: str) -> None:
    """The observed curve of some patients: cumulative incidence of a cause, or with 0 for it survival."""
    data, start = setting.observed, setting.start
    line: dict[str, Any] = {"color": colour, "linewidth": 1.4}
    if not code:
        left = None if data.left is None else data.left[of]
        draw_observed(ax, data.time[of], data.event[of] > 0, data.entry[of], left, start, last, **line)
        return
    curve = incidence(data.time[of], data.event[of], data.entry[of], code, start)
    curve = curve[curve.index <= last]
    ax.step(curve.index, curve, where="post", **line)


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
