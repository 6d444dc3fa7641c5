"""Uniformity of leave-one-out PITs: their distribution function minus the diagonal, with its band."""

from typing import Unpack

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bayesctc.checks.loo_pit import LooPit
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.look import Style, look_of
from bayesctc.results.intervals import CI_TEXT


def plot_loo_pit(result: LooPit, name: str = "survival", *, ax: Axes | None = None, **look: Unpack[Style]) -> Axes:
    """Draw the ECDF of one set of PITs minus that of the uniform distribution.

    Above zero the observed values are lower than predicted, below zero higher. A wave from above to below shows that
    they vary more than predicted, one from below to above that they vary less.

    Parameters
    ----------
    result : LooPit
    name : str
        One of ``result.tests``.
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    **look
        color (of the curve), alpha (of the band), linewidth, legend: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        `result` is something else, or has no such test.

    Examples
    --------
    >>> ax = bc.plot_loo_pit(bc.loo_pit(posterior, n_draws=100))
    """
    style.check_axes(ax)
    if not isinstance(result, LooPit):
        raise SpecError(f"plot_loo_pit needs a LooPit; found {type(result).__name__}.")
    if name not in result.tests:
        raise SpecError(f"the test has to be one of {', '.join(result.tests)}; found {name!r}.")
    test = result.tests[name]
    own = style.BLUE if test.p >= 0.05 else style.VERMILLION
    drawn = look_of(look, colours=(own,), alpha=0.3, linewidth=1.4, legend=True)
    ax = style.new_axes(2.6) if ax is None else ax
    points = [0.0, *test.points, 1.0]
    ax.fill_between(
        points,
        [0.0, *(test.lower - test.points), 0.0],
        [0.0, *(test.upper - test.points), 0.0],
        color=style.MUTED,
        alpha=drawn.alpha,
        linewidth=0,
    )
    ax.axhline(0.0, color=style.MUTED, linewidth=0.6)
    (colour,) = drawn.colours
    ax.plot(points, [0.0, *(test.ecdf - test.points), 0.0], color=colour, linewidth=drawn.linewidth)
    ax.set_xlim(0.0, 1.0)
    handles = [style.line_handle(colour), Patch(facecolor=style.MUTED, alpha=drawn.alpha, linewidth=0)]
    entries = ["observed", f"uniform, simultaneous {CI_TEXT} band"]
    pad = style.legend_above(ax, handles, entries, drawn.legend)
    style.dress(ax, f"LOO-PIT of {result.words(name)}", "PIT: P(at most the observed)", "ECDF minus uniform", pad=pad)
    p = f"p = {test.p:.3f}" if test.p >= 0.001 else "p < 0.001"
    style.caption(ax, f"n = {test.n:,} patients, each predicted from the others; {p}.")
    return ax
