"""Fits of 80 simulated patients in two classes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from helpers import made_bayes
from small_fits import fit_two_classes

import bayesctc as bc
from bayesctc.results.bayes_fit import BayesFit


def simulated_cohort(entry: bool = False) -> bc.Cohort:
    """80 patients: low counts and long survival, or high counts and short."""
    rng = np.random.default_rng(20)
    n = 80
    high = rng.random(n) < 0.4
    arm, bone = rng.choice(["A", "B"], n), rng.binomial(1, 0.4, n)
    time = np.where(high, 10.0, 30.0) * rng.weibull(1.3, n) * np.exp(-0.3 * (arm == "B") - 0.3 * bone) + 1.0
    censored = rng.uniform(5.0, 50.0, n)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i:02d}" for i in range(n)],
            "os_time": np.minimum(time, censored),
            "os_event": (time <= censored).astype(int),
            "arm": arm,
            "bone": bone,
        }
    )
    if entry:
        patients["entry"] = rng.uniform(0.0, 0.9, n) * np.minimum(patients["os_time"], 4.0)
    rows = []
    for i in range(n):
        visits = np.arange(0.0, min(patients["os_time"][i], 9.0), 1.5)
        level = (3.2 if high[i] else 0.8) + 0.3 * bone[i] + rng.normal(0.0, 0.5) - 0.05 * visits
        counts = np.maximum(np.round(np.expm1(level + rng.normal(0.0, 0.4, len(visits)))), 0).astype(int)
        rows += [(f"P{i:02d}", t, c, 7.5) for t, c in zip(visits, counts, strict=True)]
    return bc.Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc", "volume_ml"]), patients)


fit = partial(fit_two_classes, n_starts=8)


def as_bayes(ml, n_draws: int = 400) -> BayesFit:
    """A Bayesian fit whose draws are from the asymptotic distribution: nothing is sampled."""
    return made_bayes(ml, ml.parameter_draws(n_draws)[None])


@pytest.fixture(scope="session")
def ml():
    """Two classes, shape by class."""
    return fit(simulated_cohort())


@pytest.fixture(scope="session")
def ml_slope():
    """Random intercept and slope, and a longitudinal covariate that acts over time."""
    return fit(simulated_cohort(), random_effects="slope", longitudinal="~ bone:time", endpoint=None)


@pytest.fixture(scope="session")
def ml_common():
    """A common shape, and a covariate on the hazard."""
    return fit(simulated_cohort(), common_shape=True, survival="~ arm")


@pytest.fixture(scope="session")
def ml_by_class():
    """A covariate whose effect on the hazard differs by class."""
    return fit(simulated_cohort(), survival="~ arm", survival_by_class="~ bone")


@pytest.fixture(scope="session")
def ml_entry():
    """Delayed entry."""
    return fit(simulated_cohort(entry=True), survival="~ arm")


@pytest.fixture(scope="session")
def ml_one():
    """One class."""
    return fit(simulated_cohort(), n_classes=1)


@pytest.fixture(scope="session")
def ml_growth():
    """No endpoint."""
    return fit(simulated_cohort(), endpoint=None)


@pytest.fixture(scope="session")
def ml_no_hessian(ml):
    """Without a positive definite Hessian."""
    return replace(ml, covariance=np.full_like(ml.covariance, np.nan))


@pytest.fixture(scope="session")
def bayes(ml):
    """Draws around the estimate."""
    return as_bayes(ml)


@pytest.fixture(scope="session")
def bayes_common(ml_common):
    """Draws around the estimate, with a common shape."""
    return as_bayes(ml_common)
