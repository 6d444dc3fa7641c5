"""A small valid cohort as frames and as files."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bayesctc.data import Cohort, read_cohort


@pytest.fixture
def samples() -> pd.DataFrame:
    """P1 and P2 have three samples, P10 two, P11 none."""
    return pd.DataFrame(
        {
            "patient_id": ["P1", "P1", "P1", "P2", "P2", "P2", "P10", "P10"],
            "time": [-0.5, 1.0, 2.5, 0.0, 1.0, 9.0, 0.0, 3.0],
            "ctc": [12, 0, 3, 0, 0, 1, 250, 40],
        }
    )


@pytest.fixture
def patients() -> pd.DataFrame:
    """Four patients with os and pfs, an arm and an age."""
    return pd.DataFrame(
        {
            "patient_id": ["P1", "P2", "P10", "P11"],
            "os_time": [20.0, 9.5, 7.25, 4.0],
            "os_event": [1, 0, 1, 0],
            "pfs_time": [2.0, 9.0, 3.0, 4.0],
            "pfs_event": [1, 0, 1, 0],
            "arm": ["A", "B", "A", "B"],
            "age": [61.5, 48.0, 70.0, 55.0],
        }
    )


@pytest.fixture
def cohort(samples: pd.DataFrame, patients: pd.DataFrame) -> Cohort:
    return Cohort(samples, patients)


@pytest.fixture
def read_text(tmp_path: Path, samples: pd.DataFrame, patients: pd.DataFrame) -> Callable[..., Cohort]:
    """Read a cohort from the text, or the bytes, of two files; the valid ones unless given."""

    def read(samples_csv: str | bytes | None = None, patients_csv: str | bytes | None = None, **options) -> Cohort:
        paths = []
        for name, content, frame in (("samples", samples_csv, samples), ("patients", patients_csv, patients)):
            content = frame.to_csv(index=False) if content is None else content
            path = tmp_path / f"{name}.csv"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            paths.append(path)
        return read_cohort(*paths, **options)

    return read
