"""Three ways to carry trajectory classes into survival: what each does to the hazard ratios.

`python -m benchmarks.three_ways [--cohorts 400] [--separation well badly]` simulates cohorts of 400 patients from the
joint model with three classes and one Weibull shape, and estimates the two log hazard ratios by the modal class as if
known, by BCH and by the joint model (maximum likelihood; delta-method intervals). It writes bias and coverage of the
95 % intervals to `benchmarks/results/three_ways_<separation>.csv` and draws them in `three_ways.png`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.errors import BayesctcError, FitError
from bayesctc.inference.ml import fit_analysis
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.time_to_event.three_step import bch_weibull
from benchmarks.recovery import RESULTS, draw_tables

GROWTH = {
    "well": [[0.7, -1.2, 0.5], [2.8, -3.0, 1.4], [4.8, -1.0, 0.4]],
    "badly": [[1.2, -1.2, 0.5], [2.0, -1.6, 0.7], [2.9, -1.0, 0.4]],
}
SHARE, SCALE, SHAPE = np.array([0.5, 0.3, 0.2]), np.array([55.0, 26.0, 14.0]), 1.4
LOG_HR = SHAPE * np.log(SCALE[0] / SCALE[1:])
PATIENTS, STARTS, Z = 400, 6, 1.959964


def truth(layout, separation):
    """theta of the true model."""
    membership = np.log(SHARE)
    return layout.theta(
        {
            "membership": (membership - membership.mean())[:, None],
            "growth": np.array(GROWTH[separation]),
            "sigma": 0.6,
            "random_effect_sd": np.array([0.5, 0.3]),
            "random_effect_corr": np.array([[1.0, -0.3], [-0.3, 1.0]]),
            "scale": SCALE,
            "shape": SHAPE,
        }
    )


def joint_log_ratios(ml):
    """Log hazard ratios against the first class, and their standard errors by the delta method."""
    layout = ml.design.layout

    def ratios(free):
        theta = layout.to_theta(free)
        scale = theta[:, layout.places["scale"]][:, 0]
        return np.exp(theta[0, layout.places["shape"]][0]) * (scale[0] - scale[1:])

    free, step = layout.to_free(ml.theta), 1e-6
    jacobian = np.array([(ratios(free + e) - ratios(free - e)) / (2 * step) for e in step * np.eye(len(free))]).T
    return ratios(free), np.sqrt(np.diagonal(jacobian @ ml.covariance @ jacobian.T))


def one_cohort(trial, designs, theta, patients, seed):
    """Rows (method, class, estimate, se) of one cohort; a method without an estimate gives missing ones."""
    joint_design, growth_design = designs
    samples, people = draw_tables(joint_design, theta, patients, np.random.default_rng(seed))
    settings = bc.Settings(n_starts=STARTS, random_seed=seed, progress=False)
    nothing = people.assign(_time=0.0, _event=0.0, _entry=0.0)
    try:
        growth = fit_analysis(Analysis(trial, growth_design, growth_design.pack_tables(samples, nothing)), settings)
    except FitError:  # no interior mode with three classes: no classes to carry into survival
        growth = None
    follow = (people["_time"].to_numpy(), people["_event"].to_numpy())

    def attempt(estimate):
        try:
            return estimate()
        except BayesctcError:  # counted as not estimated
            return np.full(2, np.nan), np.full(2, np.nan)

    def classes_of(fit):
        return fit.table["log_hazard_ratio"].to_numpy()[:2], fit.table["standard_error"].to_numpy()[:2]

    def joint():
        packed = joint_design.pack_tables(samples, people)
        return joint_log_ratios(fit_analysis(Analysis(trial, joint_design, packed), settings))

    def modal_class():
        codes = growth.class_probabilities_counts.to_numpy().argmax(axis=1)
        return bc.weibull_regression(*follow, pd.DataFrame({str(k): (codes == k).astype(float) for k in (1, 2)}))

    def bch():
        p = growth.class_probabilities_counts
        return bch_weibull(*follow, p, pd.DataFrame(index=p.index))

    none = np.full(2, np.nan), np.full(2, np.nan)
    found = {
        "modal class": attempt(lambda: classes_of(modal_class())) if growth else none,
        "three-step BCH": attempt(lambda: classes_of(bch())) if growth else none,
        "joint": attempt(joint),
    }
    return [
        {
            "cohort": seed,
            "method": method,
            "latent_class": f"class {k + 2}",
            "truth": LOG_HR[k],
            "estimate": values[k],
            "se": errors[k],
            "entropy": growth.entropy if growth else np.nan,
        }
        for method, (values, errors) in found.items()
        for k in range(2)
    ]


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Bias, spread and coverage by method and class; cohorts without an estimate are counted."""
    rows = rows.assign(
        error=rows["estimate"] - rows["truth"],
        covered=((rows["estimate"] - rows["truth"]).abs() <= Z * rows["se"]).where(rows["se"].notna()),
    )
    groups = rows.groupby(["method", "latent_class"], sort=False)
    return pd.DataFrame(
        {
            "true_log_hr": groups["truth"].first(),
            "bias": groups["error"].mean(),
            "bias_se": groups["error"].sem(),
            "sd": groups["estimate"].std(),
            "mean_se": groups["se"].mean(),
            "coverage": groups["covered"].apply(lambda c: c.dropna().astype(float).mean()),
            "n_cohorts": groups["covered"].count(),
            "not_estimated": groups["se"].apply(lambda s: int(s.isna().sum())),
            "mean_entropy": groups["entropy"].mean(),
        }
    )


