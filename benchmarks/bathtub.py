"""Survival where the hazard falls and rises again: splines beside the other hazards.

`python -m benchmarks.bathtub` draws 20 cohorts (seeds 1 to 20) of 300 patients in two classes whose counts overlap
little. Both have the hazard 0.1 exp(-t) + 0.004 + 0.1 (t / 36)^4 per month, of early deaths, a quiet time and a rise,
the second three times as high; follow-up ends after 24 to 48 months. Each hazard is fitted by maximum likelihood (5
starts, hazards proportional between classes), and `benchmarks/results/bathtub.csv` gets a row for each: the largest and
the mean distance between a class's survival curve and the true one at 36 months from 1 to 36, the log hazard ratio
between the classes (true: 1.10), AIC, and whether the climb converged. The same cohorts with a constant hazard of 0.03
(`truth` is "constant") say what the freedom costs where it is not needed.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc

PATH = Path(__file__).parent / "results" / "bathtub.csv"
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


def rows_of(truth: str, seed: int) -> list[dict]:
    """One cohort under every hazard."""
    cohort, rows = cohort_of(truth, seed), []
    expected = np.exp(-np.outer([1.0, RATIO], CUMULATIVE[truth](MONTHS)))
    for hazard in HAZARDS:
        spec = bc.ModelSpec(n_classes=2, growth="linear", hazard=hazard)
        fit = bc.fit_ml(cohort, spec, n_starts=5, random_seed=seed, progress=False)
        away = np.abs(bc.class_survival(fit, MONTHS)["survival_function"].to_numpy() - expected)
        rows.append(
            {
                "truth": truth,
                "seed": seed,
                "hazard": hazard,
                "largest": away.max(),
                "mean": away.mean(),
                "log_hazard_ratio": np.log(bc.hazard_ratios(fit)["estimate"].iloc[0]),
                "aic": fit.aic,
                "converged": fit.converged,
            }
        )
    return rows


def main() -> None:
    """Fit, write, print."""
    table = pd.DataFrame([row for truth in CUMULATIVE for seed in range(1, 21) for row in rows_of(truth, seed)])
    table.to_csv(PATH, index=False, float_format="%.5g")
    best = table.groupby(["truth", "seed"])["aic"].transform("min")
    table["lowest_aic"] = table["aic"] == best
    table["aic"] -= best
    print(table.drop(columns="seed").groupby(["truth", "hazard"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
