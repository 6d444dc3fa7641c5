"""Readings of the counts."""

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.comparison.compare import _sentence
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def cohort():
    """a: pos at baseline by volume, neg at cycle 2; b: no cycle 2; c: no baseline; d: two baseline samples."""
    samples = pd.DataFrame(
        [
            ("a", 0.0, 4, 3.75),
            ("a", 0.9, 4, 7.5),
            ("b", 0.0, 4, 7.5),
            ("b", 3.0, 50, 7.5),
            ("c", 1.0, 9, 7.5),
            ("d", -0.5, 100, 7.5),
            ("d", 0.0, 0, 7.5),
            ("d", 0.9, 6, 7.5),
            ("d", 1.8, 0, 7.5),
        ],
        columns=["patient_id", "time", "ctc", "volume_ml"],
    )
    patients = pd.DataFrame({"patient_id": list("abcd"), "os_time": 20.0, "os_event": [1, 0, 1, 1]})
    return bc.Cohort(samples, patients)


def test_levels_by_hand(cohort):
    assert bc.bctc(cohort).levels.astype(str).to_dict() == {"a": "pos", "b": "neg", "d": "neg"}
    assert bc.b2ctc(cohort).levels.astype(str).to_dict() == {"a": "pos-neg", "d": "neg-pos"}
    later = bc.b2ctc(cohort, window=(0.0, np.inf)).levels.astype(str).to_dict()
    assert later == {"a": "pos-neg", "b": "neg-pos", "d": "neg-pos"}


def test_nobody_is_dropped_silently(cohort):
    for reading in (bc.bctc(cohort), bc.b2ctc(cohort)):
        assert sorted([*reading.levels.index, *reading.excluded["patient_id"]]) == list("abcd")
    reasons = bc.b2ctc(cohort).excluded.set_index("patient_id")["reason"]
    assert "baseline" in reasons["c"]
    assert "cycle 2" in reasons["b"]


def test_table_counts_every_level(cohort):
    table = bc.b2ctc(cohort).table
    assert list(table.index) == ["pos-neg", "neg-pos", "pos-pos", "neg-neg"]
    assert table["n"].tolist() == [1, 1, 0, 0]
    assert table["percent"].sum() == pytest.approx(100.0)
    assert bc.b2ctc(cohort).reference == "pos-neg"


def test_cutoff_is_per_volume(cohort):
    assert bc.bctc(cohort, cutoff=9).levels["a"] == "neg"  # 4 cells in 3.75 mL are 8 per 7.5 mL
    assert bc.bctc(cohort, cutoff=8).levels["a"] == "pos"


def test_published_shares_of_the_trial():
    cohort = bc.load_trial().include(min_samples=3)
    shares = pd.concat([bc.bctc(cohort).table["percent"], bc.b2ctc(cohort, window=(0, np.inf)).table["percent"]])
    for level, published in {"pos": 53, "neg-neg": 46, "neg-pos": 1, "pos-neg": 35, "pos-pos": 19}.items():
        assert abs(shares[level] - published) <= 3.0, level


def test_first_sample_after_baseline_leaves_out_four(reference_cohort):
    assert len(bc.b2ctc(reference_cohort, window=(0.0, np.inf)).excluded) == 4


def test_modal_class():
    p = pd.DataFrame([[0.6, 0.4], [0.1, 0.9]], index=["x", "y"], columns=["class 1", "class 2"])
    assert bc.tctc(p).levels.astype(str).tolist() == ["class 1", "class 2"]
    assert bc.tctc(p).reference == "class 1"


@pytest.mark.parametrize("cutoff", [0, -1, "5", True, np.nan])
def test_bad_cutoff(cohort, cutoff):
    with pytest.raises(SpecError, match="cutoff"):
        bc.bctc(cohort, cutoff)


@pytest.mark.parametrize("window", [(2.0, 1.0), (-1.0, 2.0), (1.0,), "ab", 3])
def test_bad_window(cohort, window):
    with pytest.raises(SpecError, match="window"):
        bc.b2ctc(cohort, window=window)


def test_a_landmark_is_told_in_the_unit_of_the_data():
    none = pd.DataFrame({"endpoint": [], "usable": []})
    assert "what is known at 183 days (6.0 months): only samples" in _sentence(none, 183 / 30.4375, "days")
    assert "what is known at 6.0 months: only samples" in _sentence(none, 6.0123, "months")
