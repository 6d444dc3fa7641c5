"""Survival within each class by a factor, such as the arm: observed, and predicted by the model."""

import math
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayesctc.design.formulas import level_text
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.kaplan_meier import lines_at_risk
from bayesctc.plots.look import Style, look_of
from bayesctc.plots.survival_of_groups import draw_groups, endpoint_name, months_drawn
from bayesctc.predict.survival_of_groups import survival_of_groups
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.results.usable import COMPARED_RHAT
from bayesctc.time_to_event.product_limit import curves_start

MOST_LEVELS = 6
IN_A_ROW = 2
WIDE = 4.1  # inches of a panel, with the names beside the numbers at risk


def plot_survival_within_classes(
    fit: Fit,
    by: str,
    *,
    axes: Any = None,
    times: ArrayLike | None = None,
    max_rhat: float = COMPARED_RHAT,
    **look: Unpack[Style],
) -> np.ndarray:
    """Kaplan-Meier curves by a factor, such as the arm, within each class, with the model and numbers at risk.

    Each class has a panel with the patients assigned to it by the samples alone, P(g | y), as in `plot_survival`. It
    shows a curve for each level of the factor and, dashed with a 95 % band, the model's prediction for the same
    patients. The model uses the factor only if its formulas contain it. With ``survival_by_class="~ arm"`` the arm has
    a separate hazard ratio in each class, and with ``survival="~ arm"`` the same in all. Without it, dashed lines
    differ between arms only as far as their patients do. The estimates are those of `covariate_effects`. Curves of
    small groups are imprecise: two that look different are not evidence of an interaction.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With an endpoint.
    by : str
        A column of the cohort's patients with two to six values, none missing.
    axes : Axes, optional
        One for each class; a new figure, two in a row, unless given. Numbers at risk go below each.
    times : array, optional
        Months of the model's curves; 61 from 0 to the longest follow-up unless given. The axes end with them.
    max_rhat : float
        Largest acceptable R-hat. A fit with a larger one, or that failed otherwise, is marked.
    **look
        color (of the levels), alpha (of the bands), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (n_classes,)

    Raises
    ------
    SpecError
        The fit has no endpoint, the cohort no such column, or the column other values; the times end before the curves
        start; or `axes` does not hold one Axes for each class.

    Examples
    --------
    >>> axes = bc.plot_survival_within_classes(fit, "bone_metastasis")
    >>> len(axes)
    2
    """
    need_endpoint(fit, "plot_survival_within_classes")
    level, names = _levels(fit, by)
    of_class = fit.class_probabilities_counts.to_numpy().argmax(axis=1)
    labels, n = [str(label) for label in fit.analysis.labels], len(names)
    group, packed = of_class * n + level, fit.packed
    start = curves_start(group, packed.free_until, packed.entry)
    months = months_drawn(fit, times, start, "group")
    drawn = look_of(look, colours=style.cause_colours(n), alpha=style.BAND_ALPHA, linewidth=1.5, legend=True)
    expected = np.stack(survival_of_groups(fit, group, len(labels) * n, months, start))
    columns = min(len(labels), IN_A_ROW)
    rows, height = math.ceil(len(labels) / columns), 3.5 + 0.13 * lines_at_risk(names)
    n_by = style.n_by(fit.design.outcome.words, survival=False)
    panels = _panels(axes, rows, columns, len(labels), height)
    for g, (ax, label) in enumerate(zip(panels, labels, strict=True)):
        own = np.where(of_class == g, level, -1)
        title = f"{label}: {endpoint_name(fit).lower()} by {by}\n({n_by})"
        draw_groups(ax, fit, own, names, months, expected[:, g * n : (g + 1) * n], start, drawn, title)
        style.mark_failed(ax, fit, max_rhat)
    return panels


def _panels(axes: Any, rows: int, columns: int, n: int, height: float) -> np.ndarray:
    """Axes for n classes: those that were given, or of a new figure."""
    if axes is not None:
        return style.panels(axes, (n,), f"one Axes for each of {n} classes", 0.0, 0.0)
    grid = style.panels(None, (rows, columns), "", rows * height, columns * WIDE).ravel()
    for ax in grid[n:]:
        ax.remove()
    return grid[:n]


def _levels(fit: Fit, by: str) -> tuple[np.ndarray, list[str]]:
    """Level of each patient of the analysis, from 0, and their names."""
    _, table = fit.analysis.tables()
    columns = [str(column) for column in fit.cohort.covariates]
    if by not in columns:
        raise SpecError(f"by has to be one of the covariates {', '.join(columns) or '(there are none)'}; found {by!r}.")
    values: pd.Series = table[by]
    found = sorted(values.dropna().unique(), key=lambda value: (isinstance(value, str), value))
    missing = int(values.isna().sum())
    if missing or not 2 <= len(found) <= MOST_LEVELS:
        what = f"{missing} missing" if missing else f"{len(found)} different"
        raise SpecError(f"by={by!r}: found {what} values; allowed: two to {MOST_LEVELS}, none missing.")
    names = [level_text(value) for value in found]
    return values.map({value: k for k, value in enumerate(found)}).to_numpy(dtype=int), names
