"""Simulation-based calibration of the whole pipeline: draw from the priors, simulate, fit, sort the classes, rank.

`python -m benchmarks.sbc [--families gaussian ...] [--replicates 200] [--patients 100]` writes to `results/`. Beside
the families there are two settings of the gaussian one: `association`, a hazard that follows the current value of a
patient's curve, and `intervals`, events that are looked for every `SCANS` months and lie between two visits.

- `sbc_<family>.csv`, one row per replicate: the state of its fit, and for every parameter, for the joint log likelihood
  and for what is reported of survival the rank of the truth among the draws, between 0 and 1. Rows that are there are
  not computed again; delete the file to start anew.
- `sbc_<family>.png`, the distribution functions of the ranks less the uniform one, with simultaneous 95 % bands.
- `sbc.csv`, p-values of uniformity, with Holm's correction over all quantities of all families.
- `sbc_coverage.csv`, how often 95 % intervals of the log hazard ratio and of survival cover the truth.

Two classes have to be apart for a class to be a thing that can be ranked. So truths come from `PRIORS`, which are also
those of the fit, given that the classes are apart (`apart`: mean log counts differ by `DISTANCE` or more, nobody's
class is smaller than `SMALLEST`). The condition does not depend on how classes are numbered, so they stay exchangeable.
It changes the prior, and so the posterior by the same factor: draws that do not meet it are left out (`kept` says how
many stay). For the censored family the condition also asks for sigma of `SMALLEST_SIGMA` or more: below it a count is
known but for its rounding, the integrand over a random effect is a box one count wide, and no number of nodes
integrates it (fits there say so in their warnings; blood that is drawn twice never agrees so well). Truth and every
draw are then sorted by the same function, `class_order`.

The design is settled once, on the planned samples, and so are its scales: a fit to data of its own settles them on
those data. Age, in years, acts on membership and hazard; intercepts and scales are ranked as they are reported, at age
0, which no prior speaks of.

Of the draws that stay as many are ranked as are nearly independent, 99 at most: u = (number below the truth + a
uniform number) / (n + 1) is uniform for every n. Where no interior mode is found the chains start from the best mode
there is; chains that have not mixed are drawn again with four times the draws. Replicates without an interior mode, or
whose chains have not mixed in the end, are counted, and uniformity is given with them (`p`) and without (`p_clean`).

Coverage is over truths from the same priors: of central intervals of the draws that stay, and of maximum likelihood
(the distribution of the estimate, which knows neither priors nor condition) where there is an interior mode.
"""

import argparse
import time
from functools import cache
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import binomtest

import bayesctc as bc
from bayesctc.checks.uniform import uniformity
from bayesctc.errors import FitError
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.nuts import sample_mode
from bayesctc.inference.optimise import Bounds
from bayesctc.model.analysis import Analysis
from bayesctc.model.class_hazards import cumulative_hazard, log_hazard
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import simulate
from bayesctc.model.inspections import Inspections
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.posterior import CoordinatePriors
from bayesctc.plots import style
from bayesctc.results.atomic import write_whole
from bayesctc.results.classes import class_order
from bayesctc.results.intervals import CI_PROB, parameter_rows

RESULTS = Path(__file__).parent / "results"
PLANNED = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 9.0])  # months
FOLLOW_UP = (18.0, 42.0)  # months, evenly spaced over the patients
PRIORS = bc.Priors(
    membership_sd=1.0,
    level_mean=3.0,
    level_sd=1.2,
    curve_sd=0.4,
    sigma_sd=0.7,
    log_dispersion_sd=0.5,
    zero_inflation_mean=-1.5,
    zero_inflation_sd=0.7,
    random_effect_sd=0.5,
    log_scale_sd=0.5,
    log_shape_sd=0.25,
)
DISTANCE, SMALLEST = 2.0, 0.2  # of mean log counts over the planned samples; of class shares
AGES = (35.0, 85.0)  # years, evenly spaced over the patients in turn: a covariate whose origin is far away
SMALLEST_SIGMA = 0.1  # log counts, of the censored family
EFFECTS = {"poisson_log_normal": "none"}  # as by default; an integral within an integral takes ten times as long
SCANS = 3.0  # months between two visits at which events are looked for
OTHERS = {
    "association": {"family": "gaussian", "association": "current_value"},
    "intervals": {"family": "gaussian"},
}
NAMES = (*FAMILIES, *OTHERS)
STARTS, TUNE, DRAWS, CHAINS, LONGER = 4, 300, 500, 2, 4
RHAT, ESS = 1.03, 200.0  # above, or below, chains have not mixed
RANKED, HORIZON, SIMULATIONS = 99, 24.0, 20_000  # draws, months, uniform samples behind a band
REPORTED = (
    "log hazard ratio",
    f"survival at {HORIZON:.0f} months, class 1",
    f"survival at {HORIZON:.0f} months, class 2",
)
STATE = [
    "replicate",
    "n_events",
    "interior",
    "redrawn",
    "mixed",
    "max_rhat",
    "min_ess",
    "n_divergences",
    "chains_left",
    "kept",
    "n_ranked",
    "seconds",
]


