"""Samples the cohort of the Stan comparison with bayesctc, for `compare.py`.

Run with `python -m benchmarks.stan.run_bayesctc` after `make_data`. Compiling is the first call of the kernel with an
empty cache, in seconds; sampling includes warm-up, relabelling and the pointwise log likelihood.
"""

import argparse
import os
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trial", action="store_true", help="the synthetic trial, as make_data --trial")
    trial = parser.parse_args().trial
    with tempfile.TemporaryDirectory() as empty:
        os.environ["XDG_CACHE_HOME"] = empty  # before the package is imported: the kernel is compiled anew
        import numpy as np

        import bayesctc as bc
        from bayesctc.model.analysis import Analysis
        from bayesctc.model.design import Design
        from bayesctc.model.posterior import Posterior
        from benchmarks.stan.make_data import benchmark_cohort
        from benchmarks.stan.measure import save_run

        cohort, spec = (
            benchmark_cohort(trial=trial),
            bc.ModelSpec(family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
        )
        design = Design.settle(cohort, spec)
        posterior = Posterior(Analysis.of(cohort, design), np.zeros((spec.n_classes, design.sizes.n_class_parameters)))
        began = time.perf_counter()
        posterior(np.zeros(posterior.n_dim))
        compiled = time.perf_counter() - began
        ml = bc.fit_ml(cohort, spec, random_seed=1, progress=False)
        bc.fit_bayes(cohort, spec, ml=ml, draws=10, tune=10, chains=2, progress=False)  # imports are not timed
        fit = bc.fit_bayes(cohort, spec, ml=ml, draws=1000, tune=600, chains=4, random_seed=1, progress=False)
        draws = fit.idata["posterior"].dataset
        layout = design.layout
        arrays = {n: draws[n].transpose("chain", "draw", *d).to_numpy() for n, d in layout.dims.items()}
        arrays["membership"] = arrays["membership"][..., 0]
        arrays["random_effect_corr"] = arrays["random_effect_corr"][..., 1, 0]
        stats = fit.idata["sample_stats"].dataset
        times = {
            "trial": trial,
            "tune": 600,
            "draws": 1000,
            "chains": 4,
            "compile_seconds": compiled,
            "sampling_seconds": fit.idata.attrs["sampling_seconds"],
            "divergences": int(stats["diverging"].sum()),
            "gradients_a_draw": float(stats["n_steps"].mean()),
        }
        save_run("bayesctc", arrays, times)


if __name__ == "__main__":
    main()
