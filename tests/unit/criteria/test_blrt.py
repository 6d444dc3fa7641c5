"""The bootstrap likelihood-ratio test."""

from types import SimpleNamespace

import numpy as np
import pytest

from bayesctc.criteria import blrt
from bayesctc.criteria.blrt import bootstrap_lrt
from bayesctc.errors import FitError, SpecError

pytestmark = pytest.mark.unit


def replace_fits(monkeypatch, statistics):
    """Refits whose statistics are given; None stands for a replicate without an interior mode."""
    queue = iter(statistics)

    def fit_analysis(analysis, settings):
        if analysis.spec.n_classes == 1:
            return SimpleNamespace(log_likelihood=-100.0)
        statistic = next(queue)
        if statistic is None:
            raise FitError("no interior mode")
        return SimpleNamespace(log_likelihood=-100.0 + statistic / 2)

    monkeypatch.setattr(blrt, "fit_analysis", fit_analysis)


def test_p_value(ml_fits, monkeypatch):
    observed = 2 * (ml_fits[2].log_likelihood - ml_fits[1].log_likelihood)
    given = [observed + 1, observed - 1, observed + 0.5, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    replace_fits(monkeypatch, given)
    test = bootstrap_lrt(ml_fits[1], ml_fits[2], replicates=9, progress=False)
    assert test.statistic == pytest.approx(observed)
    assert test.p_value == pytest.approx((1 + 2) / (1 + 9))
    np.testing.assert_allclose(test.replicates, given)
    assert (test.n_classes, test.n_failed) == (1, 0)


def test_failed_replicates_are_counted_and_left_out(ml_fits, monkeypatch):
    replace_fits(monkeypatch, [1.0, None, 1e6, None])
    test = bootstrap_lrt(ml_fits[1], ml_fits[2], replicates=4, progress=False)
    assert test.n_failed == 2
    assert test.p_value == pytest.approx((1 + 1) / (1 + 2))


def test_on_sixty_patients(ml_fits):
    """Two replicates of a one-class cohort: two classes are far better on the data, hardly on the replicates."""
    tests = [
        bootstrap_lrt(ml_fits[1], ml_fits[2], replicates=2, n_starts=3, random_seed=4, progress=False) for _ in range(2)
    ]
    assert tests[0].statistic == pytest.approx(2 * (ml_fits[2].log_likelihood - ml_fits[1].log_likelihood))
    assert len(tests[0].replicates) + tests[0].n_failed == 2
    assert len(tests[0].replicates) > 0
    assert (tests[0].replicates < tests[0].statistic).all()
    assert (tests[0].replicates > -0.01).all()
    np.testing.assert_array_equal(tests[0].replicates, tests[1].replicates)


def test_refusals(ml_fits, cohort_of_60, small_spec):
    with pytest.raises(SpecError, match="K with K"):
        bootstrap_lrt(ml_fits[2], ml_fits[1], progress=False)
    with pytest.raises(SpecError, match="K with K"):
        bootstrap_lrt(ml_fits[2], ml_fits[2], progress=False)
