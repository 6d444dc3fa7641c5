"""What is lost when progression is dated to the scan that showed it?

`python -m benchmarks.scans [--seeds 40]` draws synthetic trials (seeds 1 to 40) in which progression is looked for
every 9 weeks, scans come early or late and some are missed, and fits the default model with four classes to
progression-free survival three times: to the intervals between scans, to the dates of the scans as if they were event
times, and to the true times of the same patients, which nobody would know. It adds a row for each trial and reading to
`benchmarks/results/scans.csv` (rows that are there are not run again) and prints, and draws, the errors:

- `median`: median progression-free survival of the trial's patients under the fit (months), less that of a trial of
  100,000 patients (by Kaplan-Meier, true times);
- `lo`, `mid`, `hi`: log hazard ratios against neg less those of a Weibull regression on the true classes of these
  100,000 patients. What all three readings miss alike is what classes from the counts miss.

A death is an event of its day in all of them.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.optimize import brentq

import bayesctc as bc
from bayesctc.data.trial.parameters import CLASSES, PatientParameters
from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.results.atomic import write_whole

RESULTS = Path(__file__).parent / "results"
SPEC = bc.ModelSpec(n_classes=4, endpoint="pfs")
READINGS = ("intervals", "scan dates", "true times")
MEASURES = ("median", "lo", "mid", "hi")
LARGE = 100_000


def cohorts(seed: int) -> dict[str, bc.Cohort]:
    """One trial in three readings; what is sampled is the same, as it was with scans."""
    scans = bc.TrialParameters(scans=bc.ScanParameters())
    samples, patients = bc.generate_trial(seed, scans)
    _, known = bc.generate_trial(seed)
    dated = patients.drop(columns=["pfs_left", "pfs_right"])
    true = dated.assign(pfs_time=known["pfs_time"], pfs_event=known["pfs_event"])
    # an endpoint that ends before the samples do is no fault of this comparison: all three keep the same samples
    options = {"samples_after_endpoint": "keep"}
    tables = zip(READINGS, (patients, dated, true), strict=True)
    return {name: bc.Cohort(samples, table, **options) for name, table in tables}


def target() -> dict[str, float]:
    """What the readings aim at, from one large trial whose classes and times are known."""
    parameters = bc.TrialParameters(patients=replace(PatientParameters(), n_treated=LARGE))
    _, patients = bc.generate_trial(0, parameters)
    classes = pd.Categorical(patients["true_class"], categories=CLASSES)
    dummies = pd.get_dummies(classes, dtype=float).drop(columns="neg")
    found = bc.weibull_regression(patients["pfs_time"], patients["pfs_event"], dummies).table["log_hazard_ratio"]
    time, event = patients["pfs_time"].to_numpy(), patients["pfs_event"].to_numpy()
    order = np.argsort(time)
    at_risk = np.arange(LARGE, 0, -1)
    survival = np.cumprod(1.0 - event[order] / at_risk)
    median = time[order][np.argmax(survival <= 0.5)]
    return {"median": float(median), **{name: float(found[name]) for name in MEASURES[1:]}}


def measured(fit) -> dict[str, float]:
    """Median of all patients under a fit, and log hazard ratios by class in the order of classes' levels."""
    theta, sizes = fit.theta, fit.design.sizes
    share = np.exp(theta[:, 0] - theta[:, 0].max())
    share /= share.sum()

    def survival(t):
        return float(share @ np.exp(-cumulative_hazard(theta, sizes, [t])[:, 0, 0])) - 0.5

    shape = float(fit.parameters["shape"])
    scale = np.log(fit.parameters["scale"].to_numpy())
    ratios = shape * (scale[0] - scale[1:])
    return {"median": brentq(survival, 0.01, 200.0), **dict(zip(MEASURES[1:], ratios, strict=True))}


def run(seeds: int) -> pd.DataFrame:
    """Rows of all trials, those that are on disk included."""
    path = RESULTS / "scans.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["seed"], row["reading"]) for row in rows}
    for seed in range(1, seeds + 1):
        for reading, cohort in cohorts(seed).items():
            if (seed, reading) in done:
                continue
            fit = bc.fit_ml(cohort, SPEC, n_starts=10, random_seed=seed, progress=False)
            between = int(cohort.endpoint("pfs").between.sum())
            facts = {"seed": seed, "reading": reading, "between": between, "converged": fit.converged}
            rows.append(facts | measured(fit))
            write_whole(path, pd.DataFrame(rows).to_csv(index=False).encode(), "results")
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def report(rows: pd.DataFrame) -> None:
    """Errors by reading: mean, its standard error, and root mean square; and the picture."""
    aim = target()
    print("aimed at:", {name: round(value, 3) for name, value in aim.items()})
    usable = rows.groupby("seed")["converged"].transform("all")
    errors = rows[usable].set_index(["reading", "seed"])[list(MEASURES)] - pd.Series(aim)
    n = int(usable.sum()) // len(READINGS)
    tables = {}
    for name in MEASURES:
        by = errors[name].groupby(level="reading", sort=False)
        tables[name] = by.agg(bias="mean", se=lambda x: x.std() / np.sqrt(len(x)), rms=lambda x: np.sqrt(np.mean(x**2)))
    table = pd.concat(tables, axis=1)
    print(f"{n} trials\n{table.round(3).to_string()}")
    write_whole(RESULTS / "scans_summary.csv", table.round(4).to_csv().encode(), "results")
    figure, axes = plt.subplots(1, 4, figsize=(7.2, 2.6), layout="constrained")
    for axis, name in zip(axes, MEASURES, strict=True):
        axis.axhline(0.0, color="0.6", linewidth=0.8)
        for k, reading in enumerate(READINGS):
            each = errors.loc[reading, name].to_numpy()
            axis.plot(k + np.linspace(-0.15, 0.15, len(each)), each, ".", color="0.7", markersize=3)
            half = 1.96 * each.std(ddof=1) / np.sqrt(len(each))
            axis.errorbar(k, each.mean(), half, fmt="o", color="black", markersize=4, capsize=3)
        axis.set_xticks(range(3), ["intervals", "scan\ndates", "true\ntimes"], fontsize=7)
        axis.tick_params(axis="y", labelsize=7)
        axis.set_title("median (months)" if name == "median" else f"log HR, {name} to neg", fontsize=8)
    axes[0].set_ylabel("estimate less truth", fontsize=8)
    figure.suptitle(f"{n} trials: each (grey), mean with 95 % interval (black)", fontsize=8)
    figure.savefig(RESULTS / "scans.png", dpi=200)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    report(run(parser.parse_args().seeds))
