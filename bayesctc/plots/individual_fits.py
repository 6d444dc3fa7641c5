"""Single patients: their samples and fitted curves."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import ArrayLike

from bayesctc.plots import style
from bayesctc.plots.look import Look, Style, look_of
from bayesctc.plots.trajectories import without_value
from bayesctc.predict.individual import individual_trajectories
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.usable import COMPARED_RHAT

IN_A_ROW = 4
PANEL = (1.75, 1.45)  # inches, wide and high
MOST_TICKS = 5
CLASS = "; above each the most probable class (probability)"
LEAST = 2.9  # inches of height
NAME = 30  # characters of a panel's title
INCH = 15  # characters of the picture's title


def plot_individual_fits(
    fit: Fit,
    patients: Sequence[str] | None = None,
    *,
    axes: Any = None,
    months: ArrayLike | None = None,
    at: Mapping[str, object] | None = None,
    random_seed: int = 0,
    max_rhat: float = COMPARED_RHAT,
    **look: Unpack[Style],
) -> np.ndarray:
    """Samples of single patients with the fitted curve of each, a panel for each patient.

    Points are the samples, at the reference exposure; ticks on the time axis are samples that failed (dark) or are
    missing (light). The line is the median of the patient's curve over the uncertainty of class and random effects,
    with its 95 % band, in the colour of the most probable class; see `individual_trajectories`. It is dashed beyond
    the patient's last sample. A vertical line is the end of follow-up: solid for an event, dotted if censored. If it
    is beyond the axis, it is drawn at the right edge.

    Parameters
    ----------
    fit : MLFit or BayesFit
        Or `Applied`, for other patients.
    patients : sequence of str, optional
        Identifiers; unless given, the first 12 in the cohort's order, so that they are not a selection.
    axes : Axes, optional
        One for each patient; a new figure, four in a row, unless given. Title and common labels go on their figure.
    months : array, optional
        Months of the curves, with which the axis ends; unless given, from the first to the last sample of these
        patients, and the axis extends to those that failed or are missing.
    at : mapping, optional
        As in `individual_trajectories`.
    random_seed : int
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
    **look
        color (of the classes), alpha (of the bands), linewidth: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (n_patients,)

    Raises
    ------
    SpecError
        As `individual_trajectories`, or `axes` does not hold one for each patient.

    Examples
    --------
    >>> axes = bc.plot_individual_fits(fit, ["P0005", "P0007"])
    >>> len(axes)
    2
    """
    curves = individual_trajectories(fit, patients, months, at=at, random_seed=random_seed)
    ids = [str(each) for each in curves["patient"].to_numpy()]
    drawn = look_of(look, colours=style.class_colours(fit.spec.n_classes), alpha=0.25, linewidth=1.3)
    panels = _panels(axes, len(ids))
    outcome, (samples, table) = fit.design.outcome, fit.analysis.tables()
    samples = samples.assign(per=outcome.at_reference(samples[outcome.column], outcome.exposure(samples)))
    samples, failed = samples[samples["patient_id"].isin(ids)], without_value(fit, ids)
    times, modal = curves["time"].to_numpy(), fit.assignment["latent_class"].cat.codes
    first, last = _ends(times, samples["time"], failed["time"], months is None)
    seen, failed = (each[each["time"].between(first, last)] for each in (samples, failed))
    values = np.concatenate([curves["lower"].to_numpy().ravel(), curves["upper"].to_numpy().ravel(), seen["per"]])
    for ax, patient_id in zip(panels, ids, strict=True):
        own, colour = samples[samples["patient_id"] == patient_id], drawn.colours[modal[patient_id]]
        _draw(ax, curves.sel(patient=patient_id), own, colour, drawn)
        style.ticks_without_value(ax, failed[failed["patient_id"] == patient_id])
        if fit.spec.endpoint is not None:
            end, event = table.loc[patient_id, ["_time", "_event"]].to_numpy(dtype=float)
            _end(ax, float(end), bool(event > 0), last)
        style.value_axis(ax, outcome, values.min(), 1.1 * values.max(), MOST_TICKS)
        style.dress(ax, "", "", "")
        _title(ax, f"{patient_id}: {_class_of(fit, patient_id)}", colour)
        ax.set_xlim(first - 0.02 * np.ptp(times), last)
        ax.set_xticks(style.month_ticks(last))
    _label(panels[0].figure, fit, len(ids), patients is None)
    style.mark_failed(panels[0], fit, max_rhat)
    return panels


def _panels(axes: Any, n: int) -> np.ndarray:
    """Axes for n patients: those that were given, or of a new figure, four in a row."""
    if axes is not None:
        return style.panels(axes, (n,), f"one Axes for each of {n} patients", 0.0, 0.0)
    columns = min(n, IN_A_ROW)
    rows = math.ceil(n / columns)
    size = max(columns * PANEL[0], style.WIDTH), max(0.8 + rows * PANEL[1], LEAST)
    grid = style.panels(None, (rows, columns), "", size[1], size[0], sharex=True, sharey=True).ravel()
    for ax in grid[n:]:
        ax.remove()
    for ax in grid[max(n - columns, 0) : n]:
        ax.tick_params(labelbottom=True)
    return grid[:n]


def _ends(times: np.ndarray, taken: pd.Series, failed: pd.Series, whole: bool) -> tuple[float, float]:
    """Where the time axis begins and ends: with the curves, or if `whole` with the last sample that failed."""
    return style.first_month(times.min(), [*taken, *failed]), float(max([times.max(), *(failed if whole else ())]))


def _draw(ax: Axes, curve: xr.Dataset, own: pd.DataFrame, colour: str, drawn: Look) -> None:
    """A patient's samples and curve, dashed beyond the last sample."""
    times, median = curve["time"].to_numpy(), curve["median"].to_numpy()
    ax.fill_between(times, curve["lower"], curve["upper"], color=colour, alpha=drawn.alpha, linewidth=0)
    for part, dashes in ((times <= own["time"].max(), "-"), (times >= own["time"].max(), (0, (3.0, 1.5)))):
        ax.plot(times[part], median[part], color=colour, linewidth=drawn.linewidth, linestyle=dashes)
    ax.plot(own["time"], own["per"], "o", color=style.INK, markersize=2.8, markeredgewidth=0, zorder=4)


