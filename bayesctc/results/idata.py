"""The DataTree of a posterior: the groups that ArviZ reads, and `internal`, the draws as the likelihood reads them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import Simulator, draw_classes
from bayesctc.model.layout import Layout
from bayesctc.model.log_prior import log_prior
from bayesctc.model.random_effects import RandomEffects
from bayesctc.model.varying import varying_coords, varying_dims, with_constants, without_constants

VISIT = "visit"  # ArviZ stacks chains and draws into a dimension "sample"
SET_ASIDE = "set_aside"  # group of log likelihoods of chains whose draws are not in the posterior


def build(thetas: np.ndarray, stats: xr.Dataset, log_likelihood: np.ndarray, analysis: Analysis) -> xr.DataTree:
    """The tree of draws.

    Parameters
    ----------
    thetas : array (n_chains, n_draws, n_classes, n_class_parameters)
    stats : Dataset (chain, draw)
        Of the sampler.
    log_likelihood : array (n_chains, n_draws, n_patients)
    analysis : Analysis
    """
    return _tree(analysis.design.layout.natural(thetas), thetas, stats, log_likelihood, analysis)


def set_aside(log_likelihood: np.ndarray, chains: np.ndarray, analysis: Analysis) -> xr.DataTree:
    """The group of chains that left: ``joint``, log L_i by chain, draw and patient; chains numbered as they ran."""
    coords = {"chain": chains, "draw": np.arange(log_likelihood.shape[1]), "patient": list(analysis.packed.patient_ids)}
    return xr.DataTree(xr.Dataset({"joint": (("chain", "draw", "patient"), log_likelihood)}, coords=coords))


def completed(idata: xr.DataTree, analysis: Analysis) -> xr.DataTree:
    """The tree of an earlier version with the groups of this one; unchanged if it has them."""
    if "log_prior" in idata.children or not {"posterior", "sample_stats", "log_likelihood"} <= set(idata.children):
        return idata
    posterior, log_likelihood = (idata[group].dataset for group in ("posterior", "log_likelihood"))
    natural = _arrays(posterior, analysis.design.layout.dims)
    given = idata["internal"].dataset["theta"].to_numpy(), idata["sample_stats"].dataset
    by_patient = log_likelihood["joint"].transpose("chain", "draw", "patient").to_numpy()
    tree = _tree(natural, *given, by_patient, analysis)
    tree.attrs = idata.attrs
    return tree


def _tree(
    natural: Mapping[str, np.ndarray],
    thetas: np.ndarray,
    stats: xr.Dataset,
    log_likelihood: np.ndarray,
    analysis: Analysis,
) -> xr.DataTree:
    design, layout = analysis.design, analysis.design.layout
    chains = {"chain": np.arange(thetas.shape[0]), "draw": np.arange(thetas.shape[1])}
    dims, posterior = varying_dims(layout), without_constants(natural, layout)
    prior = log_prior(thetas, layout, design.spec.priors)
    groups = {
        "posterior": xr.Dataset(
            {name: (("chain", "draw", *dims[name]), value) for name, value in posterior.items()},
            coords={**varying_coords(layout), **chains},
        ),
        "sample_stats": stats.assign_coords(chains),
        "log_likelihood": xr.Dataset(
            {"joint": (("chain", "draw", "patient"), log_likelihood)},
            coords={**chains, "patient": list(analysis.packed.patient_ids)},
            attrs={"measure": measure(design)},
        ),
        "log_prior": xr.Dataset({name: (("chain", "draw"), value) for name, value in prior.items()}, coords=chains),
        "observed_data": observed_data(analysis),
        "internal": xr.Dataset({"theta": (("chain", "draw", "class_number", "column"), thetas)}, coords=chains),
    }
    return xr.DataTree(children={name: xr.DataTree(group) for name, group in groups.items()})


def with_class_names(idata: xr.DataTree, layout: Layout) -> xr.DataTree:
    """The tree with the class names of the layout."""
    named = idata.copy()
    for group, node in idata.children.items():
        if "latent_class" in node.dataset.coords:
            named[group] = xr.DataTree(node.dataset.assign_coords(latent_class=layout.class_names))
    return named


def measure(design: Design) -> str:
    """The measure of the likelihood; likelihoods of different measures cannot be compared."""
    endpoint, samples = design.spec.endpoint, FAMILIES[design.spec.family].measured(design.outcome)
    return samples if endpoint is None else f"{samples}, {survival_measure(design)}"


def survival_measure(design: Design) -> str:
    """The measure of the likelihood of survival."""
    causes = f" ({' or '.join(design.causes)})" if design.causes else ""
    between = ", or probability of the interval between two visits" if design.looked_for else ""
    return f"density of the time to {design.spec.endpoint}{causes}{between}"


def natural_draws(posterior: xr.Dataset, layout: Layout) -> dict[str, np.ndarray]:
    """All natural parameters of the posterior, constants too: arrays (n_chains, n_draws, ...) with `Layout.dims`."""
    return with_constants(_arrays(posterior, varying_dims(layout)), layout)


def _arrays(posterior: xr.Dataset, dims: Mapping[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    return {name: posterior[name].transpose("chain", "draw", *own).to_numpy() for name, own in dims.items()}


def observed_data(analysis: Analysis) -> xr.Dataset:
    """The values of the samples, visit by visit; follow-up is not simulated and stays in the cohort."""
    samples, _ = analysis.tables()
    return _by_visit(samples, analysis.design, (VISIT,), samples[analysis.design.outcome.column].to_numpy())


def _by_visit(samples: pd.DataFrame, design: Design, dims: tuple[str, ...], values: np.ndarray) -> xr.Dataset:
    coords = {name: (VISIT, samples[name].to_numpy()) for name in ("patient_id", "time")}
    return xr.Dataset({design.outcome.column: (dims, values)}, coords=coords)


def posterior_predictive(
    thetas: np.ndarray, numbers: np.ndarray, analysis: Analysis, rng: np.random.Generator
) -> xr.Dataset:
    """Samples simulated at the observed visits, given each patient's observed follow-up.

    For every draw of theta a class is drawn from P(g | T, x), random effects from that class, and a value for each
    visit. Given the class, survival is independent of the samples unless the hazard depends on the random effects,
    which are then drawn given survival too. The visits themselves are not simulated; `predictive_check` does that.

    Parameters
    ----------
    thetas : array (n_chains, n_draws, n_classes, n_class_parameters)
    numbers : array of int (n_draws,)
        Of the draws, within their chains.
    analysis : Analysis
    rng : numpy.random.Generator

    Raises
    ------
    OverflowError
        As `Simulator.draw`.
    """
    design, (samples, patients) = analysis.design, analysis.tables()
    simulator = Simulator.of(design, patients, samples, patients["_entry"].to_numpy(), analysis.intervals)
    unsampled = design.pack_tables(samples.iloc[:0], patients, analysis.intervals)
    without_samples = replace(analysis, packed=unsampled)
    survival = without_samples.evaluator()
    # a hazard that depends on the random effects is informative about them
    effects = RandomEffects(without_samples, 1) if design.sizes.association is not None else None
    values = np.empty((*thetas.shape[:2], len(samples)))
    for place in np.ndindex(*thetas.shape[:2]):
        classes = draw_classes(survival.evaluate(thetas[place]).class_probabilities, 1, rng)[:, 0]
        b = None if effects is None else effects.draw(thetas[place], classes[:, None], rng)[:, 0]
        values[place] = simulator.draw_values(thetas[place], classes, rng, effects=b)[1]
    kind = samples[design.outcome.column].to_numpy().dtype
    data = _by_visit(samples, design, ("chain", "draw", VISIT), values.astype(kind))
    return data.assign_coords(chain=np.arange(len(thetas)), draw=numbers)
