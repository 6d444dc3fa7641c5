"""The same model as a user would write it by hand in plain PyMC: explicit random effects, the class summed out.

Run with `python -m benchmarks.plain_pymc [--draws N]` after `python -m benchmarks.stan.make_data`; samples by nutpie,
from the same starting values as Stan. Writes `benchmarks/results/plain_pymc.json`. Compiling is always cold. With fewer
draws, effective draws per second include relatively more warm-up: the file says how many there were.
"""

import argparse
import dataclasses
import itertools
import json
import os
import shutil
import time

import numpy as np

from benchmarks.stan.measure import measured, save_run
from benchmarks.stan.place import MODELS, folder, processor_seconds

GAUSSIAN = MODELS[0]


def plain_model(content: dict):
    """The joint latent class model: random effects of every patient as parameters (non-centred), classes summed out."""
    import pymc as pm
    import pytensor.tensor as pt

    data, samples = content["stan"], content["samples"]
    N, K = data["N"], data["K"]
    patient, X, y = (np.array(samples[name]) for name in ("patient", "X", "y"))
    event, log_time = np.array(data["event"]), np.array(data["log_time"])
    with pm.Model() as model:
        membership = pm.ZeroSumNormal("membership", data["membership_sd"], shape=K)
        growth = pm.Normal("growth", np.array(data["growth_mean"]), np.array(data["growth_sd"]), shape=(K, 3))
        sigma = pm.HalfNormal("sigma", data["sigma_sd"])
        factor, corr, sd = pm.LKJCholeskyCov(
            "factor", n=2, eta=data["correlation_eta"], sd_dist=pm.HalfNormal.dist(data["random_effect_sd_sd"], shape=2)
        )
        pm.Deterministic("random_effect_sd", sd)
        pm.Deterministic("random_effect_corr", corr[0, 1])
        log_scale = pm.Normal("log_scale", data["log_scale_mean"], data["log_scale_sd"], shape=K)
        log_shape = pm.Normal("log_shape", 0.0, data["log_shape_sd"], shape=K)

        standard = pm.Normal("standard", shape=(N, 2))
        effects = standard @ factor.T
        mean = X @ growth.T + pt.sum(effects[patient] * X[:, :2], axis=1)[:, None]
        of_sample = pm.logp(pm.Normal.dist(mean, sigma), y[:, None])
        growth_part = pt.zeros((N, K))[patient].inc(of_sample)
        shape = pt.exp(log_shape)
        z = log_time[:, None] - log_scale
        survival_part = event[:, None] * (log_shape + shape * z - log_time[:, None]) - pt.exp(shape * z)
        joint = pm.math.log_softmax(membership) + growth_part + survival_part
        pm.Potential("likelihood", pm.math.logsumexp(joint, axis=1).sum())
    return model


def starting_points(model, compiled, starts: list[dict], n_patients: int) -> list[np.ndarray]:
    """The unconstrained vector of each chain's starting values.

    Random effects start near zero, not at it: nutpie refuses a gradient that is exactly 0, as a lone first visit gives.
    """
    from pymc.initial_point import make_initial_point_fn
    from pytensor import config

    points, rng = [], np.random.default_rng(1)
    for start in starts:
        sd, corr = np.array(start["random_effect_sd"]), start["random_effect_corr"]
        values = {
            **{name: np.array(start[name]) for name in ("membership", "sigma", "log_scale", "log_shape")},
            "growth": np.array(start["growth"]).T,
            "factor": np.array([sd[0], corr * sd[1], np.sqrt(1 - corr**2) * sd[1]]),
            "standard": rng.normal(0.0, 0.1, size=(n_patients, 2)),
        }
        overrides = {model[name]: value for name, value in values.items()}
        with config.change_flags(mode="FAST_COMPILE"):
            point = make_initial_point_fn(model=model, overrides=overrides, return_transformed=True)(0)
        points.append(np.concatenate([np.ravel(point[value.name]) for value in model.value_vars]))
    if any(len(point) != compiled.n_dim for point in points):
        raise ValueError("the starting values do not have the compiled model's length")
    return points


def main() -> None:
    """Compile, sample, write draws, times and effective draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=600)
    arguments = parser.parse_args()
    content = json.loads((folder(GAUSSIAN) / "data.json").read_text())
    cache = folder(GAUSSIAN) / "pytensor"
    shutil.rmtree(cache, ignore_errors=True)  # an empty cache compiles anew
    os.environ["PYTENSOR_FLAGS"] = f"base_compiledir={cache}"
    os.environ["NUMBA_CACHE_DIR"] = str(cache)
    import nutpie

    model = plain_model(content)
    started, used = time.perf_counter(), processor_seconds()
    compiled = nutpie.compile_pymc_model(model, jitter_rvs=set())
    compile_seconds, compile_used = time.perf_counter() - started, processor_seconds() - used
    points = itertools.cycle(starting_points(model, compiled, content["starts"], content["stan"]["N"]))
    compiled = dataclasses.replace(compiled, initial_point_func=lambda seed: next(points))
    started, used = time.perf_counter(), processor_seconds()
    idata = nutpie.sample(
        compiled,
        draws=arguments.draws,
        tune=arguments.tune,
        chains=len(content["starts"]),
        cores=2,
        seed=1,
        progress_bar=False,
    )
    sampling_seconds, sampling_used = time.perf_counter() - started, processor_seconds() - used
    posterior = idata.posterior
    names = ("membership", "growth", "sigma", "random_effect_sd", "random_effect_corr")
    draws = {name: posterior[name].to_numpy() for name in names}
    draws |= {"scale": np.exp(posterior["log_scale"].to_numpy()), "shape": np.exp(posterior["log_shape"].to_numpy())}
    times = {
        "trial": content["trial"],
        "tune": arguments.tune,
        "draws": arguments.draws,
        "chains": len(content["starts"]),
        "compile_seconds": compile_seconds,
        "compile_processor_seconds": compile_used,
        "sampling_seconds": sampling_seconds,
        "sampling_processor_seconds": sampling_used,
        "divergences": int(idata.sample_stats["diverging"].sum()),
        "gradients_a_draw": float(idata.sample_stats["n_steps"].mean()),
    }
    save_run(GAUSSIAN, "plain_pymc", draws, times)
    print(json.dumps(measured(GAUSSIAN, "plain_pymc"), indent=2))


if __name__ == "__main__":
    main()