def picture(folder: Path) -> None:
    """Bias of each way with its Monte Carlo interval, and coverage, from the tables that are there."""
    import matplotlib.pyplot as plt

    found = [name for name in GROWTH if (folder / f"three_ways_{name}.csv").exists()]
    figure, axes = plt.subplots(
        len(found), 1, figsize=(3.5, 2.0 * len(found)), dpi=200, layout="constrained", sharex=True, squeeze=False
    )
    for ax, name in zip(axes[:, 0], found, strict=True):
        table = pd.read_csv(folder / f"three_ways_{name}.csv")
        labels = [f"{row.method}, {row.latent_class}" for row in table.itertuples()]
        ax.axvline(0.0, color="#666666", linewidth=0.6)
        ax.errorbar(table["bias"], range(len(table)), xerr=Z * table["bias_se"], fmt="o", color="#0072B2", markersize=3)
        for y, row in enumerate(table.itertuples()):
            ax.annotate(
                f"{100 * row.coverage:.0f} %", (1.01, y), xycoords=("axes fraction", "data"), fontsize=6, va="center"
            )
        ax.set_yticks(range(len(table)), labels, fontsize=6)
        ax.tick_params(axis="x", labelsize=6)
        ax.invert_yaxis()
        ax.annotate("cover", (1.01, 1.02), xycoords="axes fraction", fontsize=6)
        title = f"{name} separated (entropy {table['mean_entropy'].mean():.2f}), {table['n_cohorts'].max()} cohorts"
        ax.set_title(title, fontsize=6.5, loc="left")
    axes[-1, 0].set_xlabel("Bias of the log hazard ratio (95 % Monte Carlo interval)", fontsize=7)
    figure.savefig(folder / "three_ways.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=400)
    parser.add_argument("--separation", nargs="+", choices=list(GROWTH), default=list(GROWTH))
    arguments = parser.parse_args()
    trial = bc.load_trial().include(min_samples=3)
    patients = trial.patients.iloc[:PATIENTS]
    spec = bc.ModelSpec(n_classes=3, common_shape=True, family="gaussian", random_effects="slope", growth="quadratic")
    designs = Design.settle(trial, spec), Design.settle(trial, spec.with_(endpoint=None))
    for separation in arguments.separation:
        began, rows = time.perf_counter(), []
        theta = truth(designs[0].layout, separation)
        for seed in range(arguments.cohorts):
            rows += one_cohort(trial, designs, theta, patients, seed)
            if seed % 50 == 49:
                print(f"{separation}: {seed + 1} cohorts, {time.perf_counter() - began:.0f} s", flush=True)
        table = summary(pd.DataFrame(rows))
        table.to_csv(RESULTS / f"three_ways_{separation}.csv", float_format="%.4g")
        print(separation, table.round(3).to_string(), sep="\n")
    picture(RESULTS)


if __name__ == "__main__":
    main()
