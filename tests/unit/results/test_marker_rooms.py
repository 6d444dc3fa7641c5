"""A simulated log-normal marker in the rooms beyond fitting: checks, predictions, sensitivity, report, words."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers import MARKER_SPEC, frames, marker_frames
from scipy.stats import norm

import bayesctc as bc
from bayesctc.checks.calibrated import LEVEL
from bayesctc.checks.predictive import CHECKS
from bayesctc.checks.replicate import Replicator
from bayesctc.data.outcome import CTC_COUNT
from bayesctc.errors import DataError, SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.sensitivity.jobs import record_of
from bayesctc.sensitivity.resolve import Base, resolve
from bayesctc.sensitivity.result import gather
from bayesctc.sensitivity.targets import Targets, quantities

pytestmark = pytest.mark.unit

MARKER = bc.Marker("bili", unit="mg/dL", transform="log")
OF_COUNTS = {"zeros", "positive", "frequencies", "transitions"}
COUNT_WORDS = re.compile(r"CTC|\b[Cc]ounts?\b|\b[Cc]ells?\b")


@pytest.fixture(scope="module")
def cohort():
    return bc.Cohort(*marker_frames(), marker=MARKER)


@pytest.fixture(scope="module")
def fit(cohort):
    return bc.fit_ml(cohort, bc.ModelSpec(n_classes=2, endpoint="os", **MARKER_SPEC), n_starts=4, progress=False)


@pytest.fixture(scope="module")
def one_class(cohort):
    return bc.fit_ml(cohort, bc.ModelSpec(n_classes=1, endpoint=None, **MARKER_SPEC), n_starts=1, progress=False)


@pytest.fixture(scope="module")
def checked(fit):
    return bc.predictive_check(fit, n_replicates=200, random_seed=1, progress=False)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_the_model_that_made_the_data_passes_and_what_is_for_counts_is_left_out(checked):
    why = checked.left_out.set_index("check")["reason"]
    assert set(why.index) == {*OF_COUNTS, "dropout"}  # nobody drops out here
    assert (why[list(OF_COUNTS)] == "only for counts, and bili is not a count").all()
    assert set(checked.checks) == {check.name for check in CHECKS if not check.needs_causes} - set(why.index)
    assert not checked.flagged


def test_another_model_does_not(cohort, fit):
    flat = bc.fit_ml(cohort, fit.spec.with_(random_effects="none"), n_starts=4, progress=False)
    found = bc.predictive_check(flat, n_replicates=100, progress=False, checks=("variation", "change", "zeros"))
    assert "variation" in found.flagged  # patients differ more, and their samples less, than it has them
    assert found.left_out["check"].tolist() == ["zeros"]


def test_statistics_are_those_of_the_marker_and_its_logarithm(cohort, checked):
    table = checked.table
    at_start = cohort.samples[cohort.samples["time"] == 0.0].set_index("patient_id")["bili"]
    at_3 = cohort.samples[cohort.samples["time"] == 3.0].set_index("patient_id")["bili"]

    def observed(check, group, statistic):
        rows = table[(table["check"] == check) & (table["group"] == group) & (table["statistic"] == statistic)]
        return float(rows["observed"].iloc[0])

    assert observed("quantiles", "visit 1, month 0.0", "90 % quantile") == pytest.approx(np.quantile(at_start, 0.9))
    assert observed("maximum", "visit 1, month 0.0", "maximum") == pytest.approx(at_start.max())
    change = np.log(at_3 / at_start[at_3.index])
    assert observed("change", "visit 2, month 3.0", "mean change") == pytest.approx(change.mean())
    own = np.log(cohort.samples["bili"]).groupby(cohort.samples["patient_id"]).std().dropna()
    assert observed("variation", "within patients", "mean sd of log(bili)") == pytest.approx(own.mean())
    assert "share with no variation" not in set(table["statistic"])


def test_checks_of_a_marker_speak_of_it(checked):
    said = [*checked.table["sentence"], *checked.table["statistic"], *checked.assumptions, repr(checked)]
    assert not [text for text in said if COUNT_WORDS.search(text)]
    ax = bc.plot_predictive_check(checked, "quantiles")
    assert ax.get_ylabel() == "bili (mg/dL)"
    low, high = ax.get_ylim()
    assert 0.0 < low < checked.checks["quantiles"].observed.min()
    assert high > checked.checks["quantiles"].observed.max()
    assert bc.plot_predictive_check(checked, "change").get_ylabel() == "log(bili)"


def test_counts_in_a_markers_guise_have_the_statistics_of_counts():
    samples, patients = frames(120, seed=3)
    samples["volume_ml"], samples["time"] = 7.5, np.round(samples["time"].clip(lower=0.0) / 2.0) * 2.0
    samples = samples.drop_duplicates(["patient_id", "time"])
    last = patients.set_index("patient_id")["os_time"][samples["patient_id"]].to_numpy()
    samples = samples[samples["time"].to_numpy() <= last]
    guise = samples.drop(columns="volume_ml").rename(columns={"ctc": "cells"})
    marked = bc.Cohort(guise, patients, marker=bc.Marker("cells", transform="log1p"))
    spec = bc.ModelSpec(n_classes=1, endpoint="os", **MARKER_SPEC)
    both = [
        bc.prior_predictive(c, spec, n_replicates=20, progress=False) for c in (bc.Cohort(samples, patients), marked)
    ]
    for name in ("quantiles", "maximum", "change", "n_samples", "dropout", "survival", "association"):
        np.testing.assert_allclose(both[0].checks[name].observed, both[1].checks[name].observed, rtol=1e-12)
    with_still = both[0].checks["variation"].observed
    np.testing.assert_allclose(np.delete(with_still, 2), both[1].checks["variation"].observed, rtol=1e-12)


def test_draws_that_are_no_number_are_drawn_again(cohort):
    wide = bc.ModelSpec(n_classes=1, endpoint="os", priors=bc.Priors(curve_sd=200.0), **MARKER_SPEC)
    found = bc.prior_predictive(cohort, wide, n_replicates=20, progress=False)
    assert found.n_redrawn > 0
    design = Design.settle(cohort, wide)
    replicator = Replicator(Analysis.of(cohort, design), random_seed=1)
    theta = design.layout.to_theta(np.zeros(design.layout.n_parameters))
    theta[:, design.sizes.blocks["growth"]] = [(900.0 - design.location) / design.spread, 0.0]
    theta[:, design.layout.places["sigma"]] = -9.0
    with pytest.raises(OverflowError, match=r"log\(bili\) = 900 was drawn, for which bili is not a finite number"):
        replicator.draw(theta, np.random.default_rng(1))


def test_loo_pit_is_the_normal_distribution_function_of_the_logarithm(one_class, make_fit):
    made = make_fit(one_class, 1, chains=2, draws=100)
    found = bc.loo_pit(made, n_draws=200, random_seed=1)
    p = {name: values.to_numpy().reshape(200, -1) for name, values in made.idata["posterior"].dataset.items()}
    s = found.counts["time"].to_numpy() / 6.0
    sd = np.hypot(p["sigma"], p["random_effect_sd"])
    each = norm.cdf(np.log(found.counts["bili"].to_numpy()), p["growth"][:, :1] + p["growth"][:, 1:] * s, sd)
    np.testing.assert_allclose(found.counts["pit"], each.mean(axis=0), atol=0.01)  # one patient of 300 weighs little
    pd.testing.assert_frame_equal(found.counts, bc.loo_pit(made, n_draws=200, random_seed=2).counts)
    assert list(found.counts.columns) == ["patient_id", "time", "bili", "pit", "pareto_k"]


def test_loo_pit_is_uniform_under_the_model_that_made_the_data_only(fit, one_class, make_fit):
    found = bc.loo_pit(make_fit(fit, 1, chains=2, draws=60), n_draws=120)
    assert list(found.tests) == ["value_1", "value_2", "value_3", "survival"]
    assert (found.table["p"] > LEVEL).all()
    assert not COUNT_WORDS.search(" ".join(found.table["sentence"]))
    normal = bc.loo_pit(make_fit(one_class, 1, chains=2, draws=60), n_draws=120)
    assert normal.tests["value_3"].p < 0.01  # one normal law for two classes
    assert "first bili" in bc.plot_loo_pit(found, "value_1").get_title()


def test_next_values_are_those_of_the_conditional_normal_law(cohort, one_class):
    some = cohort.select(cohort.patients.index[cohort.patients["os_time"] > 9.0][:5])
    found = bc.predict_counts(one_class, some, 6.0, [9.0, 24.0], random_seed=1)
    assert set(found.data_vars) == {"median", "lower", "upper", "extrapolated"}
    assert found.attrs["unit"] == "mg/dL"
    p = {name: np.ravel(values.to_numpy()) for name, values in one_class.parameters.items()}
    sd, sigma = p["random_effect_sd"][0], p["sigma"][0]
    for patient, own in some.samples[some.samples["time"] <= 6.0].groupby("patient_id"):
        r = np.log(own["bili"].to_numpy()) - p["growth"][0] - p["growth"][1] * own["time"].to_numpy() / 6.0
        precision = 1.0 / sd**2 + len(r) / sigma**2
        mean = r.sum() / sigma**2 / precision + p["growth"][0] + p["growth"][1] * np.array([1.5, 4.0])
        total = np.sqrt(sigma**2 + 1.0 / precision)
        values = found.sel(patient=patient)
        # of 4,000 draws a quantile of 2.5 % has a standard error of 0.042 standard deviations, a median one of 0.020
        np.testing.assert_allclose(np.log(values["median"]), mean, atol=4 * 0.020 * total)
        np.testing.assert_allclose(np.log(values["lower"]), mean - 1.96 * total, atol=4 * 0.042 * total)
        np.testing.assert_allclose(np.log(values["upper"]), mean + 1.96 * total, atol=4 * 0.042 * total)


def test_a_patients_picture_has_the_marker_on_its_axis(cohort, fit):
    axes = bc.plot_prediction(fit, cohort, "P0", landmarks=[6.0])
    figure = axes[0, 0].figure
    assert figure.get_supylabel() == "bili (mg/dL)"
    assert not COUNT_WORDS.search(figure.get_suptitle())
    values, line = axes[0, 0].lines  # no cut-off
    own = cohort.samples[(cohort.samples["patient_id"] == "P0") & (cohort.samples["time"] <= 6.0)]
    np.testing.assert_allclose(values.get_xydata(), own[["time", "bili"]].to_numpy())
    assert line.get_xdata()[0] == 6.0
    low, high = axes[0, 0].get_ylim()
    assert 0.0 < low < own["bili"].min()
    assert high > own["bili"].max()
    assert 2 <= sum(low <= tick <= high for tick in axes[0, 0].get_yticks()) <= 5


def test_another_unit_moves_intercepts_alone(cohort, fit):
    samples, patients = marker_frames()
    other = bc.Cohort(samples.assign(bili=10.0 * samples["bili"]), patients, marker=bc.Marker("bili", "mg/L", "log"))
    moved = {name: values.to_numpy().copy() for name, values in fit.parameters.items()}
    moved["growth"][:, 0] += np.log(10.0)
    again = bc.fit_ml(other, fit.spec, n_starts=4, progress=False)
    for name, values in moved.items():
        np.testing.assert_allclose(again.parameters[name], values, rtol=2e-3, atol=2e-3, err_msg=name)
    np.testing.assert_allclose(again.theta, fit.theta, atol=1e-6)
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-5)  # of the transformed values
    np.testing.assert_allclose(again.class_probabilities, fit.class_probabilities, atol=2e-3)


def test_the_plan_leaves_out_what_is_for_counts(cohort, fit):
    plan = bc.default_plan(cohort, fit.spec, cohort)
    assert not {"family", "dropout_delta", "cutoff"} & {row.option for row in plan.rows}
    assert {"priors", "n_classes", "growth", "hazard", "include", "likelihood_power"} <= {
        row.option for row in plan.rows
    }
    samples, patients = marker_frames()
    other = bc.Cohort(samples, patients, marker=bc.Marker("bili", "umol/L", "log"))
    base = Base(cohort, fit.spec, other, Targets((0.0,), (12.0,)))
    with pytest.raises(SpecError, match=r"treated: found marker .*umol/L.*allowed, as in the base: .*mg/dL"):
        resolve(bc.SensitivityPlan([{"option": "include", "value": {"min_samples": 2}}]), base)


def test_quantities_and_their_picture_are_in_the_markers_unit(cohort, fit):
    targets, plan = Targets((0.0, 12.0), (12.0,)), bc.SensitivityPlan([{"option": "growth", "value": "quadratic"}])
    table = quantities(fit, targets)
    assert set(table["quantity"]) == {"class_share", "median", "hazard_ratio", "survival_function"}
    curves = bc.class_trajectories(fit, [0.0, 12.0])
    np.testing.assert_allclose(table[table["quantity"] == "median"]["estimate"], curves["median"].to_numpy().ravel())
    found = resolve(plan, Base(cohort, fit.spec, None, targets))
    base, other = (record_of(name, name, {}, fit, targets, None, (), None) for name in ("base", plan.rows[0].variation))
    ax = bc.plot_sensitivity(gather(plan, found, base, [other], targets, None, cohort.outcome), "median")
    assert ax.get_xlabel() == "Median bili (mg/dL) (95 % interval)"
    assert ax.get_title() == "Median bili, class 2, month 12"


@pytest.mark.parametrize(("K", "endpoint"), [(4, "os"), (2, None)])
def test_the_report_never_speaks_of_counts(cohort, K, endpoint, tmp_path):
    fit = bc.fit_ml(cohort, bc.ModelSpec(n_classes=K, endpoint=endpoint, **MARKER_SPEC), n_starts=3, progress=False)
    html = bc.write_report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", html)
    assert COUNT_WORDS.findall(text) == []
    assert "could not be drawn" not in text
    for part in (
        "bili (mg/dL)",
        "log(bili) per 6 months",
        "bili: mg/dL",
        "median bili",
        "Modelled as normal on log(bili)",
    ):
        assert part in text
    assert "marker=bc.Marker(column=&#39;bili&#39;, unit=&#39;mg/dL&#39;, transform=&#39;log&#39;)" in text


def test_four_classes_have_the_studys_names_only_where_they_are_of_counts(cohort):
    spec = bc.ModelSpec(n_classes=4, endpoint="os", **MARKER_SPEC)
    assert Design.settle(cohort, spec).layout.coords["latent_class"] == [f"class {g}" for g in (1, 2, 3, 4)]
    assert CTC_COUNT.class_labels(4)[0] == "tCTCneg"


def test_words():
    words = bc.Marker("x", "g/L", "log").words
    assert [words.values, words.full_values] == ["values of x"] * 2
    assert [words.scale, words.short_scale, words.log_value, words.log_values] == ["log(x)"] * 4
    assert [words.heading, words.value, words.full_value] == ["x"] * 3
    assert [words.label, words.heading_label, words.axis, words.quantity] == ["x (g/L)"] * 4
    assert words.inverse == "exp(curve)"


@pytest.mark.parametrize(
    ("transform", "scale", "median"),
    [
        ("log", "log(Platelet count)", "exp(curve) is"),
        ("log1p", "log(1 + Platelet count)", "exp(curve) − 1 is"),
        ("identity", "Platelet count", "The curve is"),
    ],
)
def test_words_leave_the_name_of_a_marker_alone(transform, scale, median):
    marker = bc.Marker("Platelet count", "10^9/L", transform)
    text = " ".join(bc.ModelSpec(n_classes=2, family="gaussian").describe(marker=marker).split())
    for part in (
        f"y_ij = {scale} of sample j, Platelet count (10^9/L).",
        f"{median} the class's median Platelet count (10^9/L) over patients",
        "given class and covariates, values of Platelet count and survival are independent",
        f"{scale} is treated as continuous and normal.",
    ):
        assert part in text
    assert text.count("Platelet Platelet") == 0
    assert text.replace("Platelet count", "").count("count") == 0


def test_further_samples_of_a_marker(cohort):
    added = pd.DataFrame({"patient_id": ["P0"], "time": [0.1], "bili": [2.5]})
    longer = cohort.with_samples(added, "one more")
    assert longer.n_samples == cohort.n_samples + 1
    assert 2.5 in longer.samples.loc[longer.samples["patient_id"] == "P0", "bili"].tolist()
    with pytest.raises(DataError, match="bili = 0; allowed: a number above 0"):
        cohort.with_samples(added.assign(bili=0.0), "one more")
    with pytest.raises(DataError, match="no column 'bili'"):
        cohort.with_samples(added.rename(columns={"bili": "ctc"}), "one more")
