"""The likelihood has no maximum: modes on a bound are shown, never chosen."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.data import Cohort
from bayesctc.errors import FitError
from bayesctc.inference.ml import fit_ml
from bayesctc.inference.optimise import Bounds
from bayesctc.model.spec import ModelSpec

pytestmark = pytest.mark.unit


def with_deaths_on_one_day(level: float, seed=2):
    """Two classes as ever, and six patients of a given mean log count who die on the same day, month 9.5.

    A class of theirs alone, or of one of them, has a density that rises with its shape for ever.
    """
    rng = np.random.default_rng(seed)
    n = 90
    same_day, high = np.arange(n) < 6, np.arange(n) >= 50
    lifetime = np.where(high, 16.0, 40.0) * rng.exponential(size=n) ** (1 / 1.3)
    end = rng.uniform(12.0, 40.0, n)
    time = np.where(same_day, 9.5, np.minimum(lifetime, end) + 0.1)
    event = np.where(same_day, 1, lifetime <= end).astype(int)
    rows = []
    for i in range(n):
        mean = (level if same_day[i] else 3.5 if high[i] else 1.0) + rng.normal(0.0, 0.5)
        for month in (0.0, 1.0, 2.0, 4.0, 6.0, 9.0):
            if month <= time[i]:
                rows.append((f"P{i}", month, max(0, round(np.expm1(rng.normal(mean, 0.4))))))
    samples = pd.DataFrame(rows, columns=["patient_id", "time", "ctc"])
    patients = pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)], "os_time": time, "os_event": event})
    return Cohort(samples, patients)


def with_few_extreme(n_extreme=3, n=200, seed=3):
    """Counts near zero, and a few patients with thousands of cells; no survival."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"P{i}", month, max(0, round(np.expm1(rng.normal(8.0 if i < n_extreme else 1.0, 0.5)))))
        for i in range(n)
        for month in (0.0, 2.0, 4.0)
    ]
    samples = pd.DataFrame(rows, columns=["patient_id", "time", "ctc"])
    return Cohort(samples, pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)]}))


GROWTH_ONLY = ModelSpec(n_classes=2, growth="linear", random_effects="none", endpoint=None, family="gaussian")


JOINT = ModelSpec(n_classes=2, growth="linear", random_effects="intercept", family="gaussian", common_shape=False)


@pytest.fixture(scope="module")
def shrunk():
    return fit_ml(with_deaths_on_one_day(8.0), JOINT, n_starts=10, random_seed=1, progress=False)


def test_a_class_on_one_day_of_death_is_tabulated_as_spurious(shrunk):
    best = shrunk.modes.iloc[0]
    assert not best["interior"]
    assert "shape on its bound" in best["remark"]
    assert best["smallest_class"] == pytest.approx(6 / 90, abs=0.002)
    shapes = shrunk.design.layout.natural(shrunk.mode_thetas[0])["shape"]
    assert shapes.max() == pytest.approx(5.0, rel=1e-6)


def test_the_best_interior_mode_is_chosen_below_it(shrunk):
    interior = shrunk.modes[shrunk.modes["interior"]]
    assert shrunk.log_likelihood == interior["log_likelihood"].max()
    assert shrunk.log_likelihood < shrunk.modes.iloc[0]["log_likelihood"]
    shapes = shrunk.parameters["shape"].to_numpy()
    assert ((shapes > 0.2) & (shapes < 5.0)).all()
    assert any("spurious" in warning for warning in shrunk.warnings)


def test_wider_bounds_let_the_spurious_mode_rise(shrunk):
    """There is no maximum to be found: the density on the day of death grows with the bound."""
    wide = fit_ml(
        with_deaths_on_one_day(8.0), JOINT, n_starts=10, random_seed=1, bounds=Bounds(shape=(0.2, 50.0)), progress=False
    )
    assert "shape on its bound" in wide.modes.iloc[0]["remark"]
    # six events, each with a log density that grows about as the logarithm of the shape
    gain = wide.modes["log_likelihood"].max() - shrunk.modes["log_likelihood"].max()
    assert 0.5 * 6 * np.log(10.0) < gain < 1.5 * 6 * np.log(10.0)
    assert wide.log_likelihood == pytest.approx(shrunk.log_likelihood, abs=1e-4)


def test_a_class_of_one_death_is_not_chosen():
    spurious = 0
    fit = fit_ml(with_deaths_on_one_day(3.5), JOINT.with_(n_classes=3), n_starts=10, random_seed=1, progress=False)
    for mode in fit.modes.itertuples():
        if mode.smallest_class_events < 3.0:
            assert not mode.interior
            assert "expected events" in mode.remark
            spurious += 1
    assert spurious > 0
    assert fit.modes.loc[fit.modes["interior"], "smallest_class_events"].min() >= 3.0
    assert fit.log_likelihood == fit.modes.loc[fit.modes["interior"], "log_likelihood"].max()


def test_patients_always_at_zero_do_not_make_a_class_without_spread():
    """With sigma by class, patients whose counts are all 0 would be a class of infinite density."""
    rng = np.random.default_rng(8)
    n = 90
    level = np.where(np.arange(n) < 30, -5.0, rng.normal(np.where(np.arange(n) < 60, 1.5, 4.0), 0.3))
    rows = [
        (f"P{i}", month, max(0, round(np.expm1(rng.normal(level[i], 0.5)))))
        for i in range(n)
        for month in (0.0, 2.0, 4.0)
    ]
    cohort = Cohort(
        pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]),
        pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)]}),
    )
    fit = fit_ml(
        cohort,
        GROWTH_ONLY.with_(class_specific_sigma=True),
        n_starts=12,
        random_seed=1,
        bounds=Bounds(sigma=0.1),
        progress=False,
    )
    best = fit.modes.iloc[0]
    assert not best["interior"]
    assert "sigma on its bound" in best["remark"]
    assert fit.parameters["sigma"].to_numpy().min() > 0.1
    assert fit.log_likelihood < best["log_likelihood"]


