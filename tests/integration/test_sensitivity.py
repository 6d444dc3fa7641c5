"""Sensitivity analyses sampled in earnest: interruption, and what the rows say; test_executors.py has executors."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.sensitivity import jobs, run

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SHORT = {"draws": 200, "tune": 100, "chains": 2, "n_starts": 3, "max_refits": 0, "random_seed": 5, "progress": False}
SPEC = bc.ModelSpec(
    n_classes=2,
    growth="linear",
    family="gaussian",
    random_effects="intercept",
    common_shape=True,
)
ROWS = [
    {"option": "prior_power", "value": 0.8},
    {"option": "priors", "value": {"log_scale_sd": 0.05, "log_scale_mean": 6.0}, "variation": "absurd prior"},
    {"option": "hazard", "value": "gompertz"},
    {"option": "hazard", "value": "exponential", "method": "ml"},
    {"option": "leave_out_pareto_k", "value": 50.0},
    {"option": "cutoff", "value": 1},
    {"option": "dropout_delta", "value": 2.0},
]
PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from test_sensitivity import ROWS, SHORT, SPEC, small_cohort
import bayesctc as bc
result = bc.run_sensitivity(small_cohort(), SPEC, bc.SensitivityPlan(ROWS[:-1]), folder={folder!r}, **SHORT)
result.table.to_csv({out!r}, index=False)
"""


def small_cohort() -> bc.Cohort:
    """90 reference patients."""
    table = pd.read_csv(ROOT / "tests" / "data" / "serial_ctc_300.csv")
    table = table.rename(columns={"id": "patient_id", "time": "os_time", "event": "os_event", "months": "time"})
    patients = table.drop_duplicates("patient_id")[["patient_id", "os_time", "os_event", "arm"]].iloc[:90]
    samples = table[table["patient_id"].isin(patients["patient_id"])]
    return bc.Cohort(samples[["patient_id", "time", "ctc"]], patients)


def same_rows(found, result) -> None:
    """The rows of a plan are those of another that has them too, in whatever order."""
    order = ["variation", "quantity", "latent_class", "time"]
    names = found.table["variation"].unique()
    expected = result.table[result.table["variation"].isin(names)]
    left, right = (table.sort_values(order).reset_index(drop=True) for table in (found.table, expected))
    pd.testing.assert_frame_equal(left, right)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sensitivity")


@pytest.fixture(scope="module")
def result(folder):
    return bc.run_sensitivity(small_cohort(), SPEC, bc.SensitivityPlan(ROWS), folder=folder, **SHORT)


def test_what_the_rows_say(result):
    table = result.table
    status = table.groupby("variation", sort=False)["status"].first()

    assert status.drop("without pareto_k above 50.0").eq("done").all()
    assert status["without pareto_k above 50.0"] == "nothing to vary"
    assert list(status.index) == ["base", *result.plan.table["variation"]]
    base = table[table["variation"] == "base"]
    assert set(base["quantity"]) == {
        "class_share",
        "median_ctc",
        "positive_share",
        "hazard_ratio",
        "survival_function",
        "elpd",
    }
    shares = table[table["quantity"] == "class_share"].groupby("variation")["estimate"].sum()
    np.testing.assert_allclose(shares, 1.0, atol=0.02)
    assert (table["lower"].dropna() <= table.loc[table["lower"].notna(), "estimate"] + 1e-12).all()


def test_an_absurd_prior_changes_survival_and_a_sound_one_does_not(result):
    changed = result.changes.groupby("variation")["quantity"].agg(set)

    assert "survival_function" in changed["absurd prior"]
    assert "prior to the power 0.8" not in changed.index
    assert "absurd prior" in result.sentence


def test_each_row_moves_what_it_should(result):
    table = result.table.set_index("variation")
    elpd = table[table["quantity"] == "elpd"]
    cutoff = table.loc["CTC+ from 1 cells"]
    delta = table.loc["counts after drop-out: log +2"]
    absurd = elpd.loc["absurd prior"]

    assert absurd["difference"] == pytest.approx(absurd["estimate"] - elpd.loc["base", "estimate"])
    assert absurd["difference"] < 0
    assert np.isfinite(elpd.loc["hazard: gompertz", "difference"])
    assert "hazard: exponential" not in elpd.index
    same = cutoff["quantity"] != "positive_share"
    assert (cutoff.loc[same, "difference"].abs() < 1e-12).all()
    assert (cutoff.loc[~same, "difference"] > 0).all()
    late = delta[(delta["quantity"] == "median_ctc") & (delta["time"] == 6.0)]
    assert (late["difference"] > 0).all()
    assert "counts imputed" in delta["warnings"].iloc[0]
    assert result.psense is not None
    assert {"prior", "likelihood"} <= set(result.psense.columns)


