"""Survival of groups of patients in one picture: observed, and predicted by the model for the same patients."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import draw_observed, estimate_name, lines_at_risk, numbers_at_risk, survival_axes
from bayesctc.plots.look import Look
from bayesctc.predict.curves import survival_grid
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_TEXT

DASHED = (0, (3.5, 1.5))


def endpoint_name(fit: Fit) -> str:
    """The probability that a curve shows."""
    return style.ENDPOINTS.get(str(fit.spec.endpoint), f"Survival ({fit.spec.endpoint})")


def months_drawn(fit: Fit, times: ArrayLike | None, start: float, each: str) -> np.ndarray:
    """Months of the model's curves from `start` on; refused if there are none. `each` is the word for a group."""
    months = survival_grid(fit, times)
    months = months[months >= start]
    if len(months) == 0:
        raise SpecError(f"times end before {start:.1f} months, when every {each} first has enough patients at risk.")
    return months


def draw_groups(
    ax: Axes,
    fit: Fit,
    group: np.ndarray,
    labels: Sequence[str],
    months: np.ndarray,
    curves: np.ndarray,
    start: float,
    drawn: Look,
    title: str,
) -> None:
    """Steps and dashed lines with their bands, numbers at risk under the axis, legend and title.

    Parameters
    ----------
    ax : Axes
    fit : Fit
        With an endpoint.
    group : array of int (n_patients,)
        From 0; -1 for patients in none of them.
    labels : sequence of str
    months : array (n_times,)
        From `start` on.
    curves : array (3, n_groups, n_times)
        The model's prediction, lower and upper limits.
    start : float
        Months at which the curves are 1.
    drawn : Look
    title : str
    """
    packed = fit.packed
    time, event, entry, until = packed.time, packed.event > 0, packed.entry, packed.free_until
    left = until if packed.within.any() else None
    sizes = [int(np.sum(group == g)) for g in range(len(labels))]
    present = [g for g, n in enumerate(sizes) if n]
    banded = bool(np.isfinite(curves[2][present]).all())
    for g in present:
        (expected, lower, upper), members, colour = curves[:, g], group == g, drawn.colours[g]
        if banded:
            ax.fill_between(months, lower, upper, color=colour, alpha=drawn.alpha, linewidth=0)
        ax.plot(months, expected, color=colour, linewidth=drawn.linewidth / 1.5, linestyle=DASHED)
        own = None if left is None else left[members]
        line: dict[str, Any] = {"color": colour, "linewidth": drawn.linewidth, "label": style.plain(labels[g])}
        draw_observed(ax, time[members], event[members], entry[members], own, start, **line)
    ticks = survival_axes(ax, float(months.max()))
    _dress(ax, fit, style.class_entries(labels, sizes), drawn, banded, left, title)
    heading = "Number at risk" if left is None else "Known to be free of the event"
    numbers_at_risk(ax, ticks, labels, drawn.colours, group, until, entry, heading)
    _note(ax, banded, left is not None, start, 46.0 + 9.0 * lines_at_risk(labels))


def _note(ax: Axes, banded: bool, turnbull: bool, start: float, below: float) -> None:
    """Notes on these curves, `below` the axes in points."""
    notes = [] if banded else [f"No {CI_TEXT} bands: the Hessian is not positive definite."]
    if turnbull:
        notes.append("Turnbull's estimate: sloping over intervals within which the time of events is not known.")
    if start > 0:
        notes.append(f"Delayed entry: survival given being free of the event at {start:.1f} months.")
    if notes:
        style.caption(ax, " ".join(notes), below)


def _dress(
    ax: Axes, fit: Fit, entries: list[str], drawn: Look, banded: bool, left: np.ndarray | None, title: str
) -> None:
    """Title, axis labels, and a legend of the groups and of what is observed and expected."""
    handles: list[Any] = [style.line_handle(colour) for colour in drawn.colours]
    steps = "steps-post" if left is None else "default"
    handles.append(style.line_handle(style.MUTED, linewidth=1.5, drawstyle=steps))
    expected = style.line_handle(style.MUTED, linewidth=1.0, linestyle=DASHED)
    handles.append((Patch(facecolor=style.MUTED, alpha=0.3, linewidth=0), expected) if banded else expected)
    model = f"model, {CI_TEXT} band" if banded else "model"
    pad = style.legend_above(ax, handles, [*entries, estimate_name(left), model], drawn.legend)
    style.dress(ax, title, "Months from start of treatment", endpoint_name(fit), pad=pad)
