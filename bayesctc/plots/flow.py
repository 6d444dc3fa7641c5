"""The flow of patients from cycle-2 levels to trajectory classes."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np
from matplotlib.axes import Axes

from bayesctc.comparison.compare import Comparison, classes_failed
from bayesctc.plots import style
from bayesctc.plots.look import Style, look_of

GAP = 0.03  # between levels, as a share of all patients
BAR = 0.06  # width of a level's bar
ORDER = ("neg-neg", "pos-neg", "neg-pos", "pos-pos")  # from good to bad


def plot_flow(comparison: Comparison, *, ax: Axes | None = None, **look: Unpack[Style]) -> Axes:
    """Flow of patients from b2CTC levels to tCTC classes (modal class by the counts alone).

    The height of a ribbon is its number of patients, and its colour is the class it leads to.

    Parameters
    ----------
    comparison : Comparison
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    **look
        color (of the classes), alpha (of the ribbons): see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> found = bc.compare_classifiers(cohort, spec, endpoints=["os"], settings=few)
    >>> ax = bc.plot_flow(found)
    """
    style.check_axes(ax)
    left, right = (comparison.readings[name].levels for name in ("b2ctc", "tctc"))
    ids = comparison.cohort.patients.index
    classes = [str(c) for c in right.cat.categories]
    counts = np.array([[int(((left.loc[ids] == a) & (right.loc[ids] == b)).sum()) for b in classes] for a in ORDER])
    total, drawn = counts.sum(), look_of(look, colours=style.class_colours(len(classes)), alpha=0.45)
    ax = style.new_axes(3.4) if ax is None else ax
    tops = _tops(counts.sum(axis=1) / total)
    ends = _tops(counts.sum(axis=0) / total)
    _bars(ax, 0.0, tops, counts.sum(axis=1), ORDER, [style.MUTED] * len(ORDER), total)
    _bars(ax, 1.0, ends, counts.sum(axis=0), classes, drawn.colours, total)
    x = np.linspace(BAR, 1.0 - BAR, 60)
    s = (x - x[0]) / np.ptp(x)
    smooth = s * s * (3.0 - 2.0 * s)
    for a in range(len(ORDER)):
        for b, colour in enumerate(drawn.colours):
            height = counts[a, b] / total
            upper = tops[a] + (ends[b] - tops[a]) * smooth
            ax.fill_between(x, upper - height, upper, color=colour, alpha=drawn.alpha, linewidth=0)
            tops[a], ends[b] = tops[a] - height, ends[b] - height
    style.dress(ax, "", "", "")
    ax.set_title(f"Cycle-2 status to trajectory class, {total} patients", fontsize=style.TEXT, fontweight="bold")
    ax.set_xticks([0.0, 1.0], ["b2CTC", "tCTC"])
    ax.set_xlim(-0.42, 1.42)
    ax.set_ylim(-GAP * max(len(ORDER), len(classes)), 1.02)
    ax.set_yticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    style.mark_reason(ax, classes_failed(comparison))
    return ax


def _tops(shares: np.ndarray) -> np.ndarray:
    """Upper ends of the bars, from 1 down."""
    return 1.0 - np.concatenate([[0.0], np.cumsum(shares[:-1] + GAP)])


def _bars(
    ax: Axes,
    x: float,
    tops: np.ndarray,
    sizes: np.ndarray,
    names: Sequence[str],
    colours: Sequence[str],
    total: int,
) -> None:
    """Bars with their names and numbers outside."""
    first = x == 0.0
    edges = (x, x + BAR) if first else (x - BAR, x)
    for top, n, name, colour in zip(tops, sizes, names, colours, strict=True):
        ax.fill_between(edges, top - n / total, top, color=colour, linewidth=0)
        ax.text(
            x - 0.02 if first else x + 0.02,
            top - n / total / 2,
            f"{style.plain(name)}\n{n} ({100 * n / total:.0f} %)",
            ha="right" if first else "left",
            va="center",
            fontsize=style.SMALL,
            color=style.INK,
        )
