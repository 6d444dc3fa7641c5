"""Power-scaling: the posterior under prior^alpha or likelihood^alpha, from existing draws.

Kallioinen, Paananen, Bürkner and Vehtari, Stat Comput 2024;34:57.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.criteria.psis import HIGH_K, smoothed
from bayesctc.process_wide import home_for_imports
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.diagnostics import scalar_draws
from bayesctc.shown import told_apart

THRESHOLD = 0.05  # of ArviZ's psense: above it the posterior is sensitive to the component


def log_prior(fit: BayesFit) -> xr.DataArray:
    """Log prior density of each draw: (chain, draw)."""
    return fit.idata["log_prior"].dataset.to_dataarray().sum("variable").rename("prior")


def log_density(fit: BayesFit, component: str) -> xr.DataArray:
    """Log density of the component at each draw: (chain, draw)."""
    if component == "prior":
        return log_prior(fit)
    return fit.idata["log_likelihood"].dataset["joint"].sum("patient")


def power_sensitivity(fit: BayesFit) -> pd.DataFrame:
    """Sensitivity of each parameter's posterior to the weight of prior and likelihood: ArviZ's psense.

    Returns
    -------
    DataFrame
        parameter, latent_class, term, prior, likelihood (sensitivities to a power near 1; above 0.05 is relevant),
        diagnosis.
    """
    with home_for_imports():
        import arviz as az

    rows, draws = scalar_draws(fit.idata, fit.design.layout)
    moves = draws.std(axis=(1, 2)) > 0
    rows = rows.loc[moves].drop(columns="position").reset_index(drop=True)
    posterior = xr.Dataset({"x": (("row", "chain", "draw"), draws[moves])})
    tree = xr.DataTree(
        children={
            "posterior": xr.DataTree(posterior),
            **{name: xr.DataTree(_plain(fit.idata[name].dataset)) for name in ("log_prior", "log_likelihood")},
        }
    )
    for component in ("prior", "likelihood"):
        rows[component] = az.psense(tree, group=component)["x"].to_numpy()
    strong, weak = rows["prior"] > THRESHOLD, rows["likelihood"] < THRESHOLD
    rows["diagnosis"] = np.select(
        [strong & ~weak, strong & weak], ["potential prior-data conflict", "strong prior or weak data"], ""
    )
    return rows


def _plain(dataset):
    return dataset.reset_coords(drop=True).drop_vars(["chain", "draw", "patient"], errors="ignore")


def _picked(draws, chosen):
    """Draws selected by their numbers over all chains, in the original shape."""
    sizes = draws.sizes["chain"], draws.sizes["draw"]
    picked = {
        name: (
            variable.dims,
            variable.to_numpy().reshape(-1, *variable.shape[2:])[chosen].reshape(sizes + variable.shape[2:]),
        )
        for name, variable in draws.transpose("chain", "draw", ...).data_vars.items()
    }
    return xr.Dataset(picked, coords=draws.coords)


def scaled(fit: BayesFit, component: str, alpha: float) -> tuple[BayesFit, float]:
    """Draws under prior^alpha or likelihood^alpha: the fit's draws, resampled by Pareto-smoothed weights.

    Parameters
    ----------
    fit : BayesFit
    component : {"prior", "likelihood"}
    alpha : float

    Returns
    -------
    BayesFit
        The same number of draws, some of them repeated (systematic resampling, without random numbers).
    float
        pareto_k of the weights; above 0.7 they are unreliable, and the row is not counted.
    """
    log_ratios = (alpha - 1.0) * log_density(fit, component).transpose("chain", "draw").to_numpy().reshape(-1, 1)
    weights, pareto_k = smoothed(log_ratios)
    n = len(weights)
    chosen = np.searchsorted(np.cumsum(np.exp(weights)), (np.arange(n) + 0.5) / n)
    chosen = np.minimum(chosen, n - 1)
    picked = {group: _picked(fit.idata[group].dataset, chosen) for group in ("posterior", "internal")}
    idata = xr.DataTree(children={group: xr.DataTree(draws) for group, draws in picked.items()})
    idata.attrs = dict(fit.idata.attrs)
    k, notes = float(pareto_k[0]), fit.notes
    if not k <= HIGH_K:
        notes = (
            *notes,
            f"pareto_k of the weights is {told_apart(k, HIGH_K, 2)}, at most {HIGH_K:g} allowed: do not trust this row",
        )
    return replace(fit, idata=idata, notes=notes), k
