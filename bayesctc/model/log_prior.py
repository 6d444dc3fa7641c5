"""Log prior density of draws, parameter by parameter."""

import numpy as np
from scipy.special import betaln

from bayesctc.model.covariance import partial_of_corr
from bayesctc.model.layout import Layout
from bayesctc.model.parameter_blocks import ABSENT, COMMON, ZERO_SUM
from bayesctc.model.priors import Priors, term_priors, where_data_are

HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


def log_prior(theta, layout: Layout, priors: Priors) -> dict[str, np.ndarray]:
    """Log prior density of the parameters as in the PyMC model: their sum is that of `pm.compute_log_prior`.

    The densities are those of standard deviations, of (1 + partial correlation) / 2, and of all other parameters on the
    scale of their normal priors, on the scale of the fit. The posterior density in the sampler's coordinates also has
    the Jacobians of logarithm and logit, which are not part of any prior.

    Parameters
    ----------
    theta : array (..., n_classes, n_class_parameters)
    layout : Layout
    priors : Priors

    Returns
    -------
    dict of array (...)
        By parameter, summed over its classes and terms.
    """
    found: dict[str, np.ndarray] = {}
    for block in layout.blocks:
        if block.sharing == ABSENT:
            continue
        if block.name == "random_effect_cholesky":
            found |= _of_random_effects(theta, layout, priors)
            continue
        moved, stretched = where_data_are(block, layout)
        total = np.zeros(theta.shape[:-2])
        for k, prior in enumerate(term_priors(block, layout)):
            value = theta[..., layout.places[block.name].start + k]
            value = value[..., :1] if block.sharing == COMMON else value
            sd = stretched * getattr(priors, prior.sd)
            if prior.kind == "half_normal":
                total += _half_normal(np.exp(value), sd)
                continue
            total += _normal(value - moved - (getattr(priors, prior.mean) if prior.mean else 0.0), sd)
            if block.sharing == ZERO_SUM:  # of K values that sum to zero K - 1 are free
                total += np.log(sd) + HALF_LOG_2PI
        found[block.name] = total
    return found


def _of_random_effects(theta, layout, priors):
    """For standard deviations and, if several, correlations of random effects; see `graph._random_effects`."""
    own, q = layout.own(theta), len(layout.random_effects)
    found = {"random_effect_sd": _half_normal(own["random_effect_sd"], priors.random_effect_sd)}
    if q > 1:
        u = 0.5 + 0.5 * partial_of_corr(own["random_effect_corr"])
        b = priors.correlation_eta + (q - 2 - np.array([k for j in range(q) for k in range(j)])) / 2.0
        with np.errstate(divide="ignore"):  # on the edge of the correlations
            log = (b - 1.0) * np.log(u * (1.0 - u)) - betaln(b, b)
        found["random_effect_corr"] = log.sum(axis=-1)
    return found


def _normal(away, sd):
    """Summed over the last dimension."""
    return (-0.5 * np.square(away / sd) - np.log(sd) - HALF_LOG_2PI).sum(axis=-1)


def _half_normal(value, sd):
    """Summed over the last dimension."""
    return _normal(value, sd) + value.shape[-1] * np.log(2.0)
