"""The result of a selection, in words."""

import numpy as np
import pandas as pd

from bayesctc.criteria.loo import APPROXIMATED, STACKED, said_rough
from bayesctc.criteria.psis import HIGH_K
from bayesctc.criteria.rule import ParsimonyRule, searched

CRITERIA = {  # by name: the column, and whether higher is better
    "LOO": ("elpd_loo", True),
    "WAIC": ("elpd_waic", True),
    "AIC": ("aic", False),
    "BIC": ("bic", False),
    "adjusted BIC": ("sabic", False),
    "ICL": ("icl", False),
}


def sentence(table: pd.DataFrame, recommended: int | None, rule: ParsimonyRule) -> str:
    """Which of the compared K the criteria favour, which the rule picks, and which were excluded and why."""
    eligible, reasons = rule.eligible(table), rule.reasons(table)
    compared = table[eligible.all(axis=1)]
    parts = [_favoured(compared, len(table)), *_better(table, rule)] if len(compared) else []
    if recommended is not None:
        parts.append(f"The rule ({rule}) picks K = {recommended}.")
        if better := unsettled(table, rule):
            name = rule.criterion.upper()
            parts.append(
                f"The number of classes is not settled: {name} is better for K = {_listed(better)}, excluded from "
                f"the comparison ({', '.join(_value(table, rule, k) for k in [*better, recommended])})."
            )
    elif eligible["usable"].any() or given_up(table).any():
        parts.append(f"No K meets the rule: {rule}.")
    else:
        parts.append("The fit of every K has failed, so none is recommended.")
    if len(compared) and len(table) > 1:
        best = compared["elpd_loo"].idxmax() if rule.criterion == "loo" else recommended
        if best == table.index.max():
            name = rule.criterion.upper()
            parts.append(f"{name} is best at the largest K tried, {best}: extend the range before deciding.")
    small = table.index[~eligible["above_floor"] & eligible["usable"]]
    if len(small):
        parts.append(_left_out(small, f"a class under {100 * rule.floor:g} % of patients"))
    out = reasons[reasons != ""]
    early = out[given_up(table)[out.index]]
    failed = out.drop(early.index)
    if len(failed):
        parts.append(f"{len(failed)} of {len(table)} K failed and {'are' if len(failed) > 1 else 'is'} excluded.")
    parts += [_left_out(failed.index[failed == reason], reason) for reason in failed.unique()]
    parts += [_said(early.index[early == reason], reason) for reason in early.unique()]
    parts += _how(compared)
    unsure = compared.index[~searched(compared)]
    if len(unsure):
        parts.append(f"AIC, BIC and ICL of K = {_listed(unsure)} are excluded: maximum likelihood has not converged.")
    high = compared["n_high_k"].fillna(0)
    if (high > 0).any():
        parts.append(said_rough(int(high.sum()), f" (K = {_listed(high.index[high > 0])})"))
        if rule.criterion == "icl":
            parts.append("ICL is not affected.")
    return " ".join(parts)


def given_up(table: pd.DataFrame) -> pd.Series:
    """Whether each K was given up without a posterior."""
    return table["given_up"].fillna("") != "" if "given_up" in table else pd.Series(False, index=table.index)


def _how(compared):
    """The K whose elpd is not from chains that agree."""
    if "method" not in compared:
        return
    stacked, approximated = (compared.index[compared["method"] == method] for method in (STACKED, APPROXIMATED))
    if len(stacked):
        yield (
            f"The predictions of the chains of K = {_listed(stacked)} disagree: LOO is that of the stacked "
            "predictions, and all other results are from the chains that agree on the classes."
        )
    if len(approximated):
        k = compared.loc[approximated, "approximation_k"].max()
        yield (
            f"LOO of K = {_listed(approximated)} is from a normal approximation of the posterior, without chains (it "
            f"is adequate: pareto k of its weights is {k:.2f}, at most {HIGH_K:g} allowed)."
        )


def favourites(compared) -> dict[int, list[str]]:
    """The criteria that favour each K, of those compared; a K that none favours is omitted."""
    by_k: dict[int, list[str]] = {}
    for name in CRITERIA:
        values = _scores(compared, name)
        if len(values) and (name != "WAIC" or len(values) == len(compared)):  # approximations have none
            by_k.setdefault(int(values.idxmax()), []).append(name)
    return dict(sorted(by_k.items()))


def passed_over(table: pd.DataFrame, rule: ParsimonyRule) -> dict[int, list[str]]:
    """K that are not compared, with the criteria by which they are better than every compared K.

    Parameters
    ----------
    table : DataFrame
        Of a selection.
    rule : ParsimonyRule
    """
    able = rule.eligible(table).all(axis=1)
    by_k: dict[int, list[str]] = {}
    for name in CRITERIA:
        values, others = _scores(table[able], name), _scores(table[~able], name)
        if len(values) and (name != "WAIC" or len(values) == able.sum()):
            for k in others.index[others > values.max()]:
                by_k.setdefault(int(k), []).append(name)
    return dict(sorted(by_k.items()))


def unsettled(table: pd.DataFrame, rule: ParsimonyRule) -> list[int]:
    """K that are not compared although they are better by the criterion of the rule; arguments as of `passed_over`."""
    return [k for k, names in passed_over(table, rule).items() if rule.criterion.upper() in names]


def _scores(table, name):
    """A criterion of the K that have it; higher is better."""
    column, higher = CRITERIA[name]
    values = (table[column] if higher else -table.loc[searched(table), column]).astype(float)
    return values[np.isfinite(values)]


def _value(table, rule, k):
    """A K's value of the rule's criterion, in words."""
    return f"{table.loc[k, CRITERIA[rule.criterion.upper()][0]]:.1f} for K = {k}"


def _favoured(compared, n):
    """The K that each criterion favours."""
    said = "; ".join(
        f"{', '.join(names)} favour{'s' if len(names) == 1 else ''} K = {k}"
        for k, names in favourites(compared).items()
    )
    return f"{said}." if len(compared) == n else f"Of those compared (K = {_listed(compared.index)}), {said}."


def _better(table, rule):
    """Which other K are better by a criterion than all that are compared; that of the rule has its own sentence."""
    own = rule.criterion.upper()
    others = {k: [name for name in names if name != own] for k, names in passed_over(table, rule).items()}
    if said := "; ".join(f"K = {k} by {', '.join(names)}" for k, names in others.items() if names):
        yield f"Better, but not compared: {said}."


def _left_out(ks, reason):
    return _said(ks, f"excluded from the comparison: {reason.rstrip('.')}")


def _said(ks, what):
    return f"K = {_listed(ks)} {'were' if len(ks) > 1 else 'was'} {what}."


def _listed(ks):
    return ", ".join(map(str, ks))
