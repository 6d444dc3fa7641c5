"""A marker that is not a count through the command line: two files, a fit, its report, predictions, sensitivity."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers import marker_frames

import bayesctc as bc
from bayesctc.cli.main import main

pytestmark = pytest.mark.integration
MODEL = ["--family", "gaussian", "--random-effects", "intercept", "--growth", "linear", "--common-shape"]
MARKER = ["--marker", "bili", "--unit", "mg/dL", "--transform", "log"]
SAMPLING = ["--draws", "400", "--tune", "100", "--chains", "2", "--starts", "3", "--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """100 patients in two files, and two new ones."""
    folder = tmp_path_factory.mktemp("marker")
    samples, patients = marker_frames(100)
    samples.to_csv(folder / "samples.csv", index=False)
    patients.to_csv(folder / "patients.csv", index=False)
    new = pd.DataFrame({"patient_id": ["low", "low", "high", "high"], "time": [0, 3, 0, 3], "bili": [0.5, 0.6, 6, 9]})
    new.to_csv(folder / "new_samples.csv", index=False)
    pd.DataFrame({"patient_id": ["low", "high"]}).to_csv(folder / "new_patients.csv", index=False)
    return folder


def run(capsys, command, *argv):
    assert main([command, *map(str, argv)]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_from_files_to_report_and_predictions(folder, tmp_path, capsys):
    files = [folder / "samples.csv", folder / "patients.csv"]
    out = run(capsys, "select", *files, *MARKER, "--classes", "1-2", *MODEL, *SAMPLING, "--out", tmp_path)
    assert not re.search("CTC|count", out)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"CTC|\b[Cc]ounts?\b", re.sub(r"base64,[A-Za-z0-9+/=]+", "", html))
    fit = bc.load_fit(tmp_path / "fit.nc")
    assert fit.cohort.marker == bc.Marker("bili", "mg/dL", "log")
    assert fit.cohort.fingerprint == bc.Cohort(*marker_frames(100), marker=fit.cohort.marker).fingerprint
    assert pd.read_csv(tmp_path / "selection.csv", index_col="n_classes")["recommended"].loc[2]
    run(capsys, "report", tmp_path / "fit.nc", "--out", tmp_path / "again.html")
    assert "bili (mg/dL)" in (tmp_path / "again.html").read_text(encoding="utf-8")
    new = [folder / "new_samples.csv", folder / "new_patients.csv"]
    run(
        capsys,
        "predict",
        tmp_path / "fit.nc",
        *new,
        "--landmark",
        3,
        "--horizons",
        12,
        "--out",
        tmp_path / "predictions.csv",
    )
    table = pd.read_csv(tmp_path / "predictions.csv").set_index("patient_id")
    survival = table["survival_function"]
    assert survival["low"] > survival["high"] + 0.2


def test_sensitivity_of_a_marker(folder, tmp_path, capsys, monkeypatch):
    rows = [{"option": "n_classes", "value": 1}, {"option": "prior_power", "value": 0.8}]
    monkeypatch.setattr("bayesctc.sensitivity.defaults.default_plan", lambda *_: bc.SensitivityPlan(rows))
    files = [folder / "samples.csv", folder / "patients.csv"]
    run(capsys, "sensitivity", *files, *MARKER, "--classes", 2, *MODEL, *SAMPLING, "--out", tmp_path)
    table = pd.read_csv(tmp_path / "sensitivity.csv")
    assert (table["status"] == "done").all()
    assert "median" in set(table["quantity"])
    assert not {"median_ctc", "positive_share"} & set(table["quantity"])
    powered = table[(table["variation"] == "prior to the power 0.8") & (table["quantity"] == "median")]
    np.testing.assert_allclose(powered["estimate"], powered["base"], rtol=0.1)
    assert (tmp_path / "sensitivity.png").stat().st_size > 10_000
