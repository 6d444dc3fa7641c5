"""Parts of every picture of survival: product-limit and Aalen-Johansen curves, and numbers at risk."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from statsmodels.duration.survfunc import SurvfuncRight

from bayesctc.plots import style
from bayesctc.time_to_event.aalen_johansen import aalen_johansen
from bayesctc.time_to_event.turnbull import turnbull

NAME = 16  # characters that a name has room for beside the numbers at risk


def survival_axes(ax: Axes, last: float) -> np.ndarray:
    """Months from 0 to `last` against a probability; returns the ticks of the months."""
    ticks = style.month_ticks(last)
    ax.set_xlim(0.0, last)
    ax.set_ylim(0.0, 1.02)
    ax.set_xticks(ticks)
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    return ticks


def kaplan_meier(time: np.ndarray, event: np.ndarray, entry: np.ndarray, start: float = 0.0) -> pd.Series:
    """Product-limit estimate with delayed entry, from 1 at `start` to the last follow-up.

    Parameters
    ----------
    time, event, entry : arrays (n_patients,)
        Months; 1 = event; months. A patient whose follow-up ends at entry is never at risk.

    Returns
    -------
    Series
        Survival from each time on, indexed by months.
    """
    seen = time > entry
    if not seen.any():
        return pd.Series([1.0], index=[start])
    time, event, entry = time[seen], event[seen], entry[seen]
    estimate = SurvfuncRight(time, event, entry=entry if (entry > 0).any() else None)
    steps, values = np.asarray(estimate.surv_times), np.asarray(estimate.surv_prob)
    return pd.Series(
        np.concatenate([[1.0], values, values[-1:] if len(values) else [1.0]]),
        index=np.concatenate([[start], steps, [time.max()]]),
    )


def incidence(time: np.ndarray, event: np.ndarray, entry: np.ndarray, code: int, start: float = 0.0) -> pd.Series:
    """Aalen-Johansen estimate of the cumulative incidence of one of competing events, from 0 at `start`.

    Parameters
    ----------
    time, event, entry : arrays (n_patients,)
        Months; 1, 2, ... by cause, 0 = censored; months. A patient whose follow-up ends at entry is never at risk.
    code : int
        Of the cause.
    start : float
        Months.

    Returns
    -------
    Series
        Cumulative incidence from each time on, indexed by months, to the last follow-up.
    """
    seen = time > np.maximum(entry, start)
    if not seen.any():
        return pd.Series([0.0], index=[start])
    time, event, entry = time[seen], event[seen], entry[seen]
    months = np.unique(np.append(time[event > 0], [start, time.max()]))
    curves = aalen_johansen(time, event, entry, months, max(int(event.max()), code), start)
    return pd.Series(curves[code - 1], index=months)


def draw_observed(
    ax: Axes,
    time: np.ndarray,
    event: np.ndarray,
    entry: np.ndarray,
    left: np.ndarray | None,
    start: float,
    last: float = np.inf,
    **line: Any,
) -> None:
    """Non-parametric survival up to `last` months: Kaplan-Meier's steps, or Turnbull's estimate.

    Turnbull's curve slopes over intervals within which the time of events is not known.

    Parameters
    ----------
    left : array (n_patients,) or None
        As `turnbull` takes it; None where every event is known to the day.
    **line
        Keyword arguments of `Axes.plot`.
    """
    if left is None:
        curve = kaplan_meier(time, event, np.maximum(entry, start), start)
        curve = curve[curve.index <= last]
        ax.step(curve.index, curve, where="post", **line)
        return
    months, values = turnbull(left, time, event, entry).steps(start)
    beyond = np.interp(last, months, values)
    kept = months <= last
    cut = not kept.all()
    ax.plot(np.append(months[kept], [last] * cut), np.append(values[kept], [beyond] * cut), **line)


def estimate_name(left: np.ndarray | None) -> str:
    """The name of the estimate that `draw_observed` draws."""
    return "Kaplan–Meier" if left is None else "Turnbull"


def at_risk(time: np.ndarray, entry: np.ndarray, months: float) -> int:
    """Patients under observation just before `months`: entered before (at 0, from the start) and not yet gone."""
    return int(np.sum((time >= months) & ((entry < months) | (entry == 0.0))))


def lines_at_risk(labels: Sequence[str]) -> int:
    """Lines of `numbers_at_risk`, without its heading."""
    return sum(len(textwrap.wrap(label, NAME)) for label in labels)


def numbers_at_risk(
    ax: Axes,
    ticks: np.ndarray,
    labels: Sequence[str],
    colours: Sequence[str],
    group: np.ndarray,
    time: np.ndarray,
    entry: np.ndarray,
    heading: str = "Number at risk",
) -> None:
    """A table under the axis, its columns at the ticks; long names are broken into several lines."""
    options: dict[str, Any] = {
        "textcoords": "offset points",
        "fontsize": style.SMALL - 0.5,
        "va": "top",
        "annotation_clip": False,
    }
    top = -31.0
    style.make_room(ax, bottom=10.0 + 9.0 * lines_at_risk(labels) - top - style.UNDER_AXES)
    ax.annotate(heading, (0.0, 0.0), xytext=(0, top), xycoords="axes fraction", ha="left", color=style.INK, **options)
    for g, (label, colour) in enumerate(zip(labels, colours, strict=True)):
        y = top - 10.0 - 9.0 * lines_at_risk(labels[:g])
        ax.annotate(
            style.plain(textwrap.fill(label, NAME)),
            (0.0, 0.0),
            xytext=(-12, y),
            xycoords="axes fraction",
            ha="right",
            color=style.text_colour(colour),
            fontweight="bold",
            **options,
        )
        for tick in ticks:
            number = at_risk(time[group == g], entry[group == g], tick)
            ax.annotate(
                str(number),
                (tick, 0.0),
                xytext=(0, y),
                xycoords=("data", "axes fraction"),
                ha="center",
                color=style.INK,
                **options,
            )
