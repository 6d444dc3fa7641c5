"""A marker that is not a count, from reading to pictures: a simulated log-normal one, and counts in its guise."""

import numpy as np
import pandas as pd
import pytest
from helpers import INTERCEPT, SCALE, SD, SHAPE, SIGMA, SLOPE, frames, marker_frames
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, weibull_min

import bayesctc as bc
from bayesctc.errors import DataError, SpecError
from bayesctc.model.design import Design
from bayesctc.model.generative import simulate
from bayesctc.model.likelihood import Evaluator
from bayesctc.results.storage import load_fit

pytestmark = pytest.mark.unit

MARKER = bc.Marker("bili", unit="mg/dL", transform="log")


@pytest.fixture(scope="module")
def cohort():
    return bc.Cohort(*marker_frames(), marker=MARKER)


@pytest.fixture(scope="module")
def fit(cohort):
    spec = bc.ModelSpec(
        n_classes=2, growth="linear", random_effects="intercept", endpoint="os", common_shape=True, family="gaussian"
    )
    return bc.fit_ml(cohort, spec, n_starts=4, progress=False)


def test_ml_recovers_what_was_simulated(fit):
    truth = {
        ("growth", "intercept"): INTERCEPT,
        ("growth", "s"): SLOPE,
        ("sigma", ""): [SIGMA],
        ("random_effect_sd", "intercept"): [SD],
        ("scale", ""): SCALE,
        ("shape", ""): [SHAPE],
    }
    table = fit.estimates.fillna("")
    for (name, term), values in truth.items():
        rows = table[(table["parameter"] == name) & (table["term"] == term)]
        assert len(rows) == len(values), name
        np.testing.assert_array_less(np.abs(rows["estimate"] - values), 3.5 * rows["se"].astype(float))
        np.testing.assert_array_less(rows["se"].astype(float), 0.35 * np.maximum(np.abs(values), 0.2))
    np.testing.assert_allclose(fit.quality["share"], [0.6, 0.4], atol=0.1)


def test_log_likelihood_is_that_of_the_logarithms(cohort, fit):
    p = {name: values.to_numpy() for name, values in fit.parameters.items()}
    sd, sigma, shape = (float(np.ravel(p[name])[0]) for name in ("random_effect_sd", "sigma", "shape"))
    growth, membership, scale = p["growth"].reshape(2, 2), np.ravel(p["membership"]), np.ravel(p["scale"])
    log_share = membership - logsumexp(membership)
    total = 0.0
    for patient, (time, event) in cohort.patients[["os_time", "os_event"]].iterrows():
        own = cohort.samples[cohort.samples["patient_id"] == patient]
        y, s = np.log(own["bili"].to_numpy()), own["time"].to_numpy() / 6.0
        V = sigma**2 * np.eye(len(y)) + sd**2
        each = []
        for g in range(2):
            law = weibull_min(shape, scale=scale[g])
            survival = law.logpdf(time) if event else law.logsf(time)
            each.append(log_share[g] + multivariate_normal.logpdf(y, growth[g, 0] + growth[g, 1] * s, V) + survival)
        total += logsumexp(each)
    assert fit.log_likelihood == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize("random_effects", ["none", "slope"])
def test_counts_as_a_log1p_marker_have_the_log_likelihood_of_counts(random_effects):
    samples, patients = frames(80, seed=3)
    samples["volume_ml"] = 7.5
    counts = bc.Cohort(samples, patients)
    guise = samples.drop(columns="volume_ml").rename(columns={"ctc": "cells"})
    marked = bc.Cohort(guise, patients, marker=bc.Marker("cells", transform="log1p"))
    spec = bc.ModelSpec(
        n_classes=2,
        growth="quadratic",
        random_effects=random_effects,
        endpoint="os",
        family="gaussian",
        common_shape=False,
    )
    one, other = (Design.settle(each, spec) for each in (counts, marked))
    packed, marked_packed = one.pack(counts), other.pack(marked)
    np.testing.assert_array_equal(packed.follow_up, marked_packed.follow_up)
    np.testing.assert_array_equal(packed.all_terms, marked_packed.all_terms)
    y = np.log1p(samples["ctc"])
    np.testing.assert_allclose(marked_packed.features[:, 1] * y.std(ddof=0), packed.features[:, 1], atol=1e-8)
    natural = one.layout.own(one.layout.to_theta(np.linspace(-0.4, 0.6, one.layout.n_parameters)))
    values = [
        Evaluator(p, d.sizes, 2).patients(d.layout.theta(natural)) for d, p in ((one, packed), (other, marked_packed))
    ]
    assert np.isfinite(values[0]).all()
    # the marker is rounded on its way to standard deviations, to 1e-9 of one
    np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-9)
    assert counts.fingerprint != marked.fingerprint


def test_the_log_of_a_marker_is_the_marker_on_an_identity_scale(cohort, fit):
    samples, patients = marker_frames()
    logged = bc.Cohort(samples.assign(bili=np.log(samples["bili"])), patients, marker=bc.Marker("bili", "", "identity"))
    design = Design.settle(logged, fit.spec)
    value = Evaluator(design.pack(logged), design.sizes, 2).patients(fit.theta).sum()
    assert value == pytest.approx(fit.log_likelihood, rel=1e-12)


