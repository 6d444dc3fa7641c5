"""Competing events by class: the cumulative incidence of each."""

from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import survival_axes
from bayesctc.plots.look import Style, look_of
from bayesctc.predict.incidence import cumulative_incidence, need_causes
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.usable import COMPARED_RHAT


def plot_cumulative_incidence(
    fit: Fit,
    *,
    axes: Any = None,
    times: ArrayLike | None = None,
    max_rhat: float = COMPARED_RHAT,
    **look: Unpack[Style],
) -> np.ndarray:
    """Cumulative incidence by class, a panel for each competing event, with 95 % bands.

    The probability of each event in the presence of the others, standardised to the cohort; see
    `cumulative_incidence`. A class with less than one expected event of a cause is drawn as a dotted line without a
    band, because its hazard is not estimable.

    Parameters
    ----------
    fit : MLFit or BayesFit
        Of an endpoint with `causes`.
    axes : sequence of Axes, optional
        One for each cause; a new figure, 3.5 inches for each panel, unless given.
    times : array, optional
        Months of the curves; 61 from 0 to the longest follow-up unless given. The axis ends with them.
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
    **look
        color (of the classes), alpha (of the bands), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (n_causes,)

    Raises
    ------
    SpecError
        The fit has one event or none, or `axes` does not hold one Axes for each cause.

    Examples
    --------
    >>> samples, patients = bc.generate_trial(7)
    >>> patients["ttf_event"] *= 1 + (patients["ttf_time"] < patients["pfs_time"])
    >>> treated = bc.Cohort(samples, patients, causes={"ttf": ("progression", "other")}).include(min_samples=3)
    >>> axes = bc.plot_cumulative_incidence(bc.fit_ml(treated, bc.ModelSpec(2, endpoint="ttf"), progress=False))
    """
    need_causes(fit, "plot_cumulative_incidence")
    causes = fit.design.causes
    curves = cumulative_incidence(fit, times)
    labels = [str(label) for label in curves["latent_class"].to_numpy()]
    drawn = look_of(look, colours=style.class_colours(len(labels)), alpha=style.BAND_ALPHA, linewidth=1.6, legend=True)
    wanted = f"one Axes for each of {', '.join(causes)}"
    panels = style.panels(axes, (len(causes),), wanted, 3.4, len(causes) * style.WIDTH)
    months = curves["time"].to_numpy()
    for c, (ax, cause) in enumerate(zip(panels, causes, strict=True)):
        for g, colour in enumerate(drawn.colours):
            each, silent = curves.isel(cause=c, latent_class=g), (c, g) in fit.not_estimable
            if not silent and np.isfinite(each["upper"]).all():
                ax.fill_between(months, each["lower"], each["upper"], color=colour, alpha=drawn.alpha, linewidth=0)
            ax.plot(
                months,
                each["cumulative_incidence"],
                color=colour,
                linewidth=drawn.linewidth,
                linestyle=":" if silent else "-",
                label=style.plain(labels[g]),
            )
        survival_axes(ax, float(months.max()))
        events = curves["expected_events"].to_numpy()[c]
        handles = [
            style.line_handle(colour, linestyle=":" if (c, g) in fit.not_estimable else "-")
            for g, colour in enumerate(drawn.colours)
        ]
        entries = [f"{label}, {n:.{0 if n >= 10 else 1}f} events" for label, n in zip(labels, events, strict=True)]
        pad = style.legend_above(ax, handles, entries, drawn.legend)
        title = f"{cause.capitalize().replace('_', ' ')} ({fit.spec.endpoint}): {events.sum():.0f} events"
        style.dress(ax, title, "Months from start of treatment", "Cumulative incidence", pad=pad)
        style.mark_failed(ax, fit, max_rhat)
    banded = np.isfinite(curves["upper"]).all()
    band = f"{CI_TEXT} bands" if banded else "no bands, the Hessian is not positive definite"
    dotted = " Dotted: not estimable, too few events." if fit.not_estimable else ""
    style.caption(panels[0], f"{fit.n_patients} patients; {band}. Events weighted by class probability.{dotted}")
    return panels
