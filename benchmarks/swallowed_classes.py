"""Why the better likelihood classifies worse: what a random intercept does to classes whose levels overlap.

`python -m benchmarks.swallowed_classes` draws 5 cohorts (seeds 201 to 205) from each of five mechanisms, the trial's
and four that take away, one after the other, what a model with a random intercept cannot hold: spread that differs by
class, and falls that differ between patients of a class. In the last but one nothing is left that it cannot hold but
the exact form of the curve; in the last, patients of a class differ in nothing. Four classes are fitted by maximum
likelihood (10 starts, Poisson log-normal, a spline with early knots) without random effects and with an intercept, and
`benchmarks/results/swallowed_classes.csv` gets a row for each: adjusted Rand index with the true classes, BIC, the
standard deviation of the random intercept. Rows that are there are not run again.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from benchmarks.class_recovery import EARLY, add, adjusted_rand_index
from benchmarks.recovery_cohorts import FLAT, MECHANISMS, redrawn, true_classes

PATH = Path(__file__).parent / "results" / "swallowed_classes.csv"
TRIAL = MECHANISMS["trial"]
EQUAL = {"spread": (0.7,) * 4, "plateau_sd": (0.6,) * 4, "drop_sd": (0.75,) * 4}
VARIANTS = {
    "as the trial": TRIAL,
    "equal spread": replace(TRIAL, **EQUAL),
    "equal falls": replace(TRIAL, drop_sd=FLAT),
    "equal spread and falls": replace(TRIAL, **EQUAL | {"drop_sd": FLAT}),
    "patients of a class alike": replace(TRIAL, drop_sd=FLAT, plateau_sd=FLAT),
}
KEYS = ["mechanism", "seed", "random_effects"]


def row(mechanism: str, seed: int, random_effects: str) -> dict:
    """One cohort under one specification."""
    cohort = redrawn(VARIANTS[mechanism], seed, 100 + list(VARIANTS).index(mechanism))
    spec = bc.ModelSpec(n_classes=4, random_effects=random_effects, **EARLY)
    fit = bc.fit_ml(cohort, spec, n_starts=10, progress=False)
    modal = fit.class_probabilities.to_numpy().argmax(axis=1)
    sd = float(np.ravel(fit.parameters["random_effect_sd"])[0]) if random_effects == "intercept" else np.nan
    return {
        "mechanism": mechanism,
        "seed": seed,
        "random_effects": random_effects,
        "bic": fit.bic,
        "sd": sd,
        "ari": adjusted_rand_index(true_classes(cohort), modal),
    }


def main() -> None:
    jobs = [(m, seed, effects) for m in VARIANTS for seed in range(201, 206) for effects in ("none", "intercept")]
    add(PATH, KEYS, jobs, row)
    table = pd.read_csv(PATH)
    print(table.groupby(["mechanism", "random_effects"], sort=False)[["ari", "bic", "sd"]].mean().round(3).to_string())


if __name__ == "__main__":
    main()
