"""Survival by class: what was observed, and what the model expects of the same patients."""

from typing import Any, Unpack

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import draw_observed, estimate_name, lines_at_risk, numbers_at_risk, survival_axes
from bayesctc.plots.look import Look, Style, look_of
from bayesctc.predict.curves import survival_by_assigned
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.usable import COMPARED_RHAT
from bayesctc.time_to_event.product_limit import curves_start

DASHED = (0, (3.5, 1.5))


def plot_survival(
    fit: Fit,
    *,
    ax: Axes | None = None,
    times: ArrayLike | None = None,
    max_rhat: float = COMPARED_RHAT,
    **look: Unpack[Style],
) -> Axes:
    """Kaplan-Meier curves by class from the samples alone, against the model, with numbers at risk.

    Steps are the product-limit estimates of patients in the modal class of P(g | y): survival has no say in the
    grouping. Where events lie between two visits they are Turnbull's estimates, drawn straight over the intervals that
    hold events and of which nothing more is known, and what is counted below are patients known to be free of the
    event. Dashed lines and 95 % bands are what the model expects of the same patients, the mean over them of
    sum_h P(h | y_i) S_h(t | x_i). With delayed entry patients join the risk set at entry, and the first risk sets are
    so small that one event would ruin a product-limit curve: curves then start, at 1, when every class has 10 of its
    patients (or a quarter, if fewer) at risk, and are of survival given being free of the event at that time.

    Parameters
    ----------
    fit : MLFit or BayesFit
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given. Numbers at risk go below it.
    times : array, optional
        Months of the model's curves; 61 from 0 to the longest follow-up unless given. The axis ends with them.
    max_rhat : float
        Largest R-hat of draws that may be compared: a fit with a larger one, or that failed otherwise, is marked.
    **look
        color (of the classes), alpha (of the bands), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The fit has no endpoint, or the times end before the curves start.

    Examples
    --------
    >>> ax = bc.plot_survival(fit)
    >>> ax.get_ylabel()
    'Overall survival'
    """
    style.check_axes(ax)
    need_endpoint(fit, "plot_survival")
    group = fit.class_probabilities_counts.to_numpy().argmax(axis=1)
    packed = fit.packed
    time, event, entry, until = packed.time, packed.event > 0, packed.entry, packed.free_until
    left = until if packed.within.any() else None
    start = curves_start(group, until, entry)
    curves = survival_by_assigned(fit, times, start)
    curves = curves.isel(time=curves["time"].to_numpy() >= start)
    if curves.sizes["time"] == 0:
        raise SpecError(f"times end before {start:.1f} months, when every class has patients enough at risk.")
    labels = [str(label) for label in curves["latent_class"].to_numpy()]
    drawn = look_of(look, colours=style.class_colours(len(labels)), alpha=style.BAND_ALPHA, linewidth=1.5, legend=True)
    months, sizes = curves["time"].to_numpy(), curves["n_patients"].to_numpy()
    ax = style.new_axes(3.5 + 0.13 * lines_at_risk(labels)) if ax is None else ax
    banded = bool(np.isfinite(curves["upper"].to_numpy()[sizes > 0]).all())
    for g, colour in enumerate(drawn.colours):
        if sizes[g] == 0:
            continue
        each, members = curves.isel(latent_class=g), group == g
        if banded:
            ax.fill_between(months, each["lower"], each["upper"], color=colour, alpha=drawn.alpha, linewidth=0)
        ax.plot(months, each["survival_function"], color=colour, linewidth=drawn.linewidth / 1.5, linestyle=DASHED)
        own = None if left is None else left[members]
        line: dict[str, Any] = {"color": colour, "linewidth": drawn.linewidth, "label": style.plain(labels[g])}
        draw_observed(ax, time[members], event[members], entry[members], own, start, **line)
    ticks = survival_axes(ax, float(months.max()))
    _dress(ax, fit, style.class_entries(labels, sizes.tolist()), drawn, banded, left)
    heading = "Number at risk" if left is None else "Known to be free of the event"
    numbers_at_risk(ax, ticks, labels, drawn.colours, group, until, entry, heading)
    _note(ax, banded, left is not None, start, 46.0 + 9.0 * lines_at_risk(labels))
    style.mark_failed(ax, fit, max_rhat)
    return ax


def _note(ax: Axes, banded: bool, turnbull: bool, start: float, below: float) -> None:
    """What a reader has to know of these curves, `below` the axes in points."""
    notes = [] if banded else [f"No {CI_TEXT} bands: the Hessian is not positive definite."]
    if turnbull:
        notes.append("Turnbull's estimate: sloping where it is not known when within the interval events happened.")
    if start > 0:
        notes.append(f"Delayed entry: survival given being free of the event at {start:.1f} months.")
    if notes:
        style.caption(ax, " ".join(notes), below)


def _dress(ax: Axes, fit: Fit, entries: list[str], drawn: Look, banded: bool, left: np.ndarray | None) -> None:
    """Title, axis labels, and a legend of the classes and of what is observed and expected."""
    handles: list[Any] = [style.line_handle(colour) for colour in drawn.colours]
    steps = "steps-post" if left is None else "default"
    handles.append(style.line_handle(style.MUTED, linewidth=1.5, drawstyle=steps))
    expected = style.line_handle(style.MUTED, linewidth=1.0, linestyle=DASHED)
    handles.append((Patch(facecolor=style.MUTED, alpha=0.3, linewidth=0), expected) if banded else expected)
    model = f"model, {CI_TEXT} band" if banded else "model"
    pad = style.legend_above(ax, handles, [*entries, estimate_name(left), model], drawn.legend)
    name = style.ENDPOINTS.get(str(fit.spec.endpoint), f"Survival ({fit.spec.endpoint})")
    title = f"{name} by class ({fit.design.outcome.words.values} alone)"
    style.dress(ax, title, "Months from start of treatment", name, pad=pad)
