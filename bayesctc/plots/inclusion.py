"""The effect of the inclusion rule on the hazard ratios."""

from typing import Any, Unpack

from matplotlib.axes import Axes

from bayesctc.comparison.compare import Comparison
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.forest import INTERVAL, failures, forest
from bayesctc.plots.look import Style, look_of
from bayesctc.results.intervals import CI_TEXT

LOOKS = ((style.BLUE, "o"), (style.ORANGE, "s"), (style.BLACK, "D"))


def plot_inclusion(
    comparisons: dict[str, Comparison],
    endpoint: str,
    *,
    ax: Axes | None = None,
    method: str = "Cox",
    cause: str | None = None,
    **look: Unpack[Style],
) -> Axes:
    """Forest plot of the hazard ratios of one endpoint and method under each inclusion rule.

    Those of failed fits are hollow and grey.

    Parameters
    ----------
    comparisons : dict of Comparison
        As `compare_inclusion` returns them.
    endpoint : str
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    method : str
        "Cox", "three-step BCH", "joint Bayes" or another of `Comparison.hazard_ratios`; readings without it are
        omitted.
    cause : str, optional
        The competing event whose cause-specific hazard ratios are drawn; the first unless given.
    **look
        color (of the rules), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The endpoint was not compared, or there is no such method or cause.

    Examples
    --------
    >>> treated = bc.load_trial()
    >>> treated = treated.select(treated.patients.index[:120])
    >>> by_rule = bc.compare_inclusion(treated, spec, endpoints=["os"], settings=few)
    >>> ax = bc.plot_inclusion(by_rule, "os")
    """
    style.check_axes(ax)
    rows: dict[tuple[int, str], Any] = {}
    levels: dict[tuple[str, str, str], int] = {}
    for rule, comparison in comparisons.items():
        of, table = comparison.checked_cause(endpoint, cause), comparison.hazard_ratios
        chosen = (table["endpoint"] == endpoint) & (table["cause"] == of) & (table["method"] == method)
        for row in table[chosen].to_dict("records"):
            place = levels.setdefault((row["reading"], row["level"], row["reference"]), len(levels))
            rows[place, rule] = row
    if not rows:
        methods = dict.fromkeys(next(iter(comparisons.values())).hazard_ratios["method"])
        raise SpecError(f"method has to be one of {', '.join(methods)}; found {method!r}.")
    own = LOOKS[: len(comparisons)]
    drawn = look_of(look, colours=[colour for colour, _ in own], linewidth=INTERVAL, legend=True)
    signs = zip(drawn.colours, [sign for _, sign in own], strict=True)
    looks = dict(zip(comparisons, signs, strict=False))
    ax = style.new_axes(height=1.1 + 0.4 * len(levels)) if ax is None else ax
    forest(
        ax, [f"{reading} {level}\nvs {reference}" for reading, level, reference in levels], looks, rows, drawn.linewidth
    )
    handles = [style.line_handle(colour, marker=marker, markersize=3.5) for colour, marker in looks.values()]
    failed = failures(rows, looks)
    sizes = [_size(rule, comparisons[rule], endpoint, of) for rule in looks]
    handles, labels = style.with_failed(handles, sizes, bool(failed))
    pad = style.legend_above(ax, handles, labels, drawn.legend, n_columns=1)
    name = style.event_name(endpoint, of)
    style.dress(ax, f"{name}:\n{method}, by inclusion rule", f"Hazard ratio ({CI_TEXT} interval)", "", pad=pad)
    if failed:
        style.caption(ax, f"Not counted. {'; '.join(failed)}.")
    return ax


def _size(rule: str, comparison: Comparison, endpoint: str, cause: str) -> str:
    """A rule with its patients and events."""
    n, events = comparison.size(endpoint, cause)
    return f"{rule}: {n} patients, {events} events"
