"""Landmark cohorts and added covariates."""

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def cohort():
    """a dies at 2; b progresses at 2 and is followed to 10; c is followed to 10."""
    samples = pd.DataFrame({"patient_id": list("abbccc"), "time": [0.0, 0.0, 5.0, 0.0, 3.0, 4.0], "ctc": range(6)})
    patients = pd.DataFrame(
        {
            "patient_id": list("abc"),
            "os_time": [2.0, 10.0, 10.0],
            "os_event": [1, 1, 1],
            "pfs_time": [2.0, 2.0, 8.0],
            "pfs_event": [1, 1, 1],
        }
    )
    return bc.Cohort(samples, patients)


def test_who_is_at_risk_and_what_is_known(cohort):
    at = cohort.landmark(3.0)
    assert list(at.patients.index) == ["b", "c"]
    assert at.samples["time"].max() == 3.0
    assert at.endpoint("os").patient_ids == ("b", "c")
    assert at.endpoint("pfs").patient_ids == ("c",)
    assert at.endpoint("os").entry.tolist() == [3.0, 3.0]
    assert at.flow()["samples_excluded"].sum() == 3
    assert cohort.n_patients == 3  # the cohort itself has not changed


def test_no_sample_after_the_landmark_matters():
    trial = bc.load_trial()
    samples = trial.samples
    changed = samples.assign(ctc=np.where(samples["time"] > 3.0, samples["ctc"] + 100, samples["ctc"]))
    other = bc.Cohort(changed, trial.patients.reset_index())
    assert trial.landmark(3.0).fingerprint == other.landmark(3.0).fingerprint


@pytest.mark.parametrize("months", [10.0, 99, 0, -1, "3", np.nan])
def test_bad_landmark(cohort, months):
    with pytest.raises(DataError, match="landmark"):
        cohort.landmark(months)


def test_added_covariates_need_a_value_and_a_new_name(cohort):
    values = pd.Series([1.0, 2.0, 3.0], index=["c", "b", "a"])
    assert cohort.with_covariates(z=values).patients["z"].to_dict() == {"a": 3.0, "b": 2.0, "c": 1.0}
    with pytest.raises(DataError, match="no value for patient 'a'"):
        cohort.with_covariates(z=values.iloc[:2])
    with pytest.raises(DataError, match="exists already"):
        cohort.with_covariates(os_time=values)


def test_baseline_is_the_last_sample_at_or_before_day_0():
    samples = pd.DataFrame({"patient_id": list("aabbc"), "time": [-0.5, 0.0, -0.2, 1.0, 2.0], "ctc": [1, 2, 3, 4, 5]})
    patients = pd.DataFrame({"patient_id": list("abc"), "os_time": [9.0] * 3, "os_event": [1, 0, 1]})
    baseline = bc.Cohort(samples, patients).at_baseline()
    assert baseline.samples[["patient_id", "ctc"]].to_numpy().tolist() == [["a", 2], ["b", 3]]
    assert baseline.flow()[["patients_excluded", "samples_excluded"]].sum().tolist() == [1, 3]
    assert baseline.excluded["patient_id"].tolist() == ["c"]
    assert baseline.endpoint("os").entry.tolist() == [0.0, 0.0]
    with pytest.raises(DataError, match="at_baseline"):
        bc.Cohort(samples[samples["time"] > 0], patients).at_baseline()
