"""Which specification finds the classes that made the data?

`python -m benchmarks.class_recovery [--mechanisms trial ...] [--candidates ...]` draws cohorts in four known classes
(`recovery_cohorts.py`: 20 synthetic trials of seeds 1 to 20, and 10 cohorts from each of four further mechanisms at two
separations), fits every candidate by maximum likelihood (10 starts) and adds to `benchmarks/results/class_recovery.csv`
a row for each cohort and candidate; rows that are there are not run again.

- `ari_joint`, `ari_counts`: adjusted Rand index (Hubert and Arabie, J Classif 1985;2:193) of the modal classes with the
  true ones, K = 4 given, by P(g | y, T) and by P(g | y); beside it the oracle's, which knows all parameters.
- `bic`, `icl`: the K of 2 to 6 that each picks (columns `k_bic`, `k_icl`), where `--k` is given.
- `lo`, `mid`, `hi`: log hazard ratio against neg less the generator's, and whether its 95 % interval covers it.
- `seconds` of the fit of K = 4.

Candidates "classes known" are Weibull regressions on the true classes of the same patients: what a method could say of
the hazard ratios if it classified without error. With three or more samples asked for, that is not the generator's.

`python -m benchmarks.class_recovery --report` writes `class_recovery_summary.csv` and `class_recovery.png`.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.errors import FitError
from bayesctc.plots import style
from bayesctc.results.atomic import write_whole
from bayesctc.time_to_event.weibull import weibull_regression
from benchmarks.recovery_cohorts import MECHANISMS, TRIAL, draw_cohort, oracle, settings, true_classes

RESULTS = Path(__file__).parent / "results"
PLN = {"family": "poisson_log_normal"}
SPLINE = {"growth": "spline", "random_effects": "none"}
TREATMENT = {"growth": "treatment", "random_effects": "none"}
QUADRATIC = {"growth": "quadratic", "random_effects": "intercept", "common_shape": False}
COVARIATES = {"membership": "~ subtype + bone_metastasis", "survival": "~ arm + subtype + bone_metastasis + age"}
CANDIDATES = {
    "PLN, treatment (default)": {**PLN, **TREATMENT},
    "PLN, treatment, covariates": {**PLN, **TREATMENT, **COVARIATES},
    "PLN, spline": {**PLN, **SPLINE},
    "PLN, spline, covariates": {**PLN, **SPLINE, **COVARIATES},
    "PLN, treatment, sigma by class": {**PLN, **TREATMENT, "class_specific_sigma": True},
    "NB, treatment": {"family": "negative_binomial", **TREATMENT},
    "NB, spline": {"family": "negative_binomial", **SPLINE},
    "censored, spline": {"family": "censored", **SPLINE},
    "gaussian, treatment, level and fall": {"family": "gaussian", "growth": "treatment", "random_effects": "slope"},
    "gaussian, quadratic, intercept": {"family": "gaussian", **QUADRATIC},
    "NB, quadratic, intercept": {"family": "negative_binomial", **QUADRATIC},
}
KNOWN = ("classes known", "classes known, covariates")
KS, STARTS = (2, 3, 4, 5, 6), 10
TRUE = np.array(TRIAL.survival.os_class[1:])
NAMES = ("lo", "mid", "hi")


def chosen(cohort, spec, four) -> dict:
    """The K that BIC and ICL pick."""
    fits = {4: four}
    for k in KS:
        try:
            fits[k] = fits.get(k) or bc.fit_ml(cohort, spec.with_(n_classes=k), n_starts=STARTS, progress=False)
        except FitError:
            continue
    return {f"k_{name}": min(fits, key=lambda k: getattr(fits[k], name)) for name in ("bic", "icl")}


def errors(fit) -> dict:
    """Log hazard ratios against neg less the generator's, and whether 95 % intervals cover it."""
    ratios, found = bc.hazard_ratios(fit), {}
    ratios = ratios[(ratios["quantity"] == "hazard ratio") & ratios["comparison"].str.contains(" vs tCTCneg")]
    logs = np.log(ratios[["estimate", "lower", "upper"]].to_numpy(dtype=float)[:3])
    for name, (estimate, lower, upper), truth in zip(NAMES, logs, TRUE, strict=True):
        found |= {f"error_{name}": estimate - truth, f"covers_{name}": float(lower <= truth <= upper)}
        if not np.isfinite([lower, upper]).all():
            found[f"covers_{name}"] = np.nan
    return found


