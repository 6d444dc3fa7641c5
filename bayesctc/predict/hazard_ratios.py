"""What separates the classes in survival, and what the covariates add."""

import numpy as np
import pandas as pd

from bayesctc.errors import SpecError
from bayesctc.model.shape import EVENT, TIME
from bayesctc.model.survival import log_hazard, survival_terms
from bayesctc.predict.curves import Fit, restricted_mean_nodes, standardised_survival, summarise
from bayesctc.results.classified import need_endpoint

COLUMNS = ["comparison", "quantity", "estimate", "lower", "upper", "unit", "kind", "note"]
CONSTANT = 1e-9  # a log hazard ratio that changes less over the event times is constant


def hazard_ratios(fit: Fit, reference: str | None = None, horizon: float | None = None) -> pd.DataFrame:
    """Hazard ratios between classes and of covariates, with differences in survival beside them.

    Hazards that are proportional between classes (a common shape) give one number, for the Weibull hazard
    exp(shape (log scale_ref - log scale_g)). Otherwise the ratio changes with time, and what is reported is exp of the
    mean log hazard ratio over the observed event times up to the horizon. Where covariates act by class, it is the
    mean over the patients' covariates too.

    Parameters
    ----------
    fit : MLFit or BayesFit
    reference : str, optional
        Label of the class the others are compared with; the lowest unless given.
    horizon : float, optional
        Months; the largest observed event time unless given.

    Returns
    -------
    DataFrame
        comparison, quantity ("hazard ratio", "difference in survival at the horizon", "difference in restricted mean
        survival"), estimate, lower, upper (95 %), unit, kind, note. Differences are class minus reference,
        standardised to the cohort's covariates. A covariate's hazard ratio is per unit of its term.

    Raises
    ------
    SpecError
        The fit has no endpoint, the reference is not a class, or no event was observed up to the horizon.
    """
    need_endpoint(fit, "hazard_ratios")
    labels, shape = fit.design.layout.coords["latent_class"], fit.design.shape
    if reference is not None and reference not in labels:
        raise SpecError(f"reference has to be one of {', '.join(labels)}; found {reference!r}.")
    base = 0 if reference is None else labels.index(reference)
    event_times = fit.packed.row(TIME)[fit.packed.row(EVENT) == 1]
    if horizon is None:
        horizon = float(event_times.max(initial=0.0))
    nodes, weights = restricted_mean_nodes(horizon)
    event_times, counts = np.unique(event_times[event_times <= horizon], return_counts=True)
    if len(event_times) == 0:
        raise SpecError(f"horizon has to be at least the first event time; found {horizon!r}.")
    survival, n_draws = standardised_survival(fit, np.append(nodes, horizon))
    mean_terms = survival_terms(fit.packed, shape).mean(axis=0, keepdims=True)

    def log_ratios(theta):
        values = log_hazard(theta, shape, event_times, mean_terms)[:, 0]
        return values - values[base]

    def quantities(theta):
        curves, ratios = survival(theta), log_ratios(theta)
        rmst = curves[:, :-1] @ weights
        return {
            "ratio": np.exp(ratios @ counts / counts.sum()),
            "change": np.ptp(ratios, axis=1),
            "survival": curves[:, -1] - curves[base, -1],
            "rmst": rmst - rmst[base],
            "covariates": np.exp(theta[:, shape.blocks["survival"]]),
        }

    result = summarise(fit, quantities, n_draws)
    ratio_kind = f"exp of mean log hazard ratio over {counts.sum()} event times to {horizon:.1f} months"
    rows = []
    for g in range(len(labels)):
        if g != base:
            rows.extend(_class_rows(fit, labels, g, base, result, ratio_kind, horizon))
    rows.extend(_covariate_rows(fit, labels, result["covariates"]))
    return pd.DataFrame(rows, columns=COLUMNS)


def class_ratios(fit: Fit, horizon: float | None = None) -> pd.DataFrame:
    """Hazard ratios of each class against the lowest: level, reference, estimate, lower, upper (95 %), kind.

    Numbers that are not known are <NA>, and `kind` says why; see `hazard_ratios`.
    """
    table = hazard_ratios(fit, horizon=horizon)
    table = table[(table["quantity"] == "hazard ratio") & table["comparison"].str.contains(" vs ", regex=False)]
    pairs = table["comparison"].str.split(" vs ", expand=True).set_axis(["level", "reference"], axis=1)
    found = pd.concat([pairs, table[["estimate", "lower", "upper", "kind"]]], axis=1).reset_index(drop=True)
    unknown = found["lower"].isna()
    found.loc[unknown, "kind"] = "the Hessian is singular: no interval"
    return found.astype(dict.fromkeys(["estimate", "lower", "upper"], "Float64"))


def _class_rows(fit, labels, g, base, result, ratio_kind, horizon):
    """Hazard ratio, and differences in survival and restricted mean, of one class against the reference."""
    kind = "constant over time" if result["change"][0][g] < CONSTANT else ratio_kind
    by_class = fit.design.survival_by_class.names
    note = f"at the mean of {', '.join(by_class)}, whose effect differs by class" if by_class else ""
    standardised = "standardised to the cohort's covariates"
    for quantity, name, unit, kind_, note_ in (
        ("hazard ratio", "ratio", "ratio", kind, note),
        ("difference in survival at the horizon", "survival", "probability", f"at {horizon:.1f} months", standardised),
        ("difference in restricted mean survival", "rmst", "months", f"0 to {horizon:.1f} months", standardised),
    ):
        yield (f"{labels[g]} vs {labels[base]}", quantity, *(float(v[g]) for v in result[name]), unit, kind_, note_)


def _covariate_rows(fit, labels, values):
    """Hazard ratios of the covariates: those alike in all classes, then those by class."""
    alike, by_class = fit.design.survival.names, fit.design.survival_by_class.names
    for s, term in enumerate(alike):
        yield (term, "hazard ratio", *(float(v[0, s]) for v in values), "ratio", "constant over time", "all classes")
    for s, term in enumerate(by_class, start=len(alike)):
        for g, label in enumerate(labels):
            numbers = (float(v[g, s]) for v in values)
            yield (f"{term} in {label}", "hazard ratio", *numbers, "ratio", "constant over time", f"class {label} only")
