"""AUC, Brier score and calibration against scikit-survival's figures, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from bayesctc.time_to_event.ipcw import (
    auc,
    brier,
    calibration_groups,
    censoring_weights,
    observed_expected,
    product_limit,
)

pytestmark = pytest.mark.unit
FIGURES = json.loads((Path(__file__).parents[2] / "data" / "scikit_survival_accuracy.json").read_text())["sets"]
EACH = [(name, j) for name, figures in FIGURES.items() for j in range(len(figures["horizons"]))]


def data(n=80, seed=0, censored=0.4):
    """Times with ties, events, risks with ties."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 15, n).astype(float), rng.binomial(1, 1.0 - censored, n), rng.integers(0, 9, n) / 10.0


@pytest.mark.parametrize(("name", "j"), EACH)
def test_scikit_survivals_auc_and_brier(name, j):
    """Ties in times and risks, 85 % censored, patients left at a landmark."""
    given = FIGURES[name]
    time, event, horizon = given["time"], given["event"], given["horizons"][j]
    survival = np.array(given["survival"])[:, j]
    assert auc(time, event, given["risk"], horizon)[0] == pytest.approx(given["auc"][j], abs=1e-10)
    assert brier(time, event, survival, horizon)[0] == pytest.approx(given["brier"][j], abs=1e-10)


@pytest.mark.parametrize(("name", "j"), EACH)
def test_scikit_survivals_kaplan_meier_with_limits(name, j):
    given = FIGURES[name]
    survival = np.full(len(given["time"]), 0.5)
    group = calibration_groups(given["time"], given["event"], survival, given["horizons"][j], 4).iloc[0]
    found = 1.0 - group[["observed", "upper", "lower"]].to_numpy(dtype=float)
    expected = [given[key][j] for key in ("kaplan_meier", "kaplan_meier_lower", "kaplan_meier_upper")]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert observed_expected(given["time"], given["event"], survival, given["horizons"][j])[0] == pytest.approx(
        (1.0 - expected[0]) / 0.5, abs=1e-10
    )


def test_the_sets_are_what_they_are_for():
    assert max(len(g["time"]) - len(set(g["time"])) for g in FIGURES.values()) > 100
    assert max(g["censored_percent"] for g in FIGURES.values()) > 80
    assert min(min(g["time"]) for name, g in FIGURES.items() if "landmark" in name) > 4.0


@pytest.mark.parametrize("seed", range(3))
def test_without_censoring_the_auc_is_mann_whitneys(seed):
    time, _, risk = data(seed=seed)
    case = time <= 7.0
    u = rankdata(risk)[case].sum() - case.sum() * (case.sum() + 1) / 2.0
    found = auc(time, np.ones(len(time)), risk, 7.0)[0]
    assert found == pytest.approx(u / case.sum() / (~case).sum())
    assert brier(time, np.ones(len(time)), 1.0 - risk, 7.0)[0] == pytest.approx(np.mean((case - risk) ** 2))


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_counts_of_patients(seed):
    """A replicate of a bootstrap is the data with each patient as often as drawn."""
    time, event, risk = data(seed=seed)
    weights = np.random.default_rng(seed).multinomial(len(time), np.full(len(time), 1.0 / len(time)), size=4)
    for k, counts in enumerate(weights):
        drawn = np.repeat(np.arange(len(time)), counts)
        for measure, values in ((auc, risk), (brier, 1.0 - risk), (observed_expected, 1.0 - risk)):
            repeated = measure(time[drawn], event[drawn], values[drawn], 7.0)[0]
            assert measure(time, event, values, 7.0, weights)[k] == pytest.approx(repeated, abs=1e-12)


def test_pairs_within_strata():
    time, event, risk = data(n=120, censored=0.0)
    strata = np.arange(120) % 3
    won = pairs = 0.0
    for s in range(3):
        own = strata == s
        n_pairs = (time[own] <= 7).sum() * (time[own] > 7).sum()
        won += auc(time[own], event[own], risk[own], 7.0)[0] * n_pairs
        pairs += n_pairs
    assert auc(time, event, risk, 7.0, strata=strata)[0] == pytest.approx(won / pairs)
    assert auc(time, event, strata / 3.0, 7.0, strata=strata)[0] == 0.5  # a risk that differs between them only


def test_weights_of_a_state_that_is_known_sum_to_one():
    """Of those with weights, the events by the horizon and those beyond it, on average all patients."""
    time, event, _ = data(n=4000, censored=0.5)
    assert censoring_weights(time, event, 7.0)[0].sum() / 4000 == pytest.approx(1.0, abs=0.03)


def test_product_limit_by_hand():
    time, event = [2.0, 3.0, 3.0, 5.0, 8.0], [1, 1, 0, 0, 1]
    curve = product_limit(time, event, at=[1.0, 2.0, 3.0, 7.9, 8.0])[0]
    np.testing.assert_allclose(curve, [1.0, 4 / 5, 4 / 5 * 3 / 4, 3 / 5, 0.0])
    free = product_limit(time, 1 - np.array(event), event, at=[2.9, 3.0, 5.0])[0]
    np.testing.assert_allclose(free, [1.0, 2 / 3, 1 / 3])  # the event at 3 months comes before the censoring


def test_what_has_no_value():
    time, event, risk = data()
    assert np.isnan(auc(time, event, risk, 0.5)[0])  # no case
    assert np.isnan(auc(time, event, risk, 99.0)[0])  # no control
    short = calibration_groups([1.0, 2.0, 3.0], [1, 0, 0], np.full(3, 0.4), 5.0, 2)
    assert np.isnan(short["observed"].iloc[0])  # nobody is followed to the horizon


def test_groups_hold_everybody_and_never_part_equals():
    time, event, risk = data(n=200)
    groups = calibration_groups(time, event, 1.0 - risk, 7.0, 4)
    assert groups["n_patients"].sum() == 200
    assert 2 <= len(groups) <= 4
    assert groups["predicted"].is_monotonic_increasing
    assert (groups["predicted"] * groups["n_patients"]).sum() == pytest.approx(risk.sum())
    one = calibration_groups(time, event, np.full(200, 0.3), 7.0, 4)
    assert one["n_patients"].tolist() == [200]
