"""Agreement of classifications: a heat map of fits, or dots of bootstrap samples."""

import textwrap
from typing import Any, Unpack

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from bayesctc.comparison.agreement import ClassAgreement
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.look import Style, look_of
from bayesctc.results.intervals import CI_TEXT

MEANING = "Adjusted Rand index: 1, identical grouping of patients; 0, no more agreement than by chance."
DARKEST = 0.65  # of the colour: black is read on it
NAME = 10  # characters of a fit's name in a line


def plot_class_agreement(result: ClassAgreement, *, ax: Axes | None = None, **look: Unpack[Style]) -> Axes:
    """Adjusted Rand index of every pair of fits as a heat map, or of every bootstrap sample as dots.

    Each cell shows the index and the number of patients it is based on. Pairs with a failed fit are grey and are not
    counted. Dots are sorted by value, with their median and the interval that contains 95 % of them.

    Parameters
    ----------
    result : ClassAgreement
    ax : Axes, optional
        Where to draw; a new figure unless given.
    **look
        color (of the dots, or of an index of 1): see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The result is something else, or every bootstrap sample failed.

    Examples
    --------
    >>> ax = bc.plot_class_agreement(bc.class_agreement({"ML": fit, "Bayes": posterior}))
    """
    style.check_axes(ax)
    if not isinstance(result, ClassAgreement):
        raise SpecError(f"result has to be what class_agreement returns; found {type(result).__name__}.")
    (colour,) = look_of(look, colours=(style.BLUE,)).colours
    return _dots(result, ax, colour) if result.n_bootstrap else _heat(result, ax, colour)


def _heat(result: ClassAgreement, ax: Axes | None, colour: str) -> Axes:
    """The lower triangle, first fits in the columns, from white on, so that lightness alone shows the values."""
    names, n = list(result.names), len(result.names)
    ax = style.new_axes(height=1.4 + 0.42 * n, width=max(style.WIDTH, 1.5 + 0.6 * n)) if ax is None else ax
    deepest = np.array(to_rgb(colour))
    row: Any
    for row in result.pairs.itertuples():
        x, y = names.index(row.first), names.index(row.second) - 1
        depth = DARKEST * np.clip(row.adjusted_rand_index, 0.0, 1.0)
        face = tuple(1.0 - depth * (1.0 - deepest)) if row.usable else style.GRID
        cell = Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=face, edgecolor=style.MUTED, linewidth=0.4)
        cell.set_linestyle("-" if row.usable else "--")
        ax.add_patch(cell)
        ink = style.BLACK if row.usable else style.MUTED
        number = f"{row.adjusted_rand_index:.2f}".replace("-", "\N{MINUS SIGN}")
        ax.text(x, y - 0.12, number, ha="center", va="center", fontsize=style.TEXT, color=ink)
        ax.text(x, y + 0.26, f"n = {row.n_patients}", ha="center", va="center", fontsize=style.SMALL, color=ink)
    style.dress(ax, "Agreement of classes", "", "")
    columns = [textwrap.fill(name, NAME) for name in names[:-1]]
    ax.set_xticks(range(n - 1), [style.plain(name) for name in columns])
    labels = [style.plain(f"{name}\nn = {result.n_patients[name]}") for name in names[1:]]
    ax.set_yticks(range(n - 1), labels)
    ax.set_xlim(-0.5, n - 1.5)
    ax.set_ylim(n - 1.5, -0.5)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=0)
    text = f"{MEANING} Classified {_by(result)}. n: patients in both; {names[0]} has {result.n_patients[names[0]]}."
    failed = dict.fromkeys(result.pairs.loc[~result.pairs["usable"], "reason"])
    if failed:
        text += f" Grey, dashed: not counted. {'; '.join(failed)}."
    style.caption(ax, text, 14.0 + 9.0 * max(name.count("\n") + 1 for name in columns))
    return ax


def _dots(result: ClassAgreement, ax: Axes | None, colour: str) -> Axes:
    """Sorted values with median and interval."""
    values = np.sort(result.pairs["adjusted_rand_index"].to_numpy(dtype=float))
    if len(values) == 0:
        raise SpecError(f"result: found no bootstrap sample with a refit ({'; '.join(result.failures)}); allowed: one.")
    ax = style.new_axes(height=2.9) if ax is None else ax
    median, lower, upper = result.interval
    ax.axvspan(lower, upper, color=colour, alpha=style.BAND_ALPHA, linewidth=0)
    ax.axvline(median, color=colour, linewidth=1.2)
    ax.plot(values, np.arange(1, len(values) + 1), "o", color=colour, markersize=3.0, markeredgewidth=0)
    (n,) = result.n_patients.values()
    style.dress(
        ax,
        f"Agreement of classes with {result.n_bootstrap} bootstrap samples",
        "Adjusted Rand index",
        "Samples, in order",
    )
    ax.set_xlim(min(0.0, float(values[0]) - 0.03), 1.02)
    ax.set_ylim(0.0, len(values) + 1.0)
    failed = f" {result.n_failed} of {result.n_bootstrap} refits failed and are excluded." if result.n_failed else ""
    style.caption(
        ax,
        f"{n} patients. Median {median:.2f}, {CI_TEXT} of samples {lower:.2f} to {upper:.2f}.{failed} {MEANING} "
        f"Classified {_by(result)}.",
    )
    return ax


def _by(result: ClassAgreement) -> str:
    """By what patients were classified."""
    return "by the counts alone" if result.counts_only else "by counts and survival"
