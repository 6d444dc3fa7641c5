"""A cohort is the same however its rows were ordered, typed, named and timed; and it does not change."""

import copy
import pickle
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from bayesctc.data import Cohort
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit


def same(left: Cohort, right: Cohort) -> None:
    """Both hold the same tables, types included, and the same fingerprint."""
    pd.testing.assert_frame_equal(left.samples, right.samples)
    pd.testing.assert_frame_equal(left.patients, right.patients)
    assert left.fingerprint == right.fingerprint


def test_contents(cohort):
    assert cohort.n_patients == 4
    assert cohort.n_samples == 8
    assert cohort.endpoints == ("os", "pfs")
    assert cohort.covariates == ("arm", "age")
    assert cohort.patients.index.tolist() == ["P1", "P2", "P10", "P11"]
    assert cohort.samples.columns.tolist() == ["patient_id", "time", "ctc", "volume_ml"]
    assert cohort.samples["ctc"].dtype == np.int64
    assert (cohort.samples["volume_ml"] == 7.5).all()
    assert cohort.samples.index.equals(pd.RangeIndex(8))


def test_row_order_does_not_matter(samples, patients, cohort):
    shuffled = Cohort(samples.sample(frac=1, random_state=1), patients.sample(frac=1, random_state=2))
    same(shuffled, cohort)


def test_file_and_frame_are_equal(samples, patients, read_text, cohort):
    same(read_text(), cohort)
    samples["time"] += 1 / 3
    patients["flag"] = [True, False, True, True]
    patients["site"] = [3, 4, 3, 3]
    csv = samples.to_csv(index=False), patients.to_csv(index=False)
    same(read_text(*csv), Cohort(samples, patients))


@pytest.mark.parametrize("kind", [int, float, str, "category", "Int64", object])
def test_identifier_types_do_not_matter(samples, patients, kind):
    number = {"P1": 1, "P2": 2, "P10": 10, "P11": 11}
    for frame in (samples, patients):
        frame["patient_id"] = frame["patient_id"].map(number)
    expected = Cohort(samples, patients)
    samples["patient_id"] = samples["patient_id"].astype(kind)
    same(Cohort(samples, patients), expected)
    assert expected.patients.index.tolist() == ["1", "2", "10", "11"]


def test_leading_zeros_are_kept(samples, patients):
    patients["patient_id"] = samples["patient_id"] = "007"
    cohort = Cohort(samples.iloc[:3], patients.iloc[:1])
    assert cohort.patients.index.tolist() == ["007"]


def test_codes_in_a_file_stay_text(patients, read_text):
    cohort = read_text(None, patients.assign(site=["01", "02", "10", "11"]).to_csv(index=False))
    assert cohort.patients["site"].tolist() == ["01", "02", "10", "11"]


def test_numeric_types_do_not_change_the_fingerprint(samples, patients, cohort):
    other = Cohort(
        samples.astype({"ctc": object, "time": str}),
        patients.astype({"os_event": float, "arm": "category", "age": object})[patients.columns[::-1]],
    )
    assert other.fingerprint == cohort.fingerprint


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("samples", "ctc", 13),
        ("samples", "time", -0.6),
        ("patients", "os_time", 20.5),
        ("patients", "os_event", 0),
        ("patients", "arm", "B"),
        ("patients", "age", np.nan),
    ],
)
def test_every_value_counts_in_the_fingerprint(samples, patients, cohort, table, column, value):
    {"samples": samples, "patients": patients}[table].loc[0, column] = value
    assert Cohort(samples, patients).fingerprint != cohort.fingerprint


@pytest.mark.parametrize(("unit", "months"), [("days", 1 / 30.4375), ("weeks", 7 / 30.4375), ("years", 12.0)])
def test_units(samples, patients, cohort, unit, months):
    patients["entry"], patients["followup_end"] = 0.5, 25.0
    times = ["os_time", "pfs_time", "entry", "followup_end"]
    given = samples.assign(time=samples["time"] / months), patients.assign(**patients[times] / months)
    converted = Cohort(*given, time_unit=unit)
    np.testing.assert_allclose(converted.samples["time"], cohort.samples["time"], rtol=1e-12)
    np.testing.assert_allclose(converted.patients[times], patients[times], rtol=1e-12)


def test_column_names(samples, patients, cohort, read_text):
    columns = {"patient_id": "USUBJID", "ctc": "CELLS", "os_time": "OSM", "os_event": "DEAD"}
    theirs = {name: ours for ours, name in columns.items()}
    names = {ours: name for name, ours in theirs.items()}
    samples, patients = samples.rename(columns=names), patients.rename(columns=names)
    same(Cohort(samples, patients, columns=columns), cohort)
    same(read_text(samples.to_csv(index=False), patients.to_csv(index=False), columns=columns), cohort)
    samples.loc[0, "CELLS"] = -3
    with pytest.raises(DataError, match="column 'CELLS': found -3"):
        Cohort(samples, patients, columns=columns)


