"""Comparison of families of counts, each with several numbers of classes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import pandas as pd

from bayesctc import arguments
from bayesctc.criteria.counting import log_likelihood_counts, loo_counts
from bayesctc.criteria.loo import Loo
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.selection import Selection, SelectionOptions, select_n_classes
from bayesctc.criteria.waic import spread
from bayesctc.data import Cohort
from bayesctc.data.outcome import FAMILIES as ANY_FAMILY
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.settings import COMPARED, Settings
from bayesctc.model.analysis import checked
from bayesctc.model.families import FAMILIES
from bayesctc.model.spec import ModelSpec
from bayesctc.shown import Shown

NUMBERS = ("log_likelihood", "n_parameters", "aic", "bic", "elpd", "se", "n_high_k")


@dataclass(frozen=True, repr=False)
class FamilySelection(Shown):
    """All families and numbers of classes on one measure, the probability of the counts (and density of survival).

    Attributes
    ----------
    table : DataFrame
        Indexed by family and n_classes: log_likelihood, n_parameters, aic, bic (at the ML estimate, which does not
        maximise the likelihood of the counts if the family is a density), elpd, se, elpd_diff (from the best of those
        compared), elpd_diff_se, n_high_k, smallest_class, above_floor, usable (whether the draws may be compared),
        reason (why not), recommended (by the rule, within the family), warnings.
    selections : dict of Selection
        By family, each on its own measure.
    loo : dict of Loo
        By (family, n_classes), on the counting measure.
    best : (str, int) or None
        Family and number of classes with the highest elpd of those compared, which are usable and have no small class.
    sentence : str

    Examples
    --------
    >>> families = bc.select_families(cohort, spec, ["poisson_log_normal", "gaussian"], [2], settings=few)
    >>> families.table.index.tolist()
    [('poisson_log_normal', 2), ('gaussian', 2)]
    """

    table: pd.DataFrame
    selections: dict[str, Selection]
    loo: dict[tuple[str, int], Loo]
    best: tuple[str, int] | None
    sentence: str

    def _shown(self) -> Iterator[str | pd.DataFrame]:
        shown = ["aic", "bic", "elpd", "elpd_diff", "elpd_diff_se", "smallest_class", "usable", "recommended"]
        yield self.table[shown].round(3)
        yield self.sentence


def select_families(
    cohort: Cohort,
    spec: ModelSpec,
    families: Sequence[str],
    n_classes: int | Iterable[int] = range(1, 7),
    *,
    rule: ParsimonyRule | None = None,
    blrt: int = 0,
    settings: Settings = COMPARED,
    **options: Unpack[SelectionOptions],
) -> FamilySelection:
    """`select_n_classes` for several families of counts, all on the probability of the counts.

    A density on log(1 + count) is not comparable with these, so the gaussian family is scored as a rounded normal.

    Parameters
    ----------
    cohort : Cohort
        A cohort of counts.
    spec : ModelSpec
        Its `n_classes` and `family` are not used.
    families : sequence of str
        Each once.
    n_classes, rule, blrt
        As in `select_n_classes`.
    settings : Settings
        draws (500), tune (200), chains (4), n_starts (20), random_seed (0), max_refits (10), executor and progress
        (True), as in `select_n_classes`.
    **options
        Single settings, such as ``draws=1000``, and folder, as in `select_n_classes`.

    Returns
    -------
    FamilySelection

    Raises
    ------
    SpecError, DataError, StorageError
        Before the first fit, if a family or number of classes is refused.
    FitError
        No family could be fitted.

    Examples
    --------
    >>> families = bc.select_families(cohort, spec, ["poisson_log_normal", "gaussian"], [2], settings=few)
    >>> families.best
    ('poisson_log_normal', 2)
    """
    how = Settings.of(select_families, settings, options).for_loo()
    ks = arguments.numbers_of_classes(n_classes)
    specs = _each_family(cohort, spec, families, ks)
    selections: dict[str, Selection] = {}
    loos: dict[tuple[str, int], Loo] = {}
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for name, each in specs.items():
        try:
            # K that cannot win within a family may between them
            folder = options.get("folder")
            found = select_n_classes(cohort, each, ks, rule=rule, blrt=blrt, settings=how, folder=folder, every_k=True)
        except FitError as error:  # the others go on
            rows |= {(name, k): _nothing(str(error).splitlines()[0]) for k in ks}
            continue
        selections[name] = found
        for k in ks:
            if k in found.bayes and FAMILIES[name].counting:
                refits = how.max_refits * bool(found.table.loc[k, ["usable", "above_floor"]].all())
                loos[name, k] = loo_counts(found.bayes[k], max_refits=refits, progress=how.progress)
            elif k in found.bayes:  # the others are on that measure already
                loos[name, k] = found.loo[k]
            rows[name, k] = _row(found, k, loos.get((name, k)))
    if not selections:
        raise FitError(f"no family could be fitted: {'; '.join(dict.fromkeys(row['reason'] for row in rows.values()))}")
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=["family", "n_classes"])
    compared = table["above_floor"] & table["usable"]
    best = max(table.index[compared], key=lambda key: loos[key].elpd, default=None)
    _differences(table, loos, best)
    return FamilySelection(table, selections, loos, best, _sentence(table, compared, best))


def _each_family(cohort: Cohort, spec: ModelSpec, families: Sequence[str], ks: list[int]) -> dict[str, ModelSpec]:
    """The specification under each family; invalid ones are refused before the first fit."""
    known = isinstance(families, list | tuple) and all(isinstance(name, str) and name in FAMILIES for name in families)
    if not known or not families or len(set(families)) < len(families):
        raise SpecError(f"families has to be a list of {', '.join(FAMILIES)}, each once; found {families!r}.")
    cohort.outcome.need(ANY_FAMILY, "a comparison of families")
    alone = [name for name in families if not FAMILIES[name].counts_or_has_twin]
    if alone:
        raise SpecError(
            f"families: found {alone[0]!r}, which gives a density only; allowed: families that give a count a "
            "probability"
        )
    specs = {name: spec.with_(family=name) for name in families}
    for name, each in specs.items():  # also what scores a density
        for other in dict.fromkeys((name, FAMILIES[name].counting or name)):
            for k in ks:
                checked(cohort, each.with_(family=other, n_classes=k))
    return specs


def _nothing(reason):
    """The row of a fit that failed."""
    return {
        **dict.fromkeys((*NUMBERS, "smallest_class"), np.nan),
        "above_floor": False,
        "usable": False,
        "reason": reason,
        "recommended": False,
        "warnings": reason,
    }


def _row(selection, k, loo):
    """One family and number of classes."""
    own, ml = selection.table.loc[k], selection.ml.get(k)
    numbers = dict.fromkeys(NUMBERS, np.nan)
    if ml is not None:
        value = log_likelihood_counts(ml)
        more = 2.0 * (value - ml.log_likelihood)
        numbers |= {
            "log_likelihood": value,
            "n_parameters": ml.n_parameters,
            "aic": ml.aic - more,
            "bic": ml.bic - more,
        }
    if loo is not None:
        numbers |= {"elpd": loo.elpd, "se": loo.se, "n_high_k": loo.n_high_k}
    usable, reason = bool(own["usable"]), own["reason"]
    if usable and not np.isfinite(numbers["elpd"]):
        usable, reason = False, "elpd of the counts is not finite"
    return {
        **numbers,
        **own[["smallest_class", "above_floor"]],
        "usable": usable,
        "reason": reason,
        "recommended": usable and bool(own["recommended"]),
        "warnings": _told(own["warnings"], () if loo is None else loo.warnings),
    }


def _differences(table, loos, best):
    """elpd differences to the best; none without one."""
    differences = {} if best is None else {key: each.difference_from(loos[best]) for key, each in loos.items()}
    for place, name, of in ((6, "elpd_diff", np.sum), (7, "elpd_diff_se", spread)):
        table.insert(place, name, [float(of(differences[k])) if k in differences else np.nan for k in table.index])


def _told(own, of_counts):
    """Warnings of a row of the family's own selection, and further warnings of its LOO of the counts."""
    return "; ".join([*([own] if own else []), *(text for text in of_counts if text not in own)])


def _sentence(table, compared, best):
    """The best fit on the counting measure, the choice of the rule within each family, and failed fits."""
    failed = table[~table["usable"]]
    said = [f"{name} K = {k} ({row.reason})" for (name, k), row in zip(failed.index, failed.itertuples(), strict=True)]
    left = f" {len(failed)} of {len(table)} fits failed and are excluded: {'; '.join(said)}." if said else ""
    if best is None:
        why = "has a class that is too small" if table["usable"].any() else "has failed"
        return f"No comparison and no recommendation: every fit {why}.{left}"
    picks = [f"{name} K = {k}" for name, k in table.index[table["recommended"]]]
    others = table[compared & (table.index.get_level_values("family") != best[0])]
    text = f"LOO of the counts ranks {best[0]} with K = {best[1]} first"
    if len(others):
        second = others["elpd"].idxmax()
        row = table.loc[second]
        text += f", with an elpd {-row['elpd_diff']:.1f} (SE {row['elpd_diff_se']:.1f}) above that of the best other "
        text += f"family, {second[0]} with K = {second[1]}"
    return f"{text}. Within each family the rule picks: {', '.join(picks) or 'none'}.{left}"
