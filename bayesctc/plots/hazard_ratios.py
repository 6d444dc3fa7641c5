"""Hazard ratios of every reading, by each method, with the published ones."""

from typing import Unpack

from matplotlib.axes import Axes

from bayesctc.comparison.compare import Comparison
from bayesctc.comparison.published import published_table
from bayesctc.plots import style
from bayesctc.plots.forest import INTERVAL, failures, forest, level_name
from bayesctc.plots.look import Style, look_of
from bayesctc.results.intervals import CI_TEXT

METHODS = {  # in the order of the rows within a level
    "published": (style.BLACK, "D"),
    "Cox": (style.BLUE, "o"),
    "three-step BCH": (style.GREEN, "s"),
    "joint Bayes": (style.VERMILLION, "o"),
}


def plot_hazard_ratios(
    comparison: Comparison,
    endpoint: str,
    *,
    ax: Axes | None = None,
    published: bool = False,
    cause: str | None = None,
    **look: Unpack[Style],
) -> Axes:
    """Forest plot of the hazard ratios of one endpoint, with 95 % intervals, on a log scale.

    Those of failed fits are hollow and grey.

    Parameters
    ----------
    comparison : Comparison
    endpoint : str
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    published : bool
        Also show the figures of CALGB 40502, which come from other patients.
    cause : str, optional
        The competing event whose cause-specific hazard ratios are drawn; the first unless given.
    **look
        color (of the methods), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The endpoint was not compared, or has no such cause.

    Examples
    --------
    >>> found = bc.compare_classifiers(cohort, spec, endpoints=["os"], settings=few)
    >>> ax = bc.plot_hazard_ratios(found, "os")
    >>> ax.get_xscale()
    'log'
    """
    style.check_axes(ax)
    cause, table = comparison.checked_cause(endpoint, cause), comparison.hazard_ratios
    table = table[(table["endpoint"] == endpoint) & (table["cause"] == cause)]
    levels = list(dict.fromkeys(zip(table["reading"], table["level"], strict=True)))
    found = table.to_dict("records")
    if published:
        study = published_table()
        study = study[study["endpoint"] == endpoint]
        found += study.assign(method="published").to_dict("records")
    rows = {
        (levels.index((r["reading"], r["level"])), r["method"]): r
        for r in found
        if (r["reading"], r["level"]) in levels
    }
    own = {name: each for name, each in METHODS.items() if any(key[1] == name for key in rows)}
    drawn = look_of(look, colours=[colour for colour, _ in own.values()], linewidth=INTERVAL, legend=True)
    shown = {name: (colour, own[name][1]) for name, colour in zip(own, drawn.colours, strict=True)}
    ax = style.new_axes(height=0.9 + 0.45 * len(levels)) if ax is None else ax
    forest(ax, [level_name(comparison, endpoint, *pair) for pair in levels], shown, rows, drawn.linewidth)
    handles = [style.line_handle(colour, marker=marker, markersize=3.5) for colour, marker in shown.values()]
    failed = failures(rows, shown)
    handles, labels = style.with_failed(handles, list(shown), bool(failed))
    pad = style.legend_above(ax, handles, labels, drawn.legend)
    n, events = comparison.size(endpoint, cause)
    title = f"{style.event_name(endpoint, cause)}\n{n} patients, {events} events"
    style.dress(ax, title, f"Hazard ratio ({CI_TEXT} interval)", "", pad=pad)
    if failed:
        style.caption(ax, f"Not counted. {'; '.join(failed)}.")
    return ax
