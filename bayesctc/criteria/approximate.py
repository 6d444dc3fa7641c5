"""LOO from a normal approximation of the posterior, corrected by importance weights; no chain is run.

Magnusson, Andersen, Jonasson and Vehtari (ICML 2019, PMLR 97:4244): draws from an approximation g represent the
posterior p without patient i if they are weighted by p(theta) / g(theta) times 1 / p(y_i | theta). The pareto_k of the
weights p / g shows whether g covers p; each patient's leave-one-out weights have a separate pareto_k. g is normal at
the posterior's mode, in the coordinates of the sampler; if that does not cover p, g is a Student distribution with the
mean and covariance of the weighted draws.

Weights cannot reveal a mode that no draw came near. A rival mode of the likelihood is therefore a reason to sample.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from bayesctc.criteria.loo import APPROXIMATED, MOST_HIGH_K, Loo, assembled, said_unsettled
from bayesctc.criteria.moment_matching import log_posterior
from bayesctc.criteria.psis import HIGH_K, smoothed, weighted
from bayesctc.inference.nuts import inside, with_nodes
from bayesctc.inference.settings import Settings
from bayesctc.inference.whitened import information
from bayesctc.model.posterior import Posterior
from bayesctc.results.idata import measure
from bayesctc.results.ml_fit import RIVAL, MLFit
from bayesctc.shown import told_apart

DEGREES = 30.0  # of freedom of the Student proposals: tails somewhat heavier than normal ones
PROPOSALS = 3  # the normal distribution, then those by the weighted moments
_CLIMBS = 3  # a climb that stops at the limit of its memory goes on from there


def approximate_loo(ml: MLFit, settings: Settings) -> tuple[Loo | None, str]:
    """LOO by a normal approximation at the posterior's mode, or the reason why it fails.

    Parameters
    ----------
    ml : MLFit
    settings : Settings
        Each proposal has chains x draws draws; random_seed.

    Returns
    -------
    Loo or None
        With `approximation_k`.
    str
        The reason why it fails; "" if it does not.
    """
    if rivals := _rivals(ml):
        return None, f"{rivals} rival mode(s) within {RIVAL:g} log-likelihood units"
    analysis, follow = with_nodes(ml, ml.theta)
    posterior = Posterior(analysis, ml.theta, follow)
    mode, at_mode = _mode(posterior, posterior.start(inside(analysis.design, ml.theta)))
    try:
        root = np.linalg.cholesky(np.linalg.inv(at_mode))
    except np.linalg.LinAlgError:
        return None, "the posterior's mode has no positive definite Hessian"
    rng, n = np.random.default_rng(settings.random_seed), settings.chains * settings.draws
    centre, degrees, tried = mode, np.inf, []
    for _ in range(PROPOSALS):
        x, density = _drawn(centre, root, degrees, n, rng)
        target, log_likelihood = log_posterior(analysis, posterior.prior, x, settings.cores)
        log_likelihood = np.where(np.isfinite(target)[:, None], log_likelihood, 0.0)  # of draws without weight
        weights, k = smoothed((target - density)[:, None])
        one_out, by_patient = smoothed((target - density)[:, None] - log_likelihood)
        high = int(np.sum(~(by_patient <= HIGH_K)))
        tried.append((not k[0] <= HIGH_K, high, float(k[0]), weights, one_out, by_patient, log_likelihood))
        if k[0] <= HIGH_K and not high:
            break
        share = np.exp(weights[:, 0])
        centre, away = share @ x, x - share @ x
        try:
            root = np.linalg.cholesky((away * share[:, None]).T @ away)
        except np.linalg.LinAlgError:
            break
        degrees = DEGREES
    failed, high, k_all, weights, one_out, by_patient, log_likelihood = min(tried, key=lambda each: each[:3])
    if failed:
        return None, f"pareto_k of the approximation is {told_apart(k_all, HIGH_K, 2)}, at most {HIGH_K:g} allowed"
    if high > MOST_HIGH_K * analysis.n_patients:
        return None, f"pareto_k of {high} patients is above {HIGH_K:g}"
    elpd = weighted(one_out, log_likelihood)
    p_loo, of = float((logsumexp(weights + log_likelihood, axis=0) - elpd).sum()), measure(analysis.design)
    found = assembled(analysis, elpd, by_patient, p_loo, of, method=APPROXIMATED, approximation_k=k_all)
    return replace(found, warnings=said_unsettled(found)), ""


def _rivals(ml):
    """Number of interior modes about as good as the best, where the posterior may also have mass."""
    values = ml.modes.loc[ml.modes["interior"].astype(bool), "log_likelihood"]
    return int((values > values.iloc[0] - RIVAL).sum()) - 1


def _mode(posterior, start):
    """The mode of the posterior in the sampler's coordinates, and the information there."""

    def loss(x):
        value, gradient = posterior(x)
        return (-value, -gradient) if np.isfinite(value) else (1e300, gradient)

    mode = start
    for _ in range(_CLIMBS):
        mode = minimize(loss, mode, jac=True, method="L-BFGS-B", options={"maxcor": 30}).x
    return mode, information(posterior, mode)


def _drawn(centre, root, degrees, n, rng):
    """Draws (n, n_dim) of a Student distribution, normal of infinite degrees; its log density up to a constant."""
    z = rng.normal(size=(n, len(centre)))
    if np.isfinite(degrees):
        z *= np.sqrt(degrees / rng.chisquare(degrees, n))[:, None]
    square = (z**2).sum(axis=1)
    density = -0.5 * (degrees + len(centre)) * np.log1p(square / degrees) if np.isfinite(degrees) else -0.5 * square
    return centre + z @ root.T, density
