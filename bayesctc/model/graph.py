"""The PyMC model: priors, names and dimensions around the one likelihood."""

import arviz  # noqa: F401 - PyMC imports it when it samples, and it needs a home to be imported
import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesctc.data import Cohort
from bayesctc.model.analysis import Analysis
from bayesctc.model.analysis_tables import analysis_intervals, analysis_tables
from bayesctc.model.backends.compiled.op import log_likelihood
from bayesctc.model.covariance import corr_of_partial, partial_of_corr
from bayesctc.model.design import Design
from bayesctc.model.generative import simulate
from bayesctc.model.inspections import inspected
from bayesctc.model.layout import Layout
from bayesctc.model.parameter_blocks import ABSENT, COMMON, ZERO_SUM
from bayesctc.model.pieces import IDENTITY, LOG, TO_THETA
from bayesctc.model.priors import Priors, term_priors, where_data_are
from bayesctc.model.spec import ModelSpec

PRIOR_FIELDS = tuple(Priors.__dataclass_fields__)


def build_model(analysis: Analysis, tables=None, centre=None) -> pm.Model:
    """The joint latent class model as a PyMC model.

    Its data are ``patients`` (the packed cohort), ``follow_up`` (time and event of each patient) and ``priors``
    (hyperparameters), so that a refit to other patients or under other priors needs no compilation. Variables have the
    names of `Layout.dims` and are on the scale of the fit (`scales`): growth by functions of the span of the samples,
    covariates as directions of standard deviation 1, survival in units of the follow-up. ``joint`` is the observed
    variable, with log L_i as its log density.

    Parameters
    ----------
    analysis : Analysis
    tables : (samples, patients, intervals), optional
        From `analysis_tables` and `analysis_intervals`; used for prior predictive draws.
    centre : array (n_classes, n_class_parameters), optional
        theta at which quadrature nodes are centred; at 0, the mean of the random effects, unless given.

    Returns
    -------
    pymc.Model
    """
    design, packed = analysis.design, analysis.packed
    layout = design.layout
    coords = {**layout.coords, "patient": list(packed.patient_ids)}
    with pm.Model(coords=coords) as model:
        observed = np.column_stack([packed.time, packed.event])
        if tables is not None:
            width = int(tables[0]["patient_id"].value_counts().max())
            observed = _rows(tables[0], tables[1].rename_axis("patient_id"), width, design)
        follow_up = pm.Data("follow_up", observed)
        hyper = pm.Data("priors", design.spec.priors.vector)
        theta = _theta(layout, {field: hyper[k] for k, field in enumerate(PRIOR_FIELDS)})
        weights = pt.alloc(np.ones(1), follow_up.shape[0])
        own = log_likelihood(theta, packed, design.sizes, design.spec.n_classes, weights, centre)
        _observe(own + pm.Data("log_jacobian", packed.log_jacobian), theta, follow_up, design, tables)
    return model


def _theta(layout: Layout, h: dict):
    """Draw every parameter from its prior and assemble theta, all on theta's scale."""
    values = {}
    for block in layout.blocks:
        if block.sharing == ABSENT or block.name == "random_effect_cholesky":
            continue
        values[block.name] = _block(block, layout, h)
    if layout.random_effects:
        values["random_effect_cholesky"] = _random_effects(len(layout.random_effects), h)
    return layout.assemble(values, pt.concatenate, pt.ones((layout.n_classes, 1)))


def _variable(block, layout):
    """Name of the free variable of a block: the parameter itself, or its transform."""
    natural = block.scale == IDENTITY or term_priors(block, layout)[0].kind == "half_normal"
    return block.name if natural else f"{block.scale}_{block.name}"


def _block(block, layout, h):
    """One block of parameters: (classes, terms), or (terms,) if common to the classes."""
    dims, priors = layout.dims[block.name], term_priors(block, layout)
    moved, stretched = where_data_are(block, layout)
    sd, mean = (
        [stretched * h[p.sd] for p in priors],
        [moved + (h[p.mean] if p.mean else pt.constant(0.0)) for p in priors],
    )
    sd, mean = (pt.stack(x) if block.term_dim else x[0] for x in (sd, mean))
    name = _variable(block, layout)
    if priors[0].kind == "half_normal":
        value = pt.log(pm.HalfNormal(name, sd, dims=dims))
    elif block.sharing == ZERO_SUM:  # the class is the last dimension, over which it sums to zero
        value = pm.ZeroSumNormal(name, sigma=sd[:, None] if block.term_dim else sd, dims=dims[::-1]).T
    else:
        value = pm.Normal(name, mean, sd, dims=dims)
    if name != block.name:
        pm.Deterministic(block.name, (pt.exp if block.scale == LOG else pt.sigmoid)(value), dims=dims)
    if block.term_dim:
        return value
    return pt.atleast_1d(value) if block.sharing == COMMON else value[:, None]


def _random_effects(q, h):
    """Lower triangle of D's Cholesky factor, row by row; standard deviations and correlations by name.

    The LKJ prior through its partial correlations: of level k they are 2 Beta(b, b) - 1 with b = eta + (q - 1 - k) / 2,
    independently (Lewandowski, Kurowicka and Joe, J Multivar Anal 2009;100:1989, section 2.4).
    """
    sd = pm.HalfNormal("random_effect_sd", h["random_effect_sd"], dims="random_effect")
    corr = [[pt.constant(1.0)]]
    if q > 1:
        pairs = [(j, k) for j in range(q) for k in range(j)]
        level = np.array([k for _, k in pairs])
        b = h["correlation_eta"] + (q - 2 - level) / 2
        partial = 2.0 * pm.Beta("random_effect_partial", b, b, shape=len(pairs)) - 1.0
        corr += [_factor_row([partial[pairs.index((j, k))] for k in range(j)]) for j in range(1, q)]
    factor = [[corr[j][k] * sd[j] for k in range(j + 1)] for j in range(q)]
    matrix = [
        [sum(corr[j][m] * corr[k][m] for m in range(min(j, k) + 1)) if j != k else pt.constant(1.0) for k in range(q)]
        for j in range(q)
    ]
    pm.Deterministic(
        "random_effect_corr", pt.stack([pt.stack(row) for row in matrix]), dims=("random_effect", "random_effect_other")
    )
    return pt.stack([value for row in factor for value in row])


