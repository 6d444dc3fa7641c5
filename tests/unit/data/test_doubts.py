"""Cells that may be read and yet look as if they meant something else: what is warned of, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import DataError

pytestmark = pytest.mark.unit
N = 40


def tables(**covariates) -> tuple[pd.DataFrame, pd.DataFrame]:
    """40 patients with one sample each."""
    ids = [f"P{k}" for k in range(N)]
    patients = pd.DataFrame({"patient_id": ids, "os_time": np.linspace(5.0, 40.0, N), "os_event": 1, **covariates})
    return pd.DataFrame({"patient_id": ids, "time": 0.0, "ctc": range(N)}), patients


def ages(*last: str) -> list[str]:
    return [str(30 + k) for k in range(N - len(last))] + list(last)


@pytest.mark.parametrize("word", ["k.A.", "n/a", "Unknown", "?", "keine Angabe"])
def test_a_word_for_missing_among_measurements_is_refused(tmp_path, word):
    samples, patients = tables(age=ages(word))
    with pytest.raises(DataError, match=r"row 39, patient 'P39', column 'age': found .*; allowed: a number") as caught:
        bc.Cohort(samples, patients)
    assert caught.value.problems["found"].tolist() == [repr(word)]
    paths = tmp_path / "samples.csv", tmp_path / "patients.csv"
    for table, path in zip((samples, patients), paths, strict=True):
        table.to_csv(path, index=False)
    if word != "n/a":
        with pytest.raises(DataError, match=r"patients.csv, row 41, patient 'P39', column 'age'"):
            bc.read_cohort(*paths)


def test_codes_beside_a_word_are_levels():
    cohort = bc.Cohort(*tables(stage=["1", "2", "3", "unknown"] * (N // 4)))
    assert cohort.covariate_types["stage"].levels == ("1", "2", "3", "unknown")
    assert cohort.warnings == ()


def test_other_texts_among_measurements_are_warned_of():
    (text,) = bc.Cohort(*tables(age=ages(">80"))).warnings
    assert "age: 39 different numbers and 1 text, such as '>80' (patient P39)" in text
    assert "a factor of 40 levels" in text
    assert bc.Cohort(*tables(centre=[f"{k}A" for k in range(30)] + [str(k) for k in range(10)])).warnings == ()


def test_levels_that_differ_in_capitals_or_blanks():
    (text,) = bc.Cohort(*tables(arm=["Standard", "standard", "New drug", "New  drug"] * (N // 4))).warnings[:1]
    assert "arm: the levels 'New  drug' and 'New drug' differ only" in text
    assert len(bc.Cohort(*tables(arm=["A", "B"] * (N // 2))).warnings) == 0


def test_volumes_and_counts():
    samples, patients = tables()
    assumed = bc.Cohort(samples.assign(Blutvolumen_ml=6.0), patients)
    (text,) = assumed.warnings
    assert "columns={'volume_ml': 'Blutvolumen_ml'}" in text
    assert "7.5 mL in every sample (the default" in repr(assumed)
    assert "7.5 mL in every sample\n" in repr(bc.Cohort(samples.assign(volume_ml=7.5), patients))
    assert "columns of samples   Blutvolumen_ml: number" in repr(assumed)
    named = bc.Cohort(samples.assign(Blutvolumen_ml=6.0), patients, columns={"volume_ml": "Blutvolumen_ml"})
    assert named.warnings == ()
    assert "6 mL in every sample\n" in repr(named)
    (text,) = bc.Cohort(samples.assign(volume_ml=7500.0), patients).warnings
    assert text.startswith("volume_ml: 7500 mL (patient P0) and 39 others are below 0.1 or above 100;")
    (text,) = bc.Cohort(samples.assign(ctc=[*range(N - 1), 1_000_000]), patients).warnings
    assert text.startswith("ctc: 1,000,000 cells (patient P39)")


def test_endpoints_without_events():
    samples, patients = tables(ttf_time=4.0, ttf_event=[0, 2] * (N // 2))
    causes = {"ttf": ("progression", "toxicity")}
    never, of_cause = bc.Cohort(samples, patients.assign(os_event=0), causes=causes).warnings
    assert never.startswith("os: no patient has the event (os_event is 0 everywhere)")
    assert of_cause.startswith("ttf: no patient has the event 'progression' (ttf_event 1);")
    whole = bc.Cohort(samples, patients, causes=causes)
    assert bc.Cohort(samples, patients.assign(os_event=0), causes=causes, like=whole).warnings == ()
