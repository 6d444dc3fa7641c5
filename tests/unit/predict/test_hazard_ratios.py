"""Hazard ratios against closed forms."""

import numpy as np
import pandas as pd
import pytest
from helpers import fit_causes, two_cause_cohort
from scipy.integrate import quad
from scipy.stats import weibull_min

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.model.class_hazards import cumulative_hazard, log_hazard

pytestmark = pytest.mark.unit


def row(table, comparison, quantity="hazard ratio"):
    """The one row of a comparison and a quantity."""
    found = table[(table["comparison"] == comparison) & (table["quantity"] == quantity)]
    assert len(found) == 1
    return found.iloc[0]


def test_log_hazard_is_the_derivative_of_the_cumulative_hazard(ml_by_class):
    theta, sizes = ml_by_class.theta, ml_by_class.design.sizes
    times, terms, step = np.array([0.01, 2.0, 30.0]), np.array([[1.0, 0.0], [0.0, 1.0]]), 1e-4
    up, down = (cumulative_hazard(theta, sizes, times * (1 + s), terms) for s in (step, -step))
    np.testing.assert_allclose(
        np.exp(log_hazard(theta, sizes, times, terms)), (up - down) / (2 * step * times), rtol=1e-6
    )


def test_log_hazard_survives_a_huge_cumulative_hazard(ml):
    shape, scale = ml.parameters["shape"].to_numpy(), ml.parameters["scale"].to_numpy()
    expected = np.log(shape / scale) + (shape - 1) * np.log(1e9 / scale)
    np.testing.assert_allclose(log_hazard(ml.theta, ml.design.sizes, [1e9])[:, 0, 0], expected, rtol=1e-10)


def test_common_shape_gives_the_closed_form(ml_common, bayes_common):
    p = ml_common.parameters
    scale, shape = p["scale"].to_numpy(), float(p["shape"])
    result = row(bc.hazard_ratios(ml_common), "class 2 vs class 1")
    assert result["kind"] == "constant over time"
    assert result["estimate"] == pytest.approx(np.exp(shape * (np.log(scale[0]) - np.log(scale[1]))), rel=1e-10)
    draws = bayes_common.idata["posterior"].dataset
    ratios = (draws["scale"][0, :, 0] / draws["scale"][0, :, 1]) ** draws["shape"][0]
    result = row(bc.hazard_ratios(bayes_common), "class 2 vs class 1")
    np.testing.assert_allclose(
        [result["lower"], result["estimate"], result["upper"]], np.quantile(ratios, [0.025, 0.5, 0.975]), rtol=1e-9
    )


def test_shapes_by_class_average_over_event_times(ml):
    patients, p = ml.cohort.patients, ml.parameters
    scale, shape = p["scale"].to_numpy(), p["shape"].to_numpy()
    for horizon in (None, 12.0):
        times = patients["os_time"][(patients["os_event"] == 1) & (patients["os_time"] <= (horizon or np.inf))]
        t = times.to_numpy()
        log_h = [
            weibull_min.logpdf(t, a, scale=s) - weibull_min.logsf(t, a, scale=s)
            for a, s in zip(shape, scale, strict=True)
        ]
        result = row(bc.hazard_ratios(ml, horizon=horizon), "class 2 vs class 1")
        assert result["estimate"] == pytest.approx(np.exp(np.mean(log_h[1] - log_h[0])), rel=1e-9)
        assert f"{len(t)} event times" in result["kind"]
        assert result["lower"] < result["estimate"] < result["upper"]


def test_differences_stand_beside_it(ml):
    p, horizon = ml.parameters, 12.0
    scale, shape = p["scale"].to_numpy(), p["shape"].to_numpy()
    table = bc.hazard_ratios(ml, horizon=horizon)
    survival = weibull_min.sf(horizon, shape, scale=scale)
    assert row(table, "class 2 vs class 1", "difference in survival at the horizon")["estimate"] == pytest.approx(
        survival[1] - survival[0]
    )
    rmst = [quad(lambda t, g=g: weibull_min.sf(t, shape[g], scale=scale[g]), 0.0, horizon)[0] for g in (0, 1)]
    difference = row(table, "class 2 vs class 1", "difference in restricted mean survival")
    assert difference["estimate"] == pytest.approx(rmst[1] - rmst[0], rel=1e-7)
    assert difference["unit"] == "months"


