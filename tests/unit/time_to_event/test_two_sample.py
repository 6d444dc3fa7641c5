"""Log-rank test against R and its hypergeometric form."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.errors import DataError
from bayesctc.time_to_event.log_rank import log_rank

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("late", [False, True])
def test_two_groups_are_the_hypergeometric_sums(late):
    rng = np.random.default_rng(1)
    time, event, group = rng.integers(3, 12, 80).astype(float), rng.integers(0, 2, 80), rng.integers(0, 2, 80)
    entry = rng.integers(0, 3, 80).astype(float) if late else np.zeros(80)
    excess = variance = 0.0
    for t in np.unique(time[event == 1]):
        risk = (time >= t) & (entry < t)
        n, m, d = risk.sum(), (risk & (group == 1)).sum(), ((time == t) & (event == 1)).sum()
        excess += ((time == t) & (event == 1) & (group == 1)).sum() - d * m / n
        variance += d * m * (n - m) * (n - d) / (n**2 * (n - 1)) if n > 1 else 0.0
    test = log_rank(time, event, group, entry=entry)
    assert test.chi2 == pytest.approx(excess**2 / variance)
    assert test.table["observed"].sum() == pytest.approx(test.table["expected"].sum())
    assert test.table.loc[1, "observed"] - test.table.loc[1, "expected"] == pytest.approx(excess)


def test_chi2_is_that_of_r(reference_cohort, lcmm):
    import bayesctc as bc

    levels = bc.bctc(reference_cohort).levels
    patients = reference_cohort.patients.loc[levels.index]
    test = log_rank(patients["os_time"], patients["os_event"], levels)
    assert test.chi2 == pytest.approx(lcmm["logrank_bctc"]["chi2"], rel=1e-6)


def test_an_unused_level_is_listed_and_not_counted():
    group = pd.Categorical(["a", "b", "a", "b"], categories=["a", "b", "c"])
    test = log_rank([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0], group)
    assert test.df == 1
    assert test.table.loc["c"].tolist() == [0, 0, 0.0]


def test_one_group_is_refused():
    with pytest.raises(DataError, match="two or more"):
        log_rank([1.0, 2.0], [1, 1], ["a", "a"])
