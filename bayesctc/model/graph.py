"""The PyMC model: priors, names and dimensions around the one likelihood."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesctc.model.design import Design, Packed
from bayesctc.model.kernel import EVENT, TIME
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
    coords = {**layout.coords, "patient": list(packed.patient_ids)}
    with pm.Model(coords=coords) as model:
        given = model_data(design, packed)
        data = pm.Data("patients", given["patients"])
        follow_up = pm.Data("follow_up", given["follow_up"])
        hyper = pm.Data("priors", given["priors"])
        theta = _theta(
            layout, dict(zip(PRIOR_FIELDS, (hyper[k] for k in range(len(PRIOR_FIELDS))), strict=True)), design
        )
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


def model_data(design: Design, packed: Packed) -> dict:
    """What a compiled model is given for other patients or under other priors."""
    return {
        "patients": packed.values,
        "follow_up": np.column_stack([packed.row(TIME), packed.row(EVENT)]),
        "priors": design.spec.priors.vector,
    }


def start_values(design: Design, theta) -> dict[str, np.ndarray]:
    """Values of the model's free variables at a theta."""
    layout = design.layout
    natural = layout.natural(theta)
    values = {}
    for name in ("growth", "longitudinal", "hazard_coefficient", "hazard_coefficient_by_class", "sigma"):
        if name in natural:
            values[name] = natural[name]
    if layout.n_classes > 1:
        values["membership"] = natural["membership"].T
    for name, variable in (("scale", "log_scale"), ("shape", "log_shape"),
                           ("random_effect_scale", "log_random_effect_scale")):  # fmt: skip
        if name in natural:
            values[variable] = np.log(natural[name])
    if layout.random_effects:
        sd = np.maximum(natural["random_effect_sd"], 0.05)
        if len(sd) == 1:
            values["random_effect_sd"] = sd
        else:  # away from the edge of the correlations, where no chain can start
            corr = 0.9 * np.nan_to_num(natural["random_effect_corr"])
            np.fill_diagonal(corr, 1.0)
            factor = np.linalg.cholesky(sd[:, None] * corr * sd)
            values["random_effect_factor"] = factor[np.tril_indices(len(sd))]
    return values


def flat_start(model: pm.Model, design: Design, theta) -> np.ndarray:
    """A start on the sampler's unconstrained scale, in the order of the model's free variables."""
    values = start_values(design, theta)
    parts = []
    for variable in model.free_RVs:
        value, transform = values[variable.name], model.rvs_to_transforms[variable]
        if transform is not None:
            moved = transform.forward(pt.constant(np.asarray(value, dtype=float)), *variable.owner.inputs)
            value = moved.eval(mode="FAST_COMPILE")
        parts.append(np.ravel(value))
    return np.concatenate(parts)


def natural_draws(posterior, design: Design) -> dict[str, np.ndarray]:
    """Draws of the model's variables as natural parameters, arrays (chain, draw, ...)."""
    layout = design.layout
    values = {}
    for name, dims in layout.dims.items():
        if name == "membership" and layout.n_classes == 1:
            sizes = (posterior.sizes["chain"], posterior.sizes["draw"], 1, len(layout.coords["membership_term"]))
            values[name] = np.zeros(sizes)
        else:
            values[name] = posterior[name].transpose("chain", "draw", *dims).to_numpy()
    return values
