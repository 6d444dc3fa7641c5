"""Differences between classes in survival, and effects of the covariates."""

from functools import partial

import numpy as np
import pandas as pd

from bayesctc.errors import SpecError
from bayesctc.model.class_hazards import log_hazard
from bayesctc.model.parameter_blocks import intervals
from bayesctc.predict.association_ratios import association_rows, associations, compared_at
from bayesctc.predict.beyond import past_follow_up
from bayesctc.predict.covariate_effects import covariate_effects
from bayesctc.predict.curves import (
    of_classes,
    restricted_mean_nodes,
    standardised_survival,
    summarise,
    survival_columns,
)
from bayesctc.results.cells import averaged_over, not_estimable
from bayesctc.results.classes import FEWEST_EVENTS
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.shown import Printed

COLUMNS = ["comparison", "cause", "quantity", "estimate", "lower", "upper", "unit", "kind", "note"]
CONTRAST = "ratio of hazard ratios"
CONSTANT = 1e-9  # a log hazard ratio that changes less over the event times is constant


def hazard_ratios(fit: Fit, reference: str | None = None, horizon: float | None = None) -> pd.DataFrame:
    """Hazard ratios between classes and of covariates, and differences in survival.

    If hazards are proportional between classes (a common shape), the ratio is a single number, for the Weibull hazard
    exp(shape (log scale_ref - log scale_g)). Otherwise it changes with time, and exp of the mean log hazard ratio over
    the observed event times up to the horizon is reported (for events between two visits, the times when they were
    seen). If covariates act by class, it is also the mean over the patients' covariates (over each patient's time at
    risk if they change). With competing events there are hazard ratios for each cause, over its own event times, and
    survival is being free of all of them. The ratio is NaN, with the reason in `kind`, for a class without events (also
    between knots of its own piecewise or spline hazard, if other classes have some there) and for a covariate in a
    class with hardly any patients or events at a level. `note` marks estimates that rest on the latter.

    Parameters
    ----------
    fit : MLFit or BayesFit
    reference : str, optional
        Label of the class with which the others are compared; the lowest unless given.
    horizon : float, optional
        Months; the largest observed event time unless given. `note` marks what is extrapolated beyond all follow-up.

    Returns
    -------
    DataFrame
        comparison, cause ("" if there is one event), quantity ("hazard ratio", "difference in survival at the
        horizon", "difference in restricted mean survival", "ratio of hazard ratios"), estimate, lower, upper (95 %),
        unit, kind, note. Differences are class minus reference, standardised to the cohort's covariates. A covariate's
        hazard ratio is per unit of its term; ratios of hazard ratios show whether it differs between two classes. With
        an association, classes are compared at one value of the associated feature (`note`), there is also a ratio per
        unit of it within a class, and survival is averaged over patients.

    Raises
    ------
    SpecError
        The fit has no endpoint, the reference is not a class, or no event was observed up to the horizon.

    Examples
    --------
    >>> table = bc.hazard_ratios(fit)
    >>> ratio = table[table["quantity"] == "hazard ratio"].iloc[0]
    >>> print(f"{ratio['comparison']}: {ratio['estimate']:.1f} ({ratio['lower']:.1f} to {ratio['upper']:.1f})")
    class 2 vs class 1: 3.8 (2.8 to 5.1)
    """
    need_endpoint(fit, "hazard_ratios")
    labels, sizes = fit.design.layout.coords["latent_class"], fit.design.sizes
    base, time, event = _base(labels, reference), fit.packed.time, fit.packed.event
    horizon = float(time[event > 0].max(initial=0.0)) if horizon is None else horizon
    nodes, weights = restricted_mean_nodes(horizon)
    times = [np.unique(time[(event == c + 1) & (time <= horizon)], return_counts=True) for c in range(sizes.n_causes)]
    if min(len(event_times) for event_times, _ in times) == 0:
        of_each = " of each cause" if fit.design.causes else ""
        raise SpecError(f"horizon has to be at least the first event time{of_each}; found {horizon!r}.")
    survival, size = standardised_survival(fit, np.append(nodes, horizon))
    of_mean = partial(log_hazard, sizes=sizes, survival_terms=fit.packed.mean_survival_terms)

    def quantities(thetas):
        curves = survival(thetas)
        rmst, last = curves[..., :-1] @ weights, curves[..., -1]
        found = {"survival": last - last[:, base, None], "rmst": rmst - rmst[:, base, None]}
        for c, (event_times, counts) in enumerate(times):
            values = of_classes(partial(of_mean, times=event_times, cause=c), thetas)[:, :, 0]
            ratios = values - values[:, base, None]
            found[f"ratio {c}"] = np.exp(ratios @ counts / counts.sum())
            found[f"change {c}"] = np.ptp(ratios, axis=-1)
            found[f"covariates {c}"] = np.exp(fit.design.hazard_coefficients(thetas, c))
            found[f"association {c}"] = np.exp(associations(fit, thetas, c))
        return found

    size["n_values"] = max(size["n_values"], len(labels) * sum(len(event_times) for event_times, _ in times))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # large units of covariates; scales that are 0
        result = summarise(fit, quantities, **size)
    rows = []
    for g in (g for g in range(len(labels)) if g != base):
        for c, (_, counts) in enumerate(times):
            kind = f"exp of mean log hazard ratio over {counts.sum()} event times to {horizon:.1f} months"
            rows.append(_ratio_row(fit, labels, g, base, c, result, kind))
        rows.extend(_difference_rows(fit, labels, g, base, result, horizon))
    for c in range(sizes.n_causes):
        rows.extend(_covariate_rows(fit, labels, c, result[f"covariates {c}"]))
        rows.extend((*_contrast_rows(fit, c), *association_rows(fit, c, result[f"association {c}"])))
    return Printed(rows, columns=COLUMNS)


