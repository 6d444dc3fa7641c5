"""The PyMC model: priors, names and dimensions around the one likelihood."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesctc.model.design import Design, Packed
from bayesctc.model.layout import ABSENT, COMMON, Layout
from bayesctc.model.op import JointLogLikelihood
from bayesctc.model.priors import Priors

PRIOR_FIELDS = tuple(Priors.__dataclass_fields__)


def build_model(design: Design, packed: Packed) -> pm.Model:
    """The joint latent class model as a PyMC model.

    Its data are ``patients`` (the packed cohort), ``follow_up`` (time and event of each patient) and ``priors``
    (hyperparameters), so that a refit to other patients or under other priors compiles nothing. Variables bear the
    names of `Layout.dims`; ``joint`` is the observed variable, with log L_i as its log density.

    Parameters
    ----------
    design : Design
    packed : Packed

    Returns
    -------
    pymc.Model
    """
    layout = design.layout
    coords = {**layout.coords, "patient": list(packed.patient_ids), "prior": list(PRIOR_FIELDS)}
    with pm.Model(coords=coords) as model:
        data = pm.Data("patients", packed.values)
        follow_up = pm.Data("follow_up", np.column_stack([packed.row(1), packed.row(0)]), dims=("patient", "observed"))
        hyper = pm.Data("priors", design.spec.priors.vector, dims="prior")
        theta = _theta(layout, dict(zip(PRIOR_FIELDS, (hyper[k] for k in range(len(PRIOR_FIELDS))), strict=True)), design)
        weights = pt.alloc(np.ones(1), follow_up.shape[0])
        sizes = pt.as_tensor(design.shape.sizes)
        log_likelihood = JointLogLikelihood(design.shape.family, design.shape.hazard)(theta, data, sizes, weights)[0]
        _observe(log_likelihood, theta, follow_up, design)
    return model


def _theta(layout: Layout, h: dict, design: Design):
    """Draw every parameter from its prior and assemble theta, all on theta's scale."""
    values = {}
    several = {b.name: b.sharing != COMMON for b in layout.blocks}
    for block in layout.blocks:
        dims = layout.dims.get(block.name, ())
        if block.sharing == ABSENT or block.name == "random_effect_cholesky":
            continue
        if block.name == "membership":
            sd = pt.stack([h["membership_sd"], *[h["membership_covariate_sd"]] * (len(block.terms) - 1)])
            value = pm.ZeroSumNormal("membership", sigma=sd[:, None], dims=dims[::-1], n_zerosum_axes=1).T
        elif block.name == "growth":
            sd = pt.stack([h[name] for name in design.spec.priors.growth_sd(block.terms)])
            mean = pt.stack([h["intercept_mean"], *[pt.constant(0.0)] * (len(block.terms) - 1)])
            value = pm.Normal("growth", mean, sd, dims=dims)
        elif block.name == "random_effect_scale":
            value = pm.ZeroSumNormal("log_random_effect_scale", sigma=h["random_effect_scale_sd"], dims=dims)
            pm.Deterministic("random_effect_scale", pt.exp(value), dims=dims)
        elif block.name == "scale":
            log_scale = pm.Normal("log_scale", h["log_scale_mean"], h["log_scale_sd"], dims=dims)
            pm.Deterministic("scale", pt.exp(log_scale), dims=dims)
            value = log_scale
        elif block.name == "shape":
            value = pm.Normal("log_shape", 0.0, h["log_shape_sd"], dims=dims)
            pm.Deterministic("shape", pt.exp(value), dims=dims)
        elif block.name == "sigma":
            value = pt.log(pm.HalfNormal("sigma", h["sigma_sd"], dims=dims))
        else:
            sd = "longitudinal_sd" if block.name == "longitudinal" else "hazard_coefficient_sd"
            value = pm.Normal(block.name, 0.0, h[sd], dims=dims)
        if not block.term_dim:
            value = value[:, None] if several[block.name] else pt.atleast_1d(value)
        values[block.name] = value
    if layout.random_effects:
        values["random_effect_cholesky"] = _random_effects(len(layout.random_effects), h)
    return layout.assemble(values, pt.concatenate, pt.ones((layout.n_classes, 1)))


def _random_effects(q, h):
    """Lower triangle of D's Cholesky factor, row by row; standard deviations and correlations by name."""
    if q == 1:
        sd = pm.HalfNormal("random_effect_sd", h["random_effect_sd"], dims="random_effect")
        pm.Deterministic("random_effect_corr", pt.ones((1, 1)), dims=("random_effect", "random_effect_other"))
        return sd
    factor, corr, sd = pm.LKJCholeskyCov(
        "random_effect_factor",
        n=q,
        eta=h["correlation_eta"],
        sd_dist=pm.HalfNormal.dist(h["random_effect_sd"], shape=q),
        store_in_trace=False,
    )
    pm.Deterministic("random_effect_sd", sd, dims="random_effect")
    pm.Deterministic("random_effect_corr", corr, dims=("random_effect", "random_effect_other"))
    rows, columns = np.tril_indices(q)
    return factor[rows, columns]


def _observe(log_likelihood, theta, follow_up, design):
    pm.CustomDist(
        "joint",
        log_likelihood,
        logp=lambda value, log_likelihood: log_likelihood,
        observed=follow_up[:, 0],
        dims="patient",
    )
