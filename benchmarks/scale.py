"""Memory and seconds from 1,000 to 100,000 patients, under the default specification with four classes.

`python -m benchmarks.scale [--patients 1000 10000 100000] [--parts data gradient ml nuts use]` measures each part in a
process of its own, so that its peak of memory is its own, prints it and adds it to `benchmarks/results/scale.csv`. What
is there already is not measured again: delete a row to have it anew. Seconds are of the processor, in all threads,
since the machine may be shared; NUTS is 2 chains of 50 + 50 draws, of which only the seconds a gradient mean anything.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.data.trial.parameters import TrialParameters
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.nuts import sample_mode
from bayesctc.inference.settings import Settings
from bayesctc.model.analysis import Analysis

OUT = Path(__file__).parent / "results" / "scale.csv"
SPEC = bc.ModelSpec(n_classes=4)
KEPT = 0.599  # share of treated patients with three samples or more, to have as many as asked for
FEW = Settings(n_starts=1, draws=50, tune=50, chains=2, random_seed=1, progress=False)


def cohort_of(n: int) -> bc.Cohort:
    """n patients of the trial's generator with three samples or more."""
    parameters = TrialParameters()
    treated = replace(parameters.patients, n_treated=int(n / KEPT * 1.02) + 50)
    cohort = bc.Cohort(*bc.generate_trial(n, replace(parameters, patients=treated))).include(min_samples=3)
    return cohort.select(cohort.patients.index[:n])


class Clock:
    """Processor seconds since it was last asked."""

    def __init__(self):
        self.began = time.process_time()

    def seconds(self) -> float:
        """Since the last time."""
        before, self.began = self.began, time.process_time()
        return self.began - before


def data(n: int) -> dict[str, float]:
    """Reading both CSV files, settling the specification and packing the patients."""
    cohort = cohort_of(n)
    with tempfile.TemporaryDirectory() as folder:
        samples, patients = Path(folder, "samples.csv"), Path(folder, "patients.csv")
        cohort.samples.to_csv(samples, index=False)
        cohort.patients.reset_index().to_csv(patients, index=False)
        clock = Clock()
        read = bc.read_cohort(samples, patients)
        seconds = {"read": clock.seconds()}
    analysis = Analysis.settle(read, SPEC)
    seconds["settle_and_pack"] = clock.seconds()
    packed = analysis.packed
    megabytes = (packed.all_terms.nbytes + packed.samples.nbytes + packed.follow_up.nbytes) / 1e6
    return seconds | {"packed_megabytes": megabytes}


def gradient(n: int) -> dict[str, float]:
    """One gradient with the nodes where they are, and one with nodes that follow."""
    analysis = Analysis.settle(cohort_of(n), SPEC)
    theta = _somewhere(analysis)
    evaluator, calls = analysis.evaluator(), max(3, 30_000 // n)
    evaluator.centre(theta)
    evaluator.own_total(theta)
    clock = Clock()
    for _ in range(calls):
        evaluator.own_total(theta)
    still = clock.seconds() / calls
    for _ in range(calls):
        evaluator.follow(theta)
        evaluator.own_total(theta)
    return {"gradient": still, "gradient_with_moving_nodes": clock.seconds() / calls}


def _somewhere(analysis):
    """theta of a fit to 500 of the patients."""
    few = analysis.take(np.arange(0, analysis.n_patients, max(analysis.n_patients // 500, 1)))
    return fit_analysis(few, FEW).theta


def ml(n: int) -> dict[str, float]:
    """Maximum likelihood from one start, everything included."""
    analysis = Analysis.settle(cohort_of(n), SPEC)
    clock = Clock()
    fit = fit_analysis(analysis, FEW)
    return {"start": clock.seconds(), "converged": float(fit.converged), "log_likelihood": fit.log_likelihood}


def nuts(n: int) -> dict[str, float]:
    """A short run of NUTS from a start near the mode."""
    analysis = Analysis.settle(cohort_of(n), SPEC)
    ml_fit = fit_analysis(analysis, FEW)
    clock = Clock()
    fit = sample_mode(ml_fit, ml_fit.theta, FEW)
    seconds = clock.seconds()
    steps = float(fit.idata["sample_stats"].dataset["n_steps"].mean())
    return {"nuts_50_and_50": seconds, "steps_a_draw": steps}


def use(n: int) -> dict[str, float]:
    """What users ask of a fit by maximum likelihood."""
    analysis = Analysis.settle(cohort_of(n), SPEC)
    fit = fit_analysis(analysis, FEW)
    clock, seconds = Clock(), dict[str, float]()
    for name, ask in (
        ("class_probabilities", lambda: fit.class_probabilities),
        ("class_trajectories", lambda: bc.class_trajectories(fit)),
        ("class_survival", lambda: bc.class_survival(fit)),
        ("hazard_ratios", lambda: bc.hazard_ratios(fit)),
        ("warnings", lambda: fit.warnings),
    ):
        ask()
        seconds[name] = clock.seconds()
    with tempfile.TemporaryDirectory() as folder:
        bc.write_report(fit, Path(folder, "report.html"))
        seconds |= {"report": clock.seconds(), "report_megabytes": Path(folder, "report.html").stat().st_size / 1e6}
    return seconds


PARTS = {"data": data, "gradient": gradient, "ml": ml, "nuts": nuts, "use": use}


def main() -> None:
    """Measure what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--here", action="store_true", help="measure one part in this process, and print it as JSON")
    told = parser.parse_args()
    if told.here:
        found = PARTS[told.parts[0]](told.patients[0])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(json.dumps(found | {"peak_megabytes": peak}))
        return
    table = pd.read_csv(OUT) if OUT.exists() else pd.DataFrame(columns=["patients", "part", "what", "value"])
    for n in told.patients:
        for part in told.parts:
            if ((table["patients"] == n) & (table["part"] == part)).any():
                continue
            command = [sys.executable, "-m", "benchmarks.scale", "--here", "--patients", str(n), "--parts", part]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found = json.loads(text.splitlines()[-1])
            rows = [(n, part, what, float(f"{value:.4g}")) for what, value in found.items()]
            print(f"{n:>7} {part:<9}" + "  ".join(f"{what} {value:g}" for _, _, what, value in rows), flush=True)
            table = pd.concat([table, pd.DataFrame(rows, columns=table.columns)], ignore_index=True)
            table.to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