def _factor_row(partial):
    """A row of the Cholesky factor of a correlation matrix from its partial correlations."""
    row, rest = [], pt.constant(1.0)
    for z in partial:
        row.append(z * rest)
        rest = rest * pt.sqrt(1.0 - z**2)
    return [*row, rest]


def pymc_model(cohort: Cohort, spec: ModelSpec, centre: np.ndarray | None = None) -> pm.Model:
    """The model in PyMC, to inspect, extend, or draw prior predictive samples from.

    ``joint`` is the observed variable, one row per patient: time (months; for an event between two visits the time at
    which it was seen, which the density reads together with the visit before), event (competing events by number), then
    the counts at the patient's own sample times, with -1 for none. Prior draws of it come from the generative model:
    counts at those times up to the drawn event, with follow-up ending at the patient's censoring time, or at the
    longest follow-up; events that are looked for at visits are seen at those of `Inspections`.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
    centre : array (n_classes, n_class_parameters), optional
        `MLFit.theta`, at which quadrature nodes are centred. It is needed to sample a family of counts, because the
        nodes are otherwise centred at random effects of 0; `fit_bayes` is then preferable.

    Returns
    -------
    pymc.Model

    Examples
    --------
    >>> model = bc.pymc_model(cohort, spec)
    >>> [variable.name for variable in model.observed_RVs]
    ['joint']
    """
    design = Design.settle(cohort, spec)
    tables = (*analysis_tables(cohort, spec), analysis_intervals(cohort, spec))
    return build_model(Analysis.of(cohort, design), tables, centre)


def _observe(log_likelihood, theta, follow_up, design, tables):
    def random(log_likelihood, theta, row, rng=None, size=None):
        if tables is None:
            raise NotImplementedError("prior predictive draws need the cohort: build the model with pymc_model().")
        samples, patients, intervals = tables
        return _draw(design, theta.reshape(-1, *theta.shape[-2:])[0], samples, patients, intervals, rng)

    pm.CustomDist(
        "joint",
        log_likelihood,
        theta,
        follow_up[0],  # only its length is read: that of a patient's row
        logp=lambda value, log_likelihood, theta, row: log_likelihood,
        random=random,
        observed=follow_up,
        signature="(),(k,m),(c)->(c)",
    )


def _draw(design, theta, samples, patients, intervals, rng):
    """One cohort from the generative model, as rows of ``joint``."""
    time, event = patients["_time"].to_numpy(), patients["_event"].to_numpy()
    follow_up = np.where(event > 0, time.max(), time)
    entry = patients["_entry"].to_numpy()
    drawn, people = simulate(
        design,
        theta,
        patients,
        samples,
        rng,
        follow_up=follow_up,
        entry=entry,
        inspections=inspected(design, patients, rng),
        intervals=intervals,
    )
    width = int(samples["patient_id"].value_counts().max())
    return _rows(drawn, people.rename_axis("patient_id"), width, design)


def _rows(samples, patients, width, design):
    """Time, event and counts of each patient: array (n_patients, 2 + width), -1 for no count."""
    rows = np.full((len(patients), 2 + width), -1.0)
    rows[:, 0], rows[:, 1] = patients["_time"], patients["_event"]
    visit = samples.groupby("patient_id", sort=False).cumcount().to_numpy()
    rows[patients.index.get_indexer(samples["patient_id"]), 2 + visit] = samples[design.outcome.column]
    return rows


def start_values(design: Design, theta) -> dict[str, np.ndarray]:
    """Values of the model's free variables at a theta."""
    layout = design.layout
    natural = layout.own(theta)
    values: dict[str, np.ndarray] = {}
    for block in layout.blocks:
        if block.name in natural and block.sharing != ABSENT:
            name, value = _variable(block, layout), natural[block.name]
            values[name] = value if name == block.name else TO_THETA[block.scale](value)
    if layout.n_classes > 1:
        values["membership"] = natural["membership"].T
    if layout.random_effects:
        values["random_effect_sd"] = np.maximum(natural["random_effect_sd"], 0.05)
        if len(layout.random_effects) > 1:  # away from the edge of the correlations, where no chain can start
            values["random_effect_partial"] = 0.5 + 0.45 * partial_of_corr(natural["random_effect_corr"])
    return values


def natural_draws(posterior, design: Design) -> dict[str, np.ndarray]:
    """Draws of the model's free variables as natural parameters on the fit's scale, arrays (chain, draw, ...)."""
    layout = design.layout
    chain, draw = posterior.sizes["chain"], posterior.sizes["draw"]
    values = {}
    for name, dims in layout.dims.items():
        if name == "membership" and layout.n_classes == 1:
            values[name] = np.zeros((chain, draw, 1, len(layout.coords["membership_term"])))
        elif name == "random_effect_corr":
            q = len(layout.random_effects)
            partial = posterior["random_effect_partial"].to_numpy() if q > 1 else np.full((chain, draw, 0), 0.5)
            values[name] = corr_of_partial(2.0 * partial - 1.0, q)
        else:  # what is on another scale has its natural value among the deterministic variables
            values[name] = posterior[name].transpose("chain", "draw", *dims).to_numpy()
    return values
