"""Samples that failed or are missing: what the column status may say, where they are kept and counted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit
FAILED = ["patient_id", "time", "status", "status_reason"]


@pytest.fixture
def with_status(samples) -> pd.DataFrame:
    """The valid samples, four more that have no count, and a line of therapy."""
    more = pd.DataFrame(
        {
            "patient_id": ["P2", "P1", "P2", "P11"],
            "time": [5.0, 2.0, 2.0, 1.0],
            "ctc": np.nan,
            "status": ["failed", " Failed", "FAILED", "missing "],
            "status_reason": ["clotted", "clotted", None, "weekend"],
        }
    )
    return pd.concat([samples.assign(status="ok"), more], ignore_index=True).assign(line=[1, 2] * 6)


def test_a_cohort_keeps_them_apart(with_status, patients, cohort):
    found = bc.Cohort(with_status, patients)
    assert found.n_samples == 8
    assert list(found.samples.columns) == [*cohort.samples.columns, "line"]
    failed = found.failed_samples
    assert failed[FAILED].astype(object).fillna("").to_numpy().tolist() == [
        ["P1", 2.0, "failed", "clotted"],
        ["P2", 2.0, "failed", ""],
        ["P2", 5.0, "failed", "clotted"],
        ["P11", 1.0, "missing", "weekend"],
    ]
    assert failed["line"].tolist() == ["2", "1", "1", "2"]
    failed["status"] = "ok"
    assert found.failed_samples["status"].tolist() == ["failed"] * 3 + ["missing"]
    assert "samples without a value  3 failed (clotted 2), 1 missing (weekend 1)" in str(found)
    assert cohort.failed_samples.empty
    assert list(cohort.failed_samples.columns) == FAILED


def test_they_are_counted_by_reason(with_status, patients):
    cohort = bc.Cohort(with_status, patients)
    flow = cohort.flow()
    assert flow["step"].tolist() == ["read", "status", "status", "status"]
    assert flow["reason"].tolist() == ["", "failed: clotted", "failed, no reason given", "missing: weekend"]
    assert flow["samples_excluded"].tolist() == [0, 2, 1, 1]
    assert flow["samples"].tolist() == [12, 10, 9, 8]
    assert flow["patients_without_samples"].tolist() == [0, 0, 0, 1]
    counts = cohort.endpoint("pfs").table.set_index("quantity")["n"]
    assert (counts["samples failed"], counts["samples missing"]) == (3, 1)


def test_min_samples_counts_what_has_a_value(with_status, patients):
    cohort = bc.Cohort(with_status, patients)
    with pytest.raises(DataError, match="at most 3, the largest number of samples of one patient"):
        cohort.include(min_samples=4)
    included = cohort.include(min_samples=3, entry="third_sample")
    assert list(included.patients.index) == ["P1", "P2"]
    assert included.patients["entry"].tolist() == [2.5, 9.0]
    assert included.failed_samples["patient_id"].tolist() == ["P1", "P2", "P2"]


def test_they_go_with_their_patients(with_status, patients):
    cohort = bc.Cohort(with_status, patients)
    assert cohort.select(["P11", "P1"]).failed_samples["patient_id"].tolist() == ["P11", "P1"]
    assert cohort.landmark(3.0).failed_samples["time"].tolist() == [2.0, 2.0, 1.0]
    assert cohort.at_baseline().failed_samples.empty
    assert cohort.endpoint("pfs").failed_samples["time"].tolist() == [2.0, 2.0, 5.0, 1.0]
    early = bc.Cohort(with_status, patients.assign(pfs_time=[1.5, 9.0, 3.0, 4.0], pfs_event=[1, 0, 0, 0]))
    assert early.endpoint("pfs").failed_samples["patient_id"].tolist() == ["P2", "P2", "P11"]
    assert cohort.with_covariates(x=pd.Series(1.0, cohort.patients.index)).failed_samples.equals(cohort.failed_samples)


def test_the_fingerprint_knows_them(with_status, patients, samples, cohort):
    read = bc.Cohort(with_status, patients)
    plain = bc.Cohort(with_status[:8].drop(columns=["status", "status_reason"]), patients)
    prints = {read.fingerprint, plain.fingerprint, bc.Cohort(with_status[:9], patients).fingerprint}
    other = with_status.assign(status_reason=with_status["status_reason"].replace("weekend", "holiday"))
    prints |= {bc.Cohort(other, patients).fingerprint}
    assert len(prints) == 4
    assert bc.Cohort(samples.assign(status="OK"), patients).fingerprint == cohort.fingerprint
    assert bc.Cohort(with_status.iloc[::-1], patients.iloc[::-1]).fingerprint == read.fingerprint


def test_files_frames_and_what_is_written_again_are_alike(with_status, patients, read_text):
    cohort = bc.Cohort(with_status, patients)
    text = read_text(with_status.to_csv(index=False))
    pd.testing.assert_frame_equal(text.failed_samples, cohort.failed_samples)
    assert text.fingerprint == cohort.fingerprint
    together = pd.concat([cohort.samples.assign(status="ok"), cohort.failed_samples])
    again = bc.Cohort(together, cohort.patients, like=cohort)
    pd.testing.assert_frame_equal(again.failed_samples, cohort.failed_samples)
    pd.testing.assert_frame_equal(again.samples, cohort.samples)
    assert again.fingerprint == cohort.fingerprint
    days = with_status.assign(time=with_status["time"] * 30.4375)
    in_days = patients.assign(**{c: patients[c] * 30.4375 for c in ("os_time", "pfs_time")})
    found = bc.Cohort(days, in_days, time_unit="days").failed_samples
    np.testing.assert_allclose(found["time"], cohort.failed_samples["time"])


def test_names_of_the_users_own(with_status, patients):
    theirs = with_status.rename(columns={"status": "LBSTAT", "status_reason": "LBREASND"})
    names = {"status": "LBSTAT", "status_reason": "LBREASND"}
    assert bc.Cohort(theirs, patients, columns=names).fingerprint == bc.Cohort(with_status, patients).fingerprint
    marker = with_status.rename(columns={"ctc": "bili"}).assign(bili=lambda t: t["bili"] + 1.0)
    assert len(bc.Cohort(marker, patients, marker=bc.Marker("bili")).failed_samples) == 4


def test_a_repeat_may_be_drawn_at_once(with_status, patients):
    repeated = with_status.assign(time=[*with_status["time"][:8], 9.0, 2.5, 0.0, 1.0])
    assert len(bc.Cohort(repeated, patients).failed_samples) == 4
    repeated["time"] = [*with_status["time"][:8], 1.0, 2.5, 1.0, 1.0]
    with pytest.raises(DataError, match=r"row 10, patient 'P2', column 'time': found 1.0 again \(first in row 8\)"):
        bc.Cohort(repeated, patients)


WORDS = r"ok \(with a value\), failed \(drawn, without a value\) or missing \(not drawn\)"


@pytest.mark.parametrize(
    ("row", "column", "cell", "found", "allowed"),
    [
        (8, "status", "post-op", "'post-op'", WORDS + "; if the column means something else, give it another name"),
        (0, "status", "", "''", WORDS + "; the cell may not be empty"),
        (0, "status", "NA", "'NA'", WORDS + "; the cell may not be empty"),
        (8, "ctc", "3", "'3'", r"an empty cell with status failed \(or the status ok\)"),
        (11, "ctc", "QNS", "'QNS'", "an empty cell with status missing"),
        (0, "ctc", "", "''", "a whole number, 0 or more"),
        (0, "status_reason", "clotted", "'clotted'", "an empty cell with status ok"),
        (8, "time", "", "''", "a number; the cell may not be empty"),
        (8, "time", "9.6", "'9.6'", r"at most the patient's os_time, 9.5 \("),
        (8, "patient_id", "P9", "'P9'", "a patient_id of patients.csv"),
    ],
)
def test_bad_cells_are_pointed_at(with_status, read_text, row, column, cell, found, allowed):
    table = with_status.astype(object).where(with_status.notna(), "")
    table.iloc[row, table.columns.get_loc(column)] = cell
    patient = table["patient_id"].iloc[row]
    with pytest.raises(
        DataError,
        match=rf"samples.csv, row {row + 2}, patient '{patient}', column '{column}': found {found}; allowed: {allowed}",
    ):
        read_text(table.to_csv(index=False))


def test_imputed_samples_have_a_value(with_status, patients):
    cohort = bc.Cohort(with_status, patients)
    with pytest.raises(DataError, match="with_samples: found a column 'status'"):
        cohort.with_samples(with_status, "imputed")


def test_a_generated_trial_has_them():
    """No count and no patient is another one for it."""
    failing = bc.TrialParameters(visits=replace(bc.TrialParameters().visits, failed=0.1))
    samples, patients = bc.generate_trial(3, failing)
    plain, same = bc.generate_trial(3)
    cohort, whole = bc.Cohort(samples, patients), bc.Cohort(plain, same)
    pd.testing.assert_frame_equal(cohort.patients, whole.patients)
    assert cohort.n_samples + len(cohort.failed_samples) == whole.n_samples
    assert len(cohort.failed_samples) / whole.n_samples == pytest.approx(0.1, abs=0.02)
    assert set(cohort.failed_samples["status_reason"]) == {"clotted", "lost in transport"}
    both = cohort.samples.merge(whole.samples, on=["patient_id", "time"])
    np.testing.assert_array_equal(both["ctc_x"], both["ctc_y"])
