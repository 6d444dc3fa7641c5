"""Cox, Weibull and BCH: against R's survival package, closed forms and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import weibull_min

import bayesctc as bc
from bayesctc.errors import DataError
from bayesctc.time_to_event.three_step import bch_weights, classification_errors

pytestmark = pytest.mark.unit


def survival_data(cohort, reading):
    """Time, event and the design of R's models: the reading's levels, arm and bone."""
    levels = reading.levels
    patients = cohort.patients.loc[levels.index]
    names = levels.cat.categories[1:]
    design = pd.DataFrame({name: (levels == name).astype(float) for name in names})
    return patients["os_time"], patients["os_event"], design.assign(arm=patients["arm"], bone=patients["bone"])


def order(reading):
    """R's order of the levels in cox_b2ctc."""
    return ["neg-neg", "neg-pos", "pos-pos", "arm", "bone"] if reading.name == "b2ctc" else ["pos", "arm", "bone"]


@pytest.mark.parametrize("name", ["bctc", "b2ctc"])
def test_cox_is_that_of_r(reference_cohort, lcmm, name):
    reading = bc.bctc(reference_cohort) if name == "bctc" else bc.b2ctc(reference_cohort, window=(0.0, np.inf))
    fit = bc.cox_regression(*survival_data(reference_cohort, reading))
    r = lcmm[f"cox_{name}"]
    table = fit.table.loc[order(reading)]
    for column, key in (("hazard_ratio", "hr"), ("lower", "lower95"), ("upper", "upper95"), ("p", "p")):
        np.testing.assert_allclose(table[column], r[key], rtol=2e-5)
    assert fit.log_likelihood == pytest.approx(r["log_likelihood"], rel=1e-7)
    assert fit.aic == pytest.approx(r["aic"], rel=1e-7)
    assert fit.n_patients == r["n"]


def test_weibull_is_that_of_r(reference_cohort, lcmm):
    r = lcmm["weibull_bctc"]
    fit = bc.weibull_regression(*survival_data(reference_cohort, bc.bctc(reference_cohort)))
    # R's accelerated failure times: coefficient = -gamma / shape, scale = 1 / shape
    np.testing.assert_allclose(
        fit.table["log_hazard_ratio"], -np.array(r["aft_coefficients"][1:]) / r["aft_scale"], rtol=1e-6
    )
    assert fit.shape == pytest.approx(1.0 / r["aft_scale"], rel=1e-6)
    assert fit.scale == pytest.approx(np.exp(r["aft_coefficients"][0]), rel=1e-6)
    assert fit.log_likelihood == pytest.approx(r["log_likelihood"], rel=1e-7)
    assert fit.aic == pytest.approx(r["aic"], rel=1e-7)


def test_weibull_with_entry_is_scipys_density():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, 200).astype(float)
    entry = rng.uniform(0, 4, 200) * (rng.random(200) < 0.5)
    time, event = entry + rng.exponential(10, 200), (rng.random(200) < 0.7).astype(float)
    fit = bc.weibull_regression(time, event, pd.DataFrame({"x": x}), entry=entry)
    scale = fit.scale * np.exp(-x * fit.table.loc["x", "log_hazard_ratio"] / fit.shape)
    dense = weibull_min(fit.shape, scale=scale)
    value = np.where(event == 1, dense.logpdf(time), dense.logsf(time)) - dense.logsf(entry)
    assert fit.log_likelihood == pytest.approx(value.sum(), rel=1e-10)
    nearby = weibull_min(fit.shape * 1.01, scale=scale)  # and it is a maximum
    assert np.sum(np.where(event == 1, nearby.logpdf(time), nearby.logsf(time)) - nearby.logsf(entry)) < value.sum()


