"""The search for modes: repeatable, and blind to what does not matter about the data."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from bayesctc.data import Cohort
from bayesctc.errors import DataError, SpecError
from bayesctc.inference.ml import _search_warnings, fit_ml

pytestmark = pytest.mark.unit

DAYS = 30.4375


def assert_same(found, expected):
    """The same fit, to the last bit."""
    assert found.log_likelihood == expected.log_likelihood
    np.testing.assert_array_equal(found.theta, expected.theta)
    np.testing.assert_array_equal(found.covariance, expected.covariance)
    pd.testing.assert_frame_equal(found.modes, expected.modes)
    assert found.warnings == expected.warnings


def test_same_seed_same_result(small_cohort, spec, small_fit):
    assert_same(fit_ml(small_cohort, spec, n_starts=6, random_seed=1, progress=False), small_fit)


def test_executor_gives_the_serial_result(small_cohort, spec, small_fit):
    with ThreadPoolExecutor(max_workers=2) as executor:
        found = fit_ml(small_cohort, spec, n_starts=6, random_seed=1, executor=executor, progress=False)
    assert_same(found, small_fit)


def test_another_seed_finds_the_same_mode(small_cohort, spec, small_fit):
    found = fit_ml(small_cohort, spec, n_starts=6, random_seed=77, progress=False)
    assert found.log_likelihood == pytest.approx(small_fit.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(found.theta, small_fit.theta, atol=1e-4)


def test_modes_count_every_start_once_and_are_in_order(small_fit):
    modes = small_fit.modes
    assert modes["n_starts"].sum() == 6
    assert modes["log_likelihood"].is_monotonic_decreasing
    assert len(small_fit.mode_thetas) == len(modes)
    best = modes.loc[modes["interior"]].iloc[0]
    assert small_fit.log_likelihood == best["log_likelihood"]


def test_a_rival_mode_is_reported_with_the_place_of_its_row(small_fit):
    modes = pd.concat([small_fit.modes.head(1)] * 3, ignore_index=True)
    modes["log_likelihood"] -= [0.0, 1.0, 5.0]
    (text,) = _search_warnings(modes, [0, 1, 2], small_fit.design)
    assert text == ("1 rival mode(s) within 3 log-likelihood units; see fit.modes, or the table of modes in the report")


def test_simulated_classes_come_back(small_cohort, small_fit):
    """The first 36 patients are of the high class; its mean log count at start is 3.5, the others' 1."""
    assignment = small_fit.assignment["latent_class"]
    high = [f"P{i}" for i in range(36)]
    assert (assignment.loc[high] == "class 2").mean() > 0.9
    assert (assignment.drop(high) == "class 1").mean() > 0.9
    table = small_fit.estimates.set_index(["parameter", "latent_class", "term"])
    for label, truth in (("class 1", 1.0), ("class 2", 3.5)):
        row = table.loc[("growth", label, "intercept")]
        assert abs(row["estimate"] - truth) < 4 * row["se"]


def test_order_of_rows_and_names_of_patients_do_not_matter(small_frames, spec, small_fit):
    samples, patients = small_frames
    rng = np.random.default_rng(5)
    order = rng.permutation(len(patients))
    renamed = {f"P{i}": f"case-{order[i]:03d}" for i in range(len(patients))}
    shuffled = Cohort(
        samples.assign(patient_id=samples["patient_id"].map(renamed)).sample(frac=1, random_state=1),
        patients.assign(patient_id=patients["patient_id"].map(renamed)).sample(frac=1, random_state=2),
    )
    found = fit_ml(shuffled, spec, n_starts=6, random_seed=1, progress=False)
    assert found.log_likelihood == pytest.approx(small_fit.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(found.theta, small_fit.theta, atol=1e-4)
    expected = small_fit.class_probabilities.rename(index=renamed).loc[found.class_probabilities.index]
    np.testing.assert_allclose(found.class_probabilities, expected, atol=1e-5)


def test_time_in_days_given_as_such(small_frames, spec, small_fit):
    samples, patients = (table.copy() for table in small_frames)
    samples["time"] *= DAYS
    patients["os_time"] *= DAYS
    found = fit_ml(Cohort(samples, patients, time_unit="days"), spec, n_starts=6, random_seed=1, progress=False)
    assert found.log_likelihood == pytest.approx(small_fit.log_likelihood, abs=1e-6)


def test_another_unit_of_time_costs_its_logarithm_an_event(small_frames, spec, small_fit):
    """Densities of event times are per unit of time; nothing else changes at the optimum."""
    samples, patients = (table.copy() for table in small_frames)
    unit = 4.0  # a quarter of a month, called a month
    samples["time"] *= unit
    patients["os_time"] *= unit
    found = fit_ml(Cohort(samples, patients), spec, n_starts=12, random_seed=1, progress=False)
    expected = small_fit.log_likelihood - patients["os_event"].sum() * np.log(unit)
    assert found.log_likelihood == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(found.parameters["scale"], unit * small_fit.parameters["scale"], rtol=1e-3)
    np.testing.assert_allclose(found.parameters["shape"], small_fit.parameters["shape"], rtol=1e-3)


def test_one_class_has_no_membership_to_estimate(small_cohort, spec):
    fit = fit_ml(small_cohort, spec.with_(n_classes=1), n_starts=6, random_seed=1, progress=False)
    assert fit.n_starts == 1
    assert fit.n_parameters == 2 + 1 + 3 + 2  # growth, sigma, D, scale and shape
    assert fit.entropy == 1.0
    assert (fit.class_probabilities.to_numpy() == 1.0).all()


def test_refusals(small_cohort, spec):
    with pytest.raises(SpecError, match="n_starts"):
        fit_ml(small_cohort, spec, n_starts=0, progress=False)
    with pytest.raises((SpecError, DataError), match="pfs"):
        fit_ml(small_cohort, spec.with_(endpoint="pfs"), progress=False)
    with pytest.raises(SpecError, match="n_classes=30"):
        fit_ml(small_cohort, spec.with_(n_classes=30), progress=False)
