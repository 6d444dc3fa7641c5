"""Sampling the posterior by NUTS, starting from the modes found by maximum likelihood."""

import time
from dataclasses import replace
from typing import Unpack

import numpy as np
import xarray as xr

from bayesctc import arguments
from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.inference.conflict import conflicts
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.settings import FITTED, SamplingOptions, Settings
from bayesctc.inference.whitened import Whitened
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.nodes import NODE_ERROR, nodes_for_chains, quadrature_error
from bayesctc.model.posterior import Posterior
from bayesctc.model.spec import ModelSpec
from bayesctc.process_wide import home_for_imports, useful_threads, warnings_are
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.cells import cell_warnings
from bayesctc.results.classes import class_order
from bayesctc.results.diagnostics import node_warning, silence_warnings
from bayesctc.results.disk.parts import check_kept
from bayesctc.results.idata import SET_ASIDE, build, set_aside
from bayesctc.results.ml_fit import RIVAL, MLFit
from bayesctc.results.relabel import MAX_PATIENTS, main_group, relabel
from bayesctc.results.search_facts import versions_of
from bayesctc.results.separation import separation_warnings

TRIAL_DRAWS = 40  # of the estimate's distribution, to choose the nodes of a quadrature
WIDENED = 2.0  # their standard deviations: posteriors of class parameters have longer tails
SMALLEST_START = 0.05  # of a standard deviation, in those of its prior
PYMC_DEPTH = 10  # of PyMC's, its default
MAX_DEPTH = 7  # of a tree: 127 steps, where classes that are identified take 7 and longer trees seldom mix
# what else a reader has to know of a sampler; reports show it
ADAPTATION = {
    "nutpie": {"adaptation": "mass matrix from the curvature at the mode", "max_depth": MAX_DEPTH},
    "pymc": {"adaptation": "diagonal mass matrix", "max_depth": PYMC_DEPTH},
}
# of nutpie's statistics, those that are kept, and what ArviZ calls them
STATISTICS = {
    "diverging": "diverging",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "energy": "energy",
    "logp": "lp",
    "mean_tree_accept": "acceptance_rate",
}
CHECKED_DRAWS = 100  # of a posterior, on which the nodes of a quadrature are doubled


class BayesOptions(SamplingOptions, total=False):
    """Keywords of `fit_bayes`."""

    nuts_sampler: str
    cores: int | None


def fit_bayes(
    cohort: Cohort,
    spec: ModelSpec,
    *,
    rivals: bool = False,
    ml: MLFit | None = None,
    settings: Settings = FITTED,
    **options: Unpack[BayesOptions],
) -> BayesFit:
    """Sample the posterior of a joint latent class model.

    Chains start around the best interior mode of the likelihood, one standard deviation away in each direction of the
    posterior's curvature there, and move in units of these. Draws are relabelled, and classes sorted by their mean log
    count, before any summary is computed.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
    rivals : bool
        Run separate chains for each mode within 3 log-likelihood units of the best (`BayesFit.rivals`).
    ml : MLFit, optional
        A maximum-likelihood fit of this specification to this cohort, to save the search.
    settings : Settings
        draws (1000), tune (300) and chains (4); n_starts (20) of the maximum-likelihood search; random_seed (0),
        nuts_sampler ("nutpie", or "pymc"), cores (all), progress (True).
    **options
        Single settings, such as ``draws=500``.

    Returns
    -------
    BayesFit

    Raises
    ------
    SpecError, DataError, FitError
    StorageError
        The cohort contains data that could not be saved with the fit.

    Examples
    --------
    >>> posterior = bc.fit_bayes(cohort, spec, ml=fit, settings=few)
    >>> table = bc.hazard_ratios(posterior)
    >>> print(f"{table['comparison'][0]}: {table['estimate'][0]:.0f}")
    class 2 vs class 1: 4
    """
    how = Settings.of(fit_bayes, settings, options)
    arguments.of_kind("ml", ml, MLFit | None)
    if ml is None:
        analysis = Analysis.settle(cohort, spec)
        check_kept(cohort)
        ml = fit_analysis(analysis, how)
    elif ml.cohort.fingerprint != cohort.fingerprint or ml.spec.with_(priors=spec.priors) != spec:
        raise SpecError("ml= is a fit of another cohort or another specification.")
    else:
        check_kept(cohort)
        ml = replace(ml, analysis=ml.analysis.under(replace(ml.design, spec=spec, labels=())))
    others = _rival_modes(ml) if rivals else []
    fits = [sample_mode(ml, theta, how.seeded(k)) for k, theta in enumerate([ml.theta, *others])]
    return fits[0].noted(fits[0].notes, tuple(fits[1:]))


def _rival_modes(ml):
    """Thetas of the other interior modes within 3 log-likelihood units of the best."""
    table = ml.modes
    best = table.index[table["interior"]][0]
    close = table["interior"] & (table["log_likelihood"] > table.loc[best, "log_likelihood"] - RIVAL)
    return [ml.mode_thetas[k] for k in table.index[close] if k != best]


