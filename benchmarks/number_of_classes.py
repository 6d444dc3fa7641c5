"""Which number of classes does each criterion choose, and what does the posterior of four classes say?

`python -m benchmarks.number_of_classes [--seeds 20]` takes the trials of `class_recovery.py` (seeds from 1 on, nobody
picked them, three or more samples) and the default, compares K = 3 to 5 by `select_n_classes`, 4 chains of 300 + 300
draws, no exact refits, and adds one row per trial to `benchmarks/results/number_of_classes.csv`; rows that are there
are not run again.

- `rule_loo`: the K of `ParsimonyRule(criterion="loo")`; `loo`, `waic`: the best of the K that may be compared; `icl`,
  `bic`, `aic`: the best of all.
- `left_out`: the K that may not, as their chains have not mixed or a class is too small.
- `ari_joint`, `ari_counts`: adjusted Rand index with the true classes of the modal class under posterior mean
  probabilities, K = 4; `error_lo`, ... and `covers_lo`, ...: posterior mean log hazard ratio against neg less the
  generator's, and whether its 95 % interval covers it.
- `max_rhat` of K = 4; `seconds` of it all; `nuts_seconds` of the sampling of K = 4.

`python -m benchmarks.number_of_classes --beside-long [--seeds 5]` prints what `select_n_classes` with K = 1 to 6 takes
and picks as it is called by default, as a first look (`quick=True`), and with four times the draws: on the embedded
trial, on the generator's trials from seed 1 on, and, K = 1 to 3, on 160 patients of three classes that overlap. Seconds
are of the clock and of the processor.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.inference.settings import COMPARED
from benchmarks.class_recovery import STARTS, add, errors
from benchmarks.recovery_cohorts import draw_cohort, true_classes

RESULTS = Path(__file__).parent / "results"
KS = range(3, 6)


def row(seed: int) -> dict:
    """One trial."""
    cohort = draw_cohort("trial", "wide", seed)
    true, began = true_classes(cohort), time.perf_counter()
    found = bc.select_n_classes(
        cohort, bc.ModelSpec(), KS, draws=300, n_starts=STARTS, max_refits=0, every_k=True, progress=False
    )
    table, four = found.table, found.bayes[4]
    compared = table[table["usable"] & table["above_floor"]]
    chosen = {name: compared[f"elpd_{name}"].idxmax() for name in ("loo", "waic")}
    chosen |= {name: table[name].idxmin() for name in ("icl", "bic", "aic")}
    return {
        "seed": seed,
        "rule_loo": bc.ParsimonyRule(criterion="loo").apply(table)[1],
        **chosen,
        "left_out": " ".join(map(str, table.index[~table["usable"]])),
        "ari_joint": bc.adjusted_rand_index(true, four.class_probabilities.to_numpy().argmax(axis=1)),
        "ari_counts": bc.adjusted_rand_index(true, four.class_probabilities_counts.to_numpy().argmax(axis=1)),
        **errors(four),
        "max_rhat": table.loc[4, "max_rhat"],
        "seconds": time.perf_counter() - began,
        "nuts_seconds": four.idata.attrs["sampling_seconds"],
    }


def beside_long(seeds: int) -> None:
    """What a selection takes and picks, beside a quick one and one four times as long."""
    cohorts = {"trial": bc.load_trial().include(min_samples=3)}
    cohorts |= {f"seed {seed}": draw_cohort("trial", "wide", seed) for seed in range(1, seeds + 1)}
    cohorts["160 patients"] = three_that_overlap()
    long = {"draws": 4 * COMPARED.draws, "tune": 4 * COMPARED.tune}
    for name, cohort in cohorts.items():
        ks = range(1, 4) if name == "160 patients" else range(1, 7)
        for what, options in {"default": {}, "quick": {"quick": True}, "four times": long}.items():
            began, used = time.perf_counter(), time.process_time()
            found = bc.select_n_classes(cohort, bc.ModelSpec(), ks, random_seed=1, progress=False, **options)
            table = found.table
            print(
                f"{name}, {what}: K = {found.recommended}, by LOO {bc.ParsimonyRule(criterion='loo').apply(table)[1]}, "
                f"{time.perf_counter() - began:.0f} s, processor {time.process_time() - used:.0f} s; left out "
                f"{table['reason'][~table['usable']].to_dict()}; refitted {table['n_refitted'].sum():.0f}",
                flush=True,
            )


def three_that_overlap(n: int = 160, seed: int = 101) -> bc.Cohort:
    """The first patients of a trial with heavy tails whose classes lie close together, without the highest class."""
    cohort = draw_cohort("heavy tails", "close", seed)
    return cohort.select(cohort.patients.index[true_classes(cohort) < 3][:n])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--beside-long", action="store_true")
    options = parser.parse_args()
    if options.beside_long:
        beside_long(5 if options.seeds is None else options.seeds)
        return
    path = RESULTS / "number_of_classes.csv"
    add(path, ["seed"], [(seed,) for seed in range(1, (options.seeds or 20) + 1)], row)
    table = pd.read_csv(path)
    for name in ("rule_loo", "loo", "waic", "icl", "bic", "aic"):
        print(name, table[name].value_counts().sort_index().to_dict())
    print(table.select_dtypes(np.number).agg(["mean", "min"]).round(3).T.to_string())


if __name__ == "__main__":
    main()
