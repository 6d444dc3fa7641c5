"""How long it takes: gradient, memory, maximum likelihood, families of counts, first fit, selection.

`python -m benchmarks.speed [gradient] [ml] [refit] [nuts] [selection] [families] [default] [cold]` runs the parts
named, or all, prints them and writes `benchmarks/results/speed.json`. Nothing else should run on the machine meanwhile.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.model.likelihood import Evaluator

HERE = Path(__file__).parent
SLOPES = {"family": "gaussian", "random_effects": "slope", "growth": "quadratic", "common_shape": False}  # lcmm's model
RESULTS = HERE / "results"
REFERENCE = HERE.parent / "tests" / "data"


def trial():
    """The 469 patients of the embedded trial."""
    return bc.load_trial().include(min_samples=3)


def gradient() -> dict:
    """Seconds per gradient and memory, 500 to 100,000 patients, four classes, random intercept and slope."""
    cohort, rows = trial(), {}
    ml = bc.fit_ml(
        cohort,
        bc.ModelSpec(**SLOPES),
        random_seed=1,
        progress=False,
    )
    for n in (469, 500, 5_000, 50_000, 100_000):
        packed = ml.packed.take(np.arange(n) % ml.packed.n_patients)
        evaluator = Evaluator(packed, ml.design.sizes, 4)
        calls = max(3, 200_000 // n)
        times = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(calls):
                evaluator.total(ml.theta)
            times.append((time.perf_counter() - began) / calls)
        rows[str(n)] = {
            "milliseconds": 1e3 * min(times),
            "data_megabytes": (packed.all_terms.nbytes + packed.samples.nbytes + packed.follow_up.nbytes) / 1e6,
            "peak_process_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        }
    return rows


def ml() -> dict:
    """Seconds per start on the reference cohort against lcmm's, which stand in lcmm_300.json."""
    table = pd.read_csv(REFERENCE / "serial_ctc_300.csv")
    lcmm = json.loads((REFERENCE / "lcmm_300.json").read_text())
    samples = table[["id", "months", "ctc"]].set_axis(["patient_id", "time", "ctc"], axis=1)
    patients = table.groupby("id").first().reset_index()[["id", "time", "event"]]
    cohort = bc.Cohort(samples, patients.set_axis(["patient_id", "os_time", "os_event"], axis=1))
    rows = {}
    for name, endpoint in (("growth", None), ("joint", "os")):
        for k in (2, 3, 4):
            spec = bc.ModelSpec(n_classes=k, endpoint=endpoint, **SLOPES)
            bc.fit_ml(cohort, spec, n_starts=1, progress=False)
            began = time.perf_counter()
            fit = bc.fit_ml(cohort, spec, n_starts=20, random_seed=1, progress=False)
            seconds = (time.perf_counter() - began) / 20
            reference = lcmm[f"{name}_K{k}"]
            rows[f"{name}_K{k}"] = {
                "seconds_a_start": seconds,
                "lcmm_seconds_a_start": reference["seconds"],
                "times_faster": reference["seconds"] / seconds,
                "log_likelihood": fit.log_likelihood,
                "lcmm_log_likelihood": reference["log_likelihood"],
            }
    return rows


FIRST_FIT = """
import json, sys, time
def now(): return time.perf_counter(), time.process_time()
times = [now()]
import bayesctc as bc
cohort = bc.load_trial().include(min_samples=3)
import bayesctc.inference.nuts
times.append(now())
spec = bc.ModelSpec(**json.loads(sys.argv[1]))
ml = bc.fit_ml(cohort, spec, n_starts=1, random_seed=1, progress=False)
times.append(now())
bc.fit_bayes(cohort, spec, ml=ml, draws=20, tune=20, chains=2, random_seed=1, progress=False)
times.append(now())
print(json.dumps(times))
"""


