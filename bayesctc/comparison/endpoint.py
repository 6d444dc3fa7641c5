"""One endpoint: the regressions of every reading, the methods for classes, and their criteria."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesctc.comparison.joint import joint_rows
from bayesctc.comparison.levels import (
    hazard_ratio_table,
    level_rows,
    level_terms,
    regression_rows,
    tried,
    with_origin,
    with_reasons,
)
from bayesctc.comparison.readings import Reading
from bayesctc.criteria.survival_given_counts import loo_survival
from bayesctc.criteria.waic import spread
from bayesctc.design.formulas import settle
from bayesctc.inference.nuts import fit_bayes
from bayesctc.model.families import FAMILIES
from bayesctc.model.parameter_blocks import of_cause
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.intervals import CI_PROB
from bayesctc.results.usable import why_not
from bayesctc.time_to_event.cox import cox_regression
from bayesctc.time_to_event.log_rank import log_rank
from bayesctc.time_to_event.three_step import bch_weibull
from bayesctc.time_to_event.weibull import weibull_regression

CRITERIA_COLUMNS = [
    "endpoint",
    "reading",
    "method",
    "classes",
    "n_patients",
    "n_events",
    "aic_cox",
    "aic_weibull",
    "aic_longitudinal",
    "elpd",
    "se",
    "elpd_difference",
    "se_difference",
    "n_high_k",
    "note",
    "usable",
    "reason",
]
TEST_COLUMNS = ["endpoint", "cause", "reading", "test", "of", "chi2", "df", "p"]


@dataclass(frozen=True, eq=False)
class EndpointComparison:
    """Hazard ratios, tests and criteria of one endpoint; see `Comparison`."""

    hazard_ratios: pd.DataFrame
    criteria: pd.DataFrame
    tests: pd.DataFrame
    fit: BayesFit | None
    warnings: tuple[str, ...]


def compare_endpoint(
    cohort, spec, readings: dict[str, Reading], probabilities, confounders, settings, failed: str | None, joint=False
):
    """Compare the readings for the spec's endpoint.

    Each competing event has separate regressions, with the others censored. AICs are summed over them, and the
    one-class models and the joint model contain all of them, so that every criterion is for the whole endpoint.

    Parameters
    ----------
    cohort : Cohort
        Patients with every reading.
    spec : ModelSpec
    readings : dict of Reading
    probabilities : DataFrame (n_patients, n_classes)
        P(g | y) of the mixture that was fitted to the counts alone, the same for every endpoint.
    confounders : str
        Formula.
    settings : Settings
        Settings of the fits.
    failed : str or None
        Why the fit that classified the patients cannot be compared.
    joint : bool or BayesFit
        Whether to fit the joint model, whose classes are specific to this endpoint; or such a fit.

    Returns
    -------
    EndpointComparison
    """
    data = cohort.endpoint(spec.endpoint)
    ids = list(data.patient_ids)
    adjust = settle(confounders, cohort.patients.loc[ids], "confounders")
    values = adjust.evaluate(cohort.patients.loc[ids], "confounders")
    others = pd.DataFrame(values, index=ids, columns=list(adjust.names))
    rows, tests, criteria, elpds = [], [], [], []
    reasons: dict[tuple[str, str], str | None] = {("tctc", "three-step BCH"): failed}
    of_elpd: dict[tuple[str, str], str | None] = {}
    for name, reading in readings.items():
        found, made, criterion, loo, reason = _read(cohort, spec, data, reading, others, confounders, settings)
        rows += found
        tests += made
        method, of_classes = ("modal class", failed) if name == "tctc" else ("Weibull", None)
        criteria.append({"reading": name, "method": method, **criterion})
        elpds.append(loo)
        reasons |= {(name, "Cox"): of_classes, (name, "Weibull"): of_classes}
        reasons[name, "Weibull, Bayes"] = of_elpd[name, method] = of_classes or reason
    rows += _three_step(data, readings["tctc"], probabilities.loc[ids], others)
    fit: BayesFit | None = None
    if joint is not False:
        given = joint if isinstance(joint, BayesFit) else None
        fit, found, criterion, loo, of_joint = joint_rows(cohort, spec.with_(survival=confounders), settings, given)
        rows += found
        criteria.append(
            {
                "reading": "tctc",
                "method": "joint",
                "n_patients": fit.n_patients,
                "n_events": int(data.happened.sum()),
                **criterion,
            }
        )
        elpds.append(loo)
        reasons |= of_joint
        of_elpd["tctc", "joint"] = of_joint["tctc", "joint Bayes"]
    tested = pd.DataFrame(tests, columns=TEST_COLUMNS[1:])
    tested.insert(0, "endpoint", spec.endpoint)
    return EndpointComparison(
        hazard_ratio_table(spec.endpoint, rows, reasons),
        _criteria(spec.endpoint, criteria, elpds, of_elpd),
        tested,
        fit,
        () if fit is None else tuple(fit.warnings),
    )


def _read(cohort, spec, data, reading, others, confounders, settings):
    """Hazard ratios, tests, AICs and LOO of one reading; and why it cannot be compared."""
    levels = reading.levels.loc[list(data.patient_ids)]
    rows, tests, notes = [], [], []
    aics: dict[str, list] = {"aic_cox": [], "aic_weibull": []}
    terms = level_terms(levels, data.happened)
    fit = _one_class(cohort, spec, terms.columns, confounders, settings)
    loo = loo_survival(fit, max_refits=settings.max_refits, progress=settings.progress)
    for cause, event in data.by_cause().items():
        own = level_terms(levels, event)
        cox, no_cox, weibull, no_weibull = _regressions(data, event, levels, own, others)
        missing, of = own.empty | own.silent, f"{cause}, " if cause else ""
        rows += regression_rows(cause, reading, "Cox", cox, missing, no_cox)
        rows += regression_rows(cause, reading, "Weibull", weibull, missing, no_weibull)
        rows += level_rows(cause, reading, "Weibull, Bayes", _posterior(fit, terms.columns, cause), own.empty)
        notes += [f"{of}{level}: {why}" for level, why in missing.items()]
        notes += [f"{of}{method}: {why}" for method, why in (("Cox", no_cox), ("Weibull", no_weibull)) if why]
        for name, regression in (("aic_cox", cox), ("aic_weibull", weibull)):
            aics[name].append(pd.NA if regression is None else regression.aic + 2.0 * len(own.silent))
        tests += [(cause, *row) for row in _tests(data, event, levels, reading, cox)]
    criterion = {
        "n_patients": len(levels),
        "n_events": int(data.happened.sum()),
        **{name: sum(values) for name, values in aics.items()},
        "elpd": loo.elpd,
        "se": loo.se,
        "n_high_k": loo.n_high_k,
        "note": "; ".join([*notes, *loo.warnings]),
    }
    alone = f"not estimable: all {len(levels)} patients are {terms.base}" if terms.columns.shape[1] == 0 else None
    return rows, tests, criterion, loo, alone or why_not(fit)


def _regressions(data, event, levels, terms, others):
    """Cox and Weibull regressions of one event on the levels, each with the reason if it cannot be fitted."""
    # The likelihood increases as the hazard of a level without events falls to 0, where its patients no longer
    # contribute: the other terms are estimated without them, and the level still counts as a parameter.
    used = ~levels.isin(list(terms.silent)).to_numpy()
    design = pd.concat([terms.columns.drop(columns=list(terms.silent)), others], axis=1)[used]
    given = (data.time[used], event[used], design)
    cox, no_cox = tried(cox_regression, *given, entry=data.entry[used])
    weibull, no_weibull = tried(weibull_regression, *given, entry=data.entry[used])
    return cox, no_cox, weibull, no_weibull


def _tests(data, event, levels, reading, cox):
    """Log-rank test of the levels, and the proportional-hazards test of the Cox regression, if there is one."""
    if (levels.value_counts() > 0).sum() > 1:
        found = log_rank(data.time, event, levels, entry=data.entry)
        yield reading.name, "log-rank", "levels, unadjusted", found.chi2, found.df, found.p
    for term, row in () if cox is None else cox.proportional_hazards.iterrows():
        yield reading.name, "proportional hazards", str(term), row["chi2"], int(row["df"]), row["p"]


def _three_step(data, reading, probabilities, others):
    """Hazard ratios of the classes by the BCH correction, or the reason if it cannot be computed."""
    for cause, event in data.by_cause().items():
        bch, why = tried(bch_weibull, data.time, event, probabilities, others, entry=data.entry)
        yield from regression_rows(cause, reading, "three-step BCH", bch, {}, why)


def _one_class(cohort, spec, dummies, confounders, settings):
    """The Weibull regression with the joint model's priors: one class, so that counts do not inform survival.

    Nor does their family then, so that one in closed form, which is computed fastest, is taken.
    """
    names = {level: "reading_" + "".join(c if c.isalnum() else "_" for c in level) for level in dummies.columns}
    covariates = {names[level]: dummies[level].reindex(cohort.patients.index, fill_value=0.0) for level in dummies}
    formula = " + ".join([*names.values(), confounders.strip().removeprefix("~").strip()])
    able = [name for name, each in FAMILIES.items() if each.closed_form and cohort.outcome.kind in each.outcomes]
    alone = spec.with_(
        n_classes=1,
        family=next(iter(able), spec.family),
        growth="linear",
        random_effects="none",
        membership="~ 1",
        longitudinal="~ 1",
        longitudinal_by_class="~ 1",
        survival=f"~ {formula}",
        survival_by_class="~ 1",
        class_specific_sigma=False,
        class_specific_dispersion=False,
        class_specific_random_effects=False,
    )
    return fit_bayes(cohort.with_covariates(**covariates), alone, settings=replace(settings, n_starts=1))


def _posterior(fit, columns, cause):
    """Hazard ratios of the one-class model's levels, by level, of one cause."""
    if columns.shape[1] == 0:
        return pd.DataFrame()
    coefficients = fit.idata["posterior"].dataset[of_cause("hazard_coefficient", cause)]
    draws = coefficients.transpose("chain", "draw", ...).to_numpy()
    ratios = np.exp(draws.reshape(-1, draws.shape[-1])[:, : columns.shape[1]])
    tail = (1.0 - CI_PROB) / 2.0
    lower, middle, upper = np.quantile(ratios, [tail, 0.5, 1.0 - tail], axis=0)
    return pd.DataFrame({"hazard_ratio": middle, "lower": lower, "upper": upper}, index=columns.columns)


def _criteria(endpoint, criteria, elpds, reasons):
    """The criteria table, with differences in elpd from the best usable row and their standard errors."""
    table = with_origin(pd.DataFrame(criteria))
    if "aic_longitudinal" not in table:
        table["aic_longitudinal"] = pd.NA
    table.insert(0, "endpoint", endpoint)
    table = with_reasons(table, reasons, "elpd")
    best = max(np.flatnonzero(table["usable"]), key=lambda k: elpds[k].elpd, default=None)
    nothing = pd.Series([np.nan] * 2)
    differences = [nothing if best is None else each.difference_from(elpds[best]) for each in elpds]
    table["elpd_difference"] = [float(d.sum(skipna=False)) for d in differences]
    table["se_difference"] = [spread(d) for d in differences]
    aics = dict.fromkeys(("aic_cox", "aic_weibull", "aic_longitudinal"), "Float64")
    return table[CRITERIA_COLUMNS].astype(aics)
