"""One patient's values and prognosis, visit by visit."""

import textwrap
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MultipleLocator

from bayesctc.data import Cohort
from bayesctc.data.columns import TIME_TOLERANCE
from bayesctc.data.outcome import CUTOFF
from bayesctc.errors import DataError, SpecError
from bayesctc.plots import style
from bayesctc.plots.look import Look, Style, look_of
from bayesctc.predict.landmark import DEATH
from bayesctc.predict.landmark_survival import predict_survival
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.usable import COMPARED_RHAT

MOST_LANDMARKS = 4
POINTS = 40
PANEL = 1.25  # inches of height
MOST_TICKS = 4  # few, as the panels are low


def plot_prediction(
    fit: Fit,
    cohort: Cohort,
    patient_id: str,
    *,
    axes: Any = None,
    landmarks: Sequence[float] | None = None,
    horizon: float = 24.0,
    max_rhat: float = COMPARED_RHAT,
    **look: Unpack[Style],
) -> np.ndarray:
    """A patient's values up to each landmark, survival from there on, and class probabilities.

    Each row is a landmark. To its left are the values on the outcome's scale (log(1 + count) for counts); to its right
    is the probability of being free of the event, with its 95 % band, given the values so far and being free of the
    event at the landmark. The second column shows P(class) at the landmark. The dashed part of a curve is beyond the
    longest follow-up of the fit. Ticks on the time axis are samples without a value: dark if failed, light if missing.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
    cohort : Cohort
        With the patient, who need not be in the fit.
    patient_id : str
    axes : Axes (n_landmarks, 2), optional
        Where to draw; a new figure 3.5 inches wide unless given. Title and common label go on their figure.
    landmarks, horizon : sequence of float, optional, and float
        Months from the start of treatment (by default the visits before the end of follow-up, four at most, a
        pretreatment sample as month 0), and months after each of them.
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
    **look
        color (of survival, then of each class), alpha (of its band), linewidth: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (n_landmarks, 2)
        Values with survival, and class probabilities. The axes of survival are the twins of the first ones.

    Raises
    ------
    SpecError
        The fit has no endpoint, horizon or landmarks are not months, or `axes` are other than 2 for each landmark.
    DataError
        The patient is not in the cohort, has no visit to predict from, or as `predict_survival`.

    Examples
    --------
    >>> axes = bc.plot_prediction(fit, cohort.select(["P0005"]), "P0005", landmarks=[3, 6])
    """
    need_endpoint(fit, "plot_prediction")
    if isinstance(horizon, bool) or not isinstance(horizon, int | float | np.number) or not 0 < horizon < np.inf:
        raise SpecError(f"horizon has to be a number of months above 0; found {horizon!r}.")
    one = cohort.select([patient_id])
    months = _visits(one, str(fit.spec.endpoint)) if landmarks is None else np.atleast_1d(landmarks)
    ahead = np.linspace(0.0, horizon, POINTS)[1:].tolist()
    predictions = [predict_survival(fit, one, landmark, ahead) for landmark in months.tolist()]
    outcome, without = fit.design.outcome, one.failed_samples
    samples = one.samples.assign(per=lambda s: outcome.at_reference(s[outcome.column], outcome.exposure(s)))
    first, last = style.first_month(0.0, pd.concat([samples["time"], without["time"]])), float(max(months)) + horizon
    drawn = look_of(look, colours=_colours(fit), alpha=style.BAND_ALPHA, linewidth=1.5)
    wanted, height = f"2 Axes for each of {len(months)} landmarks", 0.85 + PANEL * len(months)
    panels = style.panels(axes, (len(months), 2), wanted, height, style.WIDTH, width_ratios=[5.2, 1.0])
    for row, (ax, bars) in enumerate(panels):
        _value_axis(ax, samples["per"], fit)
        _draw_samples(ax, samples, float(months[row]))
        style.ticks_without_value(ax, without[without["time"] <= months[row] + TIME_TOLERANCE])
        twin = _draw_survival(ax, predictions[row], drawn)
        if row == 0:
            style.mark_failed(twin, fit, max_rhat)
        ax.set_xlim(first - 0.3, last)
        ax.set_xticks(style.month_ticks(last))
        _draw_classes(bars, predictions[row], drawn.colours[1:], row == 0)
        for each in (ax, bars, twin):
            each.tick_params(labelbottom=row == len(panels) - 1)
    panels[-1, 0].set_xlabel("Months from start of treatment", fontsize=style.TEXT, color=style.INK)
    ticks = bool((without["time"] <= max(months) + TIME_TOLERANCE).any())
    _say_what_it_is(panels[0, 0].figure, fit, patient_id, "line" if "color" in look else "blue", ticks)
    return panels


def _colours(fit: Fit) -> tuple[str, ...]:
    """Of survival, and of each class."""
    return (style.BLUE, *style.class_colours(fit.spec.n_classes))


def _say_what_it_is(figure: FigureBase, fit: Fit, patient_id: str, of_survival: str, ticks: bool) -> None:
    """Title and common label of the panels."""
    words = fit.design.outcome.words
    figure.supylabel(style.plain(words.axis), fontsize=style.TEXT, color=style.INK)
    name = style.ENDPOINTS.get(str(fit.spec.endpoint), f"Survival ({fit.spec.endpoint})")
    title = f"Patient {patient_id}: {words.values} (black) and prognosis"
    what = f"{of_survival}: {name.lower()}, {CI_TEXT} band" + ";\nticks: samples without a value" * ticks
    figure.suptitle(
        style.plain(f"{title}\n({what})"),
        x=0.02,
        ha="left",
        fontsize=style.TEXT,
        fontweight="bold",
        color=style.INK,
    )


