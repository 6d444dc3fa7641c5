"""Pareto-smoothed importance sampling (Vehtari et al., JMLR 2024;25(72))."""

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from bayesctc.process_wide import home_for_imports, warnings_are

HIGH_K = 0.7  # above which importance sampling is not relied on (same source, section 3.2.4)


def psis(draws: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Pareto-smoothed importance weights that leave out each patient in turn.

    Parameters
    ----------
    draws : DataArray (chain, draw, patient)
        Log density of each patient at each draw, as it stands in the posterior.

    Returns
    -------
    weights : array (n_chains * n_draws, n_patients)
        Their logarithms, up to a constant by patient.
    pareto_k : array (n_patients,)
    """
    with home_for_imports():
        import arviz as az  # noqa: F401  registers the accessor

    with warnings_are("ignore"):  # of a large k, which is returned
        weights, pareto_k = draws.azstats.psislw(dim=["chain", "draw"])
    weights = weights.transpose("chain", "draw", "patient").to_numpy()
    return weights.reshape(-1, draws.shape[-1]), xr.DataArray(pareto_k).to_numpy().astype(float)


def smoothed(log_ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed log weights that sum to 1 by column, and pareto_k by column, of log importance ratios.

    Parameters
    ----------
    log_ratios : array (n_draws, n)
        Minus infinity where a draw has no weight.
    """
    highest = log_ratios.max(axis=0)
    ratios = np.maximum(log_ratios - highest, -1e6)  # without infinities; the constant does not matter
    weights, k = psis(xr.DataArray(-ratios[None], dims=("chain", "draw", "patient")))
    return weights - logsumexp(weights, axis=0), k


def weighted(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """log of the weighted mean of exp(values) by patient: arrays (n_draws, n_patients), the weights as logarithms."""
    found: np.ndarray = logsumexp(weights + values, axis=0) - logsumexp(weights, axis=0)
    return found
