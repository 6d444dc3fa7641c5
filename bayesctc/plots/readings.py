"""Survival by one reading of the counts: Kaplan-Meier curves with numbers at risk and the log-rank test."""

from typing import Unpack

import numpy as np
from matplotlib.axes import Axes

from bayesctc.comparison.compare import Comparison, classes_failed
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import kaplan_meier, numbers_at_risk, survival_axes
from bayesctc.plots.look import Style, look_of
from bayesctc.time_to_event.product_limit import curves_start

TITLES = {"bctc": "baseline status", "b2ctc": "baseline to cycle 2", "tctc": "trajectory class"}
COLOURS = {  # the published reference level of b2ctc is pos-neg; the palette goes from good to bad
    "neg": style.BLUE,
    "pos": style.VERMILLION,
    "neg-neg": style.BLUE,
    "pos-neg": style.GREEN,
    "neg-pos": style.ORANGE,
    "pos-pos": style.VERMILLION,
}


def plot_readings(
    comparison: Comparison, endpoint: str, reading: str, *, ax: Axes | None = None, **look: Unpack[Style]
) -> Axes:
    """Kaplan-Meier curves by the levels of a reading.

    Parameters
    ----------
    comparison : Comparison
    endpoint : str
    reading : {"bctc", "b2ctc", "tctc"}
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given. Numbers at risk go below it.
    **look
        color (of the levels), linewidth: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The endpoint or the reading was not compared.

    Examples
    --------
    >>> found = bc.compare_classifiers(cohort, spec, endpoints=["os"], settings=few)
    >>> ax = bc.plot_readings(found, "os", "b2ctc")
    """
    style.check_axes(ax)
    if reading not in comparison.readings:
        raise SpecError(f"reading has to be one of {', '.join(comparison.readings)}; found {reading!r}.")
    comparison.check_endpoint(endpoint)
    data = comparison.cohort.endpoint(endpoint)
    levels = comparison.readings[reading].levels.loc[list(data.patient_ids)]
    group, labels = levels.cat.codes.to_numpy(), [str(level) for level in levels.cat.categories]
    classes = style.class_colours(len(labels))
    colours = [COLOURS.get(label, classes[g]) for g, label in enumerate(labels)]
    drawn = look_of(look, colours=colours, linewidth=1.5)
    start = curves_start(group, data.time, data.entry)
    ax = style.new_axes(3.5 + 0.13 * len(labels)) if ax is None else ax
    for g, colour in enumerate(drawn.colours):
        members = group == g
        if members.any():
            entry = np.maximum(data.entry[members], start)
            curve = kaplan_meier(data.time[members], data.event[members], entry, start)
            ax.step(curve.index, curve, where="post", color=colour, linewidth=drawn.linewidth, label=labels[g])
    ticks = survival_axes(ax, float(data.time.max()))
    sizes = np.bincount(group, minlength=len(labels)).tolist()
    entries = style.class_entries(labels, sizes)
    pad = style.legend_above(ax, [style.line_handle(colour) for colour in drawn.colours], entries)
    name = style.ENDPOINTS.get(endpoint, f"Survival ({endpoint})")
    style.dress(ax, f"{name} by {TITLES[reading]}", "Months from start of treatment", name, pad=pad)
    numbers_at_risk(ax, ticks, labels, drawn.colours, group, data.time, data.entry)
    notes = [f"{int(data.event.sum())} events. {_log_rank(comparison, endpoint, reading)}"]
    if reading == "tctc":
        notes.append("Most probable class by the counts alone.")
    if start > 0:
        notes.append(f"Delayed entry: survival given being free of the event at {start:.1f} months.")
    style.caption(ax, " ".join(notes), 46.0 + 9.0 * len(labels))
    style.mark_reason(ax, classes_failed(comparison) if reading == "tctc" else None)
    return ax


def _log_rank(comparison: Comparison, endpoint: str, reading: str) -> str:
    """The test in words."""
    tests = comparison.tests
    row = tests[(tests["endpoint"] == endpoint) & (tests["reading"] == reading) & (tests["test"] == "log-rank")]
    if len(row) == 0:
        return "One level only: no test."
    chi2, df, p = row.iloc[0][["chi2", "df", "p"]]
    text = "p\u00a0<\u00a00.0001" if p < 1e-4 else f"p\u00a0=\u00a0{p:.4f}"
    return f"Log-rank test: chi-square {chi2:.1f} on {df} df, {text}."