def test_horizons_past_follow_up_are_noted(ml):
    last = float(ml.cohort.patients["os_time"].max())
    within, past = (bc.hazard_ratios(ml, horizon=horizon) for horizon in (last, 240.0))
    extrapolated = past["note"].str.contains(
        f"240 months is beyond the longest follow-up of the fit, {last:.4g} months"
    )
    assert past.loc[extrapolated, "quantity"].tolist() == [
        "difference in survival at the horizon",
        "difference in restricted mean survival",
    ]
    assert not within["note"].str.contains("extrapolated").any()
    pd.testing.assert_series_equal(within["estimate"][:1], past["estimate"][:1])


def test_covariates_have_rows(ml_by_class):
    p, table = ml_by_class.parameters, bc.hazard_ratios(ml_by_class)
    arm, bone = p["hazard_coefficient"].to_numpy(), p["hazard_coefficient_by_class"].to_numpy()
    assert row(table, "arm[T.B]")["estimate"] == pytest.approx(np.exp(arm[0]))
    assert row(table, "bone in class 2")["estimate"] == pytest.approx(np.exp(bone[1, 0]))
    estimates = ml_by_class.estimates.set_index("parameter").loc["hazard_coefficient"]
    wald = np.exp([estimates["lower"], estimates["upper"]])
    np.testing.assert_allclose(row(table, "arm[T.B]")[["lower", "upper"]].astype(float), wald, rtol=0.15)
    # the comparison of classes is at the mean of what acts by class
    shift = np.exp((bone[1, 0] - bone[0, 0]) * ml_by_class.cohort.patients["bone"].mean())
    patients = ml_by_class.cohort.patients
    t = patients["os_time"][patients["os_event"] == 1].to_numpy()
    a, s = p["shape"].to_numpy(), p["scale"].to_numpy()
    log_h = [np.log(a[g] / s[g]) + (a[g] - 1) * np.log(t / s[g]) for g in (0, 1)]
    assert row(table, "class 2 vs class 1")["estimate"] == pytest.approx(np.exp(np.mean(log_h[1] - log_h[0])) * shift)


def test_reference_turns_the_ratio(ml):
    forth = row(bc.hazard_ratios(ml), "class 2 vs class 1")
    back = row(bc.hazard_ratios(ml, reference="class 2"), "class 1 vs class 2")
    assert forth["estimate"] == pytest.approx(1.0 / back["estimate"])
    assert forth["lower"] == pytest.approx(1.0 / back["upper"], rel=0.02)


def test_edges(ml, ml_one, ml_growth, ml_no_hessian):
    assert len(bc.hazard_ratios(ml_one)) == 0
    assert list(bc.hazard_ratios(ml_one).columns) == list(bc.hazard_ratios(ml).columns)
    assert bc.hazard_ratios(ml_no_hessian)[["lower", "upper"]].isna().all().all()
    with pytest.raises(SpecError, match="endpoint=None"):
        bc.hazard_ratios(ml_growth)
    with pytest.raises(SpecError, match="reference has to be one of class 1, class 2"):
        bc.hazard_ratios(ml, reference="tCTChi")
    with pytest.raises(SpecError, match="first event time"):
        bc.hazard_ratios(ml, horizon=1e-3)


def test_an_interval_without_events_of_a_class_has_no_ratio():
    """Of a hazard of its own, in which others have events there; with a common one nothing is missing."""
    cohort = two_cause_cohort()
    own = fit_causes(cohort, hazard="piecewise", hazard_knots=(12.0, 21.0))
    patients, p = own.cohort.patients, own.class_probabilities.to_numpy()
    late = ((patients["ttf_event"] == 1) & (patients["ttf_time"] > 21.0)).to_numpy()
    table = bc.hazard_ratios(own).query("quantity == 'hazard ratio' and comparison == 'class 2 vs class 1'")
    table = table.set_index("cause")
    assert late.sum() >= 5
    assert p[late, 1].sum() < 1.0
    assert table.loc["progression", "kind"] == (
        f"not estimable: {p[late, 1].sum():.2g} expected events in class 2 from 21 months"
    )
    assert np.isnan(table.loc["progression", ["estimate", "lower", "upper"]].astype(float)).all()
    common = fit_causes(cohort, hazard="piecewise", hazard_knots=(12.0, 21.0), common_shape=True)
    table = bc.hazard_ratios(common).query("quantity == 'hazard ratio' and cause == 'progression'")
    assert table["estimate"].gt(1.0).all()
