"""Samples the Stan model and times it. Runs in the environment that setup.sh builds; everything it needs is in a file.

Run from the project's folder with `benchmarks/.stan/venv/bin/python -m benchmarks.stan.run_stan [--model default]`;
writes the draws to `benchmarks/.stan/<model>/stan.npz` and times to `stan.json`. `compare.py` reads both.
Compiling is always cold.
"""

import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.stan.place import arguments_of, folder, processor_seconds


def log_densities(posterior, points: list[dict]) -> list[float]:
    """Stan's log density at each point, up to one constant, without the Jacobian of its transforms."""
    return [posterior.log_prob(posterior.unconstrain_pars(point), adjust_transform=False) for point in points]


def by_name(fit, n_chains: int) -> dict[str, np.ndarray]:
    """Draws by the names that the comparison uses, arrays (chain, draw, ...)."""

    def draws(name):
        values = fit[name]  # (..., draw and chain interleaved)
        values = values.reshape(*values.shape[:-1], -1, n_chains)
        return np.moveaxis(values, (-1, -2), (0, 1))

    found = {
        "membership": draws("membership"),
        "growth": np.swapaxes(draws("growth"), -1, -2),
        "sigma": np.squeeze(draws("sigma")),
        "scale": np.exp(np.squeeze(draws("log_scale"))),
        "shape": np.exp(np.squeeze(draws("log_shape"))),
    }
    if "random_effect_sd" in fit.param_names:
        found["random_effect_sd"] = draws("random_effect_sd")
        found["random_effect_corr"] = np.squeeze(draws("random_effect_corr"))
    return found


def main() -> None:
    """Compile, sample, write draws and times."""
    parser = arguments_of(__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=600)
    arguments = parser.parse_args()
    kept = folder(arguments.model)
    content = json.loads((kept / "data.json").read_text())
    code, starts = (Path(__file__).parent / content["code"]).read_text(), content["starts"]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # where PyStan keeps compiled models: an empty one compiles anew
        import stan
        from httpstan.services_stub import executor

        began, used = time.perf_counter(), processor_seconds()
        posterior = stan.build(code, data=content["stan"], random_seed=1)
        compiled, compiled_used = time.perf_counter(), processor_seconds()
        exact = stan.build(code, data=content["stan"] | content["exact"], random_seed=1)  # compiled already
        checked = log_densities(exact, content["check_points"])
        before = time.perf_counter()
        sampled_from = processor_seconds()
        fit = posterior.sample(
            num_chains=len(starts), num_warmup=arguments.tune, num_samples=arguments.draws, init=starts
        )
        sampled = time.perf_counter()
        executor.shutdown()  # processes that have sampled count when they have ended
    result = {
        "trial": content["trial"],
        "tune": arguments.tune,
        "draws": arguments.draws,
        "chains": len(starts),
        "compile_seconds": compiled - began,
        "compile_processor_seconds": compiled_used - used,
        "sampling_seconds": sampled - before,
        "sampling_processor_seconds": processor_seconds() - sampled_from,
        "divergences": int(np.sum(fit["divergent__"])),
        "gradients_a_draw": float(np.mean(fit["n_leapfrog__"])),
        "log_densities": checked,
    }
    np.savez(kept / "stan.npz", **by_name(fit, len(starts)))
    (kept / "stan.json").write_text(json.dumps(result, indent=2))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
