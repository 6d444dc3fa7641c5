"""Which family, when: four mechanisms of counts, four families fitted to each.

`python -m benchmarks.family_study [--cohorts 20] [--mechanisms ...]` draws cohorts of 469 patients in four classes with
the trial's shares, visits and follow-up, whose counts come from one of four mechanisms around the same growth curves;
fits three to six classes of each family by maximum likelihood (10 starts, random intercept, Weibull hazards with a
common shape); and adds to `benchmarks/results/family_study.csv` a row for each cohort and family: the K each criterion
picks, the adjusted Rand index of the true classes with the modal classes of four, whether 95 % intervals
cover the true hazard ratios, the log likelihood of the counts, and seconds. Rows that are there are not run again.
`python -m benchmarks.family_study --report` sums up and draws `family_study.png`; `--loo N` compares three to five
classes of the gaussian and the negative-binomial family by LOO on the counting measure, in the first N cohorts of each
mechanism (4 chains of 300 + 300), adding to `family_study_loo.csv` a row for each family and K; `--trial` chooses the
number of classes, 1 to 6, on the embedded trial by LOO and the classical criteria under the negative binomial with a
random intercept, and writes `family_study_trial.csv`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.criteria.counting import log_likelihood_counts
from bayesctc.errors import FitError

RESULTS = Path(__file__).parent / "results"
FAMILIES = ("gaussian", "censored", "negative_binomial", "zero_inflated_negative_binomial")
MECHANISMS = ("rounded_log_normal", "negative_binomial", "poisson_log_normal", "zero_inflated")
CLASSES, CLASSES_LOO, FAMILIES_LOO = (3, 4, 5, 6), (3, 4, 5), ("gaussian", "negative_binomial")
CRITERIA = ("aic", "bic", "sabic", "icl")
PLANNED = np.array([0.0, 0.9, 1.8, 3.7, 5.5, 7.4])  # months
SHARE = np.array([0.57, 0.24, 0.14, 0.05])
GROWTH = np.array([[-0.6, -2.2, 1.0], [1.9, -4.2, 2.0], [2.9, -1.6, 0.7], [4.9, -0.8, 0.4]])  # log cells, by (t / 6)^k
INTERCEPT_SD, NOISE_SD, DISPERSION = 0.6, 0.7, 1.5
EXTRA_ZERO = np.array([0.45, 0.25, 0.12, 0.05])
SCALE, SHAPE, LOG_RATIO = 73.0, 1.25, np.array([0.0, 0.93, 1.58, 2.20])  # months; by class against the first


def draw_counts(rng, mechanism: str, eta, classes):
    """Counts around growth curves; eta is the mean log concentration of each sample."""
    noise = rng.normal(0.0, NOISE_SD, len(eta))
    if mechanism == "rounded_log_normal":  # log(1 + c) normal, as the censored family has it
        return np.maximum(np.rint(np.expm1(np.log1p(np.exp(eta)) + noise)), 0.0)
    if mechanism == "poisson_log_normal":
        return rng.poisson(np.exp(eta + noise))
    counts = rng.poisson(np.exp(eta) * rng.gamma(DISPERSION, 1.0 / DISPERSION, len(eta)))
    if mechanism == "zero_inflated":
        counts = np.where(rng.random(len(eta)) < EXTRA_ZERO[classes], 0, counts)
    return counts


def draw_cohort(seed: int, mechanism: str, n: int = 469):
    """One cohort and the true class of each patient: array of int (n,)."""
    rng = np.random.default_rng([seed, MECHANISMS.index(mechanism)])
    classes = rng.choice(4, n, p=SHARE)
    rate = np.exp(LOG_RATIO[classes]) * SCALE**-SHAPE
    death, cutoff = (rng.exponential(size=n) / rate) ** (1.0 / SHAPE), rng.uniform(15.0, 56.0, n)
    times = np.sort(np.maximum(PLANNED + rng.normal(0.0, 0.1, (n, len(PLANNED))), 0.0), axis=1)
    patient, visit = np.nonzero(times <= np.minimum(death, cutoff)[:, None])
    s = times[patient, visit] / 6.0
    eta = np.sum(GROWTH[classes[patient]] * s[:, None] ** np.arange(3), axis=1)
    eta += rng.normal(0.0, INTERCEPT_SD, n)[patient]
    counts = draw_counts(rng, mechanism, eta, classes[patient])
    ids = np.array([f"P{i:03d}" for i in range(n)])
    samples = pd.DataFrame({"patient_id": ids[patient], "time": times[patient, visit], "ctc": counts.astype(int)})
    patients = pd.DataFrame(
        {"patient_id": ids, "os_time": np.minimum(death, cutoff), "os_event": (death <= cutoff).astype(int)}
    )
    return bc.Cohort(samples, patients), classes


def adjusted_rand(first, second) -> float:
    """Agreement of two classifications: 1 for the same, 0 for chance (Hubert and Arabie, J Classif 1985;2:193)."""
    table = pd.crosstab(first, second).to_numpy()

    def pairs(counts):
        return float(np.sum(counts * (counts - 1) / 2))

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = rows * columns / pairs(np.array(len(first)))
    return (both - chance) / (0.5 * (rows + columns) - chance)


def study_family(cohort, classes, family: str) -> dict:
    """One row: what a family finds in a cohort."""
    fits, seconds = {}, 0.0
    for k in CLASSES:
        spec = bc.ModelSpec(
            n_classes=k, family=family, random_effects="intercept", common_shape=True, growth="quadratic"
        )
        began = time.process_time()
        try:
            fits[k] = bc.fit_ml(cohort, spec, n_starts=10, random_seed=k, progress=False)
        except FitError:  # no interior mode: the criteria do without this K
            continue
        finally:
            seconds += time.process_time() - began
    row = {"cpu_seconds": seconds, "n_fitted": len(fits)}
    row |= {f"{name}_k": min(fits, key=lambda k, name=name: getattr(fits[k], name)) for name in CRITERIA}
    if 4 not in fits:
        return row
    fit = fits[4]
    row["adjusted_rand"] = adjusted_rand(classes, fit.class_probabilities.to_numpy().argmax(axis=1))
    row["log_likelihood_counts"] = log_likelihood_counts(fit)
    row["aic_counts"] = -2.0 * row["log_likelihood_counts"] + 2.0 * fit.n_parameters
    ratios = bc.hazard_ratios(fit).query("quantity == 'hazard ratio'").set_index("comparison")
    for g, name in enumerate(("lo", "mid", "hi"), start=1):
        found = ratios.loc[f"tCTC{name} vs tCTCneg"]
        row[f"log_ratio_{name}"] = np.log(found["estimate"])
        row[f"covers_{name}"] = bool(found["lower"] <= np.exp(LOG_RATIO[g]) <= found["upper"])
    return row


def run(cohorts: int, mechanisms, path: Path) -> None:
    """Add the rows that are missing."""
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["mechanism", "cohort", "family"])
    seen = set(done[["mechanism", "cohort", "family"]].itertuples(index=False, name=None))
    for seed in range(cohorts):
        for mechanism in mechanisms:
            cohort, classes = draw_cohort(seed, mechanism)
            for family in FAMILIES:
                if (mechanism, seed, family) in seen:
                    continue
                row = {"mechanism": mechanism, "cohort": seed, "family": family}
                row |= study_family(cohort, classes, family)
                print(row, flush=True)
                pd.DataFrame([row]).to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.5g")


def run_loo(cohorts: int, mechanisms, path: Path) -> None:
    """Add the cohorts that are missing."""
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["mechanism", "cohort"])
    seen = set(done[["mechanism", "cohort"]].itertuples(index=False, name=None))
    spec = bc.ModelSpec(common_shape=True, growth="quadratic", random_effects="intercept", family="negative_binomial")
    for seed in range(cohorts):
        for mechanism in mechanisms:
            if (mechanism, seed) in seen:
                continue
            began = time.perf_counter()
            cohort, _ = draw_cohort(seed, mechanism)
            chosen = bc.select_families(
                cohort,
                spec,
                FAMILIES_LOO,
                CLASSES_LOO,
                draws=300,
                tune=300,
                n_starts=10,
                max_refits=2,
                random_seed=seed,
                progress=False,
            )
            table = chosen.table.reset_index()
            table["max_rhat"] = [chosen.selections[f].table.loc[k, "max_rhat"] for f, k in chosen.table.index]
            table.insert(0, "mechanism", mechanism)
            table.insert(1, "cohort", seed)
            table["seconds"] = time.perf_counter() - began
            print(mechanism, seed, chosen.sentence, flush=True)
            table.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.6g")


def report_loo(path: Path) -> pd.DataFrame:
    """How often LOO and the rule pick four classes within a family, and how often a family is first."""
    table = pd.read_csv(path)
    rows = {}
    for (mechanism, family), part in table.groupby(["mechanism", "family"]):
        best = part.loc[part.groupby("cohort")["elpd"].idxmax()]
        picked = part[part["recommended"]]
        first = table.loc[table[table["mechanism"] == mechanism].groupby("cohort")["elpd"].idxmax()]
        rows[mechanism, family] = {
            "cohorts": part["cohort"].nunique(),
            "loo_true": (best["n_classes"] == 4).mean(),
            "rule_true": (picked["n_classes"] == 4).sum() / part["cohort"].nunique(),
            "family_first": (first["family"] == family).mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def report(path: Path) -> pd.DataFrame:
    """Sums by mechanism and family, and the picture."""
    table = pd.read_csv(path)
    for name in CRITERIA:
        table[f"{name}_true"] = table[f"{name}_k"] == 4
    table["covers"] = table[["covers_lo", "covers_mid", "covers_hi"]].astype(float).mean(axis=1)
    best = table.groupby(["mechanism", "cohort"])["aic_counts"].transform("min")
    table["lowest_aic"] = table["aic_counts"] == best
    shown = [*(f"{name}_true" for name in CRITERIA), "adjusted_rand", "covers", "lowest_aic", "cpu_seconds"]
    table["mechanism"] = pd.Categorical(table["mechanism"], MECHANISMS)
    table["family"] = pd.Categorical(table["family"], FAMILIES)
    groups = table.groupby(["mechanism", "family"], observed=True)
    sums = groups[shown].mean()
    sums.insert(0, "cohorts", groups.size())
    sums.to_csv(path.with_name("family_study_summary.csv"), float_format="%.3g")
    draw(sums, path.with_name("family_study.png"))
    return sums


def draw(sums: pd.DataFrame, path: Path) -> None:
    """A column of panels for what is asked, a row for each mechanism."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    asked = {
        "bic_true": "BIC picks 4 classes",
        "aic_true": "AIC picks 4",
        "adjusted_rand": "adjusted Rand index",
        "covers": "hazard ratios covered",
    }
    colours = dict(zip(FAMILIES, ("#999999", "#0072B2", "#D55E00", "#009E73"), strict=True))
    figure, axes = plt.subplots(1, len(asked), figsize=(10.0, 3.2), sharey=True, layout="constrained")
    for ax, (column, title) in zip(axes, asked.items(), strict=True):
        for j, family in enumerate(FAMILIES):
            values = sums.xs(family, level="family")[column].reindex(MECHANISMS)
            ax.plot(values, np.arange(len(MECHANISMS)) + 0.15 * (1.5 - j), "o", color=colours[family], label=family)
        ax.set(title=title, xlim=(-0.04, 1.04), yticks=range(len(MECHANISMS)))
        ax.set_yticklabels([m.replace("_", " ") for m in MECHANISMS])
        ax.grid(axis="x", alpha=0.3)
        ax.title.set_fontsize(9)
    axes[3].axvline(0.95, color="black", lw=0.8, ls=":")
    axes[0].set_ylabel("counts come from")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, [x.replace("_", " ") for x in labels], loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=150)


