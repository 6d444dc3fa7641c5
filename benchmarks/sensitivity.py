"""A sensitivity analysis of the trial: how long the default plan takes, and what comes of runs that are killed.

`python -m benchmarks.sensitivity [plan] [kills]`. `plan` runs the default plan on patients with 3 or more samples
(four classes, gaussian) one after another and writes the table, the picture and the seconds to `benchmarks/results/`.
`kills` starts a short plan ten times in a process of its own, kills it at a random moment with SIGKILL, finishes it by
running it again, and compares the table with that of a run that was left alone.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from benchmarks.recovery import RESULTS

KILLS = 10
SHORT = {"draws": 100, "tune": 100, "chains": 2, "n_starts": 4, "max_refits": 0, "random_seed": 1, "progress": False}
SPEC = bc.ModelSpec(n_classes=2, random_effects="intercept", family="gaussian", common_shape=False, growth="quadratic")
ROWS = [
    {"option": "prior_power", "value": 0.8},
    {"option": "n_classes", "value": 3},
    {"option": "hazard", "value": "piecewise"},
    {"option": "common_shape", "value": True},
    {"option": "growth", "value": "linear"},
    {"option": "dropout_delta", "value": 1.0},
]


def plan() -> None:
    """The default plan."""
    cohort, spec = (
        bc.load_trial().include(min_samples=3),
        bc.ModelSpec(n_classes=4, family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
    )
    variations = bc.default_plan(cohort, spec)
    began, cpu = time.perf_counter(), time.process_time()
    result = bc.run_sensitivity(cohort, spec, variations, random_seed=1, progress=False)
    seconds = {
        "variations": len(variations),
        "wall_seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - cpu, 1),
    }
    print(result, seconds, sep="\n")
    result.table.drop(columns="warnings").to_csv(RESULTS / "sensitivity.csv", index=False, float_format="%.4g")
    result.summary.to_csv(RESULTS / "sensitivity_summary.csv", index=False)
    (RESULTS / "sensitivity.json").write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")
    bc.plot_sensitivity(result).figure.savefig(RESULTS / "sensitivity.png")


def short(folder: str):
    """The short plan."""
    cohort = bc.load_trial().include(min_samples=5)
    return bc.run_sensitivity(cohort, SPEC, bc.SensitivityPlan(ROWS), folder=folder, **SHORT)


def kills() -> None:
    """Ten runs that are killed and run again."""
    rng, same, there = np.random.default_rng(1), 0, []
    with tempfile.TemporaryDirectory() as place:
        alone = short(f"{place}/alone").table
        for k in range(KILLS):
            folder = f"{place}/{k}"
            code = f"from benchmarks.sensitivity import short; short({folder!r})"
            process = subprocess.Popen([sys.executable, "-c", code])
            n = int(rng.integers(0, len(ROWS)))  # results that are there at the least
            while process.poll() is None and len(list(Path(folder).glob("*.json"))) < n:
                time.sleep(0.01)
            time.sleep(float(rng.uniform(0.0, 1.0)))
            process.send_signal(signal.SIGKILL)
            process.wait()
            there.append(len(list(Path(folder).glob("*.json"))))
            again = short(folder).table
            pd.testing.assert_frame_equal(again, alone)
            same += 1
            print(f"kill {k + 1}: {there[-1]} results were there, the table is the same", flush=True)
    found = {"kills": KILLS, "same_table": same, "results_there_when_killed": there}
    (RESULTS / "sensitivity_kills.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["plan", "kills"], default=["plan", "kills"])
    for part in parser.parse_args().parts:
        {"plan": plan, "kills": kills}[part]()


if __name__ == "__main__":
    main()