def cold() -> dict:
    """Seconds of a new process to its first short fits, with no compiled code on disk and with it: wall and processor.

    Imports, maximum likelihood from one start and 2 x (20 + 20) draws: hardly more than what has to be compiled.
    """
    rows: dict = {}
    for family in ("poisson_log_normal", "gaussian", "negative_binomial"):
        with tempfile.TemporaryDirectory() as empty:
            places = {"XDG_CACHE_HOME": empty, "PYTENSOR_FLAGS": f"base_compiledir={empty}/pytensor"}
            for name in ("cold", "warm"):
                done = subprocess.run(
                    [sys.executable, "-W", "ignore", "-c", FIRST_FIT, json.dumps({"family": family})],
                    env={**os.environ, **places},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                spent = np.diff(json.loads(done.stdout), axis=0)
                rows[f"{family}_{name}"] = {
                    kind: dict(zip(("import", "fit_ml", "fit_bayes", "all"), [*column, column.sum()], strict=True))
                    for kind, column in zip(("seconds", "processor_seconds"), spent.T, strict=True)
                }
    return rows


def nuts() -> dict:
    """Sampling alone, 4 x (300 + 1000) draws, on the trial and on the cohort of the Stan comparison."""
    cohorts = {"trial": trial()}
    rows = {}
    for name, cohort in cohorts.items():
        spec = bc.ModelSpec(**SLOPES)
        start = bc.fit_ml(cohort, spec, random_seed=1, progress=False)
        bc.fit_bayes(cohort, spec, ml=start, draws=10, tune=10, progress=False)
        for seed in (1, 2, 3):
            fit = bc.fit_bayes(cohort, spec, ml=start, random_seed=seed, progress=False)
            table = fit.summary()
            seconds = fit.idata.attrs["sampling_seconds"]
            rows[f"{name}_seed{seed}"] = {
                "sampling_seconds": seconds,
                "ess_bulk_min": float(table["ess_bulk"].min()),
                "ess_bulk_median": float(table["ess_bulk"].median()),
                "ess_bulk_min_per_second": float(table["ess_bulk"].min()) / seconds,
                "max_rhat": fit.diagnostics.max_rhat,
                "divergences": fit.diagnostics.n_divergences,
                "gradients_a_draw": float(fit.idata["sample_stats"].dataset["n_steps"].mean()),
            }
    return rows


def refit() -> dict:
    """Seconds of a refit under another prior, which compiles nothing."""
    cohort, spec = (
        trial(),
        bc.ModelSpec(**SLOPES),
    )
    start = bc.fit_ml(cohort, spec, random_seed=1, progress=False)
    bc.fit_bayes(cohort, spec, ml=start, draws=10, tune=10, progress=False)
    began = time.perf_counter()
    bc.fit_bayes(cohort, spec.with_(priors=bc.Priors(curve_sd=1.5)), ml=start, draws=10, tune=10, progress=False)
    return {"seconds_with_20_draws_a_chain": time.perf_counter() - began}


def selection() -> dict:
    """Seconds of K = 1..6 by LOO, WAIC, AIC and BIC on the trial, in a process whose caches on disk are warm."""
    began = time.perf_counter()
    chosen = bc.select_n_classes(
        trial(),
        bc.ModelSpec(**SLOPES),
        random_seed=1,
        progress=False,
    )
    return {"seconds": time.perf_counter() - began, "recommended": chosen.recommended}


def families() -> dict:
    """Families of counts on the trial, four classes, random intercept: ML a start, gradient, 4 x (600 + 1000) draws."""
    cohort, rows = trial(), {}
    for family in ("negative_binomial", "censored", "zero_inflated_negative_binomial", "poisson"):
        spec = bc.ModelSpec(family=family, random_effects="intercept", common_shape=False, growth="quadratic")
        bc.fit_ml(cohort, spec.with_(n_classes=1), progress=False)
        began = time.perf_counter()
        start = bc.fit_ml(cohort, spec, n_starts=10, random_seed=1, progress=False)
        rows[family] = {"ml_seconds_a_start": (time.perf_counter() - began) / 10}
        rows[family] |= {
            f"gradient_ms_{p}_patients_{n}_nodes": 1e3 * _gradient_seconds(start, p, n)
            for p, n in ((469, 7), (469, 14), (469, 28), (4690, 7))
        }
        fit = bc.fit_bayes(cohort, spec, ml=start, random_seed=1, progress=False)
        rows[family] |= {
            "nodes_while_sampling": fit.design.n_nodes,
            "sampling_seconds": fit.idata.attrs["sampling_seconds"],
            "node_error": fit.idata.attrs["node_error"],
            "ess_min": fit.diagnostics.min_ess,
            "max_rhat": fit.diagnostics.max_rhat,
            "warnings": list(fit.warnings),
            "gradients_a_draw": float(fit.idata["sample_stats"].dataset["n_steps"].mean()),
        }
        print(family, json.dumps(rows[family], indent=1), flush=True)
    return rows


def default() -> dict:
    """The default on the trial beside the former one and lcmm's model: 10 ML starts, 4 x (600 + 1000) draws."""
    former = {"family": "negative_binomial", "growth": "quadratic", "random_effects": "intercept"}
    former |= {"common_shape": False}
    cohort, rows = trial(), {}
    for name, options in (("default", {}), ("former default", former), ("gaussian", SLOPES)):
        spec = bc.ModelSpec(**options)
        bc.fit_ml(cohort, spec.with_(n_classes=1), progress=False)  # compiles
        began = time.perf_counter()
        start = bc.fit_ml(cohort, spec, n_starts=10, random_seed=1, progress=False)
        rows[name] = {"ml_seconds": time.perf_counter() - began}
        fit = bc.fit_bayes(cohort, spec, ml=start, random_seed=1, progress=False)
        rows[name] |= {
            "sampling_seconds": fit.idata.attrs["sampling_seconds"],
            "ess_min": fit.diagnostics.min_ess,
            "max_rhat": fit.diagnostics.max_rhat,
        }
    return rows


def _gradient_seconds(start, n_patients, n_nodes):
    """The best of five means of a few gradients."""
    packed = start.packed.take(np.arange(n_patients) % start.packed.n_patients)
    evaluator = Evaluator(packed, start.design.with_nodes(n_nodes).sizes, start.spec.n_classes)
    evaluator.centre(start.theta)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(10):
            evaluator.total(start.theta)
        times.append((time.perf_counter() - began) / 10)
    return min(times)


PARTS = {f.__name__: f for f in (gradient, ml, refit, nuts, selection, families, default, cold)}


def main() -> None:
    names = sys.argv[1:] or list(PARTS)
    path = RESULTS / "speed.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results["machine"] = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "processor": platform.machine(),
        "bayesctc": bc.__version__,
    }
    for name in names:
        results[name] = PARTS[name]()
        print(name, json.dumps(results[name], indent=1), flush=True)
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
