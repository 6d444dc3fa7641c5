"""What every test may ask for: the reference cohort and the figures of R's lcmm for it."""

import gc
import json
import os
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from hypothesis import settings

from bayesctc.data import Cohort

# a checkout is judged by the same examples every time; `pytest --hypothesis-profile=explore` looks for new ones
settings.register_profile("checkout", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("checkout")

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")  # such as gw1
if WORKER and hasattr(os, "sched_setaffinity"):  # one core each: threads of several workers would wait for each other
    CORES = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {CORES[int(WORKER.removeprefix("gw")) % len(CORES)]})

DATA = Path(__file__).parent / "data"


def pytest_collection_finish():
    """Thousands of tests and modules stay; the collector of garbage need not look at them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def _closed_figures_and_settings():
    """Close what a test drew, and check that matplotlib's settings are as they were."""
    import matplotlib.pyplot as plt

    plt.get_backend()  # settled now, not when the test draws
    before = dict.copy(mpl.rcParams)  # as they are kept: reading them one by one takes longer than most tests
    yield
    plt.close("all")
    assert dict.copy(mpl.rcParams) == before


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


@pytest.fixture(scope="session")
def r_figures() -> dict:
    """What R's survival and glmmTMB say, by `tests/data/r_figures.R`."""
    return json.loads((DATA / "r_figures.json").read_text())
