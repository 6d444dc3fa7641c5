"""The fast product-limit estimate and score statistics, against statsmodels."""

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg

from bayesctc.plots.kaplan_meier import kaplan_meier
from bayesctc.time_to_event.log_rank import log_rank
from bayesctc.time_to_event.product_limit import product_limit
from bayesctc.time_to_event.score import score_statistics

pytestmark = pytest.mark.unit


def followed(seed, entry):
    """Times with ties, some censored, and entries."""
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.exponential(10.0, 120) * 2) / 2 + 3.0
    return time, rng.binomial(1, 0.6, 120).astype(float), rng.uniform(0, 2.9, 120) if entry else np.zeros(120)


@pytest.mark.parametrize("entry", [False, True])
def test_as_statsmodels_has_it(entry):
    time, event, entries = followed(1, entry)
    months = np.linspace(3.0, time.max(), 40)
    curve = kaplan_meier(time, event, entries, 0.0)
    expected = curve.groupby(level=0).last()[lambda s: s.index >= 0]
    at = [expected[expected.index <= m].iloc[-1] for m in months]
    np.testing.assert_allclose(product_limit(time, event, entries, months), at, rtol=1e-12)
    assert np.isnan(product_limit(time, event, entries, [time.max() + 1])).all()


def test_from_a_start_on():
    time, event, entries = followed(2, False)
    after = product_limit(time, event, entries, [12.0], start=6.0)
    at = product_limit(time, event, entries, [6.0, 12.0])
    assert after[0] == pytest.approx(at[1] / at[0])


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("strata", [False, True])
def test_score_is_that_of_the_partial_likelihood(entry, strata):
    rng = np.random.default_rng(3)
    time, event, entries = followed(3, entry)
    time = time + rng.uniform(0, 1e-3, 120)  # no ties
    x = rng.normal(size=120) - 0.05 * time
    group = rng.integers(0, 3, 120) if strata else None
    model = PHReg(time, x[:, None], status=event, entry=entries, strata=group, ties="breslow")
    score, information = model.score(np.zeros(1))[0], -model.hessian(np.zeros(1))[0, 0]
    found = score_statistics(time, event, x[:, None], entry=entries, strata=group)
    assert found[0] == pytest.approx(score / np.sqrt(information), rel=1e-9)


def test_square_is_the_log_rank_statistic():
    rng = np.random.default_rng(4)
    time, event, _ = followed(4, False)
    time = time + rng.uniform(0, 1e-3, 120)
    x = rng.integers(0, 2, 120)
    z = score_statistics(time, event, np.column_stack([x, np.ones(120)]))
    assert z[0] ** 2 == pytest.approx(log_rank(time, event, x).chi2, rel=1e-9)
    assert np.isnan(z[1])
