"""Warnings where prior and data disagree, because a prior that the likelihood contradicts biases the posterior."""

from collections.abc import Iterator

import numpy as np

from bayesctc.model.layout import Layout
from bayesctc.model.parameter_blocks import ABSENT, BY_CLASS, COMMON
from bayesctc.model.posterior import CoordinatePriors
from bayesctc.model.priors import Priors, term_priors

FAR = 3.0  # standard deviations, of prior and estimate together (Box, J R Stat Soc A 1980;143:383)


def conflicts(layout: Layout, priors: Priors, theta, covariance, posterior) -> Iterator[str]:
    """Warnings about parameters whose prior the likelihood contradicts.

    The prior mean is compared with the maximum-likelihood estimate, in standard deviations of their difference.
    Random-effect standard deviations are left out because their likelihood is seldom normal, and so are the steps or
    coefficients of a hazard if one is at the end of its range, because all are relative to one of them.

    Parameters
    ----------
    layout : Layout
    priors : Priors
    theta : array (n_classes, n_class_parameters)
        The maximum-likelihood estimate.
    covariance : array (n_parameters, n_parameters)
        Of its free parameters; if it is not known, there are no warnings.
    posterior : array (n_classes, n_class_parameters)
        Posterior mean, classes in the same order.
    """
    if not np.isfinite(covariance).all():
        return
    prior = CoordinatePriors.of(layout, priors)
    estimate, error, after = layout.to_free(theta), np.sqrt(np.diagonal(covariance)), layout.to_free(posterior)
    held = _held(layout, error)
    for j, name, fields in _coordinates(layout):
        if held[j]:
            continue
        if prior.half[j] > 0.0:  # half-normal on exp(x)
            scale, value = prior.half[j] ** -0.5, float(np.exp(estimate[j]))
            if value > FAR * np.hypot(scale, value * error[j]):
                yield _sentence(name, fields, f"half-normal({scale:.3g})", value, value * error[j], np.exp(after[j]))
        elif prior.precision[j] > 0.0 and error[j] > 0.0:
            mean, sd = prior.mean[j], prior.precision[j] ** -0.5
            if abs(estimate[j] - mean) > FAR * np.hypot(sd, error[j]):
                yield _sentence(name, fields, f"normal({mean:.3g}, {sd:.3g})", estimate[j], error[j], after[j])


def _sentence(name, fields, prior, estimate, error, after):
    return (
        f"prior and data disagree on {name}: the prior ({fields}) is {prior}, the maximum-likelihood estimate "
        f"{estimate:.3g} (standard error {error:.2g}), the posterior mean {after:.3g}; all on the scale of the fit, "
        "see spec.describe(cohort=...)"
    )


def _held(layout, error):
    """Parameters by interval of which one, in the same class, is held at a limit: array of bool (n_parameters,)."""
    held, start = np.zeros(len(error), dtype=bool), 0
    for block in layout.blocks:
        for _ in range(layout.copies(block)):
            end = start + len(block.terms)
            held[start:end] = block.term_dim == "interval" and (error[start:end] == 0.0).any()
            start = end
    return held


def _coordinates(layout):
    """Position, name and `Priors` fields of each free parameter, class-specific or common."""
    start, labels = 0, layout.coords["latent_class"]
    for block in layout.blocks:
        if block.sharing == ABSENT:
            continue
        own = block.name != "random_effect_cholesky" and block.sharing in (BY_CLASS, COMMON)
        given = term_priors(block, layout) if own else []
        for copy in range(layout.copies(block)):
            whose = f" of {labels[copy]}" if block.sharing == BY_CLASS and layout.n_classes > 1 else ""
            for k, prior in enumerate(given):
                fields = f"{prior.mean}, {prior.sd}" if prior.mean else prior.sd
                yield start + copy * len(block.terms) + k, f"{_words(block, k)}{whose}", fields
        start += layout.copies(block) * len(block.terms)


def _words(block, k):
    """The name of a parameter on the scale of the fit."""
    if block.name == "growth":
        return "the level of the growth curve" if k == 0 else f"component {k + 1} of the growth curve"
    if not block.term_dim:
        return f"the {'log ' if block.scale == 'log' else ''}{block.name}"
    if block.term_dim == "interval":
        return f"the log {block.name} {block.terms[k]}"
    return f"direction {k + 1} of {block.name} ({', '.join(block.terms)})"