@cache
def setting(family: str, n_patients: int):
    """A cohort to settle on, the design, the planned samples and the months of follow-up."""
    ids = [f"S{k}" for k in range(1, n_patients + 1)]
    samples = pd.DataFrame(
        {
            "patient_id": np.repeat(ids, len(PLANNED)),
            "time": np.tile(PLANNED, n_patients),
            "ctc": np.arange(n_patients * len(PLANNED)) % 2,
            "volume_ml": 7.5,
        }
    )
    age = np.linspace(*AGES, n_patients)[np.random.default_rng(0).permutation(n_patients)].round()
    patients = pd.DataFrame({"patient_id": ids, "os_time": 20.0, "os_event": 1, "age": age})
    if family == "intervals":
        patients = patients.assign(os_left=18.0, os_right=20.0)
    base = bc.Cohort(samples, patients)
    of_family = OTHERS.get(family, {"family": family})
    spec = bc.ModelSpec(
        n_classes=2,
        growth="linear",
        random_effects=EFFECTS.get(family, "intercept"),
        common_shape=True,
        survival="~ age",
        membership="~ age",
        priors=PRIORS,
        **of_family,
    )
    return base, Design.settle(base, spec), samples.drop(columns="ctc"), np.linspace(*FOLLOW_UP, n_patients)


def apart(thetas, design: Design) -> np.ndarray:
    """Whether the classes of each theta are apart, however they are numbered: array of bool (n,)."""
    layout = design.layout
    level = thetas[..., layout.places["growth"].start]
    logit = thetas[..., layout.places["membership"]][..., 0]
    share = np.exp(logit) / np.exp(logit).sum(axis=-1, keepdims=True)
    met = (np.ptp(level, axis=-1) >= DISTANCE) & (share.min(axis=-1) >= SMALLEST)
    if design.spec.family == "censored":
        met &= thetas[..., 0, layout.places["sigma"].start] >= np.log(SMALLEST_SIGMA)
    return met


def in_order(thetas, design: Design) -> np.ndarray:
    """Every theta with its own classes sorted: array as given."""
    return np.take_along_axis(thetas, class_order(thetas, design.layout)[..., None], axis=-2)


def draw_truth(design: Design, rng: np.random.Generator) -> np.ndarray:
    """theta from the priors, given that the classes are apart, sorted."""
    priors = CoordinatePriors.of(design.layout, design.spec.priors)
    while True:
        theta = priors.thetas(priors.draw(1, rng))
        if apart(theta, design)[0]:
            return in_order(theta[0], design)


def quantities(thetas, design: Design) -> dict[str, np.ndarray]:
    """Parameters, and what is reported of survival, of sorted thetas: arrays (n,)."""
    natural = design.layout.natural(thetas)
    found = {}
    for row in parameter_rows(design.layout).itertuples():
        if row.parameter != "membership" or row.position[0] == 0:  # the two sum to zero
            name = ", ".join(text for text in (row.parameter, row.term, row.latent_class) if text)
            found[name] = natural[row.parameter][(..., *row.position)]
    hazard = np.array([log_hazard(t, design.sizes, np.array([HORIZON]))[:, 0, 0] for t in thetas])
    survival = np.exp([-cumulative_hazard(t, design.sizes, [HORIZON])[:, 0, 0] for t in thetas])
    return found | dict(zip(REPORTED, (hazard[:, 1] - hazard[:, 0], *survival.T), strict=True))


def visits(follow_up) -> Inspections:
    """Every `SCANS` months until follow-up ends."""
    at = SCANS * np.arange(1.0, 1.0 + np.ceil(FOLLOW_UP[1] / SCANS))
    return Inspections(np.where(at <= follow_up[:, None], at, np.inf), np.zeros(len(follow_up)), (1,), 0.0)


def best_mode(base, design, packed, seed):
    """The best interior mode, or else the best there is; whether it is interior."""
    for interior, bounds in ((True, Bounds()), (False, Bounds(class_share=0.0, class_events=0.0))):
        try:
            settings = bc.Settings(n_starts=STARTS, random_seed=seed, progress=False)
            fit = fit_analysis(Analysis(base, design, packed), settings, bounds=bounds)
        except FitError:
            continue
        return fit, interior
    return None, False