def known(cohort, covariates: bool) -> dict:
    """As `errors`, of a Weibull regression on the true classes: what the patients themselves say of the hazard."""
    patients = cohort.patients
    x = pd.get_dummies(true_classes(cohort), dtype=float).iloc[:, 1:].set_axis(NAMES, axis=1).set_axis(patients.index)
    if covariates:
        others = patients[["arm", "subtype", "bone_metastasis", "age"]].astype({"arm": str, "subtype": str})
        x = x.join(pd.get_dummies(others, drop_first=True, dtype=float))
    fit = weibull_regression(patients["os_time"], patients["os_event"], x)
    found = {}
    for name, truth in zip(NAMES, TRUE, strict=True):
        low, high = np.log(fit.table.loc[name, ["lower", "upper"]].to_numpy(dtype=float))
        error = fit.table.loc[name, "log_hazard_ratio"] - truth
        found |= {f"error_{name}": error, f"covers_{name}": float(low <= truth <= high)}
    return found


def row(mechanism: str, separation: str, seed: int, candidate: str, choose: bool) -> dict:
    """One cohort under one candidate."""
    cohort = draw_cohort(mechanism, separation, seed)
    if candidate in KNOWN:
        return {
            "mechanism": mechanism,
            "separation": separation,
            "seed": seed,
            "candidate": candidate,
            **known(cohort, candidate != KNOWN[0]),
        }
    true, spec = true_classes(cohort), bc.ModelSpec(n_classes=4, **CANDIDATES[candidate])
    found = {"mechanism": mechanism, "separation": separation, "seed": seed, "candidate": candidate}
    began = time.perf_counter()
    try:
        fit = bc.fit_ml(cohort, spec, n_starts=STARTS, progress=False)
    except FitError as error:
        return found | {"warnings": str(error)}
    found |= {
        "seconds": time.perf_counter() - began,
        "log_likelihood": fit.log_likelihood,
        "converged": fit.converged,
        "ari_joint": bc.adjusted_rand_index(true, fit.class_probabilities.to_numpy().argmax(axis=1)),
        "ari_counts": bc.adjusted_rand_index(true, fit.class_probabilities_counts.to_numpy().argmax(axis=1)),
        "entropy": fit.entropy,
        "warnings": "; ".join(fit.warnings),
    }
    return found | errors(fit) | (chosen(cohort, spec, fit) if choose else {})


def oracle_row(mechanism: str, separation: str, seed: int) -> dict:
    """What can be known of the classes of one cohort."""
    cohort = draw_cohort(mechanism, separation, seed)
    true = true_classes(cohort)
    index = {
        name: bc.adjusted_rand_index(true, classes) for name, classes in oracle(cohort, mechanism, separation).items()
    }
    return {"mechanism": mechanism, "separation": separation, "seed": seed, **index}


def add(path: Path, keys: list[str], jobs, make) -> None:
    """Compute the jobs that the file does not have, and write it after each; `make` returns a row, or a table."""
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=keys)
    there = set(map(tuple, table[keys].to_numpy()))
    for job in jobs:
        if job in there:
            continue
        made = make(*job)
        new = made if isinstance(made, pd.DataFrame) else pd.DataFrame([made])
        table = new if table.empty else pd.concat([table, new], ignore_index=True)
        write_whole(path, table.to_csv(index=False, float_format="%.5g").encode())
        print(*new.iloc[0][[*keys, *(c for c in new if c.startswith(("ari", "oracle", "k_", "sec")))]], flush=True)


