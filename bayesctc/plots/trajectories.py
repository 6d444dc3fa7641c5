"""Values over time: the median of each class, and the samples."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Unpack

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from bayesctc.data.outcome import CUTOFF
from bayesctc.design.formulas import level_text
from bayesctc.plots import style
from bayesctc.plots.look import Style, look_of
from bayesctc.predict.trajectories import BACKED, POSITIVE_COUNT, class_reach, class_trajectories
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.usable import COMPARED_RHAT

MAX_PATIENTS = 200  # more lines than this hide each other


def plot_trajectories(
    fit: Fit,
    *,
    ax: Axes | None = None,
    months: ArrayLike | None = None,
    show_samples: bool = True,
    max_rhat: float = COMPARED_RHAT,
    at: Mapping[str, object] | None = None,
    **look: Unpack[Style],
) -> Axes:
    """Median of each class over time with its 95 % band, on the outcome's scale (log(1 + count) for counts).

    Patients' samples are thin lines in the colour of their most probable class by P(g | y, T). At most 200 patients are
    drawn, taken evenly from the classes. The axis begins on day 0, or with their first sample if that is earlier. Ticks
    on the time axis are their samples that failed (dark) or are missing (light). Later than 95 % of the samples of its
    patients, the curve of a class is extrapolated: it continues as a dotted line without a band and does not affect the
    scale.

    Parameters
    ----------
    fit : MLFit or BayesFit
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    months : array, optional
        Times of the curves; see `class_trajectories`.
    show_samples : bool
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
    at : mapping, optional
        Values of covariates of the growth curve, such as ``{"arm": "B"}``, at which the curves are drawn; see
        `class_trajectories`. For factors, only samples with these values are drawn and their patients counted.
    **look
        color (of the classes), alpha (of the bands), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The family has no median here, or an argument is of another kind.

    Examples
    --------
    >>> ax = bc.plot_trajectories(fit, color=["tab:blue", "tab:red"])
    >>> ax.get_xlabel()
    'Months from start of treatment'
    """
    style.check_axes(ax)
    curves = class_trajectories(fit, months, at=at)
    return draw_trajectories(fit, curves, ax, show_samples=show_samples, max_rhat=max_rhat, look=look, at=at)


def draw_trajectories(
    fit: Fit,
    curves: xr.Dataset,
    ax: Axes | None,
    *,
    max_rhat: float,
    show_samples: bool = True,
    look: Style | None = None,
    at: Mapping[str, object] | None = None,
) -> Axes:
    """`plot_trajectories` of given curves, as `class_trajectories` returns them."""
    outcome = fit.design.outcome
    middle, *limits = outcome.median_columns
    labels = [str(label) for label in curves["latent_class"].to_numpy()]
    drawn = look_of(look or {}, colours=style.class_colours(len(labels)), alpha=0.3, linewidth=1.8, legend=True)
    ax = style.new_axes(3.4) if ax is None else ax
    times = curves["time"].to_numpy()
    codes = fit.assignment["latent_class"].cat.codes.to_numpy()
    banded = bool(np.isfinite(curves[limits[1]]).all())
    samples = _samples(fit, codes, at or {})
    of = np.flatnonzero(fit.class_probabilities.index.isin(samples["patient_id"])) if at else np.arange(len(codes))
    backed = times[:, None] <= _reach(fit, times)
    lowest, highest = (curves[name].to_numpy() for name in (limits if banded else (middle, middle)))
    low = float(np.min(lowest, where=backed.T, initial=np.inf))
    top = float(np.max(highest, where=backed.T, initial=-np.inf))
    notes, start = [], style.first_month(float(times.min()), [])
    if show_samples:
        shown = style.evenly(of[np.argsort(codes[of], kind="stable")], MAX_PATIENTS)
        ids = fit.class_probabilities.index[shown]
        seen, without = samples[samples["patient_id"].isin(ids)], without_value(fit, ids)
        start = style.first_month(start, pd.concat([seen["time"], without["time"]]))
        _draw_samples(ax, seen, drawn.colours)
        values = seen["per"][seen["time"].between(start, times.max())]
        low, top = min(low, float(values.min())), max(top, float(values.max()))
        notes.append(_who(len(shown), len(of)))
        without = without[without["time"].between(start, times.max())]
        style.ticks_without_value(ax, without)
        if len(without):
            notes.append("Ticks: their samples without a value (dark: failed; light: missing).")
    for g, colour in enumerate(drawn.colours):
        each = curves.isel(latent_class=g)
        median, within = each[middle].to_numpy(), backed[:, g]
        if banded:
            lower, upper = (each[limit].to_numpy()[within] for limit in limits)
            ax.fill_between(times[within], lower, upper, color=colour, alpha=drawn.alpha, linewidth=0, zorder=3)
        ax.plot(times[within], median[within], color="white", linewidth=drawn.linewidth + 1.2, zorder=4)
        ax.plot(
            times[within],
            median[within],
            color=colour,
            linewidth=drawn.linewidth,
            zorder=5,
            label=style.plain(labels[g]),
        )
        if not within.all():
            ax.plot(
                times[~within], median[~within], color=colour, linewidth=drawn.linewidth / 1.5, linestyle=":", zorder=4
            )
    notes += _what_is_drawn(backed, banded)
    if fit.spec.endpoint is not None and len(labels) > 1:
        notes.append(f"Classes: {style.n_by(outcome.words, survival=True)}.")
    if CUTOFF in outcome.answers:
        top = max(1.3 * top, 12.0)
        _draw_cutoff(ax)
    style.value_axis(ax, outcome, low, top)
    ax.set_xlim(start, max(times.max(), times.min() + 0.1))
    ax.set_xticks(style.month_ticks(times.max()))
    handles: list[Artist] = [style.line_handle(colour) for colour in drawn.colours]
    entries = style.class_entries(labels, [int(np.sum(codes[of] == g)) for g in range(len(labels))])
    if banded:
        handles.append(Patch(facecolor=style.MUTED, alpha=0.3, linewidth=0))
        entries.append(f"{CI_TEXT} band of the median")
    pad = style.legend_above(ax, handles, entries, drawn.legend)
    title = f"{outcome.words.full_value} over time: median of each class"
    title += "".join(f", {name} = {value}" for name, value in (at or {}).items())
    style.dress(ax, title, "Months from start of treatment", outcome.words.axis, pad=pad)
    if notes:
        style.caption(ax, " ".join(notes))
    style.mark_failed(ax, fit, max_rhat)
    return ax


def _who(shown: int, n: int) -> str:
    """Whose samples are drawn."""
    return f"Thin lines: the {n} patients." if shown == n else f"Thin lines: {shown} of {n} patients, chosen evenly."


def _what_is_drawn(backed: np.ndarray, banded: bool) -> Iterator[str]:
    """Notes on the curves."""
    if not backed.all():
        yield f"Dotted: later than {100 * BACKED:g} % of the class's samples."
    if not banded:
        yield f"No {CI_TEXT} bands: the Hessian is not positive definite."


def _draw_cutoff(ax: Axes) -> None:
    """The count from which a sample is positive."""
    ax.axhline(POSITIVE_COUNT, color=style.INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=2)
    ax.annotate(
        "CTC+ cut-off: 5",
        (1.0, POSITIVE_COUNT),
        xycoords=("axes fraction", "data"),
        xytext=(-2, -2),
        ha="right",
        va="top",
        textcoords="offset points",
        fontsize=style.SMALL - 0.5,
        color=style.INK,
        zorder=6,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
    )


def _samples(fit: Fit, codes: np.ndarray, at: Mapping[str, object]) -> pd.DataFrame:
    """Samples in the analysis, with these values of factors.

    patient_id, time, per (values at the reference exposure), code (the patient's class).
    """
    samples = fit.cohort.samples
    if fit.spec.endpoint is not None:
        samples = fit.cohort.endpoint(fit.spec.endpoint, require_events=False).samples
    for parts in (fit.design.longitudinal, fit.design.longitudinal_by_class):
        for column in parts.levels.keys() & at.keys():
            found = fit.design.curve_table(samples, fit.cohort.patients)[column].astype(object).map(level_text)
            samples = samples[(found == level_text(at[column])).to_numpy()]
    class_of = dict(zip(fit.class_probabilities.index, codes, strict=True))
    outcome = fit.design.outcome
    per = outcome.at_reference(samples[outcome.column], outcome.exposure(samples))
    return samples[["patient_id", "time"]].assign(per=per, code=samples["patient_id"].map(class_of))


def without_value(fit: Fit, patient_ids: Iterable[str]) -> pd.DataFrame:
    """Samples in the analysis of these patients that failed or are missing."""
    failed = fit.cohort.failed_samples
    if fit.spec.endpoint is not None and len(failed):
        failed = fit.cohort.endpoint(fit.spec.endpoint, require_events=False).failed_samples
    return failed[failed["patient_id"].isin(list(patient_ids))]


def _reach(fit: Fit, times: np.ndarray) -> np.ndarray:
    """The month by which 95 % of each class's samples were taken; infinite if that is near the last time."""
    reach = class_reach(fit)
    return np.where((times.min() < reach) & (reach < times.max() - 0.1 * np.ptp(times)), reach, np.inf)


def _draw_samples(ax: Axes, samples: pd.DataFrame, colours: Sequence[str]) -> None:
    """A thin line per patient, a dot where there is one sample."""
    for g, colour in enumerate(colours):
        own = samples[samples["code"] == g]
        points = [each.to_numpy() for _, each in own.groupby("patient_id", sort=False)[["time", "per"]]]
        lines = [each for each in points if len(each) > 1]
        single = np.array([each[0] for each in points if len(each) == 1]).reshape(-1, 2)
        ax.add_collection(LineCollection(lines, colors=colour, linewidths=0.45, alpha=0.28, zorder=1), autolim=False)
        if len(single):
            ax.plot(*single.T, ".", color=colour, markersize=2, alpha=0.5, zorder=1)
