"""The synthetic trial: what it promises for every seed, for the average seed, and for the draw that ships."""

from importlib.resources import files
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg

from bayesctc.data.trial import DEFAULT_SEED, generate_trial, load_trial
from benchmarks.efron_cox import fit_efron_cox
from benchmarks.trial_figures import (
    analysed_patients,
    average_figures,
    figures_by_seed,
    published_figures,
    trial_figures,
)

pytestmark = pytest.mark.unit

TOLERANCE = 1e-9  # months


@pytest.fixture(scope="module")
def by_seed() -> pd.DataFrame:
    return figures_by_seed(range(20))


@pytest.fixture(scope="module")
def average(by_seed: pd.DataFrame) -> pd.Series:
    return average_figures(by_seed)


@pytest.fixture(scope="module")
def default_trial() -> tuple[pd.DataFrame, pd.DataFrame]:
    return generate_trial(DEFAULT_SEED)


# Averages over 20 seeds


@pytest.mark.parametrize("figure", published_figures().dropna().index)
def test_average_over_seeds_is_within_the_published_range(average: pd.Series, figure: str) -> None:
    row = published_figures().loc[figure]
    assert row["low"] <= average[figure] <= row["high"], (
        f"{figure}: {average[figure]:.3g}, published {row['published']:g}"
    )


def test_tctc_lo_on_ttf_where_the_published_figure_is_misprinted(average: pd.Series) -> None:
    assert 1.2 < average["hr ttf tctc lo"] < 1.6


@pytest.mark.parametrize("endpoint", ["os", "pfs"])
def test_aic_ranks_the_readings_as_published(by_seed: pd.DataFrame, average: pd.Series, endpoint: str) -> None:
    columns = [f"aic {endpoint} {reading}" for reading in ("tctc", "b2ctc", "bctc")]
    assert list(average[columns].sort_values().index) == columns
    in_seed = (np.diff(by_seed[columns].to_numpy(), axis=1) > 0).all(axis=1)
    assert in_seed.mean() >= 0.8


@pytest.mark.parametrize("reading", ["bctc", "b2ctc", "tctc"])
def test_readings_go_with_subtype_and_bone_metastasis(average: pd.Series, reading: str) -> None:
    assert average[f"p {reading} subtype"] < 0.0022
    assert average[f"p {reading} bone_metastasis"] < 0.0001


def test_medians_and_follow_up_are_those_of_such_a_trial(average: pd.Series) -> None:
    assert average["n treated"] == 783
    assert 24 < average["median os"] < 27
    assert 8 < average["median pfs"] < 10
    assert average["followup longest"] > 48


# Every seed


@pytest.mark.parametrize("seed", [0, 1, 2, DEFAULT_SEED])
def test_every_trial_is_consistent(seed: int) -> None:
    samples, patients = generate_trial(seed)
    assert patients["patient_id"].is_unique
    assert set(samples["patient_id"]) <= set(patients["patient_id"])
    assert (patients["ttf_time"] <= patients["pfs_time"]).all()
    assert (patients["pfs_time"] <= patients["os_time"]).all()
    assert (patients["os_time"] <= patients["followup_end"]).all()
    assert (patients["ttf_time"] > 0).all()
    # Who died has progressed or died for PFS, and whose PFS ended has failed treatment.
    assert (patients["os_event"] <= patients["pfs_event"]).all()
    assert (patients["pfs_event"] <= patients["ttf_event"]).all()

    merged = samples.merge(patients, on="patient_id")
    assert (merged["time"] <= merged["os_time"] + TOLERANCE).all()
    assert (merged["time"] - merged["ttf_time"]).max() < 8 / 30.4375  # a week after treatment at the latest
    by_patient = samples.groupby("patient_id")["time"]
    assert by_patient.first().between(-28 / 30.4375, 0).all()
    assert (by_patient.diff().dropna() > 0.1).all()


def test_counts_are_over_dispersed_and_zero_heavy(default_trial: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    samples, _ = default_trial
    assert samples["ctc"].dtype == np.int64
    assert samples["ctc"].min() == 0
    assert samples["ctc"].var() > 20 * samples["ctc"].mean()
    assert 0.3 < (samples["ctc"] == 0).mean() < 0.6


def test_the_classes_order_the_counts(default_trial: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    samples, patients = default_trial
    merged = samples.merge(patients[["patient_id", "true_class"]], on="patient_id")
    mean_log = np.log1p(merged["ctc"]).groupby(merged["true_class"]).mean()
    assert list(mean_log.sort_values().index) == ["neg", "lo", "mid", "hi"]
    assert mean_log["neg"] < np.log1p(2)
    assert mean_log["hi"] > np.log1p(20)


def test_the_seed_alone_decides() -> None:
    first, second, other = generate_trial(7), generate_trial(7), generate_trial(8)
    pd.testing.assert_frame_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1], second[1])
    assert not first[0].equals(other[0])


# The draw that ships


@pytest.mark.parametrize(("name", "position"), [("samples.csv", 0), ("patients.csv", 1)])
def test_shipped_files_are_the_default_draw(
    default_trial: tuple[pd.DataFrame, pd.DataFrame], name: str, position: int
) -> None:
    generated = default_trial[position]
    text = (files("bayesctc.data.trial") / name).read_text()
    shipped = pd.read_csv(StringIO(text))
    read_back = pd.read_csv(StringIO(generated.to_csv(index=False)))
    pd.testing.assert_frame_equal(shipped, generated, check_exact=True)
    pd.testing.assert_frame_equal(shipped, read_back, check_exact=True)


def test_load_trial_gives_the_shipped_draw(default_trial: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    samples, patients = default_trial
    cohort = load_trial()
    assert cohort.n_patients == 783
    pd.testing.assert_frame_equal(cohort.samples[["patient_id", "time", "ctc"]], samples, check_dtype=False)
    expected = patients.set_index("patient_id")
    found = cohort.patients[list(expected.columns)].astype(expected.dtypes)  # factors there, text here
    pd.testing.assert_frame_equal(found, expected)
    assert load_trial().fingerprint == cohort.fingerprint


def test_shipped_draw_has_the_published_size_and_figures(default_trial: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    included = load_trial().include(min_samples=3)
    assert included.n_patients == 469
    assert abs(included.n_samples - 2202) <= 6
    analysed = analysed_patients(*default_trial)
    assert sorted(analysed["patient_id"]) == sorted(included.patients.index)

    figures = average_figures(trial_figures(*default_trial).to_frame().T)
    ranges = published_figures().dropna()
    inside = figures[ranges.index].between(ranges["low"], ranges["high"])
    assert list(inside[~inside].index) == []


# The small Cox regression


def test_efron_cox_agrees_with_statsmodels(default_trial: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    analysed = analysed_patients(*default_trial)
    time, event = analysed["pfs_time"].round(0) + 1, analysed["pfs_event"]  # whole months: many ties
    design = np.column_stack([analysed["bctc"] == "pos", analysed["bone_metastasis"], analysed["age"] / 10]).astype(
        float
    )
    estimates, log_likelihood = fit_efron_cox(time.to_numpy(), event.to_numpy(), design)
    reference = PHReg(time, design, status=event, ties="efron").fit()
    np.testing.assert_allclose(estimates, reference.params, atol=1e-5)  # PHReg stops there
    assert log_likelihood == pytest.approx(reference.llf, abs=1e-6)
