"""How every sampler's draws are saved and measured, so that all are measured alike."""

import json
from pathlib import Path

import arviz as az
import numpy as np

from benchmarks.stan.place import MODELS, folder

RESULTS = Path(__file__).parents[1] / "results"
BY_CLASS = ("membership", "growth", "scale", "shape")  # arrays (chain, draw, class, ...)


def save_run(model: str, name: str, draws: dict[str, np.ndarray], times: dict) -> None:
    """Keep the draws and times of one sampler for `compare.py`.

    Parameters
    ----------
    model, name : str
    draws : dict of array (chain, draw, ...)
        membership (class), growth (class, 3), sigma, random_effect_sd (2), random_effect_corr, scale and shape (class),
        on the scale of the fit; without random effects, and with one shape, under the default.
    times : dict
        trial, tune, draws, chains, compile_seconds, sampling_seconds, the same of the processor, and whatever else is
        worth keeping.
    """
    np.savez(folder(model) / f"{name}.npz", **draws)
    (folder(model) / f"{name}.json").write_text(json.dumps(times, indent=2))


def sorted_classes(draws: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each draw's classes sorted by their growth intercept."""
    order = np.argsort(draws["growth"][..., 0], axis=-1)

    def take(values):
        places = order.reshape(*order.shape, *[1] * (values.ndim - order.ndim))
        return np.take_along_axis(values, places, axis=2)

    def by_class(name, values):
        return name in BY_CLASS and values.ndim >= order.ndim  # a shape may be that of all classes

    return {name: take(values) if by_class(name, values) else values for name, values in draws.items()}


def effective_draws(draws: dict[str, np.ndarray]) -> dict:
    """Bulk effective sample size and R-hat over all parameters, classes sorted: min, median; largest R-hat."""
    idata = az.from_dict({"posterior": sorted_classes(draws)})
    bulk, rhat = az.ess(idata, method="bulk"), az.rhat(idata)
    values = np.concatenate([np.ravel(bulk[name]) for name in bulk.data_vars])
    return {
        "n_parameters": len(values),
        "ess_bulk_min": float(values.min()),
        "ess_bulk_median": float(np.median(values)),
        "ess_bulk_min_in": min(bulk.data_vars, key=lambda name: float(bulk[name].min())),
        "rhat_max": max(float(rhat[name].max()) for name in rhat.data_vars),
    }


def results_file(stem: str, model: str, suffix: str) -> Path:
    """A file of the results folder; those of the gaussian model have no model in their names."""
    return RESULTS / f"{stem}{'' if model == MODELS[0] else '_' + model}.{suffix}"


def measured(model: str, name: str) -> dict:
    """Times and effective draws of one sampler's saved run; written to the results folder too."""
    result = json.loads((folder(model) / f"{name}.json").read_text())
    with np.load(folder(model) / f"{name}.npz") as draws:
        result |= effective_draws(dict(draws))
    for figure in ("min", "median"):
        for kind in ("", "processor_"):
            seconds = result[f"sampling_{kind}seconds"]
            result[f"ess_bulk_{figure}_per_{kind}second"] = result[f"ess_bulk_{figure}"] / seconds
    RESULTS.mkdir(exist_ok=True)
    results_file(name, model, "json").write_text(json.dumps(result, indent=2) + "\n")
    return result
