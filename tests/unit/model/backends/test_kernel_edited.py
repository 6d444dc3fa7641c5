"""An edited piece of the likelihood shows its new value: no compiled copy of the old one is found on disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bayesctc

pytestmark = pytest.mark.integration  # compiles in two new processes

PROGRAM = """
import numpy as np, pandas as pd
import bayesctc
from bayesctc.data import Cohort
from bayesctc.model.density import log_likelihood
from bayesctc.model.spec import ModelSpec
patients = pd.DataFrame({"patient_id": ["a", "b", "c"], "os_time": [10.0, 20.0, 30.0], "os_event": [1, 0, 1]})
rows = [("a", 0.0, 5), ("a", 3.0, 1), ("b", 0.0, 0), ("b", 2.0, 0), ("b", 5.0, 2), ("c", 1.0, 9)]
samples = pd.DataFrame(rows, columns=["patient_id", "time", "ctc"])
spec = ModelSpec(n_classes=1, growth="linear", random_effects="none", family="gaussian")
natural = {"membership": [[0.0]], "growth": [[1.0, 0.2]], "sigma": 1.0, "scale": 20.0, "shape": 1.0}
print(bayesctc.__file__)
print(float(log_likelihood(Cohort(samples, patients), spec, natural).sum()))
"""


def test_an_edited_hazard_shows_its_new_value(tmp_path):
    package = tmp_path / "bayesctc"
    shutil.copytree(Path(bayesctc.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.csv"))

    def run() -> float:
        process = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_OPT": "0"},  # compiled, however slow
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        where, value = process.stdout.split()
        assert Path(where).is_relative_to(tmp_path)
        return float(value)

    before = run()
    # scale 20, shape 1: the cumulative hazards sum to 3
    piece = package / "model" / "backends" / "compiled" / "hazards" / "weibull.py"
    text = piece.read_text()
    edited = text.replace("vexp(log_hazard)", "2.0 * vexp(log_hazard)")
    assert edited != text
    piece.write_text(edited)
    assert run() == pytest.approx(before - 3.0, abs=1e-9)
