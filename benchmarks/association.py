"""Association of a patient's curve and the hazard within a class: is it found where it is, and only there?

`python -m benchmarks.association recovery [--cohorts 40]` simulates trials of the model itself with two classes, each
twice, with alpha = 0.3 a log unit (`current_value`) and with alpha = 0, on the patients of the synthetic trial; fits
both with and without association by maximum likelihood; and writes to `results/association.csv` (one row per trial
and truth; it goes on where it was stopped) estimate, standard error and coverage of alpha and of the classes' log
scales, the score test of conditional independence without and with association, the AIC of both, and processor
seconds of one gradient of each. `loo [--cohorts 4]` samples the first of these trials and compares both models by LOO
(`association_loo.csv`). `over_time [--cohorts 40]` draws trials in which the random effects act alike at all times and
prints how often the score test of that rejects. `pairs` holds the compiled likelihood of every family and hazard
against the one in NumPy, at nodes that stand in the same places: largest difference of a patient's log density in a
class, largest of the gradient as a share of its largest value (`association_pairs.csv`; nearly all of its time goes
into compiling thirty pairs, and it goes on where it was stopped).
"""

import argparse
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.nuts import sample_mode
from bayesctc.model.analysis import Analysis
from bayesctc.model.backends.compiled.evaluator import CompiledLikelihood
from bayesctc.model.backends.plain import PlainLikelihood
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import simulate
from bayesctc.model.hazards import HAZARDS

RESULTS = Path(__file__).parent / "results"
PLANNED = np.array([0.0, 0.9, 1.8, 2.8, 3.7, 4.6, 5.5, 7.4, 9.2, 11.0])  # months
ALPHA, TRUTHS, GRADIENTS = 0.3, (0.3, 0.0), 50
PAIR_PATIENTS = 12
SPEC = bc.ModelSpec(n_classes=2, family="negative_binomial", random_effects="intercept", association="current_value")
SETTINGS = bc.Settings(n_starts=4, progress=False)


def truth(spec=SPEC):
    """A design, settled on the trial, and theta: the fit to the trial, alpha aside."""
    trial = bc.load_trial().include(min_samples=3)
    fit = bc.fit_ml(trial, spec, settings=SETTINGS)
    return trial, fit.design, fit.theta


def drawn(trial, design, theta, number, alpha, n_patients) -> Analysis:
    """One trial of the model with this alpha."""
    patients = trial.patients.iloc[:n_patients]
    rng = np.random.default_rng(1000 + number)
    times = np.maximum(PLANNED + rng.normal(0.0, 0.1, (len(patients), len(PLANNED))), 0.0)
    schedule = pd.DataFrame(
        {
            "patient_id": np.repeat(patients.index, len(PLANNED)),
            "time": np.sort(times, axis=1).ravel(),
            "volume_ml": 7.5,
        }
    )
    own = theta.copy()
    own[:, design.sizes.blocks["association"]] = alpha
    end = rng.uniform(20.0, 55.0, len(patients))
    tables = simulate(design, own, patients, schedule, rng, follow_up=end)
    return Analysis(trial, design, design.pack_tables(*tables))


def both(analysis: Analysis, number: int):
    """The fits with and without association."""
    settings = replace(SETTINGS, random_seed=number)
    spec = analysis.spec.with_(association="none")
    design = replace(analysis.design, spec=spec, time_nodes=0, level=0.0)
    without = Analysis(analysis.cohort, design, replace(analysis.packed, sizes=design.sizes, constant=None))
    return fit_analysis(analysis, settings), fit_analysis(without, settings)


def gradient_seconds(fit) -> float:
    """Processor time of one gradient."""
    evaluator = fit.analysis.evaluator()
    evaluator.centre(fit.theta)
    evaluator.own_total(fit.theta)
    began = time.process_time()
    for _ in range(GRADIENTS):
        evaluator.own_total(fit.theta)
    return (time.process_time() - began) / GRADIENTS


def recovery(arguments) -> None:
    """A row for each trial and truth; rows that are there are not made again."""
    path = RESULTS / "association.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(int(row["cohort"]), float(row["alpha"])) for row in rows}
    trial, design, theta = truth()
    for number, alpha in product(range(arguments.cohorts), TRUTHS):
        if (number, alpha) in done:
            continue
        began = time.process_time()
        analysis = drawn(trial, design, theta, number, alpha, arguments.patients)
        fit, without = both(analysis, number)
        table = fit.estimates.set_index("parameter")
        own = table.loc["association"]
        scales = np.log(table.loc["scale", ["estimate", "lower", "upper"]].to_numpy(dtype=float))
        moved = theta.copy()
        moved[:, design.sizes.blocks["association"]] = alpha
        true_scale = np.log(design.layout.natural(moved)["scale"])
        row = {
            "cohort": number,
            "alpha": alpha,
            "events": int(analysis.packed.event.sum()),
            "estimate": own["estimate"],
            "se": own["se"],
            "covered": own["lower"] <= alpha <= own["upper"],
            "scales_covered": np.mean((scales[:, 1] <= true_scale) & (true_scale <= scales[:, 2])),
            "p_without": bc.conditional_independence_test(without).p,
            "p_with": bc.conditional_independence_test(fit).p,
            "aic_gain": without.aic - fit.aic,
            "gradient_ms": 1000.0 * gradient_seconds(fit),
            "gradient_ms_without": 1000.0 * gradient_seconds(without),
            "converged": fit.converged and without.converged,
            "seconds": time.process_time() - began,
        }
        rows.append(row)
        print({k: round(float(v), 3) for k, v in row.items()}, flush=True)
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.5g")
    report(pd.DataFrame(rows))


