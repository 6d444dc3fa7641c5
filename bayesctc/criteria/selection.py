"""Choosing the number of classes: Bayesian and classical criteria in one table."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from bayesctc import arguments
from bayesctc.criteria.blrt import bootstrap_lrt
from bayesctc.criteria.loo import HIGH_K, Loo, loo
from bayesctc.criteria.numbers import Numbers
from bayesctc.criteria.rule import ParsimonyRule, searched
from bayesctc.criteria.waic import Waic, spread, waic
from bayesctc.data import Cohort
from bayesctc.errors import FitError
from bayesctc.inference.optimise import Bounds
from bayesctc.inference.settings import COMPARED, SamplingOptions, Settings
from bayesctc.inference.starts import one_class
from bayesctc.jobs.store import Store
from bayesctc.model.analysis import Analysis, checked
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.disk.parts import check_kept
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import usable
from bayesctc.shown import Shown

COLUMNS = [
    "log_likelihood",
    "n_parameters",
    "aic",
    "bic",
    "sabic",
    "icl",
    "entropy",
    "smallest_class",
    "average_posterior",
    "odds_correct",
    "elpd_loo",
    "elpd_loo_se",
    "p_loo",
    "n_high_k",
    "n_refitted",
    "elpd_waic",
    "elpd_waic_se",
    "p_waic",
    "n_high_variance",
    "max_rhat",
    "min_ess",
    "n_chains",
    "elpd_diff",
    "elpd_diff_se",
    "blrt_p",
    "ml_usable",
    "warnings",
]
CRITERIA = {  # by name: the column, and whether higher is better
    "LOO": ("elpd_loo", True),
    "WAIC": ("elpd_waic", True),
    "AIC": ("aic", False),
    "BIC": ("bic", False),
    "adjusted BIC": ("sabic", False),
    "ICL": ("icl", False),
}
MISFIT = 1.5  # p_loo over the number of parameters


@dataclass(frozen=True, repr=False)
class Selection(Shown):
    """Criteria for each number of classes, and the one the rule picks.

    Attributes
    ----------
    table : DataFrame
        Indexed by n_classes. log_likelihood, aic, bic, sabic, icl, entropy at the best interior ML mode, ml_usable
        whether that has converged; smallest_class (share), average_posterior and odds_correct (the lowest over
        classes); elpd_loo, elpd_waic with standard errors, effective parameters, and counts of what makes them
        unreliable; max_rhat, min_ess and n_chains of the draws; elpd_diff (LOO, to the best that is compared, with the
        standard error of the difference); blrt_p (this K against K + 1); above_floor, usable (whether the draws may be
        compared) and reason (why not), close_to_best and recommended show the rule at work; warnings.
    recommended : int or None
        None where no K meets the rule; one whose fit failed never does.
    rule : ParsimonyRule
    sentence : str
        What the criteria agree on, and what the rule picks.
    ml, bayes : dict of int to fit
    loo, waic : dict of int to criterion
    """

    table: pd.DataFrame
    recommended: int | None
    rule: ParsimonyRule
    sentence: str
    ml: dict[int, MLFit]
    bayes: dict[int, BayesFit]
    loo: dict[int, Loo]
    waic: dict[int, Waic]

    def _shown(self) -> Iterator[str | pd.DataFrame]:
        shown = [
            "log_likelihood",
            "aic",
            "bic",
            "entropy",
            "smallest_class",
            "elpd_loo",
            "elpd_diff",
            "elpd_diff_se",
            "usable",
            "recommended",
        ]
        yield self.table[shown].round(3)
        yield self.sentence


class SelectionOptions(SamplingOptions, total=False):
    """Keywords of `select_n_classes` and `select_families`."""

    max_refits: int
    executor: Executor | None
    folder: str | Path | None


def select_n_classes(
    cohort: Cohort,
    spec: ModelSpec,
    n_classes: int | Iterable[int] = range(1, 7),
    *,
    rule: ParsimonyRule | None = None,
    blrt: int = 0,
    settings: Settings = COMPARED,
    **options: Unpack[SelectionOptions],
) -> Selection:
    """Fit every number of classes, classical and Bayesian, and compare them with patients as units.

    `select_families` compares families of counts too.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
        Its `n_classes` is not used.
    n_classes : iterable of int, or int
    rule : ParsimonyRule, optional
    blrt : int
        Replicates of the bootstrap likelihood-ratio test of each K against K + 1; 0 leaves it out.
    settings : Settings
        draws (500), tune (300), chains (4), n_starts (20) and random_seed (0), as in `fit_bayes`; max_refits (10; exact
        leave-one-out refits at most, for each K that the rule compares); executor (which runs the
        maximum-likelihood starts, then samples each K, and fits replicates of the bootstrap test; here, one after
        another, unless given); progress (True).
    **options
        Single settings, such as ``draws=1000``, and: folder, where each fit, and each replicate of the bootstrap test,
        is kept as it finishes; a later run with the same data, specification, settings and version takes it from there,
        so that an interrupted run is finished by running it again.

    Returns
    -------
    Selection

    Raises
    ------
    SpecError, DataError
    StorageError
        The cohort holds what could not be saved with a fit, the folder cannot be written to, or holds a damaged result.
    """
    ks = arguments.numbers_of_classes(n_classes)
    how = Settings.of(select_n_classes, settings, options)
    blrt = arguments.whole("blrt", blrt, 0)
    rule = arguments.of_kind("rule", rule, ParsimonyRule | None) or ParsimonyRule()
    for k in ks:
        design = checked(cohort, spec.with_(n_classes=k))  # refuse before the first fit
    check_kept(cohort)
    return select_analysis(Analysis.of(cohort, design), ks, how, rule, Store(options.get("folder")), blrt)


def select_analysis(
    analysis: Analysis, ks: list[int], settings: Settings, rule: ParsimonyRule, store: Store, blrt: int = 0
) -> Selection:
    """`select_n_classes` for patients that are packed already."""
    fitted, progress = Numbers(analysis, one_class(analysis, Bounds()), settings, store), settings.progress
    ml: dict[int, MLFit] = {}
    bayes: dict[int, BayesFit] = {}
    failures: dict[int, str] = {}
    for k in ks:
        try:
            ml[k] = fitted.search(k)
        except FitError as error:
            failures[k] = str(error).splitlines()[0]
    for k, found in fitted.sample(ml).items():
        if isinstance(found, str):
            failures[k] = found
        else:
            bayes[k] = found
    if not bayes:
        raise FitError(f"no number of classes could be fitted: {failures}")
    refits = {k: settings.max_refits * rule.compares(fit) for k, fit in bayes.items()}
    loos = {k: loo(fit, max_refits=refits[k], progress=progress) for k, fit in bayes.items()}
    waics = {k: waic(fit) for k, fit in bayes.items()}
    table = pd.DataFrame(
        [_row(ml.get(k), bayes.get(k), loos.get(k), waics.get(k), failures.get(k)) for k in ks],
        index=pd.Index(ks, name="n_classes"),
        columns=COLUMNS,
    )
    _differences(table, loos, rule)
    if blrt:
        for k in ks:
            if all(each in ml and usable(ml[each]) for each in (k, k + 1)):
                how = {name: getattr(settings, name) for name in ("random_seed", "executor", "progress")}
                test = bootstrap_lrt(ml[k], ml[k + 1], replicates=blrt, folder=store.folder, **how)
                table.loc[k, "blrt_p"] = test.p_value
    table, recommended = rule.apply(table)
    return Selection(table, recommended, rule, _sentence(table, recommended, rule), ml, bayes, loos, waics)


def _row(ml, bayes, loo_, waic_, failure):
    row: dict[str, Any] = dict.fromkeys(COLUMNS, np.nan)
    row["warnings"], row["ml_usable"] = failure or "", ml is not None and usable(ml)
    if ml is None:
        return row
    row |= {n: getattr(ml, n) for n in ("log_likelihood", "n_parameters", "aic", "bic", "sabic", "icl", "entropy")}
    quality = (bayes or ml).quality
    row |= {
        name: quality[column].min(skipna=False)
        for name, column in (
            ("smallest_class", "share"),
            ("average_posterior", "average_posterior"),
            ("odds_correct", "odds_correct"),
        )
    }
    if bayes is not None:
        found = bayes.diagnostics
        row |= {
            "elpd_loo": loo_.elpd,
            "elpd_loo_se": loo_.se,
            "p_loo": loo_.p_loo,
            "n_high_k": loo_.n_high_k,
            "n_refitted": int(loo_.pointwise["refitted"].sum()),
            "elpd_waic": waic_.elpd,
            "elpd_waic_se": waic_.se,
            "p_waic": waic_.p_waic,
            "n_high_variance": waic_.n_high_variance,
            "max_rhat": found.max_rhat,
            "min_ess": found.min_ess,
            "n_chains": found.n_chains,
        }
        notes = [*bayes.warnings, *loo_.warnings]
        if loo_.p_loo > MISFIT * ml.n_parameters:
            notes.append(
                f"p_loo is {loo_.p_loo:.0f} for {ml.n_parameters} parameters: the model misfits some patients badly"
            )
        row["warnings"] = "; ".join(notes)
    return row


def _differences(table, loos, rule):
    """elpd differences to the best K that the rule compares."""
    allowed = table.index[rule.eligible(table).all(axis=1)]
    if len(allowed) == 0:
        return
    best = loos[table.loc[allowed, "elpd_loo"].idxmax()]
    for k, result in loos.items():
        difference = result.difference_from(best).to_numpy()
        table.loc[k, "elpd_diff"] = difference.sum()
        table.loc[k, "elpd_diff_se"] = spread(difference)


def _sentence(table, recommended, rule):
    """What the criteria of the K that are compared agree on, what the rule picks, and what was left out."""
    eligible, reasons = rule.eligible(table), rule.reasons(table)
    compared = table[eligible.all(axis=1)]
    parts = [_favoured(compared, len(table))] if len(compared) else []
    if recommended is not None:
        parts.append(f"The rule ({rule}) picks K = {recommended}.")
    elif eligible["usable"].any():
        parts.append(f"No K meets the rule: {rule}.")
    else:
        parts.append("The fit of every K has failed: none is recommended.")
    if len(compared) and len(table) > 1:
        best = compared["elpd_loo"].idxmax() if rule.criterion == "loo" else recommended
        if best == table.index.max():
            name = rule.criterion.upper()
            parts.append(f"{name} is best at the largest K tried, {best}: extend the range before settling.")
    small = table.index[~eligible["above_floor"] & eligible["usable"]]
    if len(small):
        parts.append(_left_out(small, f"a class under {100 * rule.floor:g} % of patients"))
    failed = reasons[reasons != ""]
    if len(failed):
        parts.append(f"{len(failed)} of {len(table)} K failed and {'do' if len(failed) > 1 else 'does'} not count.")
        parts += [_left_out(failed.index[failed == reason], reason) for reason in failed.unique()]
    unsure = compared.index[~searched(compared)]
    if len(unsure):
        parts.append(f"AIC, BIC and ICL of K = {_listed(unsure)} do not count: maximum likelihood has not converged.")
    high = compared["n_high_k"].fillna(0)
    if (high > 0).any():
        which = _listed(high.index[high > 0])
        parts.append(
            f"{int(high.sum())} pareto_k above {HIGH_K:g} were not refitted (K = {which}): do not trust their elpd."
        )
    return " ".join(parts)


def _favoured(compared, n):
    """Which K each criterion puts first, of those that are compared."""
    by_k: dict[int, list[str]] = {}
    for name, (column, higher) in CRITERIA.items():
        values = compared[column] if higher else compared.loc[searched(compared), column]
        values = values[np.isfinite(values.astype(float))]
        if len(values):
            by_k.setdefault(int(values.idxmax() if higher else values.idxmin()), []).append(name)
    said = "; ".join(
        f"{', '.join(names)} favour{'s' if len(names) == 1 else ''} K = {k}" for k, names in sorted(by_k.items())
    )
    return f"{said}." if len(compared) == n else f"Of those compared (K = {_listed(compared.index)}), {said}."


def _left_out(ks, reason):
    return f"K = {_listed(ks)} {'were' if len(ks) > 1 else 'was'} left out of the comparison: {reason.rstrip('.')}."


def _listed(ks):
    return ", ".join(map(str, ks))
