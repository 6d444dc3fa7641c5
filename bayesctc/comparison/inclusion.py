"""The same comparison under three inclusion rules."""

from typing import Any

import pandas as pd

from bayesctc.comparison.compare import Comparison, compare_classifiers
from bayesctc.data import Cohort
from bayesctc.model.spec import ModelSpec


def compare_inclusion(
    cohort: Cohort, spec: ModelSpec, *, min_samples: int = 3, **settings: Any
) -> dict[str, Comparison]:
    """`compare_classifiers` from baseline on, with entry at the sample that meets the rule, and with everyone.

    A patient with `min_samples` samples must have survived to the last of them. If such patients are followed from
    baseline, their survival is overestimated (immortal time), most of all in classes that need long follow-up. Delayed
    entry corrects this, but not the selection on progression if progression ends sampling.

    Parameters
    ----------
    cohort : Cohort
        Before any inclusion rule.
    spec : ModelSpec
    min_samples : int
    **settings
        Keyword arguments of `compare_classifiers`.

    Returns
    -------
    dict of Comparison
        "from baseline", "from entry", "everyone". `inclusion_table` combines them in one table.

    Examples
    --------
    >>> treated = bc.load_trial()
    >>> treated = treated.select(treated.patients.index[:120])
    >>> by_rule = bc.compare_inclusion(treated, spec, endpoints=["os"], settings=few)
    >>> list(by_rule)
    ['from baseline', 'from entry', 'everyone']
    """
    cohorts = {
        "from baseline": cohort.include(min_samples=min_samples),
        "from entry": cohort.include(min_samples=min_samples, entry="third_sample"),
        "everyone": cohort,
    }
    return {rule: compare_classifiers(each, spec, **settings) for rule, each in cohorts.items()}


def inclusion_table(comparisons: dict[str, Comparison]) -> pd.DataFrame:
    """Hazard ratios of several comparisons in one table.

    Returns
    -------
    DataFrame
        inclusion, n_patients, n_events, then the columns of `Comparison.hazard_ratios`.

    Examples
    --------
    >>> treated = bc.load_trial()
    >>> treated = treated.select(treated.patients.index[:120])
    >>> by_rule = bc.compare_inclusion(treated, spec, endpoints=["os"], settings=few)
    >>> bc.inclusion_table(by_rule).groupby("inclusion")["n_patients"].max().to_dict()
    {'everyone': 82, 'from baseline': 70, 'from entry': 70}
    """
    parts = []
    for rule, found in comparisons.items():
        size = found.criteria.drop_duplicates("endpoint")[["endpoint", "n_patients", "n_events"]]
        parts.append(found.hazard_ratios.merge(size, on="endpoint").assign(inclusion=rule))
    table = pd.concat(parts, ignore_index=True)
    first = ["inclusion", "n_patients", "n_events"]
    return table[[*first, *(c for c in table.columns if c not in first)]]
