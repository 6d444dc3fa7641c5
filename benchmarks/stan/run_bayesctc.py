"""Samples the cohort of the Stan comparison with bayesctc, for `compare.py`.

Run with `python -m benchmarks.stan.run_bayesctc [--model default]` after `make_data`. Compiling is the first call of
the kernel with an empty cache; sampling includes warm-up, relabelling and the pointwise log likelihood.
"""

import json
import os
import tempfile
import time

from benchmarks.stan.place import arguments_of, folder, processor_seconds


def main() -> None:
    """Compile, sample, keep draws and times."""
    model = arguments_of(__doc__).parse_args().model
    trial = json.loads((folder(model) / "data.json").read_text())["trial"]
    with tempfile.TemporaryDirectory() as empty:
        os.environ["XDG_CACHE_HOME"] = empty  # before the package is imported: the kernel is compiled anew
        import numpy as np

        import bayesctc as bc
        from bayesctc.model.analysis import Analysis
        from bayesctc.model.design import Design
        from bayesctc.model.posterior import Posterior
        from benchmarks.stan.make_data import benchmark_cohort
        from benchmarks.stan.measure import save_run
        from benchmarks.stan.models import BY_NAME

        cohort, spec = benchmark_cohort(trial), BY_NAME[model].spec
        design = Design.settle(cohort, spec)
        posterior = Posterior(Analysis.of(cohort, design), np.zeros((spec.n_classes, design.sizes.n_class_parameters)))
        began, used = time.perf_counter(), processor_seconds()
        posterior(np.zeros(posterior.n_dim))
        compiled, compiled_used = time.perf_counter() - began, processor_seconds() - used
        ml = bc.fit_ml(cohort, spec, random_seed=1, progress=False)
        bc.fit_bayes(cohort, spec, ml=ml, draws=10, tune=10, chains=2, progress=False)  # imports are not timed
        used = processor_seconds()
        fit = bc.fit_bayes(cohort, spec, ml=ml, draws=1000, tune=600, chains=4, random_seed=1, progress=False)
        used = processor_seconds() - used
        stats = fit.idata["sample_stats"].dataset
        times = {
            "trial": trial,
            "tune": 600,
            "draws": 1000,
            "chains": 4,
            "compile_seconds": compiled,
            "compile_processor_seconds": compiled_used,
            "sampling_seconds": fit.idata.attrs["sampling_seconds"],
            "sampling_processor_seconds": used,
            "divergences": int(stats["diverging"].sum()),
            "gradients_a_draw": float(stats["n_steps"].mean()),
        }
        save_run(model, "bayesctc", own_draws(fit), times)


def own_draws(fit) -> dict:
    """Draws on the scale of the fit, as `save_run` takes them."""
    draws = dict(fit.design.layout.own(fit.idata["internal"].dataset["theta"].to_numpy()))
    draws["membership"] = draws["membership"][..., 0]
    if "random_effect_corr" in draws:
        draws["random_effect_corr"] = draws["random_effect_corr"][..., 1, 0]
    return draws


if __name__ == "__main__":
    main()
