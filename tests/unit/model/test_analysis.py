"""`Analysis`: the same patients in other forms have the densities that a cohort made of them has."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import Case, dense, draw_natural, marker_frames

import bayesctc as bc
from bayesctc.errors import DataError, SpecError
from bayesctc.model import analysis
from bayesctc.model.analysis import Analysis

pytestmark = pytest.mark.unit

ROOMS = Path(bc.__file__).parent


class Made:
    """A case, its cohort and analysis, and parameters."""

    def __init__(self, case=None):
        self.case = case or Case(2, n=60, survival=("arm",), entry=True)
        self.cohort = self.case.cohort()
        self.analysis = Analysis.settle(self.cohort, self.case.spec)
        self.natural = draw_natural(self.case, np.random.default_rng(4))
        self.theta = self.analysis.design.layout.theta(self.natural)

    def by_hand(self, patients: pd.DataFrame) -> np.ndarray:
        """log L_i of patients by the dense density: (n_patients,)."""
        samples = self.cohort.samples
        cohort = bc.Cohort(samples[samples["patient_id"].isin(patients.index)], patients.reset_index())
        return np.logaddexp.reduce(dense(self.case, cohort, self.natural).joint, axis=1)


@pytest.fixture(scope="module")
def made():
    return Made()


def values(made, analysis):
    return analysis.evaluator().patients(made.theta)


def test_what_it_holds(made):
    analysis = made.analysis
    assert analysis.cohort is made.cohort
    assert analysis.spec == made.case.spec
    assert analysis.labels.tolist() == analysis.design.layout.coords["latent_class"]
    assert analysis.patient_index.tolist() == list(analysis.packed.patient_ids)
    assert analysis.n_patients == len(analysis.patient_index) <= made.cohort.n_patients
    with pytest.raises(dataclasses.FrozenInstanceError):
        analysis.cohort = None


def test_other_follow_up_is_that_of_a_cohort_with_it(made):
    ids = made.analysis.patient_index
    patients = made.cohort.patients.loc[ids]
    later = patients.assign(os_time=patients["os_time"] + 2.5, os_event=1)
    found = values(made, made.analysis.followed_to(later["os_time"].to_numpy(), 1.0))
    np.testing.assert_allclose(found, values(made, Analysis.of(_with(made, later), made.analysis.design)), atol=1e-10)
    assert np.abs(found - values(made, made.analysis)).min() > 1e-4


def test_a_subset_and_a_resample_have_their_patients_densities(made):
    whole, place = values(made, made.analysis), np.array([7, 3, 3, 40])
    few = made.analysis.take(place)
    np.testing.assert_allclose(values(made, few), whole[place], atol=1e-12)
    assert few.patient_index.tolist() == made.analysis.patient_index[place].tolist()
    assert few.cohort is made.cohort


def test_other_patients_are_read_under_the_design(made):
    ids = made.analysis.patient_index[[5, 9, 30]]
    other = made.cohort.select(list(ids))
    found = Analysis.of(other, made.analysis.design)
    place = made.analysis.patient_index.get_indexer(found.patient_index)
    np.testing.assert_allclose(values(made, found), values(made, made.analysis)[place], atol=1e-12)
    with pytest.raises(DataError, match="marker"):
        Analysis.of(bc.Cohort(*marker_frames(20), marker=bc.Marker("bili", "mg/dL", "log")), made.analysis.design)


def test_the_counts_alone_and_the_dense_density(made):
    """log L = log L of the counts + log p(T | counts), both by the dense density where nobody enters late."""
    plain = Made(Case(2, n=50))
    patients = plain.cohort.patients
    np.testing.assert_allclose(values(plain, plain.analysis), plain.by_hand(patients), atol=1e-9)
    alone = dataclasses.replace(plain.case, options={**plain.case.options, "endpoint": None})
    natural = {name: value for name, value in plain.natural.items() if name not in ("scale", "shape")}
    expected = np.logaddexp.reduce(dense(alone, plain.cohort, natural).joint, axis=1)
    np.testing.assert_allclose(values(plain, plain.analysis.counts_only()), expected, atol=1e-9)


def test_weights_nodes_and_classes(made):
    weights = np.random.default_rng(1).uniform(0.0, 2.0, made.analysis.n_patients)
    total = made.analysis.evaluator(weights).total(made.theta)[0]
    assert total == pytest.approx(weights @ values(made, made.analysis), rel=1e-12)
    assert made.analysis.with_nodes(9).design.n_nodes == 9
    one = made.analysis.with_classes(1)
    assert one.spec.n_classes == 1
    assert one.evaluator().evaluate(made.theta[:1]).joint.shape == (made.analysis.n_patients, 1)
    assert one.packed is made.analysis.packed


@pytest.mark.parametrize("workers", [1, 3])
def test_many_thetas_in_threads_are_one_after_another(made, workers):
    thetas = made.theta + np.random.default_rng(2).normal(0.0, 0.05, (7, *made.theta.shape))
    log_likelihood, probabilities = made.analysis.pointwise(thetas, of=[4, 1], workers=workers)
    for k, theta in enumerate(thetas):
        evaluation = made.analysis.evaluator().evaluate(theta)
        np.testing.assert_allclose(log_likelihood[k], evaluation.log_likelihood, atol=1e-12)
        np.testing.assert_allclose(probabilities[k], evaluation.class_probabilities[[4, 1]], atol=1e-12)


def test_what_would_take_gigabytes_is_kept_in_single_precision(made, monkeypatch):
    thetas = np.stack([made.theta, made.theta + 0.01])
    exact, _ = made.analysis.pointwise(thetas)
    monkeypatch.setattr(analysis, "MANY", exact.size - 1)
    found, _ = made.analysis.pointwise(thetas)
    assert (exact.dtype, found.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(found, exact, rtol=1e-7)


def test_the_way_in_refuses_what_is_no_cohort_and_no_specification(made):
    with pytest.raises(SpecError, match="cohort has to be a Cohort; found DataFrame"):
        Analysis.settle(made.cohort.patients, made.case.spec)
    with pytest.raises(SpecError, match="spec has to be a ModelSpec; found dict"):
        Analysis.settle(made.cohort, {})


def test_nobody_else_makes_an_evaluator():
    """But the Weibull regression, which has no cohort."""
    found = {
        str(path.relative_to(ROOMS))
        for path in ROOMS.rglob("*.py")
        if re.search(r"(?<!class )\bEvaluator\(", path.read_text(encoding="utf-8"))
    }
    assert found == {"model/analysis.py", "time_to_event/weibull.py"}


def _with(made, patients):
    """The cohort with other columns of its patients."""
    samples = made.cohort.samples
    return bc.Cohort(samples[samples["patient_id"].isin(patients.index)], patients.reset_index())
