"""Association of a reading with covariates: chi-square, Fisher's exact test and Cramer's V."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import MonteCarloMethod, chi2_contingency, fisher_exact

from bayesctc.arguments import seed, whole
from bayesctc.comparison.readings import Reading
from bayesctc.data import Cohort
from bayesctc.errors import DataError, SpecError
from bayesctc.shown import Shown

MOST_VALUES = 10
NUMBERS = {
    "n": "Int64",
    "n_missing": "Int64",
    "chi2": "Float64",
    "dof": "Int64",
    "p_chi2": "Float64",
    "p_fisher": "Float64",
    "cramers_v": "Float64",
}
SMALL_EXPECTED = 5.0  # below it the chi-square distribution is a poor approximation


@dataclass(frozen=True, eq=False, repr=False)
class Association(Shown):
    """Association of a reading's levels with a covariate's values.

    Attributes
    ----------
    table : DataFrame
        Patients, levels by values.
    chi2, dof, p_chi2 : float, int, float
        Pearson's test, without continuity correction.
    p_fisher : float
        Exact for two-by-two tables, otherwise Monte Carlo with a fixed seed.
    cramers_v : float
        sqrt(chi2 / (n (min(rows, columns) - 1))), 0 to 1.
    n, n_missing : int
        Patients in the table; patients with a reading whose covariate is missing.
    warnings : tuple of str

    Examples
    --------
    >>> found = bc.association(bc.bctc(cohort), cohort.patients["bone_metastasis"])
    >>> found.n, found.dof, found.p_chi2 < 0.0001
    (469, 1, True)
    """

    table: pd.DataFrame
    chi2: float
    dof: int
    p_chi2: float
    p_fisher: float
    cramers_v: float
    n: int
    n_missing: int
    warnings: tuple[str, ...]


def association(
    reading: Reading, covariate: pd.Series, *, n_resamples: int = 9999, random_seed: int = 0
) -> Association:
    """Test whether a covariate differs between the levels of a reading.

    Parameters
    ----------
    reading : Reading
    covariate : Series
        Indexed by patient; at most 10 distinct values.
    n_resamples, random_seed : int
        For Fisher's test of tables larger than two by two.

    Raises
    ------
    DataError
        Fewer than two levels or two values, or too many values (group a continuous covariate first).

    Examples
    --------
    >>> found = bc.association(bc.bctc(cohort), cohort.patients["bone_metastasis"])
    >>> print(f"Cramér's V {found.cramers_v:.2f} in {found.n} patients")
    Cramér's V 0.21 in 469 patients
    """
    n_resamples, random_seed = whole("n_resamples", n_resamples, 1), seed(random_seed)
    values = covariate.reindex(reading.levels.index)
    name = covariate.name
    if values.nunique() > MOST_VALUES:
        raise DataError(
            f"association: {name!r} has {values.nunique()} distinct values; allowed: at most {MOST_VALUES} (cut a "
            "continuous covariate into groups first)"
        )
    table = pd.crosstab(reading.levels, values, dropna=True)
    if min(table.shape) < 2:
        raise DataError(
            f"association of {reading.name} with {name!r}: found {table.shape[0]} level(s) and {table.shape[1]} "
            "value(s) with patients; allowed: two or more of each"
        )
    notes = [f"nobody is {level}" for level in reading.levels.cat.categories if level not in table.index]
    found = chi2_contingency(table, correction=False)
    if found.expected_freq.min() < SMALL_EXPECTED:
        notes.append(f"smallest expected count {found.expected_freq.min():.1f}: use Fisher's test")
    exact = table.shape == (2, 2)
    method = None if exact else MonteCarloMethod(n_resamples=n_resamples, rng=np.random.default_rng(random_seed))
    n = int(table.to_numpy().sum())
    return Association(
        table,
        float(found.statistic),
        int(found.dof),
        float(found.pvalue),
        float(fisher_exact(table.to_numpy(), method=method).pvalue),
        float(np.sqrt(found.statistic / (n * (min(table.shape) - 1)))),
        n,
        int(values.isna().sum()),
        tuple(notes),
    )


def associations(readings: Sequence[Reading], cohort: Cohort, covariates: Sequence[str]) -> pd.DataFrame:
    """One row for each reading and covariate: reading, covariate, n, n_missing, chi2, dof, p_chi2, p_fisher, cramers_v,
    note.

    A pair that `association` refuses has <NA>, with the reason as its note.

    Raises
    ------
    SpecError
        A covariate that the cohort does not have.

    Examples
    --------
    >>> bc.associations([bc.bctc(cohort)], cohort, ["arm", "subtype"])[["covariate", "dof", "n"]]
      covariate  dof    n
    0       arm    2  469
    1   subtype    2  469
    """
    unknown = [name for name in covariates if name not in cohort.covariates]
    if unknown:
        raise SpecError(f"covariates: found {unknown[0]!r}; the cohort has {', '.join(cohort.covariates) or 'none'}.")
    rows = []
    for reading in readings:
        for name in covariates:
            rows.append((reading.name, name, *_row(reading, cohort.patients[name])))
    table = pd.DataFrame(rows, columns=["reading", "covariate", *NUMBERS, "note"])
    return table.astype(NUMBERS)


def _row(reading, covariate):
    """Numbers and note of one pair."""
    try:
        a = association(reading, covariate)
    except DataError as error:
        return (*[pd.NA] * len(NUMBERS), str(error))
    return *(getattr(a, name) for name in NUMBERS), "; ".join(a.warnings)
