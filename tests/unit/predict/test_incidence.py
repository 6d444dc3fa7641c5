"""Cumulative incidence: against numerical integration, and where a class has no events of a cause."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from helpers import CAUSES, STEPS, fit_causes, read_by_user, two_cause_cohort
from scipy.integrate import quad

import bayesctc as bc
from bayesctc.errors import DataError, SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.class_hazards import cumulative_hazard, log_hazard
from bayesctc.model.design import Design

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def ml():
    return fit_causes(two_cause_cohort(), survival="~ arm")


@pytest.fixture(scope="module")
def silent():
    """The class with high counts has no toxicity at all."""
    return fit_causes(two_cause_cohort(toxicity=(0.06, 0.0)), survival="~ arm")


@pytest.mark.parametrize(
    ("hazard", "changes"),
    [
        ("weibull", {}),
        ("weibull", {"shape_toxicity": np.log([0.25, 4.9]), "scale_toxicity": np.log([200.0, 3.0])}),
        ("exponential", {}),
        ("gompertz", {"slope_toxicity": [0.45, -0.3], "scale_toxicity": np.log([1e6, 20.0])}),
        ("piecewise", {"relative_hazard_progression": np.log([[0.05, 6.0], [9.0, 0.1]])}),
    ],
)
def test_incidence_is_the_integral(ml, hazard, changes):
    """Of hazard times survival, to 1e-8, in every class, for few times as for many."""
    design = Design.settle(ml.cohort, ml.spec.with_(hazard=hazard))
    layout = design.layout
    rng = np.random.default_rng(1)
    theta = layout.to_theta(rng.normal(0.0, 0.2, layout.n_parameters))  # by the user's units
    for name in CAUSES:
        theta[:, layout.places[f"scale_{name}"]] += 2.7
        if hazard == "gompertz":
            theta[:, layout.places[f"slope_{name}"]] = 0.03
    for name, value in changes.items():
        theta[:, layout.places[name]] = np.reshape(value, (2, -1))
    theta = read_by_user(layout, theta)
    nothing = np.full((layout.n_parameters, layout.n_parameters), np.nan)
    fit = replace(ml, analysis=Analysis.of(ml.cohort, design), theta=theta, covariance=nothing)
    is_b, last = (ml.cohort.patients["arm"] == "B").mean(), 40.0
    expected = [
        [sum(w * integral(fit, g, c, arm, last) for arm, w in (("A", 1 - is_b), ("B", is_b))) for g in range(2)]
        for c in range(2)
    ]
    for times in ([last], [0.0, 7.0, last], np.linspace(0.0, last, 61)):
        found = bc.cumulative_incidence(fit, times)
        total = found["cumulative_incidence"].sum("cause") + found["survival_function"]
        np.testing.assert_allclose(total, 1.0, rtol=0, atol=1e-8)
        np.testing.assert_allclose(found["cumulative_incidence"].isel(time=-1), expected, rtol=0, atol=1e-8)


def integral(fit, g, c, arm, last):
    """In u = t^(1/8), which is smooth at 0."""
    sizes, x = fit.design.sizes, fit.design.survival.directions(pd.DataFrame({"arm": [arm]}), "survival")

    def rate(u):
        t = u**8
        gone = sum(cumulative_hazard(fit.theta, sizes, [t], x, k)[g, 0, 0] for k in range(2))
        return float(np.exp(log_hazard(fit.theta, sizes, [t], x, c)[g, 0, 0] - gone)) * 8.0 * u**7

    ends = np.r_[0.0, 0.3, 1.0, STEPS, np.linspace(0.0, last, 9)[1:]] ** 0.125
    ends = np.unique(ends[ends <= last**0.125])
    return sum(quad(rate, a, b, epsabs=1e-12, epsrel=1e-12, limit=200)[0] for a, b in pairwise(ends))


def test_survival_is_class_survival(ml):
    times = [0.0, 5.0, 20.0]
    found, known = bc.cumulative_incidence(ml, times), bc.class_survival(ml, times)
    np.testing.assert_allclose(found["survival_function"], known["survival_function"], atol=1e-12)
    np.testing.assert_allclose(found["survival_upper"], known["upper"], atol=1e-12)
    assert found["cumulative_incidence"].dims == ("cause", "latent_class", "time")
    assert (found["lower"] <= found["cumulative_incidence"]).all()
    assert (found["upper"] >= found["cumulative_incidence"]).all()
    np.testing.assert_allclose(
        found["expected_events"].sum("latent_class"),
        [(ml.cohort.patients["ttf_event"] == code).sum() for code in (1, 2)],
    )


def test_incidence_is_that_of_aalen_and_johansen(ml):
    """The mixture of the classes' curves against the estimate that knows no model."""
    patients = ml.cohort.patients
    time, event = patients["ttf_time"].to_numpy(), patients["ttf_event"].to_numpy()
    share = ml.class_probabilities.mean().to_numpy()
    for c in (0, 1):
        free, total = 1.0, 0.0
        for t in np.sort(time[(event > 0) & (time <= 15.0)]):
            at_risk = np.sum(time >= t)
            total += free * np.sum((time == t) & (event == c + 1)) / at_risk
            free *= 1.0 - np.sum((time == t) & (event > 0)) / at_risk
        model = float(bc.cumulative_incidence(ml, [15.0])["cumulative_incidence"][c, :, 0].to_numpy() @ share)
        assert model == pytest.approx(total, abs=0.05)


