"""Inclusion rules, the analysis of an endpoint, and the flow table that accounts for both."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesctc.data import Cohort
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit


def test_min_samples(cohort):
    included = cohort.include(min_samples=3)
    assert included.patients.index.tolist() == ["P1", "P2"]
    assert included.excluded.to_dict("list") == {"patient_id": ["P10", "P11"], "reason": ["fewer than 3 samples"] * 2}
    assert cohort.n_patients == 4
    flow = included.flow()
    assert flow["step"].tolist() == ["read", "include: 3 or more samples"]
    assert flow["patients"].tolist() == [4, 2]
    assert flow["patients_excluded"].tolist() == [0, 2]
    assert flow["patients_without_samples"].tolist() == [1, 0]
    assert flow["samples"].tolist() == [8, 6]
    assert flow["samples_excluded"].tolist() == [0, 2]
    assert flow["samples_before_day_0"].tolist() == [1, 1]


def test_third_sample_sets_entry(cohort):
    included = cohort.include(min_samples=3, entry="third_sample")
    assert included.patients["entry"].to_dict() == {"P1": 2.5, "P2": 9.0}
    assert "entry" not in cohort.patients
    assert cohort.include(min_samples=1, entry="third_sample").patients["entry"].tolist() == [0.0, 0.0, 0.0]


def test_third_sample_is_no_earlier_than_an_entry_column(samples, patients):
    cohort = Cohort(samples, patients.assign(entry=1.0))
    assert cohort.include(min_samples=3).patients["entry"].tolist() == [1.0, 1.0]
    assert cohort.include(min_samples=3, entry="third_sample").patients["entry"].tolist() == [2.5, 9.0]
    late = Cohort(samples, patients.assign(entry=[4.0, 1.0, 1.0, 1.0], pfs_time=[5.0, 9.0, 3.0, 4.0]))
    given = late.patients["entry"].to_dict()
    found = late.include(min_samples=3, entry="third_sample").patients["entry"].to_dict()
    assert found == {name: max(given[name], met) for name, met in {"P1": 2.5, "P2": 9.0}.items()}
    assert found != {"P1": 2.5, "P2": 9.0}


def test_endpoint_before_entry_by_rule_is_excluded_and_counted(cohort):
    included = cohort.include(min_samples=3, entry="third_sample")
    overall = included.endpoint("os")
    assert overall.patient_ids == ("P1", "P2")
    assert overall.entry.tolist() == [2.5, 9.0]
    with pytest.raises(DataError, match="endpoint 'pfs': found no event"):
        included.endpoint("pfs")
    progression = included.endpoint("pfs", require_events=False)  # P1 at 2.0, P2 censored at 9.0
    assert progression.patient_ids == ()
    assert progression.included.tolist() == [False, False]
    assert progression.excluded["reason"].tolist() == ["pfs at or before entry"] * 2
    flow = included.flow("pfs")
    assert flow["reason"].tolist()[2:] == ["pfs at or before entry", "samples after pfs"]
    assert flow["patients"].tolist() == [4, 2, 0, 0]
    assert flow["samples"].tolist() == [8, 6, 0, 0]


def test_endpoint_data(cohort):
    data = cohort.endpoint("pfs")
    assert data.name == "pfs"
    assert data.patient_ids == ("P1", "P2", "P10", "P11")
    np.testing.assert_array_equal(data.time, [2.0, 9.0, 3.0, 4.0])
    np.testing.assert_array_equal(data.event, [1.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(data.entry, np.zeros(4))
    assert data.n_samples_after == 1  # P1 at 2.5; samples at the endpoint itself stay
    assert len(data.samples) == 7
    counts = data.table.set_index("quantity")["n"]
    assert counts["patients"] == 4
    assert counts["events"] == counts["censored"] == 2
    assert counts["patients without samples"] == 1
    assert counts["samples after the endpoint"] == 1
    assert counts["samples before day 0"] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.time[0] = 1.0
    assert cohort.flow("pfs").iloc[-1]["samples_excluded"] == 1


def test_unknown_endpoint_and_endpoint_without_events(samples, patients):
    cohort = Cohort(samples, patients.assign(pfs_event=0))
    with pytest.raises(DataError, match="found 'ttf'; allowed, by the patients' columns: os, pfs"):
        cohort.endpoint("ttf")
    with pytest.raises(DataError, match=r"'pfs': found no event; .*os \(2\), pfs \(0\)"):
        cohort.endpoint("pfs")
    assert cohort.endpoint("pfs", require_events=False).event.sum() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "min_samples: found None"),
        ({"entry": "third_sample"}, "min_samples: found None"),
        ({"min_samples": 0}, "min_samples: found 0"),
        ({"min_samples": 2.5}, "min_samples: found 2.5"),
        ({"min_samples": True}, "min_samples: found True"),
        ({"min_samples": 4}, "leaves no patient; allowed: at most 3"),
        ({"min_samples": 3, "entry": "baseline"}, "entry: found 'baseline'; allowed: None or 'third_sample'"),
    ],
)
def test_bad_rules(cohort, arguments, message):
    with pytest.raises(DataError, match=message):
        cohort.include(**arguments)


def test_select_keeps_the_order_and_the_history(cohort):
    chosen = cohort.include(min_samples=2).select(["P10", "P1"])
    assert chosen.patients.index.tolist() == ["P10", "P1"]
    assert chosen.samples["patient_id"].tolist() == ["P10", "P10", "P1", "P1", "P1"]
    assert chosen.flow()["step"].tolist() == ["read", "include: 2 or more samples", "select"]
    assert chosen.excluded["patient_id"].tolist() == ["P11", "P2"]
    assert chosen.fingerprint == cohort.select(["P1", "P10"]).fingerprint
    assert chosen.endpoint("os").time.tolist() == [7.25, 20.0]


def test_select_takes_numbers(samples, patients):
    for frame in (samples, patients):
        frame["patient_id"] = frame["patient_id"].str[1:].astype(int)
    assert Cohort(samples, patients).select(np.array([10, 2])).patients.index.tolist() == ["10", "2"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["P1", "P7"], "found 'P7'"),
        (["P1", "P1"], "each patient once"),
        ([], "at least one patient"),
        ("P1", "a list of identifiers"),
    ],
)
def test_bad_selection(cohort, chosen, message):
    with pytest.raises(DataError, match=message):
        cohort.select(chosen)


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.lists(st.integers(0, 6), min_size=1, max_size=12).filter(any),
    min_samples=st.integers(1, 6),
    os_offset=st.integers(0, 3),
    entry=st.sampled_from([None, "third_sample"]),
)
def test_flow_adds_up(n_samples, min_samples, os_offset, entry):
    """Whoever is in the first row is either left in the last or counted on the way; so is every sample."""
    ids = [f"{i}" for i in range(len(n_samples))]
    samples = pd.DataFrame(
        [(i, float(j), j) for i, n in zip(ids, n_samples, strict=True) for j in range(n)],
        columns=["patient_id", "time", "ctc"],
    )
    last = np.asarray(n_samples, dtype=float)
    patients = pd.DataFrame({"patient_id": ids, "os_time": last + 1, "os_event": 1})
    patients["pfs_time"] = np.maximum(last - os_offset, 0.5)
    patients["pfs_event"] = 1
    cohort = Cohort(samples, patients)
    if min_samples > max(n_samples):
        with pytest.raises(DataError, match="leaves no patient"):
            cohort.include(min_samples, entry)
        return
    included = cohort.include(min_samples, entry)
    flow = included.flow("pfs")
    for what in ("patients", "samples"):
        lost = flow[f"{what}_excluded"].to_numpy()
        np.testing.assert_array_equal(flow[what].to_numpy()[1:], flow[what].to_numpy()[:-1] - lost[1:])
    assert len(included.excluded) + included.n_patients == cohort.n_patients
    data = included.endpoint("pfs", require_events=False)
    assert len(data.patient_ids) == flow["patients"].iloc[-1] == data.included.sum()
    assert len(data.samples) == flow["samples"].iloc[-1]
    assert included.n_patients - len(data.patient_ids) == len(data.excluded)
    assert (data.time > data.entry).all()
    if entry is not None:
        assert (included.patients["entry"] == min_samples - 1).all()