def report() -> None:
    """The table and the picture."""
    table = pd.read_csv(RESULTS / "class_recovery.csv")
    best = pd.read_csv(RESULTS / "class_recovery_oracle.csv")
    keys = ["mechanism", "separation"]
    table["n"] = 1
    shown = table.groupby([*keys, "candidate"], sort=False).agg(
        n=("n", "sum"),
        ari_joint=("ari_joint", "mean"),
        lowest=("ari_joint", "min"),
        ari_counts=("ari_counts", "mean"),
        bic_4=("k_bic", lambda k: k.eq(4).sum()),
        icl_4=("k_icl", lambda k: k.eq(4).sum()),
        n_k=("k_bic", "count"),
        **{f"bias_{n}": (f"error_{n}", "mean") for n in NAMES},
        **{f"covered_{n}": (f"covers_{n}", "mean") for n in NAMES},
        seconds=("seconds", "median"),
    )
    ceiling = best.groupby(keys)[["oracle_counts", "oracle_joint", "oracle_covariates"]].mean()
    shown = shown.join(ceiling, on=keys)
    shown.to_csv(RESULTS / "class_recovery_summary.csv", float_format="%.3f")
    print(shown.round(3).to_string())
    draw(shown.reset_index())


def draw(shown: pd.DataFrame) -> None:
    """Mean and lowest adjusted Rand index of each candidate, one panel per mechanism, the oracle's as a line."""
    panels = list(dict.fromkeys(zip(shown["mechanism"], shown["separation"], strict=True)))
    n_columns = min(3, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(2.4 * n_columns + 1.6, 2.5 * n_rows + 0.5),
        dpi=style.DPI,
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    names = list(CANDIDATES)
    shown = shown[shown["candidate"].isin(names)]
    for ax, (mechanism, separation) in zip(axes.flat, panels, strict=False):
        part = shown[(shown["mechanism"] == mechanism) & (shown["separation"] == separation)].set_index("candidate")
        y = [len(names) - 1 - names.index(c) for c in part.index]
        ax.hlines(y, part["lowest"], part["ari_joint"], color=style.MUTED, linewidth=0.8)
        ax.plot(part["ari_joint"], y, "o", color=style.BLUE, markersize=4)
        ax.plot(part["lowest"], y, "|", color=style.MUTED, markersize=6)
        ax.axvline(part["oracle_joint"].iloc[0], color=style.VERMILLION, linewidth=1.0)
        style.dress(ax, f"{mechanism}, {separation} (n = {part['n'].max()})", "", "")
        ax.set_yticks(range(len(names)), names[::-1], fontsize=style.SMALL)
        ax.set_ylim(-0.5, len(names) - 0.5)
        ax.tick_params(labelbottom=True)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    what = "adjusted Rand index with the true classes, K = 4 given:\nmean (dot) and lowest (bar) over cohorts"
    figure.supxlabel(f"{what}; line: the oracle's mean", fontsize=style.TEXT)
    figure.savefig(RESULTS / "class_recovery.png")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mechanisms", nargs="*", default=list(MECHANISMS), choices=list(MECHANISMS))
    parser.add_argument("--candidates", nargs="*", default=[*CANDIDATES, *KNOWN], choices=[*CANDIDATES, *KNOWN])
    parser.add_argument("--k", action="store_true", help="choose K too, on the trials")
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if not arguments.report:
        RESULTS.mkdir(exist_ok=True)
        cohorts = list(settings(arguments.mechanisms))
        add(RESULTS / "class_recovery_oracle.csv", ["mechanism", "separation", "seed"], cohorts, oracle_row)
        jobs = [(*cohort, candidate) for candidate in arguments.candidates for cohort in cohorts]
        add(
            RESULTS / "class_recovery.csv",
            ["mechanism", "separation", "seed", "candidate"],
            jobs,
            lambda *job: row(*job, choose=arguments.k and job[0] == "trial"),
        )
    report()


if __name__ == "__main__":
    main()
