"""Agreement of classifications: the adjusted Rand index between fits, and over bootstrap samples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayesctc import arguments
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.ml import refit_from
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.classes import assignment_table
from bayesctc.results.intervals import CI_PROB, CI_TEXT
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import why_not
from bayesctc.shown import Shown

FEWEST_PATIENTS = 2  # in common, because an index counts pairs of patients
PAIR_COLUMNS = ["first", "second", "adjusted_rand_index", "n_patients", "usable", "reason"]
SHARE_COLUMNS = ["fit", "latent_class", "n_patients", "share"]
ESTIMATE = "estimate"


def adjusted_rand_index(a: ArrayLike, b: ArrayLike) -> float:
    """Agreement of two classifications of the same patients, whatever the names of the classes.

    Let n_jk be the patients in class j of one and class k of the other. With m (m - 1) / 2 pairs of m patients, S_ab of
    N pairs are together in both (the sum over `n_jk`), S_a in the first (over `n_j.`) and S_b in the second (over
    `n_.k`):

        index = (S_ab - S_a S_b / N) / ((S_a + S_b) / 2 - S_a S_b / N)

    (Hubert and Arabie, Journal of Classification 1985;2:193, equation 5). It is 1 for identical classes, 0 for the
    agreement expected by chance for classes of these sizes, and negative for less. If both have one class, or both as
    many classes as patients, they are identical and the index is 1.

    Parameters
    ----------
    a, b : sequence (n_patients,)
        Classes in the same order of patients, of any type; two Series have to have the same index.

    Raises
    ------
    SpecError
        Lengths or indexes differ, there are fewer than two patients, or a class is missing.

    Examples
    --------
    >>> bc.adjusted_rand_index(["a", "a", "b", "b"], [2, 2, 1, 1])
    1.0
    >>> modal = fit.class_probabilities.idxmax(axis=1)
    >>> print(f"{bc.adjusted_rand_index(fit.cohort.patients['true_class'], modal):.2f}")
    0.47
    """
    if isinstance(a, pd.Series) and isinstance(b, pd.Series) and not a.index.equals(b.index):
        raise SpecError(
            "adjusted_rand_index: found two Series with different indexes; allowed: the same patients in "
            "the same order."
        )
    first, second = (_codes(name, values) for name, values in (("a", a), ("b", b)))
    if len(first) != len(second):
        raise SpecError(f"adjusted_rand_index: found {len(first)} and {len(second)} classes; allowed: as many of each.")
    if len(first) < FEWEST_PATIENTS:
        raise SpecError(f"adjusted_rand_index: found {len(first)} patients; allowed: {FEWEST_PATIENTS} or more.")
    table = np.zeros((first.max() + 1, second.max() + 1), dtype=int)
    np.add.at(table, (first, second), 1)
    both, of_first, of_second = (_pairs(n) for n in (table, table.sum(axis=1), table.sum(axis=0)))
    everything = _pairs(np.array([len(first)]))
    # times 2 N, in whole numbers, so that equal classifications give 1 exactly
    chance = 2 * of_first * of_second
    possible = (of_first + of_second) * everything - chance
    return 1.0 if possible == 0 else (2 * both * everything - chance) / possible


@dataclass(frozen=True, eq=False, repr=False)
class ClassAgreement(Shown):
    """The result of `class_agreement`.

    Attributes
    ----------
    pairs : DataFrame
        first, second (names of fits), adjusted_rand_index, n_patients (in common), usable and reason (why a pair is
        not counted: a fit failed). For one fit, second is each bootstrap sample.
    shares : DataFrame
        fit, latent_class, n_patients (with this most probable class), share. For one fit, fit is "estimate" or a
        bootstrap sample, whose classes are sorted like the fit's.
    names : tuple of str
    n_patients : dict of int
        Patients of each fit.
    counts_only : bool
        Whether patients were classified by P(g | y) rather than by P(g | y, T).
    n_bootstrap, n_failed : int
        Bootstrap samples, and those whose refit failed, which are excluded.
    failures : tuple of str
        The reasons, each once.

    Examples
    --------
    >>> agreement = bc.class_agreement({"ML": fit, "Bayes": posterior})
    >>> agreement.names, agreement.pairs["n_patients"].tolist()
    (('ML', 'Bayes'), [469])
    """

    pairs: pd.DataFrame
    shares: pd.DataFrame
    names: tuple[str, ...]
    n_patients: dict[str, int]
    counts_only: bool
    n_bootstrap: int = 0
    n_failed: int = 0
    failures: tuple[str, ...] = ()

    def _shown(self) -> Iterator[str | pd.DataFrame]:
        by = "the counts alone" if self.counts_only else "counts and survival"
        if not self.n_bootstrap:
            yield f"Adjusted Rand index, classes by {by}"
            yield self.matrix.round(2)
            return
        median, lower, upper = self.interval
        yield (
            f"Adjusted Rand index with {self.n_bootstrap} bootstrap samples ({self.n_failed} failed), classes by "
            f"{by}: median {median:.2f}, {CI_TEXT} of samples {lower:.2f} to {upper:.2f}"
        )

    @property
    def matrix(self) -> pd.DataFrame:
        """Index of every pair of fits, 1 on the diagonal; NaN for pairs that are not counted."""
        values, place = np.eye(len(self.names)), {name: k for k, name in enumerate(self.names)}
        for row in self.pairs.to_dict("records") if not self.n_bootstrap else ():
            j, k = place[row["first"]], place[row["second"]]
            values[j, k] = values[k, j] = row["adjusted_rand_index"] if row["usable"] else np.nan
        return pd.DataFrame(values, index=list(self.names), columns=list(self.names))

    @property
    def interval(self) -> tuple[float, float, float]:
        """Median, lower and upper (95 %, quantiles) of the index over the counted pairs; NaN if there are none."""
        values = self.pairs.loc[self.pairs["usable"], "adjusted_rand_index"].to_numpy(dtype=float)
        if len(values) == 0:
            return (np.nan, np.nan, np.nan)
        tail = (1.0 - CI_PROB) / 2.0
        median, lower, upper = np.quantile(values, [0.5, tail, 1.0 - tail])
        return float(median), float(lower), float(upper)


def class_agreement(
    fits: Mapping[str, MLFit | BayesFit] | MLFit | BayesFit,
    *,
    n_bootstrap: int = 0,
    counts_only: bool = False,
    random_seed: int = 0,
    progress: bool = True,
) -> ClassAgreement:
    """Agreement of the classes of several fits (families, curves, endpoints), or of one fit with bootstrap samples.

    Patients are assigned to their most probable class. Several fits are compared pair by pair, on the patients they
    have in common. One fit is compared with its refits to bootstrap samples: patients are drawn with replacement, the
    model is fitted to them by maximum likelihood, starting from the estimate (and from other interior modes of an
    `MLFit`), and the refit classifies the original patients. Refits that fail or do not converge are counted and
    excluded.

    Parameters
    ----------
    fits : mapping of name to fit, or one fit
        MLFit or BayesFit.
    n_bootstrap : int
        Number of bootstrap samples; for one fit only, and then 1 or more.
    counts_only : bool
        Classify by the counts alone, P(g | y), rather than by P(g | y, T).
    random_seed : int
        Seed of the bootstrap samples.
    progress : bool

    Returns
    -------
    ClassAgreement

    Raises
    ------
    SpecError
        There are no fits, one without bootstrap samples, several with them, a failed fit to bootstrap, or fits with
        fewer than two patients in common.

    Examples
    --------
    >>> agreement = bc.class_agreement({"ML": fit, "Bayes": posterior})
    >>> agreement.pairs["adjusted_rand_index"].round(1).tolist()
    [1.0]
    """
    n_bootstrap = arguments.whole("n_bootstrap", n_bootstrap, 0)
    random_seed = arguments.seed(random_seed)
    counts_only = arguments.of_kind("counts_only", counts_only, bool)
    if isinstance(fits, MLFit | BayesFit):
        if n_bootstrap == 0:
            raise SpecError(
                "n_bootstrap has to be 1 or more for one fit, such as 100; found 0. Give several fits as a "
                "mapping of name to fit."
            )
        reason = why_not(fits)
        if reason is not None:
            raise SpecError(f"fits: found a fit that failed ({reason}); allowed: fits that can be compared.")
        return _bootstrap(fits, n_bootstrap, counts_only, random_seed, progress)
    named = _checked(fits)
    if n_bootstrap:
        raise SpecError(f"n_bootstrap is for one fit; found {n_bootstrap} with {len(named)} fits.")
    return _across(named, counts_only)


def _checked(fits: Any) -> dict[str, MLFit | BayesFit]:
    """Two or more fits by name."""
    if not isinstance(fits, Mapping):
        raise SpecError(f"fits has to be a mapping of name to fit, or one fit; found {type(fits).__name__}.")
    if len(fits) < 2:
        raise SpecError(f"fits has to have two fits or more, or be one fit with n_bootstrap=; found {len(fits)}.")
    for name, fit in fits.items():
        if not isinstance(name, str) or not name:
            raise SpecError(f"fits: the names have to be text; found {name!r}.")
        arguments.of_kind(f"fits[{name!r}]", fit, MLFit | BayesFit)
    return dict(fits)


def _across(fits, counts_only):
    """Every pair of fits."""
    classes = {name: _modal(fit, counts_only) for name, fit in fits.items()}
    failed = {name: why_not(fit) for name, fit in fits.items()}
    rows = []
    for first, second in combinations(fits, 2):
        common = classes[first].index.intersection(classes[second].index)
        if len(common) < FEWEST_PATIENTS:
            raise SpecError(
                f"fits: found {len(common)} patients in both {first!r} and {second!r}; allowed: {FEWEST_PATIENTS} or "
                "more, by their patient_id."
            )
        index = adjusted_rand_index(classes[first].loc[common], classes[second].loc[common])
        reason = "; ".join(f"{name}: {failed[name]}" for name in (first, second) if failed[name])
        rows.append((first, second, index, len(common), not reason, reason))
    shares = pd.concat([_shares(name, each) for name, each in classes.items()], ignore_index=True)
    sizes = {name: len(each) for name, each in classes.items()}
    return ClassAgreement(pd.DataFrame(rows, columns=PAIR_COLUMNS), shares, tuple(fits), sizes, counts_only)


def _bootstrap(fit, n_bootstrap, counts_only, random_seed, progress):
    """A fit compared with its refits to bootstrap samples."""
    rng, n, K = np.random.default_rng(random_seed), fit.n_patients, fit.spec.n_classes
    evaluator = (fit.analysis.counts_only() if counts_only else fit.analysis).evaluator()
    known = _modal(fit, counts_only)
    rows, shares, failures = [], [_shares(ESTIMATE, known)], []
    with Progress(progress) as bar:
        for k in bar.track(range(1, n_bootstrap + 1), n_bootstrap, f"bootstrap of {K} classes"):
            try:
                again = refit_from(fit, rng.integers(0, n, n))
            except FitError as error:
                failures.append(str(error))
                continue
            if again.warnings:
                failures += again.warnings
                continue
            codes = evaluator.evaluate(again.theta).class_probabilities.argmax(axis=1)
            classes = pd.Series(pd.Categorical.from_codes(codes, known.cat.categories, ordered=True), index=known.index)
            rows.append((ESTIMATE, f"sample {k}", adjusted_rand_index(known, classes), n, True, ""))
            shares.append(_shares(f"sample {k}", classes))
    return ClassAgreement(
        pd.DataFrame(rows, columns=PAIR_COLUMNS).astype({"adjusted_rand_index": float, "usable": bool}),
        pd.concat(shares, ignore_index=True),
        (ESTIMATE,),
        {ESTIMATE: n},
        counts_only,
        n_bootstrap,
        n_bootstrap - len(rows),
        tuple(dict.fromkeys(failures)),
    )


def _modal(fit, counts_only) -> pd.Series:
    """Most probable class of each patient."""
    p = fit.class_probabilities_counts if counts_only else fit.class_probabilities
    return assignment_table(p)["latent_class"]


def _shares(name, classes) -> pd.DataFrame:
    """The number of patients in each class."""
    n = classes.value_counts().reindex(classes.cat.categories)
    rows = [(name, str(label), int(k), int(k) / len(classes)) for label, k in n.items()]
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)


def _codes(name, values) -> np.ndarray:
    """Classes as numbers from 0."""
    if isinstance(values, str) or np.ndim(values) != 1:
        raise SpecError(f"{name} has to be a sequence of classes, one per patient; found {values!r}.")
    codes, _ = pd.factorize(values if isinstance(values, np.ndarray | pd.Series) else pd.Series(list(values)))
    if (codes < 0).any():
        raise SpecError(f"{name}: found a missing class at place {int(np.argmax(codes < 0))}; allowed: a class each.")
    return np.asarray(codes)


def _pairs(n: np.ndarray) -> int:
    """Pairs of patients within groups of these sizes, as an exact whole number."""
    return sum(int(k) * (int(k) - 1) // 2 for k in n.ravel())
