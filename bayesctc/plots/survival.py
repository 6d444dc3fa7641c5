"""Survival by class: what was observed, and what the model expects of the same patients."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from statsmodels.duration.survfunc import SurvfuncRight

from bayesctc.errors import SpecError
from bayesctc.model.shape import ENTRY, EVENT, TIME
from bayesctc.plots import style
from bayesctc.predict.curves import Fit, survival_by_assigned
from bayesctc.results.classified import need_endpoint

ENOUGH_AT_RISK = 10
DASHED = (0, (3.5, 1.5))


def plot_survival(fit: Fit, ax: Axes | None = None, times=None) -> Axes:
    """Kaplan-Meier curves by class from the counts alone, against the model, with numbers at risk.

    Steps are the product-limit estimates of patients in the modal class of P(g | y): survival has no say in the
    grouping. Dashed lines and 95 % bands are what the model expects of the same patients, the mean over them of
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

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The fit has no endpoint, or the times end before the curves start.
    """
    style.check_axes(ax)
    need_endpoint(fit, "plot_survival")
    group = fit.class_probabilities_counts.to_numpy().argmax(axis=1)
    time, event, entry = (fit.packed.row(row) for row in (TIME, EVENT, ENTRY))
    start = curves_start(group, time, entry)
    curves = survival_by_assigned(fit, times, start)
    curves = curves.isel(time=curves["time"].to_numpy() >= start)
    if curves.sizes["time"] == 0:
        raise SpecError(f"times end before {start:.1f} months, when every class has patients enough at risk.")
    labels = [str(label) for label in curves["latent_class"].to_numpy()]
    colours = style.class_colours(len(labels))
    months, sizes = curves["time"].to_numpy(), curves["n_patients"].to_numpy()
    ax = style.new_axes(3.5 + 0.13 * len(labels)) if ax is None else ax
    banded = bool(np.isfinite(curves["upper"].to_numpy()[sizes > 0]).all())
    last = float(months.max())
    for g, colour in enumerate(colours):
        if sizes[g] == 0:
            continue
        each, members = curves.isel(latent_class=g), group == g
        if banded:
            ax.fill_between(months, each["lower"], each["upper"], color=colour, alpha=style.BAND_ALPHA, linewidth=0)
        ax.plot(months, each["survival_function"], color=colour, linewidth=1.0, linestyle=DASHED)
        observed = kaplan_meier(time[members], event[members], np.maximum(entry[members], start), start)
        ax.step(observed.index, observed, where="post", color=colour, linewidth=1.5, label=labels[g])
    ticks = style.month_ticks(last)
    ax.set_xlim(0.0, last)
    ax.set_ylim(0.0, 1.02)
    ax.set_xticks(ticks)
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    handles: list = [style.line_handle(colour) for colour in colours]
    handles.append(style.line_handle(style.MUTED, linewidth=1.5, drawstyle="steps-post"))
    handles.append((Patch(facecolor=style.MUTED, alpha=0.3, linewidth=0),
                    style.line_handle(style.MUTED, linewidth=1.0, linestyle=DASHED)) if banded
                   else style.line_handle(style.MUTED, linewidth=1.0, linestyle=DASHED))  # fmt: skip
    entries = [*style.class_entries(labels, sizes.tolist()), "Kaplan–Meier", "model, 95 % band" if banded else "model"]
    pad = style.legend_above(ax, handles, entries)
    name = style.ENDPOINTS.get(str(fit.spec.endpoint), f"Survival ({fit.spec.endpoint})")
    style.dress(ax, f"{name} by class (counts alone)", "Months from start of treatment", name, pad=pad)
    _numbers_at_risk(ax, ticks, labels, colours, group, time, entry)
    notes = [] if banded else ["No 95 % bands: the Hessian is not positive definite."]
    if start > 0:
        notes.append(f"Delayed entry: survival given being free of the event at {start:.1f} months.")
    if notes:
        style.caption(ax, " ".join(notes), 46.0 + 9.0 * len(labels))
    return ax


def curves_start(group, time, entry) -> float:
    """Months at which every class first has 10 patients (or a quarter of its own) at risk; 0 without delayed entry."""
    if not (entry > 0).any():
        return 0.0
    starts = []
    for g in np.unique(group):
        entries, ends = np.sort(entry[group == g]), np.sort(time[group == g])
        at_risk_after = np.arange(1, len(entries) + 1) - np.searchsorted(ends, entries, side="right")
        enough = at_risk_after >= min(ENOUGH_AT_RISK, np.ceil(len(entries) / 4))
        starts.append(entries[enough.argmax()] if enough.any() else 0.0)
    return float(max(starts))


def kaplan_meier(time, event, entry, start: float = 0.0) -> pd.Series:
    """Product-limit estimate with delayed entry, from 1 at `start` to the last follow-up.

    Parameters
    ----------
    time, event, entry : arrays (n_patients,)
        Months, 1 = event, months. Whose follow-up ends at entry is never at risk.

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


def at_risk(time, entry, months) -> int:
    """Patients under observation just before `months`: entered before (at 0, from the start) and not yet gone."""
    return int(np.sum((time >= months) & ((entry < months) | (entry == 0.0))))


def _numbers_at_risk(ax, ticks, labels, colours, group, time, entry):
    """A table under the axis, its columns at the ticks."""
    options = {"textcoords": "offset points", "fontsize": style.SMALL - 0.5, "va": "top", "annotation_clip": False}
    top = -31.0
    ax.annotate("Number at risk", (0.0, 0.0), xytext=(0, top), xycoords="axes fraction", ha="left",
                color=style.INK, **options)  # fmt: skip
    for g, (label, colour) in enumerate(zip(labels, colours, strict=True)):
        y = top - 10.0 - 9.0 * g
        ax.annotate(label, (0.0, 0.0), xytext=(-12, y), xycoords="axes fraction", ha="right", color=colour,
                    fontweight="bold", **options)  # fmt: skip
        for tick in ticks:
            number = at_risk(time[group == g], entry[group == g], tick)
            ax.annotate(str(number), (tick, 0.0), xytext=(0, y), xycoords=("data", "axes fraction"), ha="center",
                        color=style.INK, **options)  # fmt: skip