def _base(labels, reference):
    """Number of the class with which the others are compared."""
    if reference is not None and reference not in labels:
        raise SpecError(f"reference has to be one of {', '.join(labels)}; found {reference!r}.")
    return 0 if reference is None else labels.index(reference)


def class_ratios(fit: Fit, horizon: float | None = None) -> pd.DataFrame:
    """Hazard ratios of each class vs the lowest: level, reference, cause, estimate, lower, upper (95 %), kind.

    Unknown numbers are <NA>, with the reason in `kind`; see `hazard_ratios`.
    """
    table = hazard_ratios(fit, horizon=horizon)
    table = table[(table["quantity"] == "hazard ratio") & table["comparison"].str.contains(" vs ", regex=False)]
    pairs = table["comparison"].str.split(" vs ", expand=True).set_axis(["level", "reference"], axis=1)
    found = pd.concat([pairs, table[["cause", "estimate", "lower", "upper", "kind"]]], axis=1).reset_index(drop=True)
    unknown = found["lower"].isna() & ~found["kind"].str.startswith("not estimable")
    found.loc[unknown, "kind"] = "the Hessian is singular: no interval"
    return found.astype(dict.fromkeys(["estimate", "lower", "upper"], "Float64"))


def _cause(fit, c):
    return fit.design.causes[c] if fit.design.causes else ""


def _ratio_row(fit, labels, g, base, c, result, kind):
    """Hazard ratio of one class vs the reference, for one cause; NaN without events."""
    by_class = fit.design.survival_by_class.names
    over = "" if fit.packed.changes is None else " over each patient's time at risk"
    note = f"at the mean of {', '.join(by_class)}{over}, whose effect may differ by class" if by_class else ""
    spoilt = averaged_over(fit.empty_cells, labels, c, (g, base))
    note = "; ".join(part for part in (note, compared_at(fit), *spoilt) if part)
    if result[f"change {c}"][0][g] < CONSTANT:
        kind = "constant over time"
    numbers = [float(v[g]) for v in result[f"ratio {c}"]]
    silent = [fit.not_estimable[c, k] for k in (g, base) if (c, k) in fit.not_estimable]
    if not silent and kind != "constant over time":
        silent = [why for k in (g, base) for why in _silent_intervals(fit, c, k)]
    if silent:
        numbers, kind = [np.nan] * 3, "; ".join(silent)
    return (f"{labels[g]} vs {labels[base]}", _cause(fit, c), "hazard ratio", *numbers, "ratio", kind, note)


