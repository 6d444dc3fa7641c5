"""Survival by class: observed, and predicted by the model for the same patients."""

from typing import Unpack

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import lines_at_risk
from bayesctc.plots.look import Style, look_of
from bayesctc.plots.survival_of_groups import draw_groups, endpoint_name, months_drawn
from bayesctc.predict.survival_of_groups import survival_by_assigned
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.results.usable import COMPARED_RHAT
from bayesctc.time_to_event.product_limit import curves_start


def plot_survival(
    fit: Fit,
    *,
    ax: Axes | None = None,
    times: ArrayLike | None = None,
    max_rhat: float = COMPARED_RHAT,
    **look: Unpack[Style],
) -> Axes:
    """Kaplan-Meier curves by class from the samples alone, compared with the model, with numbers at risk.

    Steps are the product-limit estimates of patients grouped by their modal class of P(g | y), so the grouping does
    not depend on survival. If events lie between two visits, Turnbull's estimate is drawn instead, sloping over
    intervals within which the time of events is not known, and the numbers below are patients known to be free of the
    event. Dashed lines and 95 % bands are the model's prediction for the same patients, the mean over them of
    sum_h P(h | y_i) S_h(t | x_i). With delayed entry patients join the risk set at entry, and the first risk sets are
    so small that a single event would distort a product-limit curve. Curves then start, at 1, once every class has 10
    of its patients (or a quarter, if fewer) at risk, and show survival given being free of the event at that time.

    Parameters
    ----------
    fit : MLFit or BayesFit
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given. Numbers at risk go below it.
    times : array, optional
        Months of the model's curves; 61 from 0 to the longest follow-up unless given. The axis ends with them.
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
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
    group, packed = fit.class_probabilities_counts.to_numpy().argmax(axis=1), fit.packed
    start = curves_start(group, packed.free_until, packed.entry)
    months = months_drawn(fit, times, start, "class")
    curves = survival_by_assigned(fit, months, start)
    labels = [str(label) for label in curves["latent_class"].to_numpy()]
    drawn = look_of(look, colours=style.class_colours(len(labels)), alpha=style.BAND_ALPHA, linewidth=1.5, legend=True)
    ax = style.new_axes(3.5 + 0.13 * lines_at_risk(labels)) if ax is None else ax
    expected = np.stack([curves[name].to_numpy() for name in ("survival_function", "lower", "upper")])
    title = f"{endpoint_name(fit)} by class\n({style.n_by(fit.design.outcome.words, survival=False)})"
    draw_groups(ax, fit, group, labels, months, expected, start, drawn, title)
    style.mark_failed(ax, fit, max_rhat)
    return ax
