"""Competing events in the data: codes, names, and who carries them."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.data import Cohort, read_cohort
from bayesctc.data.endpoint import checked_cause
from bayesctc.errors import DataError, SpecError

pytestmark = pytest.mark.unit
CAUSES = {"ttf": ("progression", "toxicity")}
ALLOWED = "0 (censored), 1 (progression), 2 (toxicity)"


def tables(**columns):
    samples = pd.DataFrame({"patient_id": list("aabbccdd"), "time": [0.0, 1.0] * 4, "ctc": range(8)})
    patients = {
        "patient_id": list("abcd"),
        "os_time": [9.0] * 4,
        "os_event": [1, 0, 1, 0],
        "ttf_time": [3.0, 4.0, 5.0, 6.0],
        "ttf_event": [1, 2, 0, 1],
    }
    return samples, pd.DataFrame(patients | columns)


def written(folder, **columns):
    for name, table in zip(("samples.csv", "patients.csv"), tables(**columns), strict=True):
        table.to_csv(folder / name, index=False)
    return folder / "samples.csv", folder / "patients.csv"


def test_a_code_of_two_is_an_error_of_ordinary_data():
    with pytest.raises(DataError) as error:
        Cohort(*tables())
    assert error.value.problems["allowed"].tolist() == [
        "0 (censored) or 1 (event); competing events, coded 1, 2, ..., have to be named in causes"
    ]


@pytest.mark.parametrize("code", ["3", "0.5", "-1", "late", "progression"])
def test_an_unknown_code_is_refused_with_its_place(code, tmp_path):
    files = written(tmp_path, ttf_event=["1", "2", code, "0"])
    with pytest.raises(DataError, match=r"patients\.csv, row 4, patient 'c', column 'ttf_event'") as error:
        read_cohort(*files, causes=CAUSES)
    problem = error.value.problems.iloc[0]
    assert (problem["found"], problem["allowed"]) == (repr(code), ALLOWED)
    assert len(error.value.problems) == 1


def test_what_the_cohort_and_its_endpoint_say(tmp_path):
    cohort = read_cohort(*written(tmp_path), causes=CAUSES)
    assert cohort.causes == CAUSES
    data = cohort.endpoint("ttf")
    assert data.causes == CAUSES["ttf"]
    assert data.event.tolist() == [1.0, 2.0, 0.0, 1.0]
    table = data.table.set_index("quantity")["n"]
    assert table[["events", "events: progression", "events: toxicity", "censored"]].tolist() == [3, 2, 1, 1]
    assert "3 events (2 progression, 1 toxicity)" in repr(cohort)
    assert cohort.endpoint("os").causes == ()
    assert data.happened.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert {name: event.tolist() for name, event in data.by_cause().items()} == {
        "progression": [1.0, 0.0, 0.0, 1.0],
        "toxicity": [0.0, 1.0, 0.0, 0.0],
    }
    assert data.seen_from("toxicity").tolist() == [2.0, 1.0, 0.0, 2.0]
    one = cohort.endpoint("os")
    assert one.by_cause()[""].tolist() == one.seen_from("").tolist() == one.event.tolist()


def test_a_cause_is_one_of_the_endpoint():
    both = CAUSES["ttf"]
    assert checked_cause("ttf", both, None) == both[0]
    assert checked_cause("ttf", both, both[1]) == both[1]
    assert checked_cause("os", (), None) == ""
    with pytest.raises(SpecError, match=r"cause, endpoint 'ttf': found 'death'; allowed: progression, toxicity\."):
        checked_cause("ttf", both, "death")
    with pytest.raises(
        SpecError, match="cause, endpoint 'os': found 'death'; allowed: None, because this endpoint has one"
    ):
        checked_cause("os", (), "death")


def test_causes_go_with_the_cohort():
    cohort = Cohort(*tables(), causes=CAUSES)
    followed = (
        cohort.select(list("dba")),
        cohort.include(min_samples=2, entry="third_sample"),
        cohort.landmark(2.0),
        cohort.at_baseline(),
        cohort.with_covariates(x=pd.Series(1.0, index=list("abcd"))),
    )
    for other in followed:
        assert other.causes == CAUSES
    cohort.causes.clear()
    assert cohort.causes == CAUSES


def test_the_fingerprint_knows_the_causes():
    samples, patients = tables(ttf_event=[1, 0, 0, 1])
    plain = Cohort(samples, patients).fingerprint
    prints = {
        Cohort(samples, patients, causes={"ttf": names}).fingerprint
        for names in (("progression", "toxicity"), ("toxicity", "progression"), ("a", "b", "c"))
    }
    assert len({plain, *prints}) == 4


def test_a_cause_that_never_happens_is_refused():
    cohort = Cohort(*tables(ttf_event=[1, 1, 0, 1]), causes=CAUSES)
    with pytest.raises(DataError, match=r"found no event of the cause 'toxicity' \(code 2\)"):
        cohort.endpoint("ttf")
    assert cohort.endpoint("ttf", require_events=False).event.sum() == 3


def test_an_event_of_any_cause_ends_what_an_event_ends():
    """After os_time, or at entry, whatever its code."""
    with pytest.raises(DataError, match="at most the patient's os_time"):
        Cohort(*tables(ttf_time=[3.0, 10.0, 5.0, 6.0]), causes=CAUSES)
    with pytest.raises(DataError, match="before the patient's ttf_time"):
        Cohort(*tables(entry=[0.0, 4.0, 0.0, 0.0]), causes=CAUSES)


@pytest.mark.parametrize(
    ("causes", "message"),
    [
        ({"pfs": ("a", "b")}, r"causes: found 'pfs'; allowed, by the patients' columns: os, ttf"),
        ({"ttf": ("a",)}, "two or more different names"),
        ({"ttf": 2}, "two or more different names"),
        (["ttf"], r"causes: found \['ttf'\]; allowed: endpoints with the names"),
        ({"ttf": ("a", "a")}, "two or more different names"),
        ({"ttf": "ab"}, "found 'ab' for 'ttf'"),
        ({"ttf": ("a", "b c")}, "letters, digits and _"),
        ({"ttf": ("x", "by_class_x")}, "two or more different names"),
        ({"ttf": ("a", 2)}, "letters, digits and _"),
    ],
)
def test_bad_names(causes, message):
    with pytest.raises(DataError, match=message):
        Cohort(*tables(), causes=causes)


def test_booleans_are_no_codes():
    with pytest.raises(DataError, match="found such as True"):
        Cohort(*tables(ttf_event=np.array([True, False, True, False])), causes=CAUSES)