def test_hazard_ratios_by_cause(ml):
    table = bc.hazard_ratios(ml)
    between = table[(table["quantity"] == "hazard ratio") & (table["comparison"] == "class 2 vs class 1")]
    assert list(between["cause"]) == list(CAUSES)
    patients = ml.cohort.patients
    for code, row in enumerate(between.itertuples(), start=1):
        t = patients["ttf_time"][patients["ttf_event"] == code].to_numpy()
        values = log_hazard(ml.theta, ml.design.sizes, t, cause=code - 1)[:, 0]  # of the mean patient
        assert row.estimate == pytest.approx(float(np.exp((values[1] - values[0]).mean())), rel=1e-9)
    arm = table[table["comparison"] == "arm[T.B]"]
    assert list(arm["cause"]) == list(CAUSES)
    assert arm["estimate"].tolist() == pytest.approx(
        [float(np.exp(ml.parameters[f"hazard_coefficient_{c}"].item())) for c in CAUSES]
    )


def test_a_class_without_events_of_a_cause_is_not_estimable(silent):
    assert silent.converged
    assert bool(silent.modes["interior"].iloc[0])
    assert list(silent.not_estimable) == [(1, 1)]
    assert [w for w in silent.warnings if "of toxicity is not estimable" in w and w.startswith("class 2")]
    table = silent.estimates.set_index(["parameter", "latent_class"])
    for name in ("scale_toxicity", "shape_toxicity"):
        assert np.isnan(table.loc[(name, "class 2"), ["se", "lower", "upper"]].astype(float)).all()
        assert table.loc[(name, "class 2"), "interval_on"] == "not estimable"
    known = table[table["interval_on"] != "not estimable"]
    assert len(known) == len(table) - 2
    assert np.isfinite(known[["se", "lower", "upper"]].to_numpy()).all()
    ratios = bc.hazard_ratios(silent).set_index(["comparison", "cause", "quantity"])
    row = ratios.loc[("class 2 vs class 1", "toxicity", "hazard ratio")]
    assert np.isnan(row[["estimate", "lower", "upper"]].astype(float)).all()
    assert row["kind"].startswith("not estimable")
    assert np.isfinite(ratios.loc[("class 2 vs class 1", "progression", "hazard ratio"), "upper"])
    again = bc.log_likelihood(silent.cohort, silent.spec, silent.estimates)
    assert again.sum() == pytest.approx(silent.log_likelihood, abs=1e-6)
    incidence = bc.cumulative_incidence(silent, [10.0])["cumulative_incidence"]
    assert float(incidence.sel(cause="toxicity", latent_class="class 2").item()) < 1e-3


def test_a_class_without_events_of_the_only_cause_is_not_estimable(ml):
    """With the bound on a class's events taken away such a mode is a result, and says so."""
    patients = ml.cohort.patients.reset_index()
    counts = ml.cohort.samples.groupby("patient_id")["ctc"].mean().reindex(patients["patient_id"]).to_numpy()
    patients["ttf_event"] = np.where(np.nan_to_num(counts) > 8.0, 0, np.minimum(patients["ttf_event"], 1))
    cohort = bc.Cohort(ml.cohort.samples, patients)
    spec = ml.spec.with_(common_shape=True, hazard="exponential", survival="~ 1")
    bounds = bc.Bounds(class_events=0.0)
    fit = bc.fit_ml(cohort, spec, n_starts=3, random_seed=1, bounds=bounds, progress=False)
    assert list(fit.not_estimable) == [(0, 1)]
    assert any("class 2" in w and "its hazard is not estimable" in w for w in fit.warnings)
    assert bc.hazard_ratios(fit).iloc[0]["kind"].startswith("not estimable: ")
    table = fit.estimates.set_index(["parameter", "latent_class"])
    assert table.loc[("scale", "class 2"), "interval_on"] == "not estimable"
    assert np.isfinite(table.loc[("scale", "class 1"), "se"])


def test_wrong_questions(ml):
    single = fit_causes(
        bc.Cohort(
            ml.cohort.samples,
            ml.cohort.patients.assign(ttf_event=np.minimum(ml.cohort.patients["ttf_event"], 1)).reset_index(),
        )
    )
    assert single.expected_events.index.tolist() == ["event"]
    with pytest.raises(SpecError, match="one event or none"):
        bc.cumulative_incidence(single)
    with pytest.raises(SpecError, match="times"):
        bc.cumulative_incidence(ml, [-1.0])
    with pytest.raises(SpecError, match="of each cause"):
        bc.hazard_ratios(ml, horizon=0.51)
    data = ml.cohort.endpoint("ttf")
    arm = pd.DataFrame({"arm": (ml.cohort.patients["arm"] == "B").astype(float).to_numpy()})
    for ask in (bc.cox_regression, bc.weibull_regression):
        with pytest.raises(DataError, match="one cause coded 1"):
            ask(data.time, data.event, arm)
    with pytest.raises(DataError, match="one cause coded 1"):
        bc.concordance(data.time, data.event, data.time)
