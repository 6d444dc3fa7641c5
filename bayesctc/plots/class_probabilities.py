"""How certain the classification of patients is."""

import textwrap
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bayesctc.plots import style
from bayesctc.plots.look import Look, Style, look_of
from bayesctc.results.classes import GOOD_AVERAGE, relative_entropy
from bayesctc.results.fit import Fit
from bayesctc.results.usable import COMPARED_RHAT

MAX_COLUMNS = 400  # patients drawn for a class
GAP = 0.08  # between classes, in widths of a class
ROOM = 48  # characters that the names of the classes have beside each other


def plot_class_probabilities(
    fit: Fit, *, ax: Axes | None = None, max_rhat: float = COMPARED_RHAT, **look: Unpack[Style]
) -> Axes:
    """P(g | y, T) of every patient as a stacked column, patients by most probable class.

    Each class has the same width, whatever its size; within it patients are sorted by the probability of that class.
    A column of a single colour is a patient whose class is certain. Below each class are its number of patients and
    their average posterior probability, which should be 0.7 or more.

    Parameters
    ----------
    fit : MLFit or BayesFit
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
    **look
        color (of the classes), alpha (of the columns), legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = bc.plot_class_probabilities(fit)
    """
    style.check_axes(ax)
    table, quality = fit.class_probabilities, fit.quality
    labels = [str(label) for label in table.columns]
    drawn = look_of(look, colours=style.class_colours(len(labels)), alpha=1.0, legend=True)
    p = table.to_numpy()
    modal = p.argmax(axis=1)
    ax = style.new_axes(3.4) if ax is None else ax
    for g in range(len(labels)):
        members = np.flatnonzero(modal == g)
        members = style.evenly(members[np.argsort(-p[members, g], kind="stable")], MAX_COLUMNS)
        if len(members):
            _stack(ax, p[members], g, drawn)
    lines = _under_each(ax, labels, quality)
    ax.set_xlim(-GAP / 2, len(labels) - GAP / 2)
    ax.set_ylim(0.0, 1.0)
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    handles = [Patch(facecolor=colour, linewidth=0) for colour in drawn.colours]
    pad = style.legend_above(ax, handles, labels, drawn.legend, min(len(labels), 4))
    title = f"Certainty of the classification\n(relative entropy {relative_entropy(table):.2f}; 1 is certainty)"
    style.dress(ax, title, "Patients by most probable class, most certain first", "Probability of each class", pad=pad)
    ax.tick_params(axis="x", length=0)
    ax.spines["bottom"].set_visible(False)
    style.caption(
        ax,
        f"Mean: average probability among the class's patients; {GOOD_AVERAGE} or more is good.",
        28.0 + 9.0 * lines,
    )
    style.mark_failed(ax, fit, max_rhat)
    return ax


def _stack(ax: Axes, p: np.ndarray, own: int, drawn: Look) -> None:
    """Columns of one class's patients: its own colour at the bottom, then the others in order."""
    edges = own + (1.0 - GAP) * np.arange(len(p) + 1) / len(p)
    bottom = np.zeros(len(p))
    for g in [own, *(h for h in range(p.shape[1]) if h != own)]:
        top = bottom + p[:, g]
        ax.stairs(top, edges, baseline=bottom, fill=True, color=drawn.colours[g], alpha=drawn.alpha, linewidth=0)
        bottom = top


def _lines(n_classes: int) -> int:
    """Lines of text under each class: more where there is less room."""
    return 3 if n_classes <= 3 else 4 if n_classes <= 4 else 5


def _under_each(ax: Axes, labels: Sequence[str], quality: pd.DataFrame) -> int:
    """Class, size and average posterior probability under each block; returns how many lines that takes."""
    lines = _lines(len(labels))
    ticks = np.arange(len(labels)) + (1.0 - GAP) / 2
    texts: list[str] = []
    row: Any
    for label, row in zip(labels, quality.itertuples(), strict=True):
        average = f"{row.average_posterior:.2f}" if row.n_modal else "none"
        first, second = "\n" if lines > 3 else " ", "\n" if lines > 4 else " "
        name = textwrap.fill(label, ROOM // len(labels))
        texts.append(f"{name}\nn = {row.n_modal}{first}({100 * row.share_modal:.0f} %)\nmean{second}{average}")
    ax.set_xticks(ticks, [style.plain(text) for text in texts])
    return max(text.count("\n") + 1 for text in texts)
