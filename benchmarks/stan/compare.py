"""Checks Stan's density against the package's and prints the samplers side by side.

Run with `python -m benchmarks.stan.compare [--model default]` after `make_data`, `run_stan`, `run_bayesctc` and, if
wanted, `benchmarks.plain_pymc`. Every sampler with a saved run is a row. Writes `samplers.csv` (of the default model
`samplers_default.csv`) and one JSON file for each sampler to `benchmarks/results`.
"""

import json

import arviz as az
import numpy as np
import pandas as pd

from bayesctc.model.design import Design
from bayesctc.model.likelihood import Evaluator
from benchmarks.stan.make_data import benchmark_cohort
from benchmarks.stan.measure import measured, results_file, sorted_classes
from benchmarks.stan.models import BY_NAME, log_prior, natural_parameters, prior_numbers
from benchmarks.stan.place import arguments_of, folder

TOLERANCE = 1e-6
COLUMNS = {
    "compile_seconds": "compile s",
    "compile_processor_seconds": "compile CPU s",
    "sampling_seconds": "sampling s",
    "sampling_processor_seconds": "sampling CPU s",
    "tune": "tune",
    "draws": "draws",
    "gradients_a_draw": "gradients a draw",
    "ess_bulk_min": "ESS min",
    "ess_bulk_median": "ESS median",
    "ess_bulk_min_per_second": "ESS min / s",
    "ess_bulk_median_per_second": "ESS median / s",
    "ess_bulk_min_per_processor_second": "ESS min / CPU s",
    "ess_bulk_median_per_processor_second": "ESS median / CPU s",
    "rhat_max": "R-hat max",
    "divergences": "divergences",
}


def density_discrepancy(model: str, content: dict, stan_log_densities) -> float:
    """Range over points of Stan's log density minus the package's: 0 if they are one density up to a constant."""
    cohort, spec = benchmark_cohort(content["trial"]), BY_NAME[model].spec
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


def farthest_means(model: str, one: str, other: str) -> float:
    """The largest difference between two samplers' posterior means, in its Monte Carlo standard errors."""
    posteriors = []
    for name in (one, other):
        with np.load(folder(model) / f"{name}.npz") as draws:
            posteriors.append(az.from_dict({"posterior": sorted_classes(dict(draws))}))
    left, right = (posterior["posterior"].dataset.mean(("chain", "draw")) for posterior in posteriors)
    error = np.sqrt(sum(az.mcse(posterior, method="mean") ** 2 for posterior in posteriors))
    return max(float((abs(left - right) / error)[name].max()) for name in left.data_vars)


def main() -> None:
    """Check, print and write."""
    model = arguments_of(__doc__).parse_args().model
    content = json.loads((folder(model) / "data.json").read_text())
    rows = {path.stem: measured(model, path.stem) for path in sorted(folder(model).glob("*.npz"))}
    for name, row in rows.items():
        if row["trial"] != content["trial"]:
            print(f"note: {name} was run on other data (trial: {row['trial']}); run it again")
    if "stan" in rows and rows["stan"]["trial"] == content["trial"]:
        discrepancy = density_discrepancy(model, content, rows["stan"]["log_densities"])
        n = len(content["check_points"])
        print(f"log density, Stan minus bayesctc: constant to {discrepancy:.1e} over {n} points")
        if discrepancy > TOLERANCE:
            raise SystemExit("Stan and bayesctc do not have the same posterior")
    if {"stan", "bayesctc"} <= set(rows):
        print(f"posterior means apart by at most {farthest_means(model, 'stan', 'bayesctc'):.1f} standard errors")
    table = pd.DataFrame(rows).T.reindex(columns=list(COLUMNS)).rename(columns=COLUMNS)
    table.index.name = "sampler"
    table.to_csv(results_file("samplers", model, "csv"), float_format="%.4g")
    print(table.to_string(float_format=lambda value: f"{value:.4g}"))


if __name__ == "__main__":
    main()