def sampled(ml, seed):
    """The design with the nodes used, sorted thetas, draws (n,) of every quantity, and the state of the chains."""
    state = {}
    for k, longer in enumerate((1, LONGER)):
        length = {"draws": DRAWS * longer, "tune": TUNE * longer, "chains": CHAINS}
        fit = sample_mode(ml, ml.theta, bc.Settings(**length, cores=1, random_seed=seed + k, progress=False))
        design, posterior = fit.design, fit.idata["posterior"].dataset
        thetas = in_order(fit.thetas, design)
        joint = fit.idata["log_likelihood"].dataset["joint"].sum("patient").to_numpy()  # chains by draws
        values = {"joint log likelihood": joint.ravel(), **quantities(thetas, design)}
        chains = np.stack(list(values.values())).reshape(len(values), -1, posterior.sizes["draw"])
        data = xr.Dataset({"x": (("quantity", "chain", "draw"), chains)})
        rhat = float(az.rhat(data)["x"].max()) if chains.shape[1] > 1 else np.inf
        ess = float(az.ess(data, method="bulk")["x"].min())
        left = len(fit.diagnostics.chains_left)
        state = {
            "redrawn": k > 0,
            "mixed": left == 0 and rhat <= RHAT and ess >= ESS,
            "max_rhat": rhat,
            "min_ess": ess,
            "n_divergences": fit.diagnostics.n_divergences,
            "chains_left": left,
        }
        if state["mixed"]:
            break
    return design, thetas, values, state


def covers(draws, truth) -> float:
    """1 if the central 95 % interval of the draws covers the truth, else 0."""
    tail = (1.0 - CI_PROB) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return float(low <= truth <= high)


def replicate(family: str, number: int, n_patients: int) -> dict:
    """One replicate: a row of the family's file."""
    began = time.process_time()
    base, design, planned, follow_up = setting(family, n_patients)
    rng = np.random.default_rng([number, NAMES.index(family)])
    truth = draw_truth(design, rng)
    seen = {"follow_up": follow_up, "inspections": visits(follow_up) if family == "intervals" else None}
    samples, people = simulate(design, truth, base.patients, planned, rng, **seen)
    packed = design.pack_tables(samples.assign(ctc=samples["exact_ctc"]), people)
    row = {"replicate": number, "n_events": int(people["_event"].sum())}
    ml, row["interior"] = best_mode(base, design, packed, number)
    if ml is None:
        return row | {"seconds": time.process_time() - began}
    design, thetas, values, state = sampled(ml, 1000 * number)
    keep = np.flatnonzero(apart(thetas, design))
    row |= state | {"kept": len(keep) / len(thetas)}
    n = int(min(RANKED, row["min_ess"] * row["kept"]))
    row["n_ranked"] = n
    if n:
        few = keep[np.linspace(0, len(keep) - 1, n).round().astype(int)]
        true = {name: value[0] for name, value in quantities(truth[None], design).items()}
        evaluator = Evaluator(packed, design.sizes, design.spec.n_classes)
        true["joint log likelihood"] = evaluator.patients(truth).sum()
        row |= {name: (np.sum(draws[few] < true[name]) + rng.random()) / (n + 1) for name, draws in values.items()}
        row |= {f"Bayes: {name}": covers(values[name][keep], true[name]) for name in REPORTED}
        if ml.has_intervals and row["interior"]:
            classical = quantities(ml.parameter_draws(1000), design)
            row |= {f"ML: {name}": covers(classical[name], true[name]) for name in REPORTED}
    return row | {"seconds": time.process_time() - began}


def run(family: str, n_replicates: int, n_patients: int) -> None:
    """Compute the replicates that the family's file does not have, and write it after each."""
    path = RESULTS / f"sbc_{family}.csv"
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=STATE)
    for number in sorted(set(range(n_replicates)) - set(table["replicate"])):
        row = pd.DataFrame([replicate(family, number, n_patients)])
        table = row if table.empty else pd.concat([table, row], ignore_index=True)
        table = table[[*(c for c in STATE if c in table), *(c for c in table if c not in STATE)]]
        write_whole(path, table.to_csv(index=False, float_format="%.4g").encode())
        print(family, row[[c for c in STATE if c in row]].round(3).to_dict("records")[0], flush=True)