def test_patient_column_may_be_mapped_in_one_table_only(samples, patients, cohort):
    same(Cohort(samples.rename(columns={"patient_id": "id"}), patients, columns={"patient_id": "id"}), cohort)


def test_a_cohorts_own_tables_make_the_same_cohort(cohort):
    same(Cohort(cohort.samples, cohort.patients), cohort)


def test_changing_the_input_or_a_copy_changes_nothing(samples, patients):
    cohort = Cohort(samples, patients)
    before = cohort.fingerprint, cohort.samples.copy(), cohort.patients.copy()
    samples["ctc"] = 0
    patients.loc[0, "age"] = 1.0
    taken = cohort.samples
    taken.loc[:, "ctc"] = 99
    taken.index.name = "changed"
    indexed = cohort.patients
    indexed.loc["P1", "os_time"] = 1.0
    del indexed["arm"]
    excluded = cohort.excluded
    excluded.loc[0] = ["P1", "mine"]
    with pytest.raises(ValueError, match="read-only"):
        cohort.samples["ctc"].to_numpy()[0] = 5
    pd.testing.assert_frame_equal(cohort.samples, before[1])
    pd.testing.assert_frame_equal(cohort.patients, before[2])
    assert cohort.excluded.empty
    assert copy.deepcopy(cohort).select(cohort.patients.index).fingerprint == before[0]


def test_attributes_cannot_be_set_or_deleted(cohort):
    for name in ("samples", "baseline_window", "anything"):
        with pytest.raises(AttributeError, match="cannot be changed"):
            setattr(cohort, name, 1)
        with pytest.raises(AttributeError, match="cannot be changed"):
            delattr(cohort, name)


def test_pickled_cohort_is_the_same(cohort):
    same(pickle.loads(pickle.dumps(cohort)), cohort)  # noqa: S301


def test_further_sample_columns_are_kept(samples, patients, read_text):
    samples["cycle"] = [0, 1, 2, 0, 1, 9, 0, 3]
    samples["lab"] = ["x", None, "y", "x", "x", "x", "y", "y"]
    same(read_text(samples.to_csv(index=False)), Cohort(samples, patients))
    assert Cohort(samples, patients).samples["lab"].isna().sum() == 1


def test_no_samples_at_all_is_a_cohort(samples, patients):
    cohort = Cohort(samples.iloc[:0], patients)
    assert cohort.n_samples == 0
    assert cohort.flow()["patients_without_samples"].tolist() == [4]
    assert "4" in repr(cohort)


def test_endpoints_may_be_absent(samples, patients):
    cohort = Cohort(samples, patients[["patient_id", "arm"]])
    assert cohort.endpoints == ()
    with pytest.raises(DataError, match="found 'os'; allowed, by the patients' columns: none"):
        cohort.endpoint("os")


def test_repr_says_what_there_is(cohort):
    text = repr(cohort.include(min_samples=3))
    for part in ("2 (2 excluded)", "os: 1 events", "arm, age", cohort.include(min_samples=3).fingerprint[:12]):
        assert part in text
    assert "<table>" in cohort._repr_html_()


def test_html_is_escaped(samples, patients):
    assert "<b>" not in Cohort(samples, patients.assign(**{"<b>": 1}))._repr_html_()


def test_import_brings_no_heavy_package():
    code = (
        "import sys, bayesctc.data; print([m for m in ('pymc','arviz','statsmodels','matplotlib') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_large_cohort_is_read(read_text):
    n_patients, n_each = 20_000, 5
    rng = np.random.default_rng(1)
    ids = np.arange(n_patients)
    times = np.tile(np.arange(n_each), n_patients) + rng.uniform(0, 0.5, n_patients * n_each)
    counts = rng.negative_binomial(1, 0.1, n_patients * n_each)
    samples = pd.DataFrame({"patient_id": np.repeat(ids, n_each), "time": times, "ctc": counts})
    patients = pd.DataFrame({"patient_id": ids, "os_time": rng.uniform(5, 40, n_patients), "os_event": ids % 2})
    csv = samples.to_csv(index=False), patients.to_csv(index=False)
    start = time.perf_counter()
    cohort = read_text(*csv)
    print(f"\n{len(samples):,} samples read and checked in {time.perf_counter() - start:.2f} s")
    assert cohort.n_samples == len(samples)
    np.testing.assert_array_equal(cohort.samples["time"], times)