def _visits(one: Cohort, endpoint: str) -> np.ndarray:
    """Months of at most four of a patient's visits, before the end of follow-up."""
    patient = one.patients.iloc[0]
    times = np.unique(np.maximum(one.samples["time"].to_numpy(), 0.0))
    ends = [float(patient[f"{name}_time"]) for name in (endpoint, DEATH) if name in one.endpoints]
    times = times[times < min(ends, default=np.inf)]
    if len(times) == 0:
        raise DataError(
            f"patient {one.patients.index[0]!r} has no sample before the end of their follow-up to predict from"
        )
    chosen: np.ndarray = times[style.evenly(range(len(times)), MOST_LANDMARKS)]
    return chosen


def _draw_samples(ax: Axes, samples: pd.DataFrame, landmark: float) -> None:
    """Samples that are known at the landmark, and the landmark."""
    known = samples[samples["time"] <= landmark + 1e-6]
    ax.plot(known["time"], known["per"], "o-", color=style.BLACK, markersize=3.0, linewidth=0.9)
    ax.axvline(landmark, color=style.MUTED, linewidth=0.8)
    style.dress(ax, "", "", "")
    title = {"fontsize": style.SMALL, "fontweight": "normal", "color": style.INK}
    ax.set_title(f"landmark: {landmark:.1f} months", title, loc="left", x=0.0, pad=2.0)


def _value_axis(ax: Axes, values: pd.Series, fit: Fit) -> None:
    """The axis of a patient's values: with the cut-off if there is one, otherwise with the range of other patients."""
    outcome, low, high = fit.design.outcome, float(values.min()), float(values.max())
    if CUTOFF in outcome.answers:
        high = max(20.0, 1.6 * high)
        ax.axhline(POSITIVE_COUNT, color=style.MUTED, linewidth=0.6, linestyle=(0, (1.0, 2.0)), zorder=0)
    else:
        samples = fit.cohort.samples
        ends = outcome.forward([low, high], outcome.reference)
        everybody = outcome.forward(samples[outcome.column], outcome.exposure(samples))
        room = max(0.15 * float(np.ptp(ends)), 0.5 * float(np.std(everybody)))
        low, high = outcome.within(outcome.inverse(ends + room * np.array([-1.0, 1.0]))).tolist()
    style.value_axis(ax, outcome, low, high, MOST_TICKS)


def _draw_survival(ax: Axes, prediction: xr.Dataset, drawn: Look) -> Axes:
    """Survival from the landmark on with its band, on a separate axis at the right."""
    twin, colour, width = ax.twinx(), drawn.colours[0], drawn.linewidth
    landmark, one = prediction.attrs["landmark"], prediction.isel(patient=0)
    months = landmark + np.concatenate([[0.0], one["horizon"].to_numpy()])
    middle, lower, upper = (
        np.concatenate([[1.0], one[name].to_numpy()]) for name in ("survival_function", "lower", "upper")
    )
    if np.isfinite(lower).all():
        twin.fill_between(months, lower, upper, color=colour, alpha=drawn.alpha, linewidth=0)
    inside = int(np.sum(~one["extrapolated"].to_numpy())) + 1
    twin.plot(months[:inside], middle[:inside], color=colour, linewidth=width)
    twin.plot(months[inside - 1 :], middle[inside - 1 :], color=colour, linewidth=width, linestyle=(0, (3.0, 1.5)))
    twin.set_ylim(0.0, 1.05)
    twin.yaxis.set_major_locator(MultipleLocator(0.5))
    twin.tick_params(labelsize=style.SMALL, color=colour, labelcolor=style.text_colour(colour), width=0.6, length=2.5)
    for side, spine in twin.spines.items():
        spine.set_visible(side == "right")
        spine.set_linewidth(0.6)
        spine.set_color(colour)
    return twin


def _draw_classes(ax: Axes, prediction: xr.Dataset, colours: Sequence[str], titled: bool) -> None:
    """Class probabilities as bars."""
    values = prediction["class_probability"].isel(patient=0).to_numpy()
    labels = [str(label) for label in prediction["latent_class"].to_numpy()]
    places = np.arange(len(labels))
    ax.barh(places, values, color=colours, height=0.75, alpha=0.55)
    for place, label, value in zip(places, labels, values, strict=True):
        ax.annotate(
            style.plain(textwrap.fill(f"{label} {value:.2f}", 16)),
            (0.0, place),
            xytext=(1.5, 0.0),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL - 2.0,
            color=style.INK,
            annotation_clip=False,
        )
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(-0.6, len(labels) - 0.4)
    ax.set_yticks([])
    ax.set_xticks([0.0, 1.0])
    ax.tick_params(labelsize=style.SMALL - 1.0, colors=style.INK, width=0.6, length=2.0)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
    if titled:
        ax.set_title("P(class)", loc="left", fontsize=style.SMALL, color=style.INK, pad=2.0)