def _end(ax: Axes, time: float, happened: bool, last: float) -> None:
    """The end of a patient's follow-up."""
    if time <= last:
        ax.axvline(time, color=style.INK, linewidth=0.9, linestyle="-" if happened else ":", zorder=3)
        return
    ax.text(
        0.98,
        0.97,
        f"{'event' if happened else 'censored'} {time:.1f} \N{RIGHTWARDS ARROW}",
        transform=ax.transAxes,
        ha="right",
        va="top",
        fontsize=style.SMALL - 1.0,
        color=style.MUTED,
    )


def _class_of(fit: Fit, patient_id: str) -> str:
    """The most probable class of a patient with its probability."""
    probabilities = fit.class_probabilities.loc[patient_id]
    return f"{probabilities.idxmax()} ({probabilities.max():.2f})"


def _title(ax: Axes, text: str, colour: str) -> None:
    """A line or two above a panel, in the colour of the class."""
    font: dict[str, Any] = {"fontsize": style.SMALL, "fontweight": "normal", "color": style.text_colour(colour)}
    ax.set_title(style.plain(textwrap.fill(text, NAME)), font, loc="left", pad=2.0)


def _label(figure: FigureBase, fit: Fit, n: int, first: bool) -> None:
    """Title and common labels."""
    words, who = fit.design.outcome.words, f"{n} of {fit.n_patients} patients"
    who += ", the first in the cohort's order" if first and n < fit.n_patients else ""
    title = f"{words.full_value} of single patients, curves with {CI_TEXT} bands"
    end = "" if fit.spec.endpoint is None else f"; vertical line: {fit.spec.endpoint} event (dotted: censored)"
    wide = int(INCH * figure.get_figure(root=True).get_figwidth())
    figure.suptitle(
        style.plain("\n".join(textwrap.fill(line, wide) for line in (title, who + CLASS + end))),
        x=0.01,
        ha="left",
        fontsize=style.TEXT,
        fontweight="bold",
        color=style.INK,
    )
    figure.supxlabel("Months from start of treatment", fontsize=style.TEXT, color=style.INK)
    figure.supylabel(style.plain(words.axis), fontsize=style.TEXT, color=style.INK)
