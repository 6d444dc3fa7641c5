"""Times in another unit than they were read in are noticed; ordinary ones are not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesctc as bc
from bayesctc.data.columns import DAYS_PER_MONTH
from bayesctc.data.units import FAR

pytestmark = pytest.mark.unit

TRIAL = bc.load_trial()
SAMPLES, PATIENTS = TRIAL.samples, TRIAL.patients
TIMES = [name for name in PATIENTS if name.endswith("_time") or name == "followup_end"]


def scaled(samples=1.0, patients=1.0, rounded=False, only=None, **options) -> bc.Cohort:
    """The trial with its times in other units."""
    times = PATIENTS[TIMES] * patients
    table = PATIENTS.assign(**(np.ceil(times) if rounded else times))
    table = table if only is None else table[[f"{only}_time", f"{only}_event"]]
    return bc.Cohort(SAMPLES.assign(time=SAMPLES["time"] * samples), table, baseline_window=1e4, **options)


def test_months_pass():
    assert TRIAL.warnings == ()
    assert TRIAL.include(min_samples=3).landmark(3.0).warnings == ()
    assert "warning" not in repr(TRIAL)


@pytest.mark.parametrize("endpoint", [None, "os", "pfs", "ttf"])
@pytest.mark.parametrize("both", [True, False])
def test_days_read_as_months(endpoint, both):
    samples = DAYS_PER_MONTH if both else 1.0
    cohort = scaled(samples, DAYS_PER_MONTH, only=endpoint)
    median = cohort.patients[f"{endpoint or 'os'}_time"].median()
    found = [text for text in cohort.warnings if f"the median time is {median:.1f} months" in text]
    assert found
    assert all("time_unit=" in text for text in cohort.warnings)
    assert found[0] in repr(cohort)
    assert "more than 15 years" in cohort._repr_html_()
    if both:
        assert scaled(samples, DAYS_PER_MONTH, only=endpoint, time_unit="days").warnings == ()


def test_samples_in_days_beside_an_endpoint_in_months():
    assert any("after the longest follow-up" in text for text in scaled(samples=DAYS_PER_MONTH, only="pfs").warnings)


def test_short_survival_in_days_beside_samples_in_months():
    found = scaled(0.4, 0.4 * DAYS_PER_MONTH, only="ttf").warnings  # a median of 74 days
    assert any("but the last of all samples is at" in text for text in found)


def test_whole_times_above_60():
    days = PATIENTS["os_time"].to_numpy().argsort()[-300:]
    cohort = bc.Cohort(SAMPLES.iloc[:0], PATIENTS.iloc[days][["os_time", "os_event"]])
    whole = cohort.patients.assign(os_time=np.ceil(cohort.patients["os_time"] + 61))
    assert any("whole numbers above 60" in text for text in bc.Cohort(SAMPLES.iloc[:0], whole).warnings)
    years = whole.assign(os_time=72.0 + 12 * np.arange(300) % 5)
    years["os_time"] = 60.0 + 12 * (1 + np.arange(300) % 5)
    assert bc.Cohort(SAMPLES.iloc[:0], years).warnings == ()


def test_new_patients_without_follow_up():
    samples = pd.DataFrame({"patient_id": "N1", "time": [0.0, 90.0, 210.0], "ctc": 1})
    patients = pd.DataFrame({"patient_id": ["N1"]})
    assert any("span 210.0 months" in text for text in bc.Cohort(samples, patients).warnings)
    assert bc.Cohort(samples, patients, time_unit="days").warnings == ()


def test_times_are_told_in_the_unit_of_the_file():
    samples = pd.DataFrame({"patient_id": list("aab"), "time": [0, 1053, 14], "ctc": 1})
    patients = pd.DataFrame({"patient_id": list("ab"), "pfs_time": [700, 900], "pfs_event": 1})
    (found,) = bc.Cohort(samples, patients, time_unit="days").warnings
    assert f"the last is at 1053 days ({1053 / 30.4375:.1f} months), after the longest follow-up, 900 days (" in found
    (found,) = bc.Cohort(samples, patients, time_unit="weeks", samples_after_endpoint="keep").select(["b"]).warnings
    assert f"pfs: the median time is 900 weeks ({900 * 7 / 30.4375:.1f} months), more than 15 years" in found
    found = bc.Cohort(samples.assign(time=[0, 210.5, 1]), patients).warnings
    assert any("one patient span 210.5 months, more than" in text for text in found)


def test_age_may_be_the_time():
    age = pd.DataFrame(
        {"patient_id": list("abc"), "entry": [65.0, 70.0, 72.0], "os_time": [75.0, 78.0, 80.0], "os_event": [1, 0, 1]}
    )
    samples = pd.DataFrame({"patient_id": list("aabbcc"), "time": [65.0, 70, 70, 75, 72, 78], "ctc": 1})
    assert bc.Cohort(samples, age, time_unit="years").warnings == ()


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 3.0))
def test_trials_that_are_somewhat_longer_or_shorter_pass(factor):
    cohort = scaled(factor, factor)
    assert cohort.warnings == ()
    assert scaled(factor * 3 * FAR, factor * 3 * FAR).warnings != ()
