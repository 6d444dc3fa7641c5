"""A quantity under every variation of a sensitivity analysis."""

from typing import Any, Unpack

from matplotlib.axes import Axes
from scipy.special import ndtri

from bayesctc.data.endpoint import checked_cause
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.forest import INTERVAL, draw, ratio_axis
from bayesctc.plots.look import Style, look_of
from bayesctc.results.intervals import CI_PROB, CI_TEXT
from bayesctc.sensitivity.result import Sensitivity

NAMES = {
    "class_share": "Share of the class",
    "median_ctc": "Median count per 7.5 mL",
    "positive_share": "P(CTC+)",
    "hazard_ratio": "Hazard ratio",
    "survival_function": "Survival",
    "cumulative_incidence": "Cumulative incidence",
    "elpd": "elpd",
}
LINE = 95  # characters of a line of the caption, if there is room for them
BASE, KEPT, CHANGED, NOT_HELD = "base", "not changed by the rule", "changed", "not compared with the base"
MARKERS = {BASE: "D", KEPT: "o", CHANGED: "s"}
GREY = {NOT_HELD: (style.MUTED, "^"), style.NOT_COUNTED: (style.MUTED, "o")}


def plot_sensitivity(
    result: Sensitivity,
    quantity: str = "hazard_ratio",
    *,
    ax: Axes | None = None,
    latent_class: str | None = None,
    time: float | None = None,
    cause: str | None = None,
    **look: Unpack[Style],
) -> Axes:
    """Forest plot of one quantity, a row per variation, over the interval of the base; changed rows are marked.

    Failed fits are hollow and grey and listed below; variations that are not compared with the base are grey.

    Parameters
    ----------
    result : Sensitivity
    quantity : str
        class_share, median_ctc and positive_share (median for a marker), hazard_ratio (on a log scale),
        survival_function, cumulative_incidence (of competing events) or elpd (its difference from the base, if they
        can be compared).
    ax : Axes, optional
        Where to draw; a new figure 5 inches wide unless given.
    latent_class : str, optional
        Of the base; the highest unless given. Not for elpd.
    time : float, optional
        Months; the last unless given. Not for class_share, hazard_ratio and elpd.
    cause : str, optional
        The competing event of hazard_ratio or cumulative_incidence; the first unless given.
    **look
        color (of the base, of similar results, of changed ones), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        There is no such quantity, class, time or cause.

    Examples
    --------
    >>> plan = bc.SensitivityPlan([{"option": "cutoff", "value": 3}])
    >>> ax = bc.plot_sensitivity(bc.run_sensitivity(cohort, spec, plan, settings=few), "hazard_ratio")
    """
    style.check_axes(ax)
    if not isinstance(result, Sensitivity):
        raise SpecError(f"plot_sensitivity takes what run_sensitivity returns; found {type(result).__name__}.")
    drawn = look_of(look, colours=(style.BLACK, style.BLUE, style.VERMILLION), linewidth=INTERVAL, legend=True)
    kinds = dict(zip(MARKERS, zip(drawn.colours, MARKERS.values(), strict=True), strict=True)) | GREY
    rows, where = _chosen(result, quantity, latent_class, time, cause)
    names = list(dict.fromkeys(result.table["variation"]))
    ax = style.new_axes(height=1.1 + 0.25 * len(names), width=5.0) if ax is None else ax
    ends = [1.0] if quantity == "hazard_ratio" else []
    for y, name in enumerate(names):
        row = rows.get(name)
        if row is None:
            said, place = _absent(result, name, quantity), ax.get_yaxis_transform()
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            ax.text(0.02, y, said, transform=place, fontsize=style.SMALL - 1, color=style.MUTED, va="center", bbox=box)
            continue
        ends += draw(ax, row, y, *kinds[_kind(row)], drawn.linewidth, ratio=quantity == "hazard_ratio")
    base = rows["base"]
    if base["usable"]:
        ax.axvspan(base["lower"], base["upper"], color=style.MUTED, alpha=style.BAND_ALPHA, linewidth=0)
        ax.axvline(base["estimate"], color=style.MUTED, linewidth=0.6, linestyle=":")
    if quantity == "hazard_ratio":
        ratio_axis(ax, ends)
    ax.set_yticks(range(len(names)), [style.plain(_label(result, name)) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    handles, labels = _legend(rows, quantity, kinds)
    pad = style.legend_above(ax, handles, labels, drawn.legend)
    unit = f"difference from the base ({CI_TEXT} interval)" if quantity == "elpd" else f"({CI_TEXT} interval)"
    words = result.outcome.words
    title, axis = (NAMES.get(quantity, f"Median {of}") for of in (words.value, words.label))
    style.dress(ax, f"{title}{where}", f"{axis} {unit}", "", pad=pad)
    if failed := [f"{name}: {row['reason']}" for name, row in rows.items() if not row["usable"]]:
        style.caption(ax, f"Not counted. {'; '.join(failed)}.", width=LINE)
    return ax


def _kind(row: Any) -> str:
    """How a variation compares with the base, or that its fit failed."""
    if not row["usable"]:
        return style.NOT_COUNTED
    if row["variation"] == "base":
        return BASE
    return CHANGED if row["changed"] else KEPT if row["compared"] else NOT_HELD


def _legend(rows: dict[str, Any], quantity: str, kinds: dict[str, tuple[str, str]]) -> tuple[list[Any], list[str]]:
    """Handles and labels of what there is."""
    used = {_kind(row) for row in rows.values()}
    shown = {kind: look for kind, look in kinds.items() if kind in used - {style.NOT_COUNTED}}
    handles = [style.line_handle(colour, marker=marker, markersize=3.5) for colour, marker in shown.values()]
    labels = [f"{kind}, its interval shaded" if kind == BASE and quantity != "elpd" else kind for kind in shown]
    return style.with_failed(handles, labels, style.NOT_COUNTED in used)


def _chosen(
    result: Sensitivity, quantity: str, latent_class: str | None, time: float | None, cause: str | None
) -> tuple[dict[str, Any], str]:
    """Rows to draw by variation, and what they are in words."""
    table = result.table[result.table["quantity"] == quantity]
    own = table[table["variation"] == "base"]
    if own.empty:
        there = ", ".join(dict.fromkeys(result.table.loc[result.table["variation"] == "base", "quantity"]))
        raise SpecError(f"quantity has to be one of {there}; found {quantity!r}.")
    chosen_cause = checked_cause(quantity, [name for name in dict.fromkeys(own["cause"]) if name], cause)
    table, own = (each[each["cause"] == chosen_cause] for each in (table, own))
    if quantity == "elpd":
        half = ndtri(0.5 + CI_PROB / 2.0) * table["difference_se"]
        table = table.assign(
            estimate=table["difference"], lower=table["difference"] - half, upper=table["difference"] + half
        )
        table.loc[table["variation"] == "base", ["lower", "upper"]] = 0.0
        table = table[table["estimate"].notna()]
        return {row["variation"]: row for row in table.to_dict("records")}, " compared with the base"
    labels = list(dict.fromkeys(own["latent_class"]))
    chosen = labels[-1] if latent_class is None else latent_class
    if chosen not in labels:
        raise SpecError(f"latent_class has to be one of {', '.join(labels)}; found {latent_class!r}.")
    table = table[table["base_class"] == chosen]
    called = chosen
    if (table["latent_class"] != chosen).any():  # fits with another number of classes, of which the ends correspond
        called = "lowest class" if chosen == labels[0] and quantity != "hazard_ratio" else "highest class"
    of = f" of {chosen_cause}" if chosen_cause else ""
    where = f"{of}, {called} vs the lowest class" if quantity == "hazard_ratio" else f"{of}, {called}"
    times = sorted(set(own["time"].dropna()))
    if times:
        month = times[-1] if time is None else float(time)
        if month not in times:
            raise SpecError(f"time has to be one of {', '.join(f'{t:g}' for t in times)} months; found {time!r}.")
        table, where = table[table["time"] == month], f"{where}, month {month:g}"
    return {row["variation"]: row for row in table.to_dict("records")}, where


def _absent(result: Sensitivity, name: str, quantity: str) -> str:
    """Why a variation has no row."""
    own = result.table[result.table["variation"] == name]
    if own["status"].iloc[0] != "done" or not own["usable"].iloc[0]:
        return own["status"].iloc[0] if own["status"].iloc[0] != "done" else style.NOT_COUNTED
    return "not comparable" if (own["quantity"] == quantity).any() else f"no {quantity}"


def _label(result: Sensitivity, name: str) -> str:
    """A variation with the number of its patients."""
    n = result.table.loc[result.table["variation"] == name, "n_patients"].iloc[0]
    return f"{name} (n = {n:.0f})" if n == n else name
