"""Cohorts and fits of the tests of predictive checks."""

import numpy as np
import pandas as pd

import bayesctc as bc

PLAN = np.array([0.0, 1.0, 2.0, 4.0, 6.0])


def simulated(n: int = 120, seed: int = 5, **columns) -> bc.Cohort:
    """Two classes, visits as planned, some missed, drop-out, death and censoring; written apart from the package."""
    rng = np.random.default_rng(seed)
    high = rng.random(n) < 0.4
    death = np.where(high, 9.0, 28.0) * rng.weibull(1.3, n)
    end = rng.uniform(8.0, 40.0, n)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "os_time": np.minimum(death, end) + 0.01,
            "os_event": (death <= end).astype(int),
            "arm": rng.choice(["A", "B"], n),
            **columns,
        }
    )
    rows = []
    for i in range(n):
        level = (4.5 if high[i] else 2.5) + rng.normal(0.0, 0.5)
        for j, month in enumerate(PLAN):
            if j and rng.random() < 0.05:
                break
            time = month + (rng.normal(0.0, 0.08) if j else 0.0)
            if time > patients["os_time"][i]:
                break
            if j == 0 or rng.random() > 0.1:
                count = np.expm1(level - 0.1 * month + rng.normal(0.0, 0.5))
                rows.append((f"P{i:03d}", time, int(max(round(count), 0)), 7.5))
    return bc.Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc", "volume_ml"]), patients)


def fitted(cohort, **options):
    """A maximum-likelihood fit with few starts."""
    fields = {
        "n_classes": 2,
        "growth": "linear",
        "family": "gaussian",
        "random_effects": "intercept",
        "common_shape": False,
    }
    spec = bc.ModelSpec(**{**fields, **options})
    return bc.fit_ml(cohort, spec, n_starts=3, random_seed=1, progress=False)
