"""One endpoint: every reading's regressions, the classes' three ways into survival, and their criteria."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.comparators.cox import cox_regression
from bayesctc.comparators.readings import Reading
from bayesctc.comparators.three_step import bch_weibull
from bayesctc.comparators.weibull import weibull_regression
from bayesctc.criteria.survival_given_counts import aic_parts, loo_survival
from bayesctc.criteria.waic import spread
from bayesctc.design.formulas import settle
from bayesctc.inference.ml import fit_ml
from bayesctc.inference.nuts import fit_bayes
from bayesctc.predict.hazard_ratios import hazard_ratios
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.intervals import CI_PROB

HR_COLUMNS = ["endpoint", "reading", "level", "reference", "method", "estimate", "lower", "upper", "p", "note"]
CRITERIA_COLUMNS = [
    "endpoint", "reading", "method", "n_patients", "n_events", "aic_cox", "aic_weibull", "elpd", "se",
    "elpd_difference", "se_difference", "n_high_k", "note",
]  # fmt: skip
NUMBERS = ["estimate", "lower", "upper", "p"]


@dataclass(frozen=True, eq=False)
class EndpointComparison:
    """Hazard ratios and criteria of one endpoint; see `Comparison`."""

    hazard_ratios: pd.DataFrame
    criteria: pd.DataFrame
    fit: BayesFit
    warnings: tuple[str, ...]


def compare_endpoint(cohort, spec, readings: dict[str, Reading], probabilities, confounders, settings):
    """Compare the readings for the spec's endpoint.

    Parameters
    ----------
    cohort : Cohort
        Patients with every reading.
    spec : ModelSpec
    readings : dict of Reading
    probabilities : DataFrame (n_patients, n_classes)
        P(g | y).
    confounders : str
        Formula.
    settings : dict
        draws, tune, chains, n_starts, random_seed and progress of the fits.

    Returns
    -------
    EndpointComparison
    """
    data = cohort.endpoint(spec.endpoint)
    ids = list(data.patient_ids)
    adjust = settle(confounders, cohort.patients.loc[ids], "confounders")
    values = adjust.evaluate(cohort.patients.loc[ids], "confounders")
    others = pd.DataFrame(values, index=ids, columns=list(adjust.names))
    rows, criteria, elpds, notes = [], [], {}, []
    for name, reading in readings.items():
        found, criterion, loo = _read(cohort, spec, data, reading, others, confounders, settings)
        rows += found
        criteria.append({"reading": name, "method": "modal class" if name == "tctc" else "Weibull", **criterion})
        elpds[len(criteria) - 1] = loo
    bch = bch_weibull(data.time, data.event, probabilities.loc[ids], others, entry=data.entry)
    rows += _rows("tctc", readings["tctc"], "three-step BCH", bch.table, {})
    joint, found, criterion, loo = _joint(cohort, spec.with_(survival=confounders), settings)
    rows += found
    criteria.append({"reading": "tctc", "method": "joint", "n_patients": joint.n_patients,
                     "n_events": int(data.event.sum()), **criterion})  # fmt: skip
    elpds[len(criteria) - 1] = loo
    notes += joint.warnings
    table = pd.DataFrame(rows, columns=HR_COLUMNS[1:])
    table.insert(0, "endpoint", spec.endpoint)
    table[NUMBERS] = table[NUMBERS].astype("Float64")
    return EndpointComparison(table, _criteria(spec.endpoint, criteria, elpds), joint, tuple(notes))


def _read(cohort, spec, data, reading, others, confounders, settings):
    """Hazard ratios, AICs and LOO of one reading."""
    ids = list(data.patient_ids)
    levels = reading.levels.loc[ids]
    dummies, missing = _dummies(levels, data.event, reading)
    design = pd.concat([dummies, others], axis=1)
    cox = cox_regression(data.time, data.event, design, entry=data.entry)
    weibull = weibull_regression(data.time, data.event, design, entry=data.entry)
    fit = _one_class(cohort, spec, dummies, confounders, settings)
    loo = loo_survival(fit, progress=settings["progress"])
    name = reading.name
    rows = _rows(name, reading, "Cox", cox.table, missing)
    rows += _rows(name, reading, "Weibull", weibull.table, missing)
    rows += _rows(name, reading, "Weibull, Bayes", _posterior(fit), missing)
    criterion = {
        "n_patients": len(ids), "n_events": int(data.event.sum()), "aic_cox": cox.aic, "aic_weibull": weibull.aic,
        "elpd": loo.elpd, "se": loo.se, "n_high_k": loo.n_high_k,
        "note": "; ".join([*(f"{level}: {why}" for level, why in missing.items()), *loo.warnings]),
    }  # fmt: skip
    return rows, criterion, loo


def _dummies(levels, event, reading):
    """A 0/1 column for each level that can be estimated, and why the others cannot."""
    columns, missing = {}, {}
    for level in reading.levels.cat.categories[1:]:
        member = (levels == level).to_numpy()
        events = int(event[member].sum())
        if not member.any():
            missing[level] = "not estimable: no patient"
        elif not events:
            missing[level] = f"not estimable: no event in {member.sum()} patients, who count as {reading.reference}"
        else:
            columns[level] = member.astype(float)
    return pd.DataFrame(columns, index=levels.index), missing


def _one_class(cohort, spec, dummies, confounders, settings):
    """The Weibull regression with the joint model's priors: one class, so that the counts say nothing of survival."""
    names = {level: "reading_" + "".join(c if c.isalnum() else "_" for c in level) for level in dummies.columns}
    covariates = {names[level]: dummies[level].reindex(cohort.patients.index, fill_value=0.0) for level in dummies}
    formula = " + ".join([*names.values(), confounders.strip().removeprefix("~").strip()])
    alone = spec.with_(n_classes=1, growth="linear", random_effects="none", membership="~ 1", longitudinal="~ 1",
                       survival=f"~ {formula}", survival_by_class="~ 1", class_specific_sigma=False,
                       class_specific_random_effects=False, knots=None)  # fmt: skip
    return fit_bayes(cohort.with_covariates(**covariates), alone, **{**settings, "n_starts": 1})


