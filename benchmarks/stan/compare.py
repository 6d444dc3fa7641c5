"""Checks Stan's density against the package's and prints the samplers side by side.

Run with `python -m benchmarks.stan.compare` after `make_data`, `run_stan` and, if wanted, `benchmarks.plain_pymc`.
Every sampler with a saved run is a row. Writes `benchmarks/results/samplers.csv` and one JSON file for each sampler.
"""

import json

import numpy as np
import pandas as pd
from scipy import stats

from bayesctc.model.design import Design
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.spec import ModelSpec
from benchmarks.stan.make_data import benchmark_cohort, prior_numbers
from benchmarks.stan.measure import FOLDER, RESULTS, measured

TOLERANCE = 1e-6
COLUMNS = {
    "compile_seconds": "compile s",
    "sampling_seconds": "sampling s",
    "tune": "tune",
    "draws": "draws",
    "gradients_a_draw": "gradients a draw",
    "ess_bulk_min": "ESS min",
    "ess_bulk_median": "ESS median",
    "ess_bulk_min_per_second": "ESS min / s",
    "ess_bulk_median_per_second": "ESS median / s",
    "rhat_max": "R-hat max",
    "divergences": "divergences",
}


def natural_parameters(point: dict) -> dict[str, np.ndarray]:
    """Parameters of joint.stan by the package's names and shapes, on the scale of the fit."""
    corr = point["random_effect_corr"]
    return {
        "membership": np.array(point["membership"])[:, None],
        "growth": np.array(point["growth"]).T,
        "sigma": np.array(point["sigma"]),
        "random_effect_sd": np.array(point["random_effect_sd"]),
        "random_effect_corr": np.array([[1.0, corr], [corr, 1.0]]),
        "scale": np.exp(point["log_scale"]),
        "shape": np.exp(point["log_shape"]),
    }


def log_prior(point: dict, priors, follow_up) -> float:
    """Log prior density on the scale of joint.stan's parameters, up to a constant."""
    sds = np.array([priors.level_sd, priors.curve_sd, priors.curve_sd])[:, None]
    means = np.array([priors.level_mean, 0.0, 0.0])[:, None]
    log_scale = priors.log_scale_mean + follow_up.log_scale[0]
    return float(
        stats.norm.logpdf(point["membership"], 0.0, priors.membership_sd).sum()
        + stats.norm.logpdf(np.array(point["growth"]), means, sds).sum()
        + stats.halfnorm.logpdf(point["sigma"], scale=priors.sigma_sd)
        + stats.halfnorm.logpdf(point["random_effect_sd"], scale=priors.random_effect_sd).sum()
        + (priors.correlation_eta - 1.0) * np.log1p(-(point["random_effect_corr"] ** 2))
        + stats.norm.logpdf(point["log_scale"], log_scale, priors.log_scale_sd).sum()
        + stats.norm.logpdf(point["log_shape"], 0.0, priors.log_shape_sd).sum()
    )


def density_discrepancy(content: dict, stan_log_densities) -> float:
    """Range over points of Stan's log density minus the package's: 0 if they are one density up to a constant."""
    cohort, spec = (
        benchmark_cohort(content["trial"]),
        ModelSpec(family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
    )
    design = Design.settle(cohort, spec)
    priors, evaluator = prior_numbers(spec.priors, design.follow_up), Evaluator(design.pack(cohort), design.sizes, 4)
    if priors != {name: content["stan"][name] for name in priors}:
        raise SystemExit("the package's default priors have changed: run make_data and the samplers again")
    ours = [
        evaluator.patients(design.layout.theta_of_own(natural_parameters(point))).sum()
        + log_prior(point, spec.priors, design.follow_up)
        for point in content["check_points"]
    ]
    return float(np.ptp(np.array(stan_log_densities) - np.array(ours)))


def main() -> None:
    """Check, print and write."""
    content = json.loads((FOLDER / "data.json").read_text())
    rows = {path.stem: measured(path.stem) for path in sorted(FOLDER.glob("*.npz"))}
    for name, row in rows.items():
        if row["trial"] != content["trial"]:
            print(f"note: {name} was run on other data (trial: {row['trial']}); run it again")
    if "stan" in rows and rows["stan"]["trial"] == content["trial"]:
        discrepancy = density_discrepancy(content, rows["stan"]["log_densities"])
        n = len(content["check_points"])
        print(f"log density, Stan minus bayesctc: constant to {discrepancy:.1e} over {n} points")
        if discrepancy > TOLERANCE:
            raise SystemExit("Stan and bayesctc do not have the same posterior")
    table = pd.DataFrame(rows).T.reindex(columns=list(COLUMNS)).rename(columns=COLUMNS)
    table.index.name = "sampler"
    table.to_csv(RESULTS / "samplers.csv", float_format="%.4g")
    print(table.to_string(float_format=lambda value: f"{value:.4g}"))


if __name__ == "__main__":
    main()
