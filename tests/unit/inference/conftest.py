"""Simulated cohorts with two classes, and fits to them."""

import numpy as np
import pandas as pd
import pytest

from bayesctc.data import Cohort
from bayesctc.inference.ml import fit_ml
from bayesctc.model.spec import ModelSpec


def two_classes(n: int = 90, seed: int = 11, share: float = 0.4):
    """Samples and patients: 60 % low and long-lived, 40 % high, rising and short-lived; patient intercept and slope."""
    rng = np.random.default_rng(seed)
    high = (np.arange(n) < share * n).astype(int)
    lifetime = np.array([45.0, 12.0])[high] * rng.exponential(size=n) ** (1 / np.array([1.3, 1.6])[high])
    end = rng.uniform(12.0, 40.0, n)
    deviation = rng.multivariate_normal([0.0, 0.0], [[0.36, 0.06], [0.06, 0.16]], n)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(n)],
            "os_time": np.round(np.minimum(lifetime, end), 3) + 0.1,
            "os_event": (lifetime <= end).astype(int),
        }
    )
    rows = []
    for i in range(n):
        for month in (0.0, 1.0, 2.0, 4.0, 6.0, 9.0, 12.0):
            if month <= patients["os_time"][i]:
                mean = [1.0, 3.5][high[i]] + deviation[i, 0] + ([-0.6, 0.5][high[i]] + deviation[i, 1]) * month / 6.0
                rows.append((f"P{i}", month, max(0, round(np.expm1(rng.normal(mean, 0.4))))))
    return pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]), patients


SPEC = ModelSpec(n_classes=2, growth="linear", random_effects="slope", family="gaussian", common_shape=False)


@pytest.fixture(scope="session")
def small_frames():
    return two_classes()


@pytest.fixture(scope="session")
def small_cohort(small_frames) -> Cohort:
    return Cohort(*small_frames)


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    return SPEC


@pytest.fixture(scope="session")
def small_fit(small_cohort):
    return fit_ml(small_cohort, SPEC, n_starts=6, random_seed=1, progress=False)