def _posterior(fit):
    """Hazard ratios of the one-class model, the reading's levels first."""
    draws = fit.idata["posterior"].dataset["hazard_coefficient"].transpose("chain", "draw", ...).to_numpy()
    ratios = np.exp(draws.reshape(-1, draws.shape[-1]))
    tail = (1.0 - CI_PROB) / 2.0
    lower, middle, upper = np.quantile(ratios, [tail, 0.5, 1.0 - tail], axis=0)
    return pd.DataFrame({"hazard_ratio": middle, "lower": lower, "upper": upper})


def _rows(name, reading, method, table, missing):
    """The levels' rows of a table whose first terms are the levels that can be estimated, in order."""
    rows, position = [], 0
    for level in reading.levels.cat.categories[1:]:
        if level in missing:
            rows.append((name, level, reading.reference, method, *[pd.NA] * 4, missing[level]))
            continue
        row = table.iloc[position]
        position += 1
        numbers = (row["hazard_ratio"], row["lower"], row["upper"], row.get("p", pd.NA))
        rows.append((name, level, reading.reference, method, *numbers, row.get("note", "")))
    return rows


def _joint(cohort, spec, settings):
    """The joint model: fit, hazard ratios of its classes, criteria."""
    ml = fit_ml(cohort, spec, n_starts=settings["n_starts"], random_seed=settings["random_seed"],
                progress=settings["progress"])  # fmt: skip
    fit = fit_bayes(cohort, spec, ml=ml, **{k: v for k, v in settings.items() if k != "n_starts"})
    rows = []
    for method, result in (("joint ML", ml), ("joint Bayes", fit)):
        table = hazard_ratios(result)
        table = table[(table["quantity"] == "hazard ratio") & table["comparison"].str.contains(" vs ")]
        for row in table.to_dict("records"):
            level, reference = row["comparison"].split(" vs ")
            numbers = [pd.NA if np.isnan(row[c]) else row[c] for c in ("estimate", "lower", "upper")]
            why = "the Hessian is singular: no interval" if numbers[1] is pd.NA else row["kind"]
            rows.append(("tctc", level, reference, method, *numbers, pd.NA, why))
    loo = loo_survival(fit, progress=settings["progress"])
    criterion = {
        "aic_cox": None, "aic_weibull": aic_parts(ml).survival_given_longitudinal, "elpd": loo.elpd, "se": loo.se,
        "n_high_k": loo.n_high_k, "note": "; ".join([*loo.warnings, *fit.warnings]),
    }  # fmt: skip
    return fit, rows, criterion, loo


def _criteria(endpoint, criteria, elpds):
    """The criteria table, with differences in elpd from the best and their standard errors."""
    table = pd.DataFrame(criteria)
    table.insert(0, "endpoint", endpoint)
    best = max(elpds, key=lambda k: elpds[k].elpd)
    differences = [elpds[k].pointwise["elpd"] - elpds[best].pointwise["elpd"] for k in range(len(table))]
    table["elpd_difference"] = [float(d.sum()) for d in differences]
    table["se_difference"] = [spread(d) for d in differences]
    return table[CRITERIA_COLUMNS]
