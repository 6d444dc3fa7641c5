"""Survival by one reading of the counts: Kaplan-Meier curves with numbers at risk and the log-rank test.

With competing events, the cumulative incidence of one is shown: the Aalen-Johansen estimate.
"""

from typing import Unpack

import numpy as np
from matplotlib.axes import Axes

from bayesctc.comparison.compare import Comparison, classes_failed
from bayesctc.data.endpoint import EndpointData, code_of
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import incidence, kaplan_meier, lines_at_risk, numbers_at_risk, survival_axes
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
    comparison: Comparison,
    endpoint: str,
    reading: str,
    *,
    ax: Axes | None = None,
    cause: str | None = None,
    **look: Unpack[Style],
) -> Axes:
    """Kaplan-Meier curves by the levels of a reading, or cumulative incidence (Aalen-Johansen) of a competing event.

    Parameters
    ----------
    comparison : Comparison
    endpoint : str
    reading : {"bctc", "b2ctc", "tctc"}
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given. Numbers at risk go below it.
    cause : str, optional
        The competing event that is shown; the first unless given. The log-rank test then compares its hazard, with the
        other causes censored.
    **look
        color (of the levels), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The endpoint or the reading was not compared, or there is no such cause.

    Examples
    --------
    >>> found = bc.compare_classifiers(cohort, spec, endpoints=["os"], settings=few)
    >>> ax = bc.plot_readings(found, "os", "b2ctc")
    """
    style.check_axes(ax)
    if reading not in comparison.readings:
        raise SpecError(f"reading has to be one of {', '.join(comparison.readings)}; found {reading!r}.")
    cause = comparison.checked_cause(endpoint, cause)
    data = comparison.cohort.endpoint(endpoint)
    levels = comparison.readings[reading].levels.loc[list(data.patient_ids)]
    group, labels = levels.cat.codes.to_numpy(), [str(level) for level in levels.cat.categories]
    classes = style.class_colours(len(labels))
    colours = [COLOURS.get(label, classes[g]) for g, label in enumerate(labels)]
    drawn = look_of(look, colours=colours, linewidth=1.5, legend=True)
    start = curves_start(group, data.time, data.entry)
    ax = style.new_axes(3.5 + 0.13 * lines_at_risk(labels)) if ax is None else ax
    for g, colour in enumerate(drawn.colours):
        members = group == g
        if members.any():
            seen = (data.time[members], data.event[members], np.maximum(data.entry[members], start))
            code = code_of(data.causes, cause)
            curve = incidence(*seen, code, start) if cause else kaplan_meier(*seen, start)
            ax.step(
                curve.index, curve, where="post", color=colour, linewidth=drawn.linewidth, label=style.plain(labels[g])
            )
    ticks = survival_axes(ax, float(data.time.max()))
    sizes = np.bincount(group, minlength=len(labels)).tolist()
    entries = style.class_entries(labels, sizes)
    handles = [style.line_handle(colour) for colour in drawn.colours]
    pad = style.legend_above(ax, handles, entries, drawn.legend)
    name = style.event_name(endpoint, cause) if cause else style.ENDPOINTS.get(endpoint, f"Survival ({endpoint})")
    axis = "Cumulative incidence" if cause else name
    style.dress(ax, f"{name} by {TITLES[reading]}", "Months from start of treatment", axis, pad=pad)
    numbers_at_risk(ax, ticks, labels, drawn.colours, group, data.time, data.entry)
    others = [f"{n:.0f} of {name}" for name, n in _events(data).items() if name != cause]
    notes = [f"{_events(data)[cause]:.0f} events{'; competing: ' if others else ''}{', '.join(others)}."]
    notes.append(_log_rank(comparison, endpoint, cause, reading))
    if reading == "tctc":
        notes.append("Most probable class by the counts alone.")
    if start > 0:
        what = "incidence" if cause else "survival"
        notes.append(f"Delayed entry: {what} given being free of the event at {start:.1f} months.")
    style.caption(ax, " ".join(notes), 46.0 + 9.0 * lines_at_risk(labels))
    style.mark_reason(ax, classes_failed(comparison) if reading == "tctc" else None)
    return ax


def _events(data: EndpointData) -> dict[str, float]:
    """Events by cause."""
    return {cause: float(event.sum()) for cause, event in data.by_cause().items()}


def _log_rank(comparison: Comparison, endpoint: str, cause: str, reading: str) -> str:
    """The test in words."""
    tests = comparison.tests[comparison.tests["cause"] == cause]
    row = tests[(tests["endpoint"] == endpoint) & (tests["reading"] == reading) & (tests["test"] == "log-rank")]
    if len(row) == 0:
        return "One level only: no test."
    chi2, df, p = row.iloc[0][["chi2", "df", "p"]]
    text = "p\u00a0<\u00a00.0001" if p < 1e-4 else f"p\u00a0=\u00a0{p:.4f}"
    of = " of its hazard" if cause else ""
    return f"Log-rank test{of}: chi-square {chi2:.1f} on {df} df, {text}."