def _silent_intervals(fit, c, g):
    """Intervals between a hazard's knots in which a class has no events of a cause although other classes do."""
    knots, times = fit.design.sizes.knots, fit.packed.time
    if not knots:
        return
    p = np.where(fit.packed.event == c + 1, 1.0, 0.0)
    at = np.searchsorted(knots, times)
    of_all, of_class = (np.bincount(at, w, len(knots) + 1) for w in (p, p * fit.class_probabilities.to_numpy()[:, g]))
    label = fit.design.layout.coords["latent_class"][g]
    for k, name in enumerate((f"before {knots[0]:.3g} months", *intervals(knots))):
        if of_all[k] > 0 and of_class[k] < FEWEST_EVENTS:
            yield f"not estimable: {of_class[k]:.2g} expected events in {label} {name}"


def _difference_rows(fit, labels, g, base, result, horizon):
    """Differences in survival and restricted mean of one class vs the reference."""
    along = "" if fit.packed.changes is None else ", along each patient's own where they change"
    causes = range(max(len(fit.design.causes), 1))
    spoilt = dict.fromkeys(why for c in causes for why in averaged_over(fit.empty_cells, labels, c, (g, base)))
    over = [f"standardised to the cohort's covariates{along}"] if survival_columns(fit.spec) else []
    note = "; ".join([*over, *spoilt, *past_follow_up(fit, horizon)])
    for quantity, name, unit, kind in (
        ("difference in survival at the horizon", "survival", "probability", f"at {horizon:.1f} months"),
        ("difference in restricted mean survival", "rmst", "months", f"0 to {horizon:.1f} months"),
    ):
        yield (f"{labels[g]} vs {labels[base]}", "", quantity, *(float(v[g]) for v in result[name]), unit, kind, note)


def _covariate_rows(fit, labels, c, values):
    """Hazard ratios of the covariates for one cause: first those common to all classes, then those by class."""
    alike, by_class = fit.design.survival.names, fit.design.survival_by_class.names
    kind, cause = "constant over time", _cause(fit, c)
    for s, term in enumerate(alike):
        yield (term, cause, "hazard ratio", *(float(v[0, s]) for v in values), "ratio", kind, "all classes")
    for s, term in enumerate(by_class, start=len(alike)):
        for g, label in enumerate(labels):
            numbers = [float(v[g, s]) for v in values]
            why = fit.not_estimable.get((c, g)) or not_estimable(fit.empty_cells, labels, term, c, g)
            if why:
                numbers = [np.nan] * 3
            yield (f"{term} in {label}", cause, "hazard ratio", *numbers, "ratio", why or kind, f"{label} only")


def _contrast_rows(fit, c):
    """For one cause, the hazard ratio of a term in one class divided by that in another."""
    labels, cause = fit.design.layout.coords["latent_class"], _cause(fit, c)
    if len(labels) == 1 or not fit.design.survival_by_class.names:
        return
    for row in covariate_effects(fit, contrasts=True, cause=cause or None).to_dict("records"):
        pair = row["latent_class"], row["reference"]
        numbers, kind = [row[name] for name in ("estimate", "lower", "upper")], "constant over time"
        if row["note"]:
            kind = row["note"]
        comparison, note = f"{row['term']}, {pair[0]} vs {pair[1]}", "1: the same hazard ratio in both classes"
        yield (comparison, cause, CONTRAST, *numbers, "ratio", kind, note)
