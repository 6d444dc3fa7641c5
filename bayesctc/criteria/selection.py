"""Choosing the number of classes: Bayesian and classical criteria in one table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import pandas as pd

from bayesctc import arguments
from bayesctc.criteria.approximate import approximate_loo
from bayesctc.criteria.blrt import bootstrap_lrt
from bayesctc.criteria.loo import CHAINS, Loo, predicted, room, with_refits
from bayesctc.criteria.numbers import Numbers
from bayesctc.criteria.rows import COLUMNS, differences, row
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.sentence import sentence
from bayesctc.criteria.waic import Waic, waic
from bayesctc.data import Cohort
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.optimise import Bounds
from bayesctc.inference.settings import COMPARED, SamplingOptions, Settings
from bayesctc.inference.starts import one_class
from bayesctc.jobs.store import Store
from bayesctc.model.analysis import Analysis, checked
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.disk.parts import check_kept
from bayesctc.results.labels import checked_labels, renamed
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import usable
from bayesctc.shown import Shown

CANNOT_WIN = (
    20.0  # of ICL above the best: BIC differences above 10 are very strong evidence (Raftery, Sociol Methodol 1995)
)


@dataclass(frozen=True, repr=False)
class Selection(Shown):
    """Criteria for each number of classes, and the number that the rule recommends.

    Attributes
    ----------
    table : DataFrame
        Indexed by n_classes. log_likelihood, aic, bic, sabic, icl, entropy at the best interior ML mode, and whether
        that has converged (ml_usable); smallest_class (share), average_posterior and odds_correct (the lowest over
        classes); elpd_loo, elpd_waic with standard errors, effective parameters, and numbers of patients whose elpd is
        approximate (n_high_k) or was corrected (n_matched, n_refitted); method of elpd_loo ("NUTS", "NUTS, chains
        stacked" or "normal approximation"). Agreement of the chains' predictions: prediction_rhat and prediction_ess
        (of the total log likelihood), n_compared (chains), elpd_range (between chains), chains_agree, and main_weight,
        the stacking weight of the chains whose draws are shown; approximation_k. Convergence of the parameters:
        max_rhat, min_ess and n_chains of the draws. elpd_diff (LOO, to the best of those compared, with the standard
        error of the difference); blrt_p (this K against K + 1); given_up (why it was not sampled, "" if it was);
        above_floor, usable (whether K may be compared), reason (why not), close_to_best and recommended are the steps
        of the rule; warnings.
    recommended : int or None
        None if no K meets the rule; a K whose fit failed never does.
    rule : ParsimonyRule
    sentence : str
        Which K the criteria favour, and which the rule picks.
    ml, bayes : dict of int to fit
        `bayes` for the K that were sampled.
    loo, waic : dict of int to criterion
        `loo` for the K that were sampled or approximated.

    Examples
    --------
    >>> selection = bc.select_n_classes(cohort, spec, [1, 2], settings=few)
    >>> selection.table["recommended"].to_dict()
    {1: False, 2: True}
    >>> sorted(selection.bayes)  # the K that were sampled
    [1, 2]
    """

    table: pd.DataFrame
    recommended: int | None
    rule: ParsimonyRule
    sentence: str
    ml: dict[int, MLFit]
    bayes: dict[int, BayesFit]
    loo: dict[int, Loo]
    waic: dict[int, Waic]

    def with_labels(self, labels: Sequence[str] | Mapping[int | str, str], n_classes: int | None = None) -> "Selection":
        """The same selection with names for the classes of one of its fits, in the report, tables, figures and code.

        Other numbers of classes keep their names, since a name describes the classes of one fit. The fits of the
        result, in `ml` and `bayes`, keep the names when they are saved.

        Parameters
        ----------
        labels : sequence of str, or mapping of class to str
            As in `BayesFit.with_labels`: a name for each class, lowest first; or new names of some.
        n_classes : int, optional
            The number of classes whose classes are named; the recommended one unless given.

        Raises
        ------
        SpecError
            No such number of classes was fitted, none is recommended, or the labels are not allowed.

        Examples
        --------
        >>> selection = bc.select_n_classes(cohort, spec, [1, 2], settings=few)
        >>> selection.with_labels(["low", "high"]).bayes[2].quality.index.tolist()
        ['low', 'high']
        """
        k = self._number_named(n_classes)
        present = (self.bayes.get(k) or self.ml[k]).design.layout.class_names
        names = checked_labels(labels, present)
        ml, bayes, table = self.ml | {k: self.ml[k].with_labels(names)}, self.bayes, self.table.copy()
        if k in bayes:
            bayes = bayes | {k: bayes[k].with_labels(names)}
        (table.loc[k, "warnings"],) = renamed([str(table.loc[k, "warnings"])], present, names)
        return replace(self, table=table, ml=ml, bayes=bayes)

    def _number_named(self, n_classes: int | None) -> int:
        """The number of classes that `with_labels` is about."""
        fitted = f"the numbers of classes fitted are {', '.join(map(str, self.ml))}"
        if n_classes is None and self.recommended is None:
            raise SpecError(f"no number of classes is recommended, so n_classes has to be given: {fitted}.")
        k = self.recommended if n_classes is None else arguments.whole("n_classes", n_classes, 1)
        if k not in self.ml:
            raise SpecError(f"n_classes={k} was not fitted; {fitted}.")
        return k

    def _shown(self) -> Iterator[str | pd.DataFrame]:
        shown = [
            "log_likelihood",
            "aic",
            "bic",
            "icl",
            "entropy",
            "smallest_class",
            "elpd_loo",
            "elpd_diff",
            "elpd_diff_se",
            "method",
            "usable",
            "recommended",
        ]
        yield self.table[shown].round(3)
        yield self.sentence


class SelectionOptions(SamplingOptions, total=False):
    """Keywords of `select_families`, and of `select_n_classes`."""

    max_refits: int
    executor: Executor | None
    folder: str | Path | None


class NumberOptions(SelectionOptions, total=False):
    """Keywords of `select_n_classes`."""

    quick: bool
    every_k: bool


def select_n_classes(
    cohort: Cohort,
    spec: ModelSpec,
    n_classes: int | Iterable[int] = range(1, 7),
    *,
    rule: ParsimonyRule | None = None,
    blrt: int = 0,
    settings: Settings = COMPARED,
    **options: Unpack[NumberOptions],
) -> Selection:
    """Fit every number of classes, by maximum likelihood and NUTS, and compare them with patients as units.

    A K that cannot be recommended is not sampled, and the table gives the reason: a class below the rule's floor at the
    maximum-likelihood mode or, by the criterion "icl", which depends on maximum likelihood alone, more classes and an
    ICL more than 20 above that of a K that may be recommended. `select_families` also compares families of counts.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
        Its `n_classes` is not used.
    n_classes : iterable of int, or int
    rule : ParsimonyRule, optional
    blrt : int
        Replicates of the bootstrap likelihood-ratio test of each K against K + 1; 0 for no test.
    settings : Settings
        draws (500), tune (200), chains (4), n_starts (20) and random_seed (0), as in `fit_bayes`; max_refits (10; the
        maximum number of exact leave-one-out refits for each K whose rank by LOO they could change); executor (which
        runs the maximum-likelihood starts, then samples numbers of classes, and fits replicates of the bootstrap test;
        without it they run one after another); progress (True).
    **options
        Single settings, such as ``draws=1000``. ``quick=True``: a quick comparison, with LOO from a normal
        approximation of each posterior, corrected by importance weights (`approximate_loo`); a K for which that fails
        is sampled, the others have no draws. ``every_k=True``: sample every K. ``folder="selection"``: each fit, and
        each replicate of the bootstrap test, is stored there as it finishes and reused by a later run with the same
        data, specification, settings and version, so that an interrupted run is completed by running it again.

    Returns
    -------
    Selection

    Raises
    ------
    SpecError, DataError
    StorageError
        The cohort contains data that could not be saved, or the folder is not writable or has a damaged result.

    Examples
    --------
    >>> selection = bc.select_n_classes(cohort, spec, [1, 2], settings=few)
    >>> selection.recommended
    2
    """
    ks = arguments.numbers_of_classes(n_classes)
    how = Settings.of(select_n_classes, settings, options)
    quick, every_k = (arguments.of_kind(name, options.get(name, False), bool) for name in ("quick", "every_k"))
    if not quick:
        how.for_loo()
    blrt = arguments.whole("blrt", blrt, 0)
    rule = arguments.of_kind("rule", rule, ParsimonyRule | None) or ParsimonyRule()
    for k in ks:
        design = checked(cohort, spec.with_(n_classes=k))  # refuse before the first fit
    check_kept(cohort)
    store = Store(options.get("folder"))
    return select_analysis(Analysis.of(cohort, design), ks, how, rule, store, blrt, quick=quick, every_k=every_k)


def select_analysis(
    analysis: Analysis,
    ks: list[int],
    settings: Settings,
    rule: ParsimonyRule,
    store: Store,
    blrt: int = 0,
    *,
    quick: bool = False,
    every_k: bool = False,
) -> Selection:
    """`select_n_classes` for packed patients."""
    fitted = Numbers(analysis, one_class(analysis, Bounds()), settings, store)
    found = _Found(rule, settings, quick, fitted)
    for k in ks:
        try:
            found.ml[k] = fitted.search(k)
        except FitError as error:
            found.failures[k] = str(error).splitlines()[0]
    if not found.ml:
        raise FitError(f"no number of classes could be fitted: {found.failures}")
    first, *others = found.order()
    for k in (first, *others):
        reason = "" if every_k else found.cannot_win(k)
        if reason:
            found.given_up[k] = reason
        else:
            found.look(k)
        if k == first:
            found.prepare([other for other in others if every_k or not found.cannot_win(other)])
    found.refit(ks)
    waics = {k: waic(fit) for k, fit in sorted(found.bayes.items())}
    table = found.table(ks, waics)
    differences(table, found.loo, rule)
    if blrt:
        for k in ks:
            if all(each in found.ml and usable(found.ml[each]) for each in (k, k + 1)):
                how = {name: getattr(settings, name) for name in ("random_seed", "executor", "progress")}
                test = bootstrap_lrt(found.ml[k], found.ml[k + 1], replicates=blrt, folder=store.folder, **how)
                table.loc[k, "blrt_p"] = test.p_value
    table, recommended = rule.apply(table)
    said = sentence(table, recommended, rule)
    bayes, loos = dict(sorted(found.bayes.items())), dict(sorted(found.loo.items()))
    return Selection(table, recommended, rule, said, found.ml, bayes, loos, waics)


class _Found:
    """Results so far for each number of classes."""

    def __init__(self, rule: ParsimonyRule, settings: Settings, quick: bool, fitted: Numbers):
        self.rule, self.settings, self.quick, self.fitted = rule, settings, quick, fitted
        self.ready: dict[int, BayesFit | str] = {}
        self.ml: dict[int, MLFit] = {}
        self.bayes: dict[int, BayesFit] = {}
        self.loo: dict[int, Loo] = {}
        self.failures: dict[int, str] = {}
        self.given_up: dict[int, str] = {}
        self.notes: dict[int, str] = {}

    def order(self) -> list[int]:
        """Numbers of classes, the likely winner first, so that others may be ruled out early."""
        by_icl = self.rule.criterion == "icl"
        return sorted(self.ml, key=lambda k: (not usable(self.ml[k]), self.ml[k].icl) if by_icl else k)

    def row(self, k, waic_=None):
        said = self.failures.get(k, "") or self.notes.get(k, "")
        return row(self.ml.get(k), self.bayes.get(k), self.loo.get(k), waic_, said, self.given_up.get(k, ""))

    def table(self, ks, waics=None) -> pd.DataFrame:
        """The criteria of these numbers of classes."""
        rows = [self.row(k, (waics or {}).get(k)) for k in ks]
        return pd.DataFrame(rows, index=pd.Index(ks, name="n_classes"), columns=COLUMNS)

    def cannot_win(self, k) -> str:
        """Why K cannot be recommended whatever its posterior is; "" if it can."""
        ml, share = self.ml[k], float(self.ml[k].quality["share"].min(skipna=False))
        if share < self.rule.floor:
            return f"a class with {100 * share:.1f} % of patients at the maximum-likelihood mode"
        if self.rule.criterion != "icl":
            return ""
        if not self.loo:
            return ""
        seen = self.table(sorted(self.loo))
        able = seen[self.rule.eligible(seen).all(axis=1) & seen["ml_usable"].astype(bool) & (seen.index < k)]
        worse = ml.icl - able["icl"].min()
        if len(able) and worse > CANNOT_WIN:
            best = able["icl"].astype(float).idxmin()
            return f"its ICL, which does not depend on draws, is {worse:.0f} above that of K = {best}"
        return ""

    def prepare(self, ks: list[int]) -> None:
        """Sample several K at once if there is an executor; those given up later are ignored."""
        if self.settings.executor is not None and not self.quick and ks:
            self.ready = self.fitted.sample({k: self.ml[k] for k in ks})

    def look(self, k) -> None:
        """LOO of K: by a normal approximation if requested and adequate, else by chains."""
        if self.quick:
            found, why = approximate_loo(self.ml[k], self.settings)
            if found is not None:
                self.loo[k] = found
                return
            self.notes[k] = f"sampled, because a normal approximation is not adequate: {why}"
        sampled = self.ready.pop(k, None) or self.fitted.sample({k: self.ml[k]})[k]
        if isinstance(sampled, str):
            self.failures[k] = sampled
            return
        self.bayes[k] = sampled
        self.loo[k] = predicted(self.bayes[k], self.rule.max_rhat)

    def refit(self, ks) -> None:
        """If LOO decides, exact refits of the K that may be compared and whose rank by LOO they could change."""
        table, places = self.table(ks), []
        if self.rule.criterion == "loo":
            differences(table, self.loo, self.rule)
            able = table[self.rule.eligible(table).all(axis=1)]
            chains = [k for k in able.index if self.loo[k].method == CHAINS]
            reach = dict.fromkeys(able.index, (0.0, 0.0)) | {k: room(self.bayes[k], self.loo[k]) for k in chains}
            places = places_open(able, reach, self.rule)
        for k, fit in self.bayes.items():
            if k in self.loo:
                refits = self.settings.max_refits if k in places else 0
                self.loo[k] = with_refits(fit, self.loo[k], refits, self.settings.progress)


def places_open(table: pd.DataFrame, reach: dict[int, tuple[float, float]], rule: ParsimonyRule) -> list[int]:
    """Numbers of classes whose refits could change which K are close to the best by LOO.

    Parameters
    ----------
    table : DataFrame
        For those compared: elpd_loo, elpd_diff, elpd_diff_se.
    reach : dict of int to (float, float)
        How far refits could move the elpd of each K down and up (`room`).
    rule : ParsimonyRule
    """
    slack = (rule.standard_errors * table["elpd_diff_se"]).clip(lower=rule.margin)
    lowest, highest = (
        pd.Series({k: table.loc[k, "elpd_loo"] + sign * reach[k][side] for k in table.index}, dtype=float)
        for sign, side in ((-1.0, 0), (1.0, 1))
    )
    may_be_best = table.index[highest >= lowest.max()]
    found: set[int] = set()
    for best in may_be_best:
        for k in table.index.drop(best):
            near = highest[k] - lowest[best] >= -slack[k]
            if near and not lowest[k] - highest[best] >= -slack[k]:
                found |= {j for j in (k, best) if sum(reach[j]) > 0}
    return sorted(found)