def holm(p) -> np.ndarray:
    """p-values with Holm's correction (Scand J Stat 1979;6:65): array as given."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def ranked(table: pd.DataFrame) -> list[str]:
    """The columns with ranks."""
    return [c for c in table if c not in STATE and not c.startswith(("Bayes: ", "ML: "))]


def coverage(family: str, table: pd.DataFrame) -> pd.DataFrame:
    """How often intervals cover the truth, with the Clopper-Pearson interval of that share."""
    rows = []
    for column in (c for c in table if c.startswith(("Bayes: ", "ML: "))):
        hits = table[column].dropna()
        low, high = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="exact")
        rows.append((family, *column.split(": "), len(hits), hits.mean(), low, high))
    return pd.DataFrame(rows, columns=["family", "method", "quantity", "n", "covered", "lower", "upper"])


def report() -> None:
    """Tables and pictures of all families that have been run."""
    rng = np.random.default_rng(0)
    tests, covered, pictures = [], [], {}
    for family in NAMES:
        path = RESULTS / f"sbc_{family}.csv"
        if not path.exists():
            continue
        table = pd.read_csv(path)
        interior, mixed, redrawn = (table[c].eq(True).to_numpy() for c in ("interior", "mixed", "redrawn"))
        found = {q: uniformity(table[q].dropna().to_numpy(), rng, SIMULATIONS) for q in ranked(table)}
        for name, test in found.items():
            clean = uniformity(table.loc[interior & mixed, name].dropna().to_numpy(), rng, SIMULATIONS)
            tests.append((family, name, test.n, test.p, clean.n, clean.p))
        covered.append(coverage(family, table))
        pictures[family] = found, len(table)
        print(
            f"{family}: {len(table)} replicates, {(~interior).sum()} without an interior mode, {redrawn.sum()} drawn "
            f"again, {(~mixed).sum()} not mixed, {table['seconds'].mean():.1f} s of processor time each"
        )
    uniform = pd.DataFrame(tests, columns=["family", "quantity", "n", "p", "n_clean", "p_clean"])
    uniform.insert(4, "p_holm", holm(uniform["p"]))
    uniform["p_clean_holm"] = holm(uniform["p_clean"])
    for family, (found, n) in pictures.items():
        flagged = set(uniform.loc[(uniform["family"] == family) & (uniform["p_holm"] < 0.05), "quantity"])
        draw(family, found, flagged, n)
    shares = pd.concat(covered, ignore_index=True)
    uniform.to_csv(RESULTS / "sbc.csv", index=False, float_format="%.4g")
    shares.to_csv(RESULTS / "sbc_coverage.csv", index=False, float_format="%.4g")
    print(uniform.round(4).to_string(), shares.round(3).to_string(), sep="\n")


def draw(family: str, found: dict, flagged: set, n_replicates: int) -> None:
    """The picture of one family: one panel per quantity, ECDF of its ranks less the uniform one."""
    n_columns = 4
    n_rows = -(-len(found) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(7.2, 1.55 * n_rows + 0.6),
        dpi=style.DPI,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    for ax in axes.flat[len(found) :]:
        ax.set_axis_off()
    for ax in axes.flat[len(found) - n_columns : len(found)]:  # the last of each column
        ax.tick_params(labelbottom=True)
    for ax, (name, test) in zip(axes.flat, found.items(), strict=False):
        points = [0.0, *test.points, 1.0]
        band = [[0.0, *(edge - test.points), 0.0] for edge in (test.lower, test.upper)]
        ax.fill_between(points, *band, color=style.MUTED, alpha=0.3, linewidth=0)
        ax.axhline(0.0, color=style.MUTED, linewidth=0.6)
        colour = style.VERMILLION if name in flagged else style.BLUE
        ax.plot(points, [0.0, *(test.ecdf - test.points), 0.0], color=colour, linewidth=1.2)
        ax.set_xlim(0.0, 1.0)
        ax.set_xticks([0.0, 0.5, 1.0])
        style.dress(ax, "", "", "")
        ax.set_title(f"{name}\np = {test.p:.3f}", fontsize=style.SMALL - 0.5, color=style.INK, loc="left")
    figure.supxlabel("rank of the truth among the draws, 0 to 1", fontsize=style.TEXT)
    figure.supylabel("ECDF less uniform", fontsize=style.TEXT)
    n = next(iter(found.values())).n
    figure.suptitle(
        f"{family}: {n} of {n_replicates} replicates; grey: simultaneous 95 % band of each quantity alone,\n"
        "orange: not uniform by Holm's correction over all quantities of all families",
        fontsize=style.TEXT,
        x=0.01,
        ha="left",
    )
    figure.savefig(RESULTS / f"sbc_{family}.png")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="*", default=list(NAMES), choices=list(NAMES))
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--patients", type=int, default=100)
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for family in arguments.families:
        run(family, arguments.replicates, arguments.patients)
    report()


if __name__ == "__main__":
    main()