def trial(path: Path) -> None:
    """The number of classes on the trial under the negative binomial."""
    cohort = bc.load_trial().include(min_samples=3)
    spec = bc.ModelSpec()
    began = time.perf_counter()
    chosen = bc.select_n_classes(cohort, spec, draws=500, tune=400, random_seed=1, every_k=True, progress=False)
    print(chosen.sentence, f"{time.perf_counter() - began:.0f} s", sep="\n")
    chosen.table.to_csv(path, float_format="%.6g")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--mechanisms", nargs="+", choices=MECHANISMS, default=MECHANISMS)
    parser.add_argument("--report", action="store_true", help="only sum up what is there")
    parser.add_argument("--loo", type=int, metavar="N", help="only LOO, on N cohorts of each mechanism")
    parser.add_argument("--trial", action="store_true", help="only the number of classes on the trial")
    arguments = parser.parse_args()
    path = RESULTS / "family_study.csv"
    if arguments.trial:
        trial(path.with_name("family_study_trial.csv"))
        return
    by_loo = path.with_name("family_study_loo.csv")
    if arguments.loo:
        run_loo(arguments.loo, arguments.mechanisms, by_loo)
        return
    if not arguments.report:
        run(arguments.cohorts, arguments.mechanisms, path)
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        print(report(path).round(2).to_string())
        if by_loo.exists():
            print(report_loo(by_loo).round(2).to_string())


if __name__ == "__main__":
    main()