def test_the_score_test_reads_the_transformed_marker(fit):
    samples, patients = marker_frames()
    logged = bc.Cohort(samples.assign(bili=np.log(samples["bili"])), patients, marker=bc.Marker("bili", "", "identity"))
    again = bc.fit_ml(logged, fit.spec, n_starts=4, progress=False)
    found, expected = (bc.conditional_independence_test(each) for each in (fit, again))
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-4)
    assert found.p > 0.001  # independent given the class, as simulated


def test_the_bootstrap_test_draws_markers(cohort, fit):
    smaller = bc.fit_ml(cohort, fit.spec.with_(n_classes=1), n_starts=1, progress=False)
    found = bc.bootstrap_lrt(smaller, fit, replicates=4, n_starts=2, progress=False)
    assert found.n_failed < 4
    assert found.replicates.max() < 0.2 * found.statistic


def test_trajectories_are_medians_in_the_markers_unit(fit):
    found = bc.class_trajectories(fit, [0.0, 12.0])
    growth = fit.parameters["growth"].to_numpy().reshape(2, 2)
    np.testing.assert_allclose(found["median"], np.exp(growth[:, :1] + growth[:, 1:] * [0.0, 2.0]))
    assert found.attrs["unit"] == "mg/dL"
    assert set(found.data_vars) == {"median", "lower", "upper"}
    assert (found["lower"] < found["median"]).all()
    assert (found["median"] < found["upper"]).all()


def test_the_picture_has_the_marker_and_its_unit_on_the_axis(fit):
    ax = bc.plot_trajectories(fit)
    assert ax.get_ylabel() == "bili (mg/dL)"
    assert not any("CTC" in text.get_text() for text in [ax.title, *ax.texts])
    low, high = ax.get_ylim()
    a, b, c = ax.transData.transform([(0.0, 1.0), (0.0, 2.0), (0.0, 4.0)])[:, 1]
    assert low > 0.0
    assert high > 10.0
    assert b - a == pytest.approx(c - b)  # doubling is the same distance everywhere
    ax.figure.clear()


def test_description_speaks_of_the_marker(cohort, fit):
    y = np.log(cohort.samples["bili"])
    reach = np.exp(y.mean() + 1.96 * 2.0 * y.std(ddof=0) * np.array([0.0, -1.0, 1.0]))
    middle, low, high = (f"{float(np.format_float_positional(v, 2, fractional=False)):g}" for v in reach)
    text = " ".join(fit.spec.describe(cohort=cohort).split())
    assert "log(bili)" in text
    assert "exp(curve) is the class's median bili (mg/dL)" in text
    assert (
        f"a median bili (mg/dL) of {middle}, 95 % between {low} and {high}; the standard deviation of the samples is"
        in text
    )
    assert "normal around the mean of the samples, with sd 2 times their standard deviation" in text
    assert "count" not in text
    assert "cells" not in text


def test_draws_are_of_the_marker(cohort, fit):
    patients = cohort.patients.loc[:, []]
    schedule = pd.DataFrame({"patient_id": patients.index, "time": 0.0})
    drawn, people = simulate(fit.design, fit.theta, patients, schedule, np.random.default_rng(1), follow_up=1e-9)
    y = np.log(drawn["bili"])
    high = people["latent_class"].to_numpy() == 1
    growth = fit.parameters["growth"].to_numpy().reshape(2, 2)
    assert list(drawn.columns) == ["patient_id", "time", "bili"]
    np.testing.assert_allclose([y[~high].mean(), y[high].mean()], growth[:, 0], atol=4 * 0.5 / np.sqrt(high.sum()))


def test_saving_and_loading_keep_the_marker(fit, make_fit, tmp_path):
    made = make_fit(fit, 1)
    made.save(tmp_path / "fit.nc")
    loaded = load_fit(tmp_path / "fit.nc")
    assert loaded.cohort.marker == loaded.design.outcome == MARKER
    assert loaded.cohort.fingerprint == made.cohort.fingerprint
    pd.testing.assert_frame_equal(loaded.cohort.samples, made.cohort.samples)
    for what in ("follow_up", "all_terms", "samples"):
        np.testing.assert_array_equal(getattr(loaded.packed, what), getattr(made.packed, what))


def test_the_marker_stays_with_the_cohort(cohort):
    changed = (cohort.include(min_samples=2), cohort.select(cohort.patients.index[:9]), cohort.landmark(6.0))
    assert all(each.marker == MARKER for each in changed)
    assert list(cohort.samples.columns) == ["patient_id", "time", "bili"]
    assert "bili (mg/dL)" in repr(cohort)
    samples, patients = marker_frames()
    others = [bc.Cohort(samples, patients, marker=bc.Marker("bili", *rest)) for rest in (("g/L",), ("mg/dL", "log1p"))]
    assert len({cohort.fingerprint, *(each.fingerprint for each in others)}) == 3


