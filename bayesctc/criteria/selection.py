"""Choosing the number of classes: Bayesian and classical criteria in one table."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.criteria.blrt import bootstrap_lrt
from bayesctc.criteria.loo import Loo, loo
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.waic import Waic, spread, waic
from bayesctc.data import Cohort
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.ml import fit_packed
from bayesctc.inference.nuts import sample_mode
from bayesctc.inference.optimise import Bounds
from bayesctc.inference.starts import one_class
from bayesctc.model.design import Design, Packed
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.disk.parts import check_kept
from bayesctc.results.ml_fit import MLFit

COLUMNS = [
    "log_likelihood", "n_parameters", "aic", "bic", "sabic", "icl", "entropy", "smallest_class", "average_posterior",
    "odds_correct", "elpd_loo", "elpd_loo_se", "p_loo", "n_high_k", "n_refitted", "elpd_waic", "elpd_waic_se", "p_waic",
    "n_high_variance", "max_rhat", "elpd_diff", "elpd_diff_se", "blrt_p", "warnings",
]  # fmt: skip


@dataclass(frozen=True, repr=False)
class Selection:
    """Criteria for each number of classes, and the one the rule picks.

    Attributes
    ----------
    table : DataFrame
        Indexed by n_classes. log_likelihood, aic, bic, sabic, icl, entropy at the best interior ML mode;
        smallest_class (share), average_posterior and odds_correct (the lowest over classes); elpd_loo, elpd_waic with
        standard errors, effective parameters, and counts of what makes them unreliable; elpd_diff (LOO, to the best,
        with the standard error of the difference); blrt_p (this K against K + 1); above_floor, close_to_best and
        recommended show the rule at work; warnings.
    recommended : int or None
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

    def __repr__(self) -> str:
        shown = ["log_likelihood", "aic", "bic", "entropy", "smallest_class", "elpd_loo", "elpd_diff", "elpd_diff_se",
                 "recommended"]  # fmt: skip
        return f"{self.table[shown].round(3).to_string()}\n{self.sentence}"


