"""Criteria of the readings by endpoint: AIC of the Cox models, and LOO of survival given the counts."""

from typing import Any, Unpack

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesctc.comparison.compare import Comparison
from bayesctc.plots import style
from bayesctc.plots.forest import INTERVAL
from bayesctc.plots.look import Style, look_of
from bayesctc.results.intervals import CI_PROB, CI_TEXT

LOOKS = {
    ("bctc", "Weibull"): (style.BLUE, "o", "bctc"),
    ("b2ctc", "Weibull"): (style.GREEN, "s", "b2ctc"),
    ("tctc", "modal class"): (style.ORANGE, "^", "tctc, modal class"),
    ("tctc", "joint"): (style.VERMILLION, "D", "tctc, joint model"),
}


def plot_criteria(comparison: Comparison, *, axes: Any = None, **look: Unpack[Style]) -> np.ndarray:
    """Differences from the best reading, endpoint by endpoint.

    Left, AIC of the Cox models (lower is better); right, elpd of survival given the counts by LOO, with the 95 %
    interval of the difference (higher is better). The joint model, if it was fitted, has no partial likelihood. Failed
    fits are hollow and grey, and are never the best.

    Parameters
    ----------
    comparison : Comparison
    axes : two Axes, optional
        Where to draw; a new figure 7 inches wide unless given.
    **look
        color (of the readings), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    array of Axes (2,)

    Raises
    ------
    SpecError
        `axes` is not a pair of Axes.

    Examples
    --------
    >>> found = bc.compare_classifiers(cohort, spec, endpoints=["os"], settings=few)
    >>> axes = bc.plot_criteria(found)
    """
    endpoints = list(comparison.endpoints)
    names_of = [style.plain(f"{e.upper()}\n{comparison.size(e)[1]} events") for e in endpoints]
    pairs = list(zip(comparison.criteria["reading"], comparison.criteria["method"], strict=True))
    own = {pair: each for pair, each in LOOKS.items() if pair in pairs}
    drawn = look_of(look, colours=[colour for colour, _, _ in own.values()], linewidth=INTERVAL, legend=True)
    looks = {pair: (colour, *own[pair][1:]) for pair, colour in zip(own, drawn.colours, strict=True)}
    panels = style.panels(axes, (2,), "two Axes", 1.3 + 0.55 * len(endpoints), 2 * style.WIDTH)
    left, right = panels
    for k, endpoint in enumerate(endpoints):
        rows = comparison.criteria[comparison.criteria["endpoint"] == endpoint]
        for j, row in enumerate(rows.to_dict("records")):
            colour, marker, _ = looks[row["reading"], row["method"]]
            point: dict[str, Any] = {"color": colour} if row["usable"] else style.FAILED
            y = k + (j - (len(looks) - 1) / 2) * 0.17
            if not pd.isna(row["aic_cox"]):
                best = rows.loc[rows["usable"], "aic_cox"].min()
                best = rows["aic_cox"].min() if pd.isna(best) else best
                left.plot(row["aic_cox"] - best, y, marker, markersize=4.5, **point)
            difference, error = row["elpd_difference"], row["se_difference"]
            if np.isfinite(difference):
                half = ndtri(0.5 + CI_PROB / 2.0) * error
                right.plot(
                    [difference - half, difference + half], [y, y], color=point["color"], linewidth=drawn.linewidth
                )
                right.plot(difference, y, marker, markersize=4.5, **point)
    handles = [style.line_handle(c, marker=m, markersize=4.5, linestyle="") for c, m, _ in looks.values()]
    for ax, title, label in (
        (left, "AIC of Cox models", "Difference from the best (lower is better)"),
        (right, "LOO of survival given counts", f"Difference of elpd ({CI_TEXT}; higher is better)"),
    ):
        names = [text for _, _, text in looks.values()]
        entries = style.with_failed(handles, names, not comparison.criteria["usable"].all())
        pad = style.legend_above(ax, *entries, drawn.legend)
        style.dress(ax, title, label, "", pad=pad)
        ax.axvline(0.0, color=style.MUTED, linewidth=0.6, zorder=0)
        ax.set_yticks(range(len(endpoints)), names_of)
        ax.set_ylim(len(endpoints) - 0.5, -0.5)
    return panels