def test_a_tiny_class_is_named():
    fit = fit_ml(with_few_extreme(), GROWTH_ONLY, n_starts=6, random_seed=1, progress=False)
    assert fit.quality["share"].min() == pytest.approx(3 / 200, abs=1e-6)
    assert any("smallest class has 1.5 %" in warning for warning in fit.warnings)


def test_a_class_under_the_floor_is_not_chosen():
    """The few with thousands of cells are the one mode of this cohort; a floor of 5 % forbids it."""
    with pytest.raises(FitError, match=r"a class with 1\.5 % of patients"):
        fit_ml(
            with_few_extreme(), GROWTH_ONLY, n_starts=1, random_seed=1, bounds=Bounds(class_share=0.05), progress=False
        )


def test_a_class_with_too_few_events_is_not_chosen(small_cohort, spec, small_fit):
    fewest = small_fit.modes["smallest_class_events"].iloc[0]
    p = small_fit.class_probabilities.to_numpy()
    events = small_cohort.patients.loc[list(small_fit.class_probabilities.index), "os_event"].to_numpy()
    assert fewest == pytest.approx((p * events[:, None]).sum(axis=0).min(), rel=1e-6)
    with pytest.raises(FitError, match="expected events"):
        fit_ml(small_cohort, spec, n_starts=1, random_seed=1, bounds=Bounds(class_events=fewest + 1), progress=False)


def test_no_interior_mode_is_an_error_that_says_why(small_cohort, spec):
    for n_starts, why in ((3, "fewer than 20 may miss one, so raise n_starts"), (20, "or bounds= are too narrow")):
        with pytest.raises(FitError, match="shape on its bound") as error:
            fit_ml(
                small_cohort, spec, n_starts=n_starts, random_seed=1, bounds=Bounds(shape=(0.2, 0.4)), progress=False
            )
        assert why in str(error.value)


def test_bounds_that_do_not_bind_change_nothing(small_cohort, spec, small_fit):
    bounds = Bounds(shape=(0.1, 9.0), class_share=0.05, class_events=4.0)
    found = fit_ml(small_cohort, spec, n_starts=6, random_seed=1, bounds=bounds, progress=False)
    assert found.log_likelihood == pytest.approx(small_fit.log_likelihood, abs=1e-6)


def test_a_covariance_on_its_boundary_is_named():
    """Patients without deviations of their own."""
    rng = np.random.default_rng(6)
    rows = [
        (f"P{i}", month, round(np.expm1(rng.normal(4.0, 0.5)))) for i in range(60) for month in (0.0, 2.0, 4.0, 6.0)
    ]
    cohort = Cohort(
        pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]),
        pd.DataFrame({"patient_id": [f"P{i}" for i in range(60)]}),
    )
    spec = ModelSpec(n_classes=1, growth="linear", random_effects="slope", endpoint=None, family="gaussian")
    fit = fit_ml(cohort, spec, progress=False)
    assert any("boundary" in warning for warning in fit.warnings)


def with_zeros(share=0.5, n=60, seed=4):
    """Patients without a cell in any sample, and patients with about 20."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"P{i}", month, 0 if i < share * n else rng.poisson(20.0 * rng.gamma(2.0, 0.5)))
        for i in range(n)
        for month in (0.0, 2.0, 4.0)
    ]
    samples = pd.DataFrame(rows, columns=["patient_id", "time", "ctc"])
    return Cohort(samples, pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)]}))


@pytest.mark.parametrize("family", ["negative_binomial", "censored", "gaussian"])
def test_a_class_without_a_cell_has_no_level(family):
    """Its expected count goes to 0 for ever, and its standard errors without bound; a density has no such end."""
    fit = fit_ml(with_zeros(), GROWTH_ONLY.with_(family=family), n_starts=3, random_seed=1, progress=False)
    told = [text.split(" has ")[0] for text in fit.warnings if "counts over time are not estimable" in text]
    assert told == ([] if family == "gaussian" else [fit.assignment["latent_class"]["P0"]])


def test_steps_without_an_event_ask_for_a_simpler_hazard():
    """Nobody has the event before the first knot: the hazard there is 0, and any other infinitely larger."""
    cohort = with_deaths_on_one_day(3.5)
    first = cohort.patients["os_time"][cohort.patients["os_event"] == 1].min()
    spec = JOINT.with_(hazard="piecewise", hazard_knots=(0.9 * first, 9.0), common_shape=True)
    fit = fit_ml(cohort, spec, n_starts=2, random_seed=1, progress=False)
    assert [text for text in fit.warnings if text.startswith("relative_hazard is at a limit")] == [
        "relative_hazard is at a limit of its range: its standard error is not valid, and a simpler hazard may suffice"
    ]
    table = fit.estimates[fit.estimates["parameter"] == "relative_hazard"]
    assert (table["interval_on"] == "at a limit").any()
    assert table.loc[table["interval_on"] == "at a limit", ["se", "lower", "upper"]].isna().all(axis=None)
    assert fit.has_intervals  # of everything else, given that it is there
