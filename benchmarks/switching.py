"""Treatment that changes at progression: its effect, ignoring the change and modelling it.

`python -m benchmarks.switching [--trials 40]` draws randomised trials in which most of the control arm goes over to the
new treatment at progression, fits two classes by maximum likelihood under three specifications of the hazard of death,
and writes the log hazard ratio of the treatment to `benchmarks/results/switching.csv` (a row per trial and
specification) and its bias and coverage to `switching_summary.csv`. The generator is written apart from the package: a
death is where the cumulative hazard, summed piece by piece, reaches an exponential variable.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc

RESULTS = Path(__file__).parent / "results"
N, HIGH, SWITCH = 400, 0.4, 0.75  # patients, share of the class with high counts, controls who switch at progression
TREATED, PROGRESSED = np.log(0.5), np.log(2.5)  # log hazard ratios of death
ON_PROGRESSION = np.log(0.6)  # of the treatment, on progression
SCALE, SHAPE = np.array([60.0, 25.0]), 1.3  # of death, months, by class
TO_PROGRESSION = np.array([18.0, 7.0])  # mean months, by class
LEVEL, SLOPE, SD, SIGMA = np.array([1.2, 3.8]), np.array([-0.3, 0.2]), 0.5, 0.5  # log(1 + count), slope per 6 months
VISITS = np.arange(0.0, 10.0, 1.5)
SPECIFICATIONS = {
    "arm as randomised (change ignored)": ("~ arm", "arm[T.treated]"),
    "treatment as it changes": ("~ treatment", "treatment[T.new]"),
    "treatment and progression as they change": ("~ treatment + progressed", "treatment[T.new]"),
}


def trial(seed: int) -> bc.Cohort:
    """One trial: counts up to progression, follow-up for death, and intervals of treatment and progression."""
    rng = np.random.default_rng(seed)
    high, arm = (rng.random(N) < HIGH).astype(int), rng.integers(0, 2, N)
    progression = rng.exponential(TO_PROGRESSION[high] * np.exp(-ON_PROGRESSION * arm))
    after = np.where((arm == 0) & (rng.random(N) < SWITCH), 1, arm)
    end = rng.uniform(18.0, 60.0, N)
    # H(t) = r1 H0(t) up to progression, then r2 [H0(t) - H0(progression)] more
    target, scale = rng.exponential(size=N), SCALE[high]
    r1, r2 = np.exp(TREATED * arm), np.exp(TREATED * after + PROGRESSED)
    at_progression = (progression / scale) ** SHAPE
    reached = np.where(target <= r1 * at_progression, target / r1, at_progression + (target - r1 * at_progression) / r2)
    death = scale * reached ** (1.0 / SHAPE)
    seen = np.minimum(death, end)
    ids = np.array([f"P{k:03d}" for k in range(N)])
    patients = pd.DataFrame(
        {
            "patient_id": ids,
            "os_time": seen,
            "os_event": (death <= end).astype(int),
            "arm": np.where(arm == 1, "treated", "control"),
        }
    )
    first = np.minimum(progression, seen)
    names = np.array(["control", "new"])
    before = pd.DataFrame(
        {"patient_id": ids, "start": 0.0, "stop": first, "treatment": names[arm], "progressed": False}
    )
    later = before.assign(start=first, stop=seen, treatment=names[after], progressed=True)[progression < seen]
    visits = pd.DataFrame({"patient_id": np.repeat(ids, len(VISITS)), "time": np.tile(VISITS, N)})
    who = np.repeat(np.arange(N), len(VISITS))
    curve = LEVEL[high[who]] + SLOPE[high[who]] * visits["time"] / 6.0 + rng.normal(0.0, SD, N)[who]
    counts = np.maximum(np.round(np.expm1(curve + rng.normal(0.0, SIGMA, len(visits)))), 0.0).astype(int)
    samples = visits.assign(ctc=counts)[visits["time"].to_numpy() <= first[who]]
    return bc.Cohort(samples, patients, intervals=pd.concat([before, later]))


def effect(cohort: bc.Cohort, formula: str, term: str) -> tuple[float, float, float]:
    """Log hazard ratio of the treatment with its 95 % interval."""
    spec = bc.ModelSpec(n_classes=2, growth="linear", random_effects="intercept", family="gaussian", survival=formula)
    fit = bc.fit_ml(cohort, spec, n_starts=4, progress=False)
    ratios = bc.hazard_ratios(fit).set_index("comparison")
    return tuple(np.log(ratios.loc[term, ["estimate", "lower", "upper"]].to_numpy(dtype=float)))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Bias, its standard error, spread and coverage by specification."""
    rows = []
    for name, own in table.groupby("specification", sort=False):
        error = own["estimate"] - TREATED
        covered = (own["lower"] <= TREATED) & (own["upper"] >= TREATED)
        rows.append(
            {
                "specification": name,
                "trials": len(own),
                "truth": TREATED,
                "mean": own["estimate"].mean(),
                "bias": error.mean(),
                "bias_se": error.std() / np.sqrt(len(own)),
                "sd": own["estimate"].std(),
                "covered": covered.mean(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=40)
    arguments = parser.parse_args()
    rows = []
    for seed in range(1, arguments.trials + 1):
        cohort = trial(seed)
        for name, (formula, term) in SPECIFICATIONS.items():
            began = time.process_time()
            estimate, lower, upper = effect(cohort, formula, term)
            rows.append((seed, name, estimate, lower, upper, time.process_time() - began))
        print(seed, [round(row[2], 2) for row in rows[-3:]], f"{sum(row[5] for row in rows[-3:]):.1f} s", flush=True)
    columns = ["seed", "specification", "estimate", "lower", "upper", "processor_seconds"]
    table = pd.DataFrame(rows, columns=columns)
    found = summary(table)
    table.round(4).to_csv(RESULTS / "switching.csv", index=False)
    found.round(4).to_csv(RESULTS / "switching_summary.csv", index=False)
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
