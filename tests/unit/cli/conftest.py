"""Two files for the tests of the command line."""

import pandas as pd
import pytest


@pytest.fixture
def files(tmp_path):
    """40 patients in two files, in the package's columns."""
    patients = pd.DataFrame({"patient_id": [f"P{i}" for i in range(40)]})
    patients["os_time"] = [9.0 + (8.0 if i % 2 else 20.0) * ((i * 7) % 40 / 20) for i in range(40)]
    patients["os_event"] = [int(i % 5 != 0) for i in range(40)]
    rows = [(f"P{i}", float(t), (40 if i % 2 else 1) + (i * 3 + t * 5) % 7) for i in range(40) for t in range(0, 9, 2)]
    samples = pd.DataFrame(rows, columns=["patient_id", "time", "ctc"])
    paths = tmp_path / "samples.csv", tmp_path / "patients.csv"
    samples.to_csv(paths[0], index=False)
    patients.to_csv(paths[1], index=False)
    return [str(path) for path in paths]
