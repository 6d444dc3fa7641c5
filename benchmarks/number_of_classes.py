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
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from benchmarks.class_recovery import STARTS, add, errors
from benchmarks.recovery_cohorts import draw_cohort, true_classes

RESULTS = Path(__file__).parent / "results"
KS = range(3, 6)


def row(seed: int) -> dict:
    """One trial."""
    cohort = draw_cohort("trial", "wide", seed)
    true, began = true_classes(cohort), time.perf_counter()
    found = bc.select_n_classes(cohort, bc.ModelSpec(), KS, draws=300, n_starts=STARTS, max_refits=0, progress=False)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    path = RESULTS / "number_of_classes.csv"
    add(path, ["seed"], [(seed,) for seed in range(1, parser.parse_args().seeds + 1)], row)
    table = pd.read_csv(path)
    for name in ("rule_loo", "loo", "waic", "icl", "bic", "aic"):
        print(name, table[name].value_counts().sort_index().to_dict())
    print(table.select_dtypes(np.number).agg(["mean", "min"]).round(3).T.to_string())


if __name__ == "__main__":
    main()
