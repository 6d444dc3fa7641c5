"""Cohorts and fits of the tests of predictive checks."""

import numpy as np
import pandas as pd

import bayesctc as bc

PLAN = np.array([0.0, 1.0, 2.0, 4.0, 6.0])


def simulated(n: int = 120, seed: int = 5, scans: bool = False, **columns) -> bc.Cohort:
    """Two classes, visits as planned, some missed, drop-out, death and censoring; written apart from the package.

    With `scans` the event is pfs, and is seen every nine weeks; one scan in ten is missed.
    """
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
    until = patients["os_time"]
    if scans:
        months = np.cumsum(2.1 * np.random.default_rng(seed).choice([1.0, 2.0], (n, 60), p=[0.9, 0.1]), axis=1)
        gone, done = months >= death[:, None], months <= end[:, None]
        before = np.where(done & ~gone, months, 0.0).max(axis=1)
        patients["pfs_left"] = np.where(before > 0.0, before, np.nan)
        patients["pfs_right"] = np.where(done & gone, months, np.inf).min(axis=1)
        patients = patients.drop(columns=["os_time", "os_event"])
        until = patients[["pfs_right", "pfs_left"]].replace(np.inf, np.nan).bfill(axis=1)["pfs_right"]
    rows = []
    for i in range(n):
        level = (4.5 if high[i] else 2.5) + rng.normal(0.0, 0.5)
        for j, month in enumerate(PLAN):
            if j and rng.random() < 0.05:
                break
            time = month + (rng.normal(0.0, 0.08) if j else 0.0)
            if time > until[i]:
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
