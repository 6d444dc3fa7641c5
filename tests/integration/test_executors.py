"""What takes an executor and a folder: the same to the last bit here, elsewhere, and after an interruption."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import distributed
import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.accuracy import cross_validation
from bayesctc.criteria import blrt, numbers

pytestmark = pytest.mark.integration

SPEC = bc.ModelSpec(n_classes=2, growth="linear", family="gaussian", random_effects="intercept", common_shape=True)
SEARCH = {"n_starts": 3, "random_seed": 4, "progress": False}


@pytest.fixture(scope="module")
def cohort(reference_cohort) -> bc.Cohort:
    """90 reference patients."""
    return reference_cohort.select(reference_cohort.patients.index[:90])


@pytest.fixture(scope="module")
def dask():
    """One cluster for all tests here, of one process."""
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


@pytest.fixture(scope="module")
def processes():
    """Two, forked from one that has imported what they need."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["bayesctc.criteria.numbers", "bayesctc.sensitivity.jobs", "nutpie"])
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        yield pool


@pytest.fixture(params=["processes", "dask"])
def executor(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def fits(cohort):
    return [bc.fit_ml(cohort, SPEC.with_(n_classes=K), **SEARCH) for K in (1, 2)]


def never(*arguments, **options):
    raise AssertionError("a model was fitted again")


def same_fit(found, expected):
    assert found.log_likelihood == expected.log_likelihood
    np.testing.assert_array_equal(found.theta, expected.theta)
    np.testing.assert_array_equal(found.covariance, expected.covariance)
    pd.testing.assert_frame_equal(found.modes, expected.modes)


def test_maximum_likelihood(cohort, fits, executor):
    same_fit(bc.fit_ml(cohort, SPEC, executor=executor, **SEARCH), fits[1])


@pytest.fixture(scope="module")
def validated(cohort):
    return bc.cross_validate(cohort, SPEC, [3.0], [6.0], folds=2, **SEARCH)


def test_cross_validation(cohort, validated, executor, tmp_path, monkeypatch):
    def validate(**options):
        return bc.cross_validate(cohort, SPEC, [3.0], [6.0], folds=2, folder=tmp_path, **SEARCH, **options)

    found = validate(executor=executor)
    pd.testing.assert_frame_equal(found.table, validated.table, check_exact=True)
    next(tmp_path.glob("fold-2-of-2-*.json")).unlink()  # as if it had been interrupted there
    monkeypatch.setattr(cross_validation, "fit_ml", never)
    again = validate()
    pd.testing.assert_frame_equal(again.table, validated.table, check_exact=True)
    assert again.warnings == validated.warnings
    monkeypatch.setattr(cross_validation, "refit_from", never)
    validate()


@pytest.fixture(scope="module")
def tested(fits):
    return bc.bootstrap_lrt(*fits, replicates=4, **SEARCH)


def test_bootstrap(fits, tested, executor, tmp_path, monkeypatch):
    def test(**options):
        return bc.bootstrap_lrt(*fits, folder=tmp_path, **SEARCH, **options)

    first = test(replicates=2, executor=executor)
    assert len(first.replicates) > 0
    np.testing.assert_array_equal(first.replicates, tested.replicates[: len(first.replicates)])
    found = test(replicates=4, executor=executor)
    np.testing.assert_array_equal(found.replicates, tested.replicates)
    assert (found.p_value, found.n_failed) == (tested.p_value, tested.n_failed)
    monkeypatch.setattr(blrt, "fit_analysis", never)
    np.testing.assert_array_equal(test(replicates=4).replicates, tested.replicates)


SAMPLING = {"draws": 40, "tune": 60, "chains": 2, "max_refits": 0, **SEARCH}


@pytest.fixture(scope="module")
def selected(cohort):
    return bc.select_n_classes(cohort, SPEC, [1, 2], blrt=2, **SAMPLING)


def same_selection(found, expected):
    pd.testing.assert_frame_equal(found.table, expected.table, check_exact=True)
    assert found.sentence == expected.sentence
    for k, fit in expected.bayes.items():
        np.testing.assert_array_equal(found.bayes[k].thetas, fit.thetas)
        assert found.bayes[k].warnings == fit.warnings
        same_fit(found.ml[k], expected.ml[k])


def test_selection(cohort, selected, executor, tmp_path, monkeypatch):
    def select(**options):
        return bc.select_n_classes(cohort, SPEC, [1, 2], blrt=2, folder=tmp_path, **SAMPLING, **options)

    same_selection(select(executor=executor), selected)
    next(tmp_path.glob("2-classes-sampled-*.nc")).unlink()  # as if it had been interrupted there
    monkeypatch.setattr(numbers, "fit_analysis", never)
    same_selection(select(), selected)
    monkeypatch.setattr(numbers, "sample_mode", never)
    same_selection(select(), selected)


ROWS = [
    {"option": "priors", "value": {"log_scale_sd": 0.05, "log_scale_mean": 6.0}},
    {"option": "hazard", "value": "gompertz"},
    {"option": "hazard", "value": "exponential", "method": "ml"},
]


@pytest.fixture(scope="module")
def varied(cohort):
    return bc.run_sensitivity(cohort, SPEC, bc.SensitivityPlan(ROWS), **SAMPLING)


def test_sensitivity(cohort, varied, executor, tmp_path):
    """Rows in another order are the same rows."""
    plan = bc.SensitivityPlan(ROWS[::-1])
    found = bc.run_sensitivity(cohort, SPEC, plan, folder=tmp_path, executor=executor, **SAMPLING)
    order = ["variation", "quantity", "latent_class", "time"]
    tables = [each.table.sort_values(order, ignore_index=True) for each in (found, varied)]
    pd.testing.assert_frame_equal(*tables)
    assert list(found.table["variation"].unique()[1:]) == list(varied.table["variation"].unique()[:0:-1])


def test_what_fails_fails_alike(cohort, processes, tmp_path):
    """Twelve classes have no interior mode in 90 patients; a second run says so without another search."""
    ks = [1, 12]
    first = bc.select_n_classes(cohort, SPEC, ks, folder=tmp_path, executor=processes, **SAMPLING)
    again = bc.select_n_classes(cohort, SPEC, ks, folder=tmp_path, **SAMPLING)
    assert list(first.bayes) == [1]
    assert "interior mode" in first.table.loc[12, "warnings"]
    pd.testing.assert_frame_equal(again.table, first.table, check_exact=True)