def sample_mode(ml: MLFit, theta, settings: Settings) -> BayesFit:
    """Chains around one mode of a maximum-likelihood fit."""
    nutpie = settings.nuts_sampler == "nutpie"
    analysis, follow = with_nodes(ml, theta, may_follow=nutpie)
    design, began = analysis.design, time.perf_counter()
    thetas, stats = (_nutpie if nutpie else _pymc)(analysis, theta, settings, follow)
    some = thetas.reshape(-1, *thetas.shape[2:])[:: max(settings.chains * settings.draws // CHECKED_DRAWS, 1)]
    node_error = float(quadrature_error(analysis, some, None if follow else theta).max())
    thetas, log_likelihood, stay, at_mode = _one_labelling(thetas, theta, analysis, settings.cores)
    left = np.setdiff1d(np.arange(settings.chains), stay).astype(np.int64)
    everyone = log_likelihood if len(stay) == settings.chains else log_likelihood[stay]  # no copy of gigabytes
    idata = build(thetas[stay], stats.isel(chain=stay), everyone, analysis)
    if len(left):  # what they predict counts, whatever they call the classes
        idata[SET_ASIDE] = set_aside(log_likelihood[left], left, analysis)
    idata.attrs = {
        **_versions(),
        "random_seed": settings.random_seed,
        "nuts_sampler": settings.nuts_sampler,
        **ADAPTATION[settings.nuts_sampler],
        "ml_search": ml.search.to_json(),
        "draws": settings.draws,
        "tune": settings.tune,
        "chains": settings.chains,
        "data_fingerprint": ml.cohort.fingerprint,
        "sampling_seconds": time.perf_counter() - began,
        "at_mode": int(at_mode),
        "n_nodes": design.n_nodes,
        "nodes_follow": int(follow),
        "node_error": node_error,
        "chains_left": left,
    }
    fit = BayesFit(analysis, idata, theta, ml.modes, ())
    notes = (*ml.search_warnings, *fit.diagnostics.warnings())
    if node_error > NODE_ERROR:
        notes = (*notes, node_warning(design, node_error))
    if np.array_equal(theta, ml.theta):  # the covariance is that of the best mode
        mean = thetas[stay].mean(axis=(0, 1))
        notes = (*notes, *conflicts(design.layout, design.spec.priors, theta, ml.covariance, mean))
    silent = silence_warnings(fit.expected_events.to_numpy(), list(fit.not_estimable), design)
    by_survival = separation_warnings(fit.class_separation(), fit.spec, design.outcome)
    empty = cell_warnings(fit.empty_cells, design.layout.coords["latent_class"], bayesian=True)
    return fit.noted((*notes, *silent, *empty, *by_survival))


def with_nodes(ml: MLFit, theta, may_follow: bool = True) -> tuple[Analysis, bool]:
    """The analysis with the nodes that the posterior around a mode needs, and whether they are adaptive."""
    trial = ml.parameter_draws(TRIAL_DRAWS, widened=WIDENED) if ml.has_intervals else ml.theta[None]
    return nodes_for_chains(ml.analysis, trial, theta, may_follow=may_follow)


def refit(fit: BayesFit, analysis: Analysis, settings: Settings) -> np.ndarray:
    """Draws of theta (n_draws, n_classes, n_class_parameters) for other patients under the same model."""
    follow = bool(fit.idata.attrs["nodes_follow"])
    thetas: np.ndarray = _nutpie(analysis, fit.mode_theta, settings, follow)[0]
    return thetas.reshape(-1, *thetas.shape[2:])


def inside(design, theta):
    """The mode with standard deviations moved away from 0, which the likelihood allows but the posterior does not.

    Their logarithms are sampled: a chain that starts at -30 needs all of its warm-up to return.
    """
    theta = np.array(theta, dtype=float)
    for parameter in FAMILIES[design.spec.family].parameters:
        if parameter.prior.kind == "half_normal":
            own = design.layout.places[parameter.name]
            least = SMALLEST_START * getattr(design.spec.priors, parameter.prior.sd)
            theta[:, own] = np.maximum(theta[:, own], np.log(least))
    return theta


def _around(analysis, mode, follow):
    """The posterior whose nodes are placed at a mode, and the coordinates in which chains start there."""
    posterior = Posterior(analysis, mode, follow)
    return posterior, Whitened.at(posterior, posterior.start(inside(analysis.design, mode)))


def _nutpie(analysis, mode, settings, follow):
    """Draws of theta (chain, draw, class, parameter) and the sampler's statistics.

    nutpie calls the density directly: only the likelihood is compiled, once for all specifications.
    """
    with home_for_imports():
        import nutpie
        from nutpie.compiled_pyfunc import from_pyfunc

    posterior, around = _around(analysis, mode, follow)
    model = from_pyfunc(
        posterior.n_dim,
        make_logp_fn=lambda: around.density(Posterior(analysis, mode, follow)),  # each chain has memory of its own
        make_expand_fn=lambda *seeds: lambda z: {"z": z},
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(posterior.n_dim,)],
        expanded_names=["z"],
        make_initial_point_fn=around.start,  # from the chain's own seed: chains ask in any order
    )
    chains, draws, tune = settings.chains, settings.draws, settings.tune
    total = chains * (draws + tune)
    with Progress(settings.progress) as bar:
        bar.say(f"NUTS, {analysis.spec.n_classes} classes: {chains} chains of {tune} + {draws} draws", total)

        def report(states):
            bar.advance(sum(state.finished_draws for state in states), total)

        sampler = nutpie.sample(
            model,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=useful_threads(lambda: posterior(around.centre), settings.cores),
            seed=settings.random_seed,
            save_warmup=False,
            adaptation="diag",
            maxdepth=MAX_DEPTH,
            progress_bar=False,
            progress_callback=report if settings.progress else None,
            blocking=False,
            return_raw_trace=True,
        )
        try:
            trace = sampler.wait()
        except BaseException:
            sampler.cancel()
            raise
    z, stats = zip(*(_sampled(*batches) for batches in zip(*trace.get_arrow_trace(), strict=True)), strict=True)
    drawn = {name: (("chain", "draw"), np.stack([each[name] for each in stats])) for name in STATISTICS.values()}
    own = xr.Dataset(drawn, {"chain": np.arange(chains), "draw": np.arange(draws)})
    return posterior.thetas(around.x(np.stack(z).reshape(chains, draws, -1))), own


def _sampled(draws, stats):
    """Of nutpie's batches of a chain, without its warm-up: z, all draws in one array, and the statistics by name."""
    import pyarrow as pa

    columns = {new: pa.array(stats.column(name)).to_numpy(zero_copy_only=False) for name, new in STATISTICS.items()}
    tuned = int(pa.array(stats.column("tuning")).to_numpy(zero_copy_only=False).sum())
    z = pa.array(draws.column("z")).slice(tuned).flatten().to_numpy()
    return z, {name: values[tuned:] for name, values in columns.items()}


def _pymc(analysis, mode, settings, follow):
    with home_for_imports(compiling=True):
        import pymc as pm

        from bayesctc.model.graph import build_model, natural_draws, start_values

    with warnings_are("ignore"):
        model, (posterior, around) = build_model(analysis, centre=mode), _around(analysis, mode, follow)
        starts = posterior.thetas(around.x([around.start((settings.random_seed, k)) for k in range(settings.chains)]))
        trace = pm.sample(
            max_treedepth=PYMC_DEPTH,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=settings.cores or 1,
            random_seed=settings.random_seed,
            nuts_sampler="pymc",
            initvals=[start_values(analysis.design, start) for start in starts],
            model=model,
            progressbar=settings.progress,
            compute_convergence_checks=False,
            init="adapt_diag",
            idata_kwargs={"log_likelihood": False},
        )
    of_tree = ("diverging", "n_steps", "step_size", "tree_depth", "reached_max_treedepth")
    keep = [name for name in (*of_tree, "energy", "lp", "acceptance_rate") if name in trace["sample_stats"]]
    draws = natural_draws(trace["posterior"].dataset, analysis.design)
    return analysis.design.layout.theta_of_own(draws), trace["sample_stats"].dataset[keep].reset_coords(drop=True)


def _one_labelling(thetas, mode, analysis, cores):
    """Draws (chain, draw, ...) with consistent, sorted labels; log L_i; the chains that agree; whether at the mode."""
    chains, draws, K, _ = thetas.shape
    n, flat = analysis.n_patients, thetas.reshape(-1, K, thetas.shape[-1])
    few = np.arange(n) if n <= MAX_PATIENTS else np.linspace(0, n - 1, MAX_PATIENTS).astype(int)
    log_likelihood, probabilities = analysis.pointwise(flat, few, cores)
    log_likelihood = log_likelihood.reshape(chains, draws, n)
    if K == 1:
        return thetas, log_likelihood, list(range(chains)), True
    reference = analysis.evaluator().evaluate(mode).class_probabilities[few]
    order = relabel(probabilities, reference)
    relabelled = np.take_along_axis(probabilities, order[:, None, :], axis=2).reshape(chains, draws, *reference.shape)
    stay, at_mode = main_group(relabelled.mean(axis=1), reference)
    thetas = np.take_along_axis(flat, order[:, :, None], axis=1).reshape(thetas.shape)
    centre = thetas[stay].mean(axis=(0, 1))
    return thetas[:, :, class_order(centre, analysis.design.layout)], log_likelihood, stay, at_mode


def _versions():
    found = versions_of(("pymc", "nutpie", "arviz", "numba", "numpy", "pandas"))
    return {"bayesctc_version": found.pop("bayesctc"), **found}