def select_n_classes(
    cohort: Cohort,
    spec: ModelSpec,
    n_classes: Iterable[int] = range(1, 7),
    *,
    draws: int = 500,
    tune: int = 300,
    chains: int = 4,
    n_starts: int = 20,
    random_seed: int = 0,
    rule: ParsimonyRule | None = None,
    blrt: int = 0,
    max_refits: int = 10,
    family: Sequence[str] | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Any:
    """Fit every number of classes, classical and Bayesian, and compare them with patients as units.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
        Its `n_classes` is not used.
    n_classes : iterable of int
    draws, tune, chains, n_starts, random_seed
        As in `fit_bayes`.
    rule : ParsimonyRule, optional
    blrt : int
        Replicates of the bootstrap likelihood-ratio test of each K against K + 1; 0 leaves it out.
    max_refits : int
        Exact leave-one-out refits at most, for each K that the rule compares.
    family : sequence of str, optional
        Families to compare, in place of the spec's; on the probability of the counts, which is one measure for all.
    executor : concurrent.futures.Executor, optional
        Runs the maximum-likelihood starts.
    progress : bool

    Returns
    -------
    Selection, or FamilySelection where `family` is given

    Raises
    ------
    SpecError, DataError
    StorageError
        The cohort holds what could not be saved with a fit.
    """
    ks = sorted(set(n_classes))
    if not ks:
        raise SpecError("n_classes has to name at least one number of classes; found none.")
    if family is not None:
        from bayesctc.criteria.families import select_families  # which comes back here for each family

        return select_families(
            cohort, spec, family, ks, draws=draws, tune=tune, chains=chains, n_starts=n_starts, rule=rule, blrt=blrt,
            random_seed=random_seed, max_refits=max_refits, executor=executor, progress=progress,
        )  # fmt: skip
    for k in ks:
        design = Design.settle(cohort, spec.with_(n_classes=k))  # refuse before the first fit
    check_kept(cohort)
    return select_packed(
        cohort, design, design.pack(cohort), ks, draws=draws, tune=tune, chains=chains, n_starts=n_starts,
        random_seed=random_seed, rule=rule or ParsimonyRule(), blrt=blrt, max_refits=max_refits, executor=executor,
        progress=progress,
    )  # fmt: skip


def select_packed(
    cohort: Cohort,
    design: Design,
    packed: Packed,
    ks: list[int],
    *,
    draws: int,
    tune: int,
    chains: int,
    n_starts: int,
    random_seed: int,
    rule: ParsimonyRule,
    blrt: int = 0,
    max_refits: int = 10,
    executor: Executor | None = None,
    progress: bool = False,
) -> Selection:
    """`select_n_classes` for patients that are packed already."""
    base = one_class(design, packed, Bounds())
    ml: dict[int, MLFit] = {}
    bayes: dict[int, BayesFit] = {}
    failures: dict[int, str] = {}
    for k in ks:
        try:
            ml[k] = fit_packed(cohort, design.with_classes(k), packed, n_starts=n_starts, random_seed=random_seed,
                               bounds=Bounds(), executor=executor, progress=progress, base=base)  # fmt: skip
            bayes[k] = sample_mode(ml[k], ml[k].theta, draws=draws, tune=tune, chains=chains, cores=None,
                                   random_seed=random_seed, nuts_sampler="nutpie", progress=progress)  # fmt: skip
        except FitError as error:
            failures[k] = str(error).splitlines()[0]
    if not bayes:
        raise FitError(f"no number of classes could be fitted: {failures}")
    loos = {k: loo(fit, max_refits=max_refits * rule.compares(fit), progress=progress) for k, fit in bayes.items()}
    waics = {k: waic(fit) for k, fit in bayes.items()}
    table = pd.DataFrame(
        [_row(ml.get(k), bayes.get(k), loos.get(k), waics.get(k), failures.get(k)) for k in ks],
        index=pd.Index(ks, name="n_classes"), columns=COLUMNS,
    )  # fmt: skip
    _differences(table, loos, rule)
    if blrt:
        for k in ks:
            if k in ml and k + 1 in ml:
                test = bootstrap_lrt(ml[k], ml[k + 1], replicates=blrt, random_seed=random_seed, progress=progress)
                table.loc[k, "blrt_p"] = test.p_value
    table, recommended = rule.apply(table)
    return Selection(table, recommended, rule, _sentence(table, recommended, rule), ml, bayes, loos, waics)


def _row(ml, bayes, loo_, waic_, failure):
    row: dict[str, Any] = dict.fromkeys(COLUMNS, np.nan)
    row["warnings"] = failure or ""
    if ml is None:
        return row
    row |= {n: getattr(ml, n) for n in ("log_likelihood", "n_parameters", "aic", "bic", "sabic", "icl", "entropy")}
    quality = (bayes or ml).quality
    row |= {"smallest_class": quality["share"].min(),
            "average_posterior": quality["average_posterior"].min(skipna=False),
            "odds_correct": quality["odds_correct"].min(skipna=False)}  # fmt: skip
    if bayes is not None:
        row |= {"elpd_loo": loo_.elpd, "elpd_loo_se": loo_.se, "p_loo": loo_.p_loo, "n_high_k": loo_.n_high_k,
                "n_refitted": int(loo_.pointwise["refitted"].sum()), "elpd_waic": waic_.elpd, "elpd_waic_se": waic_.se,
                "p_waic": waic_.p_waic, "n_high_variance": waic_.n_high_variance,
                "max_rhat": bayes.diagnostics.max_rhat}  # fmt: skip
        notes = [*bayes.warnings, *loo_.warnings]
        if loo_.p_loo > 1.5 * ml.n_parameters:
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
    best = loos[table.loc[allowed, "elpd_loo"].idxmax()].pointwise["elpd"].to_numpy()
    for k, result in loos.items():
        difference = result.pointwise["elpd"].to_numpy() - best
        table.loc[k, "elpd_diff"] = difference.sum()
        table.loc[k, "elpd_diff_se"] = spread(difference)


def _sentence(table, recommended, rule):
    """What the criteria agree on, in words."""
    best = {
        "LOO": table["elpd_loo"].idxmax(), "WAIC": table["elpd_waic"].idxmax(), "AIC": table["aic"].idxmin(),
        "BIC": table["bic"].idxmin(), "adjusted BIC": table["sabic"].idxmin(), "ICL": table["icl"].idxmin(),
    }  # fmt: skip
    by_k: dict[int, list[str]] = {}
    for name, k in best.items():
        by_k.setdefault(int(k), []).append(name)
    said = "; ".join(f"{', '.join(names)} favour{'s' if len(names) == 1 else ''} K = {k}"
                     for k, names in sorted(by_k.items()))  # fmt: skip
    if recommended is None:
        return f"{said}. No K meets the rule: {rule}."
    text = f"{said}. The rule ({rule}) picks K = {recommended}."
    fitted = table.index[table["elpd_loo"].notna()]
    if best["LOO"] == fitted.max() and len(fitted) > 1:
        text += f" LOO is best at the largest K that was fitted, {fitted.max()}: extend the range before settling."
    eligible = rule.eligible(table)
    for column, why in (("above_floor", f"a class under {100 * rule.floor:g} % of patients"),
                        ("chains_mixed", "chains that have not mixed, or none")):  # fmt: skip
        out = [str(k) for k in table.index[~eligible[column]]]
        if out:
            text += f" K = {', '.join(out)} was left out of the comparison: {why}."
    unreliable = table["n_high_k"].fillna(0) > 0
    if unreliable.any():
        rows = ", ".join(str(k) for k in table.index[unreliable])
        text += (f" {int(table['n_high_k'].sum())} pareto_k above 0.7 were not refitted (K = {rows}): do not trust "
                 "their elpd.")  # fmt: skip
    return text
