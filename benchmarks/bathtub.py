"""Survival where the hazard falls and rises again: splines beside the other hazards.

`python -m benchmarks.bathtub` draws 10 cohorts (seeds 1 to 10) of 300 patients in two classes whose counts overlap
little. Both have the hazard 0.1 exp(-t) + 0.004 + 0.1 (t / 36)^4 per month, of early deaths, a quiet time and a rise,
the second three times as high; follow-up ends after 24 to 48 months. Each hazard is fitted by maximum likelihood (5
starts, hazards proportional between classes), and `benchmarks/results/bathtub.csv` gets a row for each: the largest and
the mean distance between a class's survival curve and the true one at 36 months from 1 to 36, the log hazard ratio
between the classes (true: 1.10), AIC, and whether the climb converged. The same cohorts with a constant hazard of 0.03
(`truth` is "constant") say what the freedom costs where it is not needed. Rows that are there are not run again.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from benchmarks.class_recovery import add

PATH = Path(__file__).parent / "results" / "bathtub.csv"
KEYS = ["truth", "seed", "hazard"]
HAZARDS = ("exponential", "weibull", "gompertz", "piecewise", "splines")
N, RATIO, MONTHS = 300, 3.0, np.arange(1.0, 37.0)
CUMULATIVE = {
    "bathtub": lambda t: -0.1 * np.expm1(-t) + 0.004 * t + 0.72 * (t / 36.0) ** 5,
    "constant": lambda t: 0.03 * t,
}


def cohort_of(truth: str, seed: int) -> bc.Cohort:
    """One cohort; samples before treatment too, so that early deaths have some."""
    rng, grid = np.random.default_rng(seed), np.linspace(0.0, 200.0, 400_001)
    high = rng.random(N) < 0.4
    death = np.interp(rng.exponential(size=N) / np.where(high, RATIO, 1.0), CUMULATIVE[truth](grid), grid)
    end = rng.uniform(24.0, 48.0, N)
    ids = [f"P{i}" for i in range(N)]
    events = {"os_time": np.minimum(death, end), "os_event": (death < end).astype(int)}
    patients = pd.DataFrame({"patient_id": ids, **events})
    rows = []
    for i, patient in enumerate(ids):
        for t in (-0.5, 0.0, 1.0, 3.0, 6.0):
            if t < patients["os_time"][i]:
                level = (3.0 if high[i] else 0.3) - 0.03 * t + rng.normal(0.0, 0.6)
                rows.append((patient, t, rng.poisson(np.exp(level))))
    return bc.Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]), patients)


def row(truth: str, seed: int, hazard: str) -> dict:
    """One cohort under one hazard."""
    spec = bc.ModelSpec(n_classes=2, growth="linear", hazard=hazard)
    fit = bc.fit_ml(cohort_of(truth, seed), spec, n_starts=5, random_seed=seed, progress=False)
    expected = np.exp(-np.outer([1.0, RATIO], CUMULATIVE[truth](MONTHS)))
    away = np.abs(bc.class_survival(fit, MONTHS)["survival_function"].to_numpy() - expected)
    return {
        "truth": truth,
        "seed": seed,
        "hazard": hazard,
        "largest": round(away.max(), 5),
        "mean": round(away.mean(), 5),
        "log_hazard_ratio": round(np.log(bc.hazard_ratios(fit)["estimate"].iloc[0]), 4),
        "aic": round(fit.aic, 3),
        "converged": fit.converged,
    }


def main() -> None:
    """Fit what is not there yet, and print."""
    jobs = [(truth, seed, hazard) for truth in CUMULATIVE for seed in range(1, 11) for hazard in HAZARDS]
    add(PATH, KEYS, jobs, row)
    table = pd.read_csv(PATH)
    best = table.groupby(["truth", "seed"])["aic"].transform("min")
    table["lowest_aic"] = table["aic"] == best
    table["aic"] -= best
    print(table.drop(columns="seed").groupby(["truth", "hazard"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
