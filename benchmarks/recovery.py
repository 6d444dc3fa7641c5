"""Recovery: does the model find what it was simulated from?

`python -m benchmarks.recovery [--cohorts 20]` simulates cohorts of the model itself on the trial's patients and sample
times, alternating three and four true classes; fits K - 1 to K + 1 classes, classical and Bayesian; and writes to
`benchmarks/results/recovery.csv` (one row per cohort) and `recovery_coverage.csv` (one row per parameter) how often
95 % intervals cover the truth and which K the parsimony rule picks.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.selection import select_analysis
from bayesctc.criteria.waic import spread
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.generative import simulate
from bayesctc.results.classes import class_order
from bayesctc.results.intervals import parameter_rows

RESULTS = Path(__file__).parent / "results"
PLANNED = np.array([0.0, 0.9, 1.8, 3.7, 5.5, 7.4])  # months
TRUTH = {
    "growth": [[0.9, -1.6, 0.8], [2.8, -4.5, 2.2], [3.8, -2.5, 1.2], [5.6, -0.8, 0.3]],
    "share": [0.55, 0.25, 0.15, 0.05],
    "scale": [55.0, 26.0, 18.0, 11.0],
    "shape": [1.3, 1.4, 1.5, 1.6],
}


def truth(n_classes: int, layout) -> np.ndarray:
    """theta of the true model: the first three classes, or all four."""
    share = np.array(TRUTH["share"][:n_classes]) / sum(TRUTH["share"][:n_classes])
    membership = np.log(share)
    return layout.theta(
        {
            "membership": (membership - membership.mean())[:, None],
            "growth": np.array(TRUTH["growth"][:n_classes]),
            "sigma": 0.6,
            "random_effect_sd": np.array([0.5, 0.3]),
            "random_effect_corr": np.array([[1.0, -0.3], [-0.3, 1.0]]),
            "scale": np.array(TRUTH["scale"][:n_classes]),
            "shape": np.array(TRUTH["shape"][:n_classes]),
        }
    )


def draw_tables(design, theta, patients, rng):
    """Samples and patients of the model itself, counts before rounding: what a Gaussian density is a density of."""
    jitter = rng.normal(0.0, 0.1, size=(len(patients), len(PLANNED)))
    times = np.sort(np.maximum(PLANNED + jitter, 0.0), axis=1)
    schedule = pd.DataFrame(
        {"patient_id": np.repeat(patients.index, len(PLANNED)), "time": times.ravel(), "volume_ml": 7.5}
    )
    samples, people = simulate(design, theta, patients, schedule, rng, follow_up=rng.uniform(20, 55, len(patients)))
    return samples.assign(ctc=samples["exact_ctc"]), people


def coverage(fit, theta, layout, cohort) -> pd.DataFrame:
    """Whether each parameter's interval covers its true value."""
    natural = layout.natural(theta)
    table = fit.summary()
    table["truth"] = [natural[row.parameter][row.position] for row in parameter_rows(layout).itertuples()]
    table["covered"] = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    return table.assign(cohort=cohort)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--patients", type=int, default=400)
    arguments = parser.parse_args()
    trial = bc.load_trial().include(min_samples=3)
    patients = trial.patients.iloc[: arguments.patients]
    rows, tables = [], []
    for cohort in range(arguments.cohorts):
        began = time.perf_counter()
        K = 3 + cohort % 2
        design = Design.settle(
            trial,
            bc.ModelSpec(
                n_classes=K, family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"
            ),
        )
        theta = truth(K, design.layout)
        theta = theta[class_order(theta, design.layout)]
        drawn = draw_tables(design, theta, patients, np.random.default_rng(1000 + cohort))
        analysis = Analysis(trial, design, design.pack_tables(*drawn))
        settings = bc.Settings(
            draws=500, tune=400, chains=2, n_starts=8, random_seed=cohort, max_refits=2, progress=False
        )
        chosen = select_analysis(analysis, [K - 1, K, K + 1], settings, ParsimonyRule(), every_k=True)
        true, below = (chosen.loo[k].pointwise["elpd"].to_numpy() for k in (K, K - 1))
        gain = true - below
        rows.append(
            {
                "cohort": cohort,
                "true_k": K,
                "recommended": chosen.recommended,
                "elpd_gain": gain.sum(),
                "elpd_gain_se": spread(gain),
                "loo": chosen.table["elpd_loo"].idxmax(),
                "waic": chosen.table["elpd_waic"].idxmax(),
                "aic": chosen.table["aic"].idxmin(),
                "bic": chosen.table["bic"].idxmin(),
                "sabic": chosen.table["sabic"].idxmin(),
                "icl": chosen.table["icl"].idxmin(),
                "max_rhat": chosen.bayes[K].diagnostics.max_rhat,
                "seconds": time.perf_counter() - began,
            }
        )
        tables.append(coverage(chosen.bayes[K], theta, design.layout, cohort))
        print(
            {k: v if isinstance(v, int | np.integer) else round(float(v), 2) for k, v in rows[-1].items()},
            f"covered {tables[-1]['covered'].mean():.2f}",
            flush=True,
        )
        report(pd.DataFrame(rows), pd.concat(tables, ignore_index=True))


def report(table: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Print and write the figures."""
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / "recovery.csv", index=False, float_format="%.4g")
    by_parameter = pairs.groupby(["parameter", "latent_class", "term"])["covered"].agg(["mean", "size"]).reset_index()
    by_parameter.to_csv(RESULTS / "recovery_coverage.csv", index=False, float_format="%.4g")
    clear = table[table["elpd_gain"] > 3 * table["elpd_gain_se"]]
    print(f"95 % intervals cover in {100 * pairs['covered'].mean():.1f} % of {len(pairs)} (parameter, cohort) pairs")
    for name, part in (("all", table), ("K beats K - 1 by 3 standard errors", clear)):
        criteria = ("recommended", "loo", "waic", "aic", "bic", "sabic", "icl")
        hits = {c: int((part[c] == part["true_k"]).sum()) for c in criteria}
        print(f"true K found, {name} ({len(part)} cohorts): {hits}")


if __name__ == "__main__":
    main()
