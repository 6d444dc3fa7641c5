"""Samples after an endpoint are dropped or kept, and counted either way."""

import pytest

from bayesctc.data import Cohort
from bayesctc.data.endpoint import endpoint_data
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit


def test_dropped_unless_asked_for(cohort):
    assert cohort.samples_after_endpoint == "drop"
    assert len(cohort.endpoint("pfs").samples) == 7


def test_kept_and_counted(samples, patients, cohort, read_text):
    kept = Cohort(samples, patients, samples_after_endpoint="keep")
    data = kept.endpoint("pfs")
    assert len(data.samples) == len(samples)
    assert data.n_samples_after == 1
    assert data.table.set_index("quantity")["n"]["samples after the endpoint, kept"] == 1
    last = kept.flow("pfs").iloc[-1]
    assert (last["reason"], last["samples_excluded"], last["samples"]) == ("samples after pfs (1) are kept", 0, 8)
    assert cohort.flow("pfs").iloc[-1][["samples_excluded", "samples"]].tolist() == [1, 7]
    assert kept.fingerprint != cohort.fingerprint
    assert "kept" in repr(kept)
    read = read_text(samples_after_endpoint="keep")
    assert read.fingerprint == kept.fingerprint
    for other in (read, kept.select(["P1", "P2"]), kept.include(min_samples=3), kept.under(cohort.covariate_types)):
        assert other.samples_after_endpoint == "keep"


def test_a_model_may_say_otherwise(cohort):
    content = cohort._content
    for choice, n in (("keep", 8), ("drop", 7), (None, 7)):
        data = endpoint_data(content, "pfs", require_events=True, samples_after=choice)
        assert len(data.samples) == n
        assert data.n_samples_after == 1


def test_after_death_is_an_error_all_the_same(samples, patients):
    samples.loc[2, "time"] = 20.5
    with pytest.raises(DataError, match="at most the patient's os_time"):
        Cohort(samples, patients, samples_after_endpoint="keep")


@pytest.mark.parametrize("choice", ["keeps", None, True])
def test_other_choices(samples, patients, choice):
    with pytest.raises(DataError, match=r"samples_after_endpoint: found .*; allowed: 'drop', 'keep'"):
        Cohort(samples, patients, samples_after_endpoint=choice)
