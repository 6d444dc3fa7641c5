"""The study's figures belong to the synthetic trial, and to nobody else unless asked for."""

import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.data.source import of_the_trial

pytestmark = pytest.mark.unit


def test_the_trial_is_known_after_any_step():
    trial = bc.load_trial()
    at_risk = trial.include(min_samples=3).landmark(6.0)
    assert of_the_trial(at_risk.select(at_risk.patients.index[:20]).source)
    assert of_the_trial(bc.Cohort(*bc.generate_trial(7)).source)


def test_other_data_are_not_the_trial(tmp_path):
    trial = bc.load_trial()
    samples, patients = trial.samples, trial.patients.reset_index()
    assert not of_the_trial(bc.Cohort(samples, patients).source)
    samples.to_csv(tmp_path / "samples.csv", index=False)
    patients.to_csv(tmp_path / "patients.csv", index=False)
    assert not of_the_trial(bc.read_cohort(tmp_path / "samples.csv", tmp_path / "patients.csv").source)
    assert not of_the_trial(())
    assert not of_the_trial(bc.Cohort(pd.DataFrame(samples), patients).source)
