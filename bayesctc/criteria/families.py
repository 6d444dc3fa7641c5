"""Families of counts side by side, each with several numbers of classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bayesctc.criteria.counting import log_likelihood_counts, loo_counts
from bayesctc.criteria.loo import Loo
from bayesctc.criteria.selection import Selection, select_n_classes
from bayesctc.criteria.waic import spread
from bayesctc.data import Cohort
from bayesctc.data.marker import need_counts
from bayesctc.errors import SpecError
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.spec import ModelSpec


@dataclass(frozen=True, repr=False)
class FamilySelection:
    """Every family and number of classes on one measure, the probability of the counts (and density of survival).

    Attributes
    ----------
    table : DataFrame
        Indexed by family and n_classes: log_likelihood, n_parameters, aic, bic (at the ML estimate; of the gaussian
        family at its own estimate, which does not maximise it), elpd, se, elpd_diff (from the best that is compared),
        elpd_diff_se, n_high_k, smallest_class, compared and recommended (by the rule, within the family), warnings.
    selections : dict of Selection
        By family, each on its own measure.
    loo : dict of Loo
        By (family, n_classes), on the counting measure.
    best : (str, int)
        Family and number of classes with the highest elpd of those that are compared.
    sentence : str
    """

    table: pd.DataFrame
    selections: dict[str, Selection]
    loo: dict[tuple[str, int], Loo]
    best: tuple[str, int]
    sentence: str

    def __repr__(self) -> str:
        shown = ["aic", "bic", "elpd", "elpd_diff", "elpd_diff_se", "smallest_class", "recommended"]
        return f"{self.table[shown].round(3).to_string()}\n{self.sentence}"


def select_families(
    cohort: Cohort, spec: ModelSpec, families: Sequence[str], n_classes, *, max_refits: int, progress: bool, **settings
) -> FamilySelection:
    """`select_n_classes` for several families; see there."""
    unknown = [name for name in families if name not in FAMILIES]
    if isinstance(families, str) or not list(families) or unknown or len(set(families)) < len(families):
        raise SpecError(f"family has to be a list of {', '.join(FAMILIES)}, each once; found {families!r}.")
    need_counts(cohort.marker, "a comparison of families")
    specs = {name: spec.with_(family=name) for name in families}
    ks, selections, loos, rows = list(n_classes), {}, {}, {}
    for name, each in specs.items():  # refuse before the first fit, what scores a gaussian one too
        for other in dict.fromkeys((name, "censored" if name == "gaussian" else name)):
            for k in ks:
                Design.settle(cohort, each.with_(family=other, n_classes=k))
    for name, each in specs.items():
        found = select_n_classes(cohort, each, ks, max_refits=max_refits, progress=progress, **settings)
        selections[name] = found
        for k, fit in found.bayes.items():
            if name == "gaussian":
                refits = max_refits * found.rule.compares(fit)
                loos[name, k] = loo_counts(fit, max_refits=refits, progress=progress)
            else:  # the others are on that measure already
                loos[name, k] = found.loo[k]
            rows[name, k] = _row(found, k, loos[name, k])
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=["family", "n_classes"])
    compared = table["compared"] | (not table["compared"].any())
    best = max((key for key in loos if compared[key]), key=lambda key: loos[key].elpd)
    differences = {key: each.pointwise["elpd"] - loos[best].pointwise["elpd"] for key, each in loos.items()}
    table.insert(6, "elpd_diff", [float(differences[key].sum()) for key in table.index])
    table.insert(7, "elpd_diff_se", [spread(differences[key]) for key in table.index])
    return FamilySelection(table, selections, loos, best, _sentence(table, compared, best))


def _row(selection, k, loo):
    """One family and number of classes."""
    ml = selection.ml[k]
    value = log_likelihood_counts(ml)
    own = selection.table.loc[k]
    return {
        "log_likelihood": value, "n_parameters": ml.n_parameters, "aic": ml.aic - 2.0 * (value - ml.log_likelihood),
        "bic": ml.bic - 2.0 * (value - ml.log_likelihood), "elpd": loo.elpd, "se": loo.se, "n_high_k": loo.n_high_k,
        "smallest_class": own["smallest_class"], "compared": bool(own["above_floor"] and own["chains_mixed"]),
        "recommended": bool(own["recommended"]),
        "warnings": _told(own["warnings"], loo.warnings),
    }  # fmt: skip


def _told(own, of_counts):
    """Warnings of a row of the family's own selection, and those of its LOO of the counts that are not among them."""
    return "; ".join([*([own] if own else []), *(text for text in of_counts if text not in own)])


def _sentence(table, compared, best):
    """What is best on the counting measure, and what each family's rule picks."""
    picks = [f"{name} K = {k}" for name, k in table.index[table["recommended"]]]
    others = table[compared & (table.index.get_level_values("family") != best[0])]
    text = f"LOO of the counts puts {best[0]} with K = {best[1]} first"
    if len(others):
        second = others["elpd"].idxmax()
        row = table.loc[second]
        text += f", {-row['elpd_diff']:.1f} (SE {row['elpd_diff_se']:.1f}) above the best of another family, "
        text += f"{second[0]} with K = {second[1]}"
    return f"{text}. Within each family the rule picks: {', '.join(picks) or 'none'}."
