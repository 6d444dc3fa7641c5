"""Weights of predictive distributions that predict best together (Yao, Vehtari, Simpson and Gelman, Bayesian Analysis
2018;13:917), here of chains that have not mixed (Yao, Vehtari and Gelman, JMLR 2022;23(79))."""

import numpy as np
from scipy.optimize import minimize

NO_WEIGHT = 0.01  # below which a component counts for nothing and is left out
_TOLERANCE = 1e-12


def stacking_weights(elpd: np.ndarray) -> np.ndarray:
    """Weights w that maximise sum_i log sum_c w_c exp(elpd_ci), at least 0 and 1 together; the problem is convex.

    Parameters
    ----------
    elpd : array (n_components, n_patients)
        Log predictive density of each patient without them. A component that is nowhere finite has weight 0.

    Returns
    -------
    array (n_components,)
        Weights below 0.01 are set to 0.
    """
    found = np.zeros(len(elpd))
    kept = np.flatnonzero(np.isfinite(elpd).all(axis=1))
    while len(kept):
        found[:] = 0.0
        found[kept] = _optimum(elpd[kept])
        large = found[kept] >= NO_WEIGHT
        if large.all():
            break
        kept = kept[large]
    return found


def _optimum(elpd):
    """The maximum over the simplex."""
    n = len(elpd)
    if n == 1:
        return np.ones(1)
    density = np.exp(elpd - elpd.max(axis=0))

    def loss(weights):
        mixed = np.maximum(weights @ density, 1e-300)
        return -np.mean(np.log(mixed)), -(density / mixed).mean(axis=1)

    limits = {"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda w: np.ones(n)}
    done = minimize(
        loss,
        np.full(n, 1.0 / n),
        jac=True,
        bounds=[(0.0, 1.0)] * n,
        constraints=limits,
        method="SLSQP",
        options={"ftol": _TOLERANCE, "maxiter": 500},
    )
    weights = np.maximum(done.x, 0.0)
    return weights / weights.sum()


def stacked_elpd(elpd: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log predictive density of the stacked mixture, by patient, corrected for the estimation of its weights.

    Estimated weights are optimistic for the patients from whom they are estimated. To first order the weights without
    patient i differ by the inverse Hessian times i's own score g_i, so that log sum_c w_c p_ci falls by the leverage
    g_i' (sum_j g_j g_j')^-1 g_i, g_ic = p_ci / sum_c w_c p_ci along the simplex. The Hessian of a mixture's log
    likelihood by its weights is itself the sum of outer products, so the leverages sum to the number of components with
    a weight, minus 1, which is also the penalty of AIC.

    Parameters
    ----------
    elpd : array (n_components, n_patients)
    weights : array (n_components,)

    Returns
    -------
    array (n_patients,)
    """
    used = np.flatnonzero(weights > 0)
    highest = elpd[used].max(axis=0)
    density = np.exp(elpd[used] - highest)
    mixed = weights[used] @ density
    score = (density[:-1] - density[-1]) / mixed
    leverage = np.einsum("ci,cd,di->i", score, np.linalg.pinv(score @ score.T), score) if len(used) > 1 else 0.0
    found: np.ndarray = highest + np.log(mixed) - leverage
    return found
