"""Samples the Stan model and times it. Runs in the environment that setup.sh builds; everything it needs is in a file.

Run from the project's folder with `benchmarks/.stan/venv/bin/python -m benchmarks.stan.run_stan`; writes the draws to
`benchmarks/.stan/stan.npz` and times to `benchmarks/.stan/stan.json`. `compare.py` reads both.
Compiling is always cold.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / ".stan"


def log_densities(posterior, points: list[dict]) -> list[float]:
    """Stan's log density at each point, up to one constant, without the Jacobian of its transforms."""
    return [posterior.log_prob(posterior.unconstrain_pars(point), adjust_transform=False) for point in points]


def by_name(fit, n_chains: int) -> dict[str, np.ndarray]:
    """Draws by the names that the comparison uses, arrays (chain, draw, ...)."""

    def draws(name):
        values = fit[name]  # (..., draw and chain interleaved)
        values = values.reshape(*values.shape[:-1], -1, n_chains)
        return np.moveaxis(values, (-1, -2), (0, 1))

    return {
        "membership": draws("membership"),
        "growth": np.swapaxes(draws("growth"), -1, -2),
        "sigma": np.squeeze(draws("sigma")),
        "random_effect_sd": draws("random_effect_sd"),
        "random_effect_corr": np.squeeze(draws("random_effect_corr")),
        "scale": np.exp(np.squeeze(draws("log_scale"))),
        "shape": np.exp(np.squeeze(draws("log_shape"))),
    }


def main() -> None:
    """Compile, sample, write draws and times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=600)
    arguments = parser.parse_args()
    content = json.loads((FOLDER / "data.json").read_text())
    starts = content["starts"]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # where PyStan keeps compiled models: an empty one compiles anew
        import stan

        started = time.perf_counter()
        posterior = stan.build((Path(__file__).parent / "joint.stan").read_text(), data=content["stan"], random_seed=1)
        compiled = time.perf_counter()
        fit = posterior.sample(
            num_chains=len(starts), num_warmup=arguments.tune, num_samples=arguments.draws, init=starts
        )
        sampled = time.perf_counter()
        checked = log_densities(posterior, content["check_points"])
    result = {
        "trial": content["trial"],
        "tune": arguments.tune,
        "draws": arguments.draws,
        "chains": len(starts),
        "compile_seconds": compiled - started,
        "sampling_seconds": sampled - compiled,
        "divergences": int(np.sum(fit["divergent__"])),
        "gradients_a_draw": float(np.mean(fit["n_leapfrog__"])),
        "log_densities": checked,
    }
    np.savez(FOLDER / "stan.npz", **by_name(fit, len(starts)))
    (FOLDER / "stan.json").write_text(json.dumps(result, indent=2))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