@pytest.mark.parametrize(
    ("transform", "value", "allowed"),
    [
        ("log", "0", "above 0"),
        ("log", "-1.5", "above 0"),
        ("log1p", "-0.1", "0 or more"),
        ("identity", "x", "a number"),
        ("log", "", "may not be empty"),
    ],
)
def test_values_that_cannot_be_transformed_are_refused(tmp_path, transform, value, allowed):
    (tmp_path / "samples.csv").write_text(f"patient_id,time,bili\nA,0,1.5\nB,0,{value}\n")
    (tmp_path / "patients.csv").write_text("patient_id,os_time,os_event\nA,5,1\nB,6,0\n")
    paths = (tmp_path / "samples.csv", tmp_path / "patients.csv")
    with pytest.raises(DataError, match=allowed) as error:
        bc.read_cohort(*paths, marker=bc.Marker("bili", "mg/dL", transform))
    problem = error.value.problems.iloc[0]
    assert [problem[c] for c in ("file", "row", "patient", "column")] == ["samples.csv", 3, "B", "bili"]
    assert value in problem["found"]


def test_values_at_the_edge_are_read(tmp_path):
    samples = pd.DataFrame({"patient_id": ["A", "A"], "time": [0.0, 1.0], "x": [0.0, 2.5]})
    patients = pd.DataFrame({"patient_id": ["A"]})
    assert bc.Cohort(samples, patients, marker=bc.Marker("x", transform="log1p")).samples["x"].tolist() == [0.0, 2.5]
    below = bc.Cohort(samples.assign(x=[-3.0, 0.0]), patients, marker=bc.Marker("x", transform="identity"))
    assert below.samples["x"].tolist() == [-3.0, 0.0]


@pytest.mark.parametrize(
    "options", [{"column": "ctc"}, {"column": ""}, {"column": "x", "transform": "sqrt"}, {"column": "x", "unit": 3}]
)
def test_a_marker_that_is_none_is_refused(options):
    with pytest.raises(SpecError, match="allowed"):
        bc.Marker(**options)


def test_a_cohort_refuses_what_does_not_go_with_a_marker():
    samples, patients = marker_frames(10)
    with pytest.raises(DataError, match="which is for counts"):
        bc.Cohort(samples, patients, columns={"ctc": "bili"}, marker=MARKER)
    with pytest.raises(DataError, match="allowed: a Marker"):
        bc.Cohort(samples, patients, marker="bili")
    with pytest.raises(DataError, match=r"no such column.*one of the existing columns.*Marker"):
        bc.Cohort(samples, patients, marker=bc.Marker("bilirubin"))


@pytest.mark.parametrize(
    "call",
    [
        lambda fit, _: bc.fit_ml(fit.cohort, fit.spec.with_(family="negative_binomial"), progress=False),
        lambda fit, _: bc.select_families(fit.cohort, fit.spec, ["gaussian", "poisson"], [2]),
        lambda _, made: bc.loo_counts(made),
        lambda fit, _: bc.bctc(fit.cohort),
        lambda fit, _: bc.b2ctc(fit.cohort),
        lambda fit, _: bc.compare_classifiers(fit.cohort, fit.spec),
        lambda fit, _: bc.class_trajectories(fit, cutoff=3),
        lambda fit, _: bc.run_sensitivity(fit.cohort, fit.spec, bc.SensitivityPlan([{"option": "cutoff", "value": 3}])),
        lambda fit, _: bc.run_sensitivity(
            fit.cohort, fit.spec, bc.SensitivityPlan([{"option": "dropout_delta", "value": 1.0}])
        ),
        lambda fit, _: bc.run_sensitivity(
            fit.cohort, fit.spec, bc.SensitivityPlan([{"option": "family", "value": "poisson"}])
        ),
    ],
)
def test_what_is_for_counts_refuses_a_marker(fit, make_fit, call):
    with pytest.raises(SpecError, match=r"is for counts; found a cohort of the marker 'bili \(mg/dL\)'"):
        call(fit, make_fit(fit, 1, draws=4))


def test_survival_is_predicted_from_the_same_marker_only(cohort, fit):
    alive = cohort.patients.index[cohort.patients["os_time"] > 6.0]
    found = bc.predict_survival(fit, cohort.select(alive), 6.0, [12.0])
    chance = found["survival_function"].isel(horizon=0).to_series()
    level = cohort.samples[cohort.samples["time"] <= 6.0].groupby("patient_id")["bili"].median()
    assert chance.corr(level[chance.index], method="spearman") < -0.5
    samples, patients = marker_frames()
    other = bc.Cohort(samples, patients, marker=bc.Marker("bili", "umol/L"))
    with pytest.raises(DataError, match=r"marker: found.*umol/L.*allowed, as in the model"):
        bc.predict_survival(fit, other.select(alive), 6.0, [12.0])


def test_accuracy_leaves_readings_of_counts_out(cohort, fit):
    found = bc.prediction_accuracy(fit, cohort, [6.0], [12.0])
    assert any("are for counts and are not compared" in note for note in found.warnings)