def test_time_unit_and_row_order_do_not_matter(reference_cohort):
    time, event, design = survival_data(reference_cohort, bc.bctc(reference_cohort))
    shuffled = np.random.default_rng(1).permutation(len(time))
    for regress in (bc.cox_regression, bc.weibull_regression):
        one = regress(time, event, design).table["hazard_ratio"]
        other = regress(time.iloc[shuffled] * 30.4375, event.iloc[shuffled], design.iloc[shuffled]).table[
            "hazard_ratio"
        ]
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_proportional_hazards_are_told_from_others():
    rng = np.random.default_rng(5)
    x = np.repeat([0.0, 1.0], 400)
    event = np.ones(800)
    alike = rng.weibull(1.2, 800) * np.where(x == 1, 6.0, 12.0)
    crossing = rng.weibull(np.where(x == 1, 0.6, 2.5)) * 10.0
    design = pd.DataFrame({"x": x})
    fine = bc.cox_regression(alike, event, design).proportional_hazards
    assert fine.loc["x", "p"] > 0.01
    assert fine.loc["GLOBAL", "chi2"] == pytest.approx(fine.loc["x", "chi2"])  # one term: the same test
    assert bc.cox_regression(crossing, event, design).proportional_hazards.loc["GLOBAL", "p"] < 1e-6


@pytest.mark.parametrize("regress", [bc.cox_regression, bc.weibull_regression])
def test_what_has_no_estimate_is_refused(regress):
    time, event = np.arange(1.0, 41.0), np.tile([1.0, 0.0], 20)
    with pytest.raises(DataError, match="no event"):
        regress(time, 0 * event, pd.DataFrame({"x": event}))
    with pytest.raises(DataError, match=r"separation|finite"):
        regress(time, event, pd.DataFrame({"x": event}))
    with pytest.raises(DataError):
        regress(time, event, pd.DataFrame({"x": np.ones(40)}))


def test_bch_weights_invert_the_errors():
    rng = np.random.default_rng(2)
    p = pd.DataFrame(rng.dirichlet([1, 2, 1], 500), columns=list("abc"))
    errors, weights = classification_errors(p), bch_weights(p)
    np.testing.assert_allclose(errors.sum(axis=1), 1.0)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    # summed over patients, the weights give the class sizes that the probabilities give
    np.testing.assert_allclose(weights.sum(), p.sum(), rtol=1e-10)


def test_bch_without_errors_is_the_modal_class():
    rng = np.random.default_rng(4)
    latent = rng.integers(0, 2, 300)
    time, event = rng.weibull(1.3, 300) * np.where(latent == 1, 5.0, 15.0), (rng.random(300) < 0.8).astype(float)
    p = pd.DataFrame(np.eye(2)[latent], columns=["low", "high"])
    bch = bc.bch_weibull(time, event, p, pd.DataFrame(index=p.index))
    known = bc.weibull_regression(time, event, pd.DataFrame({"high": latent.astype(float)}))
    np.testing.assert_allclose(bch.table["hazard_ratio"], known.table["hazard_ratio"], rtol=1e-6)
    assert bch.log_likelihood == pytest.approx(known.log_likelihood, rel=1e-9)


def test_bch_mends_what_the_modal_class_dilutes():
    """3,000 patients, a marker that tells two classes apart badly: hazard ratio 4."""
    rng = np.random.default_rng(6)
    n, apart = 3000, 1.6
    latent = rng.integers(0, 2, n)
    marker = rng.normal(apart * latent)
    high = 1.0 / (1.0 + np.exp(-(apart * marker - apart**2 / 2)))  # Bayes, equal shares
    time = rng.exponential(12.0, n) / np.where(latent == 1, 4.0, 1.0)
    p = pd.DataFrame({"low": 1 - high, "high": high})
    event = np.ones(n)
    bch = bc.bch_weibull(time, event, p, pd.DataFrame(index=p.index)).table.loc["high"]
    modal = bc.weibull_regression(time, event, pd.DataFrame({"high": (high > 0.5) * 1.0})).table.loc["high"]
    assert modal["upper"] < 4.0
    assert bch["lower"] < 4.0 < bch["upper"]


def test_bch_needs_somebody_in_each_class():
    p = pd.DataFrame({"a": [0.9, 0.8], "b": [0.1, 0.2]})
    with pytest.raises(DataError, match="no patient assigned to b"):
        bch_weights(p)