def report(table: pd.DataFrame) -> None:
    """Print the figures."""
    for alpha, part in table.groupby("alpha"):
        z = (part["estimate"] - alpha) / part["se"]
        print(
            f"alpha = {alpha:g}, {len(part)} trials: mean estimate {part['estimate'].mean():.3f}, standard deviation "
            f"{part['estimate'].std():.3f}, mean standard error {part['se'].mean():.3f}; 95 % intervals cover in "
            f"{int(part['covered'].sum())} of {len(part)}, of log scales {100 * part['scales_covered'].mean():.0f} %; "
            f"mean z {z.mean():.2f}, sd {z.std():.2f}\n"
            f"  score test at 5 %: without association {int((part['p_without'] < 0.05).sum())} of {len(part)}, with "
            f"{int((part['p_with'] < 0.05).sum())}; AIC prefers association in {int((part['aic_gain'] > 0).sum())}\n"
            f"  a gradient takes {part['gradient_ms'].mean() / part['gradient_ms_without'].mean():.1f} times as long"
        )


def loo(arguments) -> None:
    """LOO of both models, sampled."""
    path = RESULTS / "association_loo.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(int(row["cohort"]), float(row["alpha"])) for row in rows}
    trial, design, theta = truth()
    how = bc.Settings(draws=400, tune=400, chains=2, progress=False)
    for number, alpha in product(range(arguments.cohorts), TRUTHS):
        if (number, alpha) in done:
            continue
        fits = both(drawn(trial, design, theta, number, alpha, arguments.patients), number)
        results = [bc.loo(sample_mode(fit, fit.theta, how.seeded(number)), max_refits=0) for fit in fits]
        gain = results[0].pointwise["elpd"].to_numpy() - results[1].pointwise["elpd"].to_numpy()
        rows.append({"cohort": number, "alpha": alpha, "elpd_gain": gain.sum(), "se": gain.std() * np.sqrt(len(gain))})
        print({k: round(float(v), 2) for k, v in rows[-1].items()}, flush=True)
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.5g")


def over_time(arguments) -> None:
    """p of the score test where the random effects are the association, and act alike at all times."""
    trial, design, theta = truth(SPEC.with_(association="random_effects"))
    p = []
    for number in range(arguments.cohorts):
        analysis = drawn(trial, design, theta, number, ALPHA, arguments.patients)
        p.append(bc.conditional_independence_test(fit_analysis(analysis, replace(SETTINGS, random_seed=number))).p)
    below = [int(np.sum(np.array(p) < level)) for level in (0.05, 0.5)]
    print(f"p below 0.05 in {below[0]} of {len(p)} trials, below 0.5 in {below[1]}")


def pairs(arguments) -> None:
    """Compiled against NumPy, every family and hazard: the largest differences of values and gradients."""
    path = RESULTS / "association_pairs.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["family"], row["hazard"]) for row in rows}
    trial = bc.load_trial().include(min_samples=3)
    trial = trial.select(trial.patients.index[:PAIR_PATIENTS])
    for family, hazard in product(FAMILIES, [name for name in HAZARDS if name != "none"]):
        if (family, hazard) in done:
            continue
        began = time.process_time()
        spec = SPEC.with_(family=family, hazard=hazard, survival="~ bone_metastasis", common_shape=False)
        design = Design.settle(trial, spec).with_nodes(5, 4)
        fast = CompiledLikelihood(design.pack(trial), design.sizes, 2)
        piece = HAZARDS[hazard]
        HAZARDS[hazard] = replace(piece, compiled=None)
        other = replace(design)
        slow = PlainLikelihood(other.pack(trial), other.sizes, 2)
        HAZARDS[hazard] = piece
        theta = design.layout.to_theta(np.random.default_rng(1).normal(0.0, 0.2, design.layout.n_parameters))
        theta[:, design.layout.places["random_effect_cholesky"]] = 0.8
        fast.centre(theta)
        (slow._outcomes[0].mean, slow._outcomes[0].factor) = fast.posterior()
        value = np.abs(fast.evaluate(theta).joint - slow.evaluate(theta).joint).max()
        gradient = slow.total(theta)[1]
        away = np.abs(fast.total(theta)[1] - gradient).max() / np.abs(gradient).max()
        seconds = time.process_time() - began
        rows.append({"family": family, "hazard": hazard, "value": value, "gradient": away, "seconds": seconds})
        print(f"{family:32} {hazard:12} {value:.1e} {away:.1e} {seconds:.0f} s", flush=True)
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.2g")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("recovery", "loo", "over_time", "pairs"))
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--patients", type=int, default=300)
    arguments = parser.parse_args()
    {"recovery": recovery, "loo": loo, "over_time": over_time, "pairs": pairs}[arguments.part](arguments)


if __name__ == "__main__":
    main()
