"""What every test may ask for: the reference cohort and the figures of R's lcmm for it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from bayesctc.data import Cohort

DATA = Path(__file__).parent / "data"


def _reference_cohort(*covariates: str) -> Cohort:
    # in this file `time` and `event` are those of overall survival, `months` is the sample's time
    table = pd.read_csv(DATA / "serial_ctc_300.csv").rename(
        columns={"id": "patient_id", "time": "os_time", "event": "os_event", "months": "time"}
    )
    patients = table.drop_duplicates("patient_id")[["patient_id", "os_time", "os_event", "bone", "arm", *covariates]]
    return Cohort(table[["patient_id", "time", "ctc"]], patients)


@pytest.fixture(scope="session")
def reference_cohort() -> Cohort:
    """300 simulated patients, 1,443 samples, followed from the start of treatment."""
    return _reference_cohort()


@pytest.fixture(scope="session")
def reference_cohort_with_entry() -> Cohort:
    """The same patients with the column `entry`."""
    return _reference_cohort("entry")


@pytest.fixture(scope="session")
def lcmm() -> dict:
    """What R's lcmm 2.2.2 says of the reference cohort, model by model."""
    return json.loads((DATA / "lcmm_300.json").read_text())