def test_imputed_counts_of_another_family_move_its_curve():
    plan = bc.SensitivityPlan([ROWS[-1]])
    longer = {**SHORT, "draws": 300, "tune": 100}
    spec = SPEC.with_(family="negative_binomial", random_effects="none")
    table = bc.run_sensitivity(small_cohort(), spec, plan, **longer).table
    late = table[(table["quantity"] == "median_ctc") & (table["time"] == 6.0)].set_index("variation")
    moved = late.loc["counts after drop-out: log +2"]

    assert (moved["estimate"] > 1.5 * moved["base"]).all()
    assert (moved["changed"]).any()
    assert "counts imputed" in moved["warnings"].iloc[0]


def test_a_second_run_repeats_nothing(result, folder, monkeypatch):
    def never(*arguments):
        raise AssertionError("a model was fitted again")

    monkeypatch.setattr(run, "run_job", never)
    again = bc.run_sensitivity(small_cohort(), SPEC, bc.SensitivityPlan(ROWS), folder=folder, **SHORT)
    fewer = bc.run_sensitivity(small_cohort(), SPEC, bc.SensitivityPlan(ROWS[2:4]), folder=folder, **SHORT)

    pd.testing.assert_frame_equal(again.table, result.table)
    assert list(fewer.table["variation"].unique()) == ["base", "hazard: gompertz", "hazard: exponential"]
    with pytest.raises(AssertionError, match="fitted again"):
        bc.run_sensitivity(small_cohort(), SPEC, bc.SensitivityPlan(ROWS), folder=folder, **{**SHORT, "random_seed": 6})


def test_killed_and_run_again(result, tmp_path):
    """Killed at a random moment of its work, a run is finished by running it again."""
    out, rng = tmp_path / "table.csv", np.random.default_rng()
    code = PROGRAM.format(tests=str(ROOT / "tests" / "integration"), folder=str(tmp_path / "results"), out=str(out))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    n = int(rng.integers(1, len(ROWS) - 2))  # files there when it is killed
    while process.poll() is None and len(list((tmp_path / "results").glob("*.json"))) < n:
        time.sleep(0.01)
    time.sleep(float(rng.uniform(0.0, 0.3)))
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").glob("*.json")}
    plan = bc.SensitivityPlan(ROWS[:-1])
    found = bc.run_sensitivity(small_cohort(), SPEC, plan, folder=tmp_path / "results", **SHORT)

    assert len(there) >= n
    assert {path: path.stat().st_mtime_ns for path in there} == there
    same_rows(found, result)


def test_what_cannot_be_fitted_is_a_row_and_the_others_go_on(result, folder):
    plan = bc.SensitivityPlan([{"option": "n_classes", "value": 16}, {"option": "n_classes", "value": 1}])
    found = bc.run_sensitivity(small_cohort(), SPEC, plan, folder=folder, **SHORT)  # whose base is there
    rows = found.table.set_index("variation")

    assert rows.loc["16 classes", "status"] == "failed"
    assert "interior mode" in rows.loc["16 classes", "reason"]
    assert rows.loc["1 class", "status"].eq("done").all()
    assert "Failed: 16 classes" in found.sentence


def test_an_infinite_pareto_k_is_kept_and_above_every_limit(tmp_path, monkeypatch):
    """It is that of patients whose largest weights are all the same, as of chains that are stuck."""

    def stuck(fit, **options):
        found = bc.loo(fit, **options)
        k = found.pointwise["pareto_k"].where(np.arange(fit.n_patients) > 1, np.inf)
        return replace(found, pointwise=found.pointwise.assign(pareto_k=k))

    monkeypatch.setattr(jobs, "loo", stuck)
    plan = bc.SensitivityPlan([{"option": "leave_out_pareto_k", "value": 50.0}])
    found, again = (bc.run_sensitivity(small_cohort(), SPEC, plan, folder=tmp_path, **SHORT) for _ in range(2))

    varied = found.table.query("variation != 'base'")
    assert varied["status"].eq("done").all()
    assert varied["n_patients"].eq(88).all()
    pd.testing.assert_frame_equal(again.table, found.table)


def test_refused_before_anything_runs(tmp_path):
    plan = bc.SensitivityPlan([ROWS[0], {"option": "leave_out", "value": {"site": "1"}}])
    with pytest.raises(SpecError, match="plan, row 1"):
        bc.run_sensitivity(small_cohort(), SPEC, plan, folder=tmp_path / "never", **SHORT)
    with pytest.raises(SpecError, match="draws has to be"):
        bc.run_sensitivity(small_cohort(), SPEC, bc.SensitivityPlan(ROWS), **{**SHORT, "draws": 0})
    with pytest.raises(SpecError, match="executor has to be"):
        bc.run_sensitivity(small_cohort(), SPEC, bc.SensitivityPlan(ROWS), executor=2, **SHORT)  # type: ignore[arg-type]

    assert not (tmp_path / "never").exists()
