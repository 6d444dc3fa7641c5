"""A forest plot of the hazard ratios of a covariate by class."""

import re
from typing import Unpack

from matplotlib.axes import Axes

from bayesctc.design.formulas import LEVEL
from bayesctc.errors import SpecError
from bayesctc.plots import style
from bayesctc.plots.forest import INTERVAL, draw, ratio_axis
from bayesctc.plots.look import Style, look_of
from bayesctc.predict.covariate_effects import EVERY_CLASS, covariate_effects
from bayesctc.results.fit import Fit
from bayesctc.results.intervals import CI_TEXT
from bayesctc.results.usable import why_not


def plot_covariate_effects(
    fit: Fit, term: str | None = None, *, ax: Axes | None = None, cause: str | None = None, **look: Unpack[Style]
) -> Axes:
    """Forest plot of the hazard ratios of a term by class, or of all terms, with 95 % intervals, on a log scale.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With survival formulas; see `covariate_effects`.
    term : str, optional
        A name as in `covariate_effects`, such as "arm[B]"; all terms unless given.
    ax : Axes, optional
        Where to draw; a new figure 3.5 inches wide unless given.
    cause : str, optional
        The competing event whose cause-specific hazard is shown; the first unless given.
    **look
        color (of the classes), linewidth: see `bayesctc.plots.look.Style`.

    Returns
    -------
    Axes

    Raises
    ------
    SpecError
        The fit has no endpoint, no such term or no such cause.

    Examples
    --------
    >>> spec = bc.ModelSpec(n_classes=1, family="gaussian", survival="~ bone_metastasis")
    >>> one = bc.fit_ml(bc.load_trial().include(min_samples=3), spec, n_starts=1, progress=False)
    >>> bc.plot_covariate_effects(one, "bone_metastasis").get_xscale()
    'log'
    """
    style.check_axes(ax)
    table = covariate_effects(fit, cause=cause)
    terms = table["term"].unique().tolist()
    if term is not None:
        if term not in terms:
            raise SpecError(f"term has to be one of {', '.join(terms)}; found {term!r}.")
        table = table[table["term"] == term]
    labels, sizes = fit.design.layout.coords["latent_class"], fit.class_probabilities.idxmax(axis=1).value_counts()
    drawn = look_of(look, colours=list(style.class_colours(len(labels))), linewidth=INTERVAL)
    colours = dict(zip(labels, drawn.colours, strict=True)) | {EVERY_CLASS: style.BLACK}
    ax = style.new_axes(height=1.1 + 0.42 * len(table)) if ax is None else ax
    names, ends, failed = [], [1.0], why_not(fit)
    for k, row in enumerate(table.to_dict("records")):
        own = row["latent_class"]
        ends += draw(ax, row | {"usable": failed is None}, k, colours[own], "o", drawn.linewidth)
        who = f"{own}, n = {int(sizes.get(own, 0))}" if own else "all classes"
        names.append(f"{_in_words(row['term'], fit)}\n{who}")
    ratio_axis(ax, ends)
    ax.set_yticks(range(len(names)), [style.plain(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    endpoint = style.event_name(fit.spec.endpoint or "", table["cause"].iloc[0])
    title = f"{endpoint}:\nhazard ratios by class"
    if table["latent_class"].any():
        title += f"\n({style.n_by(fit.design.outcome.words, survival=True)})"
    style.dress(ax, title, f"Hazard ratio ({CI_TEXT} interval)", "")
    if failed is not None:
        style.mark_reason(ax, failed)
    return ax


def _in_words(term: str, fit: Fit) -> str:
    """A term as text: a level of a factor with the one it is compared with, a number by its unit."""
    levels = {**fit.design.survival.levels, **fit.design.survival_by_class.levels}

    def said(found: re.Match[str]) -> str:
        name, level = found.groups()
        return f"{name}: {level}" + (f"\nvs {levels[name][0]}" if name in levels else "")

    return LEVEL.sub(said, term) if LEVEL.search(term) else f"{term}, per unit"
