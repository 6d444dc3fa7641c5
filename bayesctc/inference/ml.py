"""Maximum likelihood from many starts: the best interior mode, and a table of all modes found."""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import pandas as pd

from bayesctc import arguments
from bayesctc.data import Cohort
from bayesctc.errors import FitError
from bayesctc.inference.optimise import Bounds, Climbed, Objective, Optimum, search_facts
from bayesctc.inference.settings import FITTED, SearchOptions, Settings
from bayesctc.inference.starts import one_class, starting_values
from bayesctc.jobs.execute import execute, in_order
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.nodes import NODE_ERROR, enough_nodes
from bayesctc.model.pieces import SCALE
from bayesctc.model.scales import far_from_zero
from bayesctc.model.spec import ModelSpec
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.classes import SMALLEST_CLASS, class_order, expected_events, without_events
from bayesctc.results.diagnostics import node_warning, silence_warnings
from bayesctc.results.ml_fit import CONVERGED, RIVAL, MLFit

WARM_STARTS = 3  # modes of a fit from which it is fitted again to some of its patients
SAME_MODE = 0.01  # log-likelihood units within which two ends of a climb are one mode
WHERE = "see fit.modes, or the table of modes in the report"


class MLOptions(SearchOptions, total=False):
    """Keywords of `fit_ml`."""

    executor: Executor | None


def fit_ml(
    cohort: Cohort,
    spec: ModelSpec,
    *,
    bounds: Bounds | None = None,
    settings: Settings = FITTED,
    **options: Unpack[MLOptions],
) -> MLFit:
    """Fit a joint latent class model by maximum likelihood.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
    bounds : Bounds, optional
        Bounds of an interior mode, because the likelihood itself is unbounded.
    settings : Settings
        n_starts (20; one by mean log count, the others from the one-class fit and from random classifications),
        random_seed (0), executor (which runs the starts), progress (True).
    **options
        Single settings, such as ``n_starts=50``.

    Returns
    -------
    MLFit
        The best interior mode. `modes` lists all modes, `warnings` the results to distrust.

    Raises
    ------
    SpecError, DataError
        The specification cannot be used with these data.
    FitError
        No start ended in an interior mode.

    Examples
    --------
    >>> cohort = bc.load_trial().include(min_samples=3)
    >>> fit = bc.fit_ml(cohort, bc.ModelSpec(n_classes=2), n_starts=3, random_seed=1, progress=False)
    >>> print(f"{fit.log_likelihood:.2f}", fit.converged)
    -5823.38 True
    """
    how = Settings.of(fit_ml, settings, options)
    arguments.of_kind("bounds", bounds, Bounds | None)
    return fit_analysis(Analysis.settle(cohort, spec), how, bounds=bounds)


def fit_analysis(
    analysis: Analysis, settings: Settings, *, bounds: Bounds | None = None, base: np.ndarray | None = None
) -> MLFit:
    """`fit_ml` for packed patients; `base` is theta of the one-class fit, if known."""
    rng, K, bounds = np.random.default_rng(settings.random_seed), analysis.spec.n_classes, bounds or Bounds()
    with Progress(settings.progress) as bar:
        bar.say("maximum likelihood: compiling the likelihood and fitting one class")
        if base is None:
            base = one_class(analysis, bounds)
        n = settings.n_starts if K > 1 else 1
        starts = list(starting_values(analysis, base, n, rng, bounds))
        problem, executor = (analysis, bounds), settings.executor
        climbs = execute(starts, _climb, problem, executor)
        ends = in_order(bar.track(climbs, n, f"maximum likelihood, {K} classes"))
        optima = _polished(ends, problem, executor)
    modes, members = _modes(optima, analysis, bounds)
    if not modes["interior"].any():
        best_was = (
            f"The best was: {modes.iloc[0]['remark']}.\n{modes.to_string()}" if len(modes) else "None was finite."
        )
        why = "the data do not support that many classes, or bounds= are too narrow"
        if K > 1 and n < FITTED.n_starts:
            why = f"fewer than {FITTED.n_starts} may miss one, so raise n_starts"
        raise FitError(f"none of {n} starts ended in an interior mode with {K} classes: {why}. {best_was}")
    analysis, modes, members, node_error = _with_enough_nodes(analysis, bounds, modes, members)
    design, interior = analysis.design, np.flatnonzero(modes["interior"])
    best = members[interior[0]]
    theta = _sorted(best.free, design)
    objective, free = Objective(analysis, bounds), design.layout.to_free(theta)
    objective.centre(free)
    hessian = objective.hessian(free)
    p = objective.evaluator.evaluate(theta).class_probabilities
    events = expected_events(p, analysis.packed.event, design.sizes.n_causes)
    silent = without_events(events) if design.spec.endpoint is not None else []
    return MLFit(
        analysis=analysis,
        theta=theta,
        log_likelihood=best.log_likelihood,
        criterion=best.criterion,
        covariance=_inverse(hessian, _own(design.layout, silent) | objective.at_limit(free)),
        modes=modes,
        mode_thetas=tuple(_sorted(m.free, design) for m in members),
        search_warnings=(*_search_warnings(modes, interior, design), *_scale_warnings(theta, design)),
        estimate_warnings=(
            *_estimate_warnings(best, theta, design, node_error, silent),
            *silence_warnings(events, silent, design),
        ),
        search=search_facts(bounds, n_starts=n, n_starts_asked=settings.n_starts, random_seed=settings.random_seed),
    )


def _climb(problem, start) -> Climbed:
    return Objective(*problem).climb(*start)


def _polish(problem, free) -> Optimum:
    return Objective(*problem).polish(free)


def _polished(ends: list[Climbed], problem, executor) -> list[Optimum]:
    """The optimum of each climb. Climbs to the same value are one mode, and its Newton steps are taken once."""
    ordered = sorted((e for e in ends if np.isfinite(e.log_likelihood)), key=lambda e: -e.log_likelihood)
    groups: list[list[Climbed]] = []
    for end in ordered:
        if groups and groups[-1][-1].log_likelihood - end.log_likelihood < SAME_MODE:
            groups[-1].append(end)
        else:
            groups.append([end])
    optima = in_order(execute([group[0].free for group in groups], _polish, problem, executor))
    return [optimum for group, optimum in zip(groups, optima, strict=True) for _ in group]


@dataclass(frozen=True)
class Refit:
    """A specification fitted again to some of a fit's patients.

    Attributes
    ----------
    theta : array (n_classes, n_class_parameters)
    warnings : tuple of str
    """

    theta: np.ndarray
    warnings: tuple[str, ...]


def refit_from(fit: MLFit | BayesFit, positions: np.ndarray, bounds: Bounds | None = None) -> Refit:
    """Maximum likelihood for some of the patients of a fit, from its interior modes, under the same design.

    Parameters
    ----------
    fit : MLFit or BayesFit
        For a posterior only the mode at which its chains started is known.
    positions : array of int
        Positions of the patients in `fit.packed`; repeats are allowed, as in a bootstrap sample.
    bounds : Bounds, optional

    Raises
    ------
    FitError
        No mode of the fit leads to an interior one.
    """
    bounds = bounds or Bounds()
    analysis = fit.analysis.take(positions)
    starts = (
        [fit.mode_theta]
        if isinstance(fit, BayesFit)
        else [fit.mode_thetas[k] for k in np.flatnonzero(fit.modes["interior"])][:WARM_STARTS]
    )
    objective = Objective(analysis, bounds)
    optima = []
    for free in map(analysis.design.layout.to_free, starts):
        objective.centre(free)
        optima.append(objective.polish(objective.climb(free, objective.hessian(free)).free))
    modes, members = _modes(optima, analysis, bounds)
    if not modes["interior"].any():
        raise FitError(
            f"without {fit.n_patients - len(set(positions))} of {fit.n_patients} patients no mode is interior: "
            f"{modes.iloc[0]['remark']}."
        )
    best = members[int(np.flatnonzero(modes["interior"])[0])]
    said = () if best.converged else (f"not converged: g' H^-1 g / m is {best.criterion:.2g}",)
    return Refit(_sorted(best.free, analysis.design), said)


def _with_enough_nodes(analysis, bounds, modes, members):
    """Analysis and modes with as many quadrature nodes as the best mode needs, and the change on doubling them."""
    best = members[int(np.flatnonzero(modes["interior"])[0])]
    enough, error = enough_nodes(analysis, [analysis.design.layout.to_theta(best.free)])
    if enough is analysis:
        return analysis, modes, members, error
    objective = Objective(enough, bounds)
    ends = zip(members, modes["n_starts"], strict=True)
    climbs = ((objective.climb(member.free, member.hessian), int(k)) for member, k in ends)
    optima = [optimum for end, k in climbs for optimum in [objective.polish(end.free)] * k]
    finer, finer_members = _modes(optima, enough, bounds)
    if not finer["interior"].any():
        raise FitError(f"with {enough.design.n_nodes} quadrature nodes no interior mode remains.\n{finer.to_string()}")
    return enough, finer, finer_members, error


def _sorted(free, design):
    theta = design.layout.to_theta(free)
    return theta[class_order(theta, design.layout)]


def _modes(optima: Iterable[Optimum], analysis, bounds):
    """Table of the distinct modes, best first, and one optimum of each."""
    finite = [o for o in optima if np.isfinite(o.log_likelihood)]
    best = max((o.log_likelihood for o in finite), default=0.0)
    ordered = sorted(finite, key=lambda o: (round((best - o.log_likelihood) / SAME_MODE), o.criterion))
    groups: list[list[Optimum]] = []
    for optimum in ordered:
        if groups and abs(groups[-1][0].log_likelihood - optimum.log_likelihood) < 2 * SAME_MODE:
            groups[-1].append(optimum)
        else:
            groups.append([optimum])
    members = [min(group, key=lambda o: (bool(o.on_bound), o.criterion)) for group in groups]
    design, evaluator = analysis.design, analysis.evaluator()
    rows = []
    for group, mode in zip(groups, members, strict=True):
        p = evaluator.evaluate(design.layout.to_theta(mode.free)).class_probabilities
        by_cause = expected_events(p, analysis.packed.event, design.sizes.n_causes)
        share, events = p.mean(axis=0).min(), by_cause.sum(axis=0).min()
        # of competing events a class may be free of one, whose shape then has nowhere to be
        silent = _own(design.layout, without_events(by_cause) if design.causes else [])
        remarks = [f"{n} on its bound" for n in dict.fromkeys(n for j, n in mode.on_bound.items() if not silent[j])]
        if design.spec.n_classes > 1:
            if share < bounds.class_share:
                remarks.append(f"a class with {100 * share:.2g} % of patients")
            if design.spec.endpoint is not None and events < bounds.class_events:
                remarks.append(f"a class with {events:.2g} expected events")
        interior = not remarks
        if not mode.converged:
            remarks.append("not converged")
        rows.append((mode.log_likelihood, len(group), mode.converged, interior, share, events, "; ".join(remarks)))
    columns = [
        "log_likelihood",
        "n_starts",
        "converged",
        "interior",
        "smallest_class",
        "smallest_class_events",
        "remark",
    ]
    table = pd.DataFrame(rows, columns=columns)
    table.index.name = "mode"
    return table, members


def _own(layout, silent):
    """Which free parameters belong only to the hazards of these causes and classes: array of bool (n_parameters,)."""
    return sum((layout.own_hazard(c, g) for c, g in silent), np.zeros(layout.n_parameters, dtype=bool))


def _inverse(hessian, fixed):
    """Inverse of a Hessian, without the parameters that are fixed; NaN where it is not positive definite."""
    used = np.ix_(~fixed, ~fixed)
    if np.linalg.eigvalsh(hessian[used]).min() <= 0:
        return np.full_like(hessian, np.nan)
    inverse = np.zeros_like(hessian)
    inverse[used] = np.linalg.inv(hessian[used])
    return inverse


def _search_warnings(modes, interior, design):
    """Warnings about the modes, however the best is then used."""
    chosen = modes.iloc[interior[0]]
    if interior[0] > 0:
        yield (
            f"{interior[0]} spurious mode(s) with a higher log likelihood were set aside "
            f"({modes.iloc[0]['remark']}); {WHERE}"
        )
    if design.spec.n_classes > 1 and chosen["n_starts"] == 1 and modes["n_starts"].sum() > 1:
        yield "the best mode was found from one start only: raise n_starts"
    if chosen["smallest_class"] < SMALLEST_CLASS:
        yield f"the smallest class has {100 * chosen['smallest_class']:.1f} % of patients"
    close = [k for k in interior[1:] if chosen["log_likelihood"] - modes.iloc[k]["log_likelihood"] < RIVAL]
    if close:
        yield f"{len(close)} rival mode(s) within {RIVAL:g} log-likelihood units; {WHERE}"


def _scale_warnings(theta, design):
    """Warnings about scales of hazards that overflow in the user's units."""
    natural = design.layout.natural(theta)
    for block in design.layout.blocks:
        if block.parameter == SCALE.name and not (np.isfinite(natural[block.name]) & (natural[block.name] > 0)).all():
            yield (
                f"{block.name} is {natural[block.name]}, which cannot be interpreted or passed back (curves and ratios "
                f"do not need it). {far_from_zero(block.name, design.layout)}"
            )


def _estimate_warnings(best, theta, design, node_error, silent):
    """Warnings about the estimate and its standard errors."""
    if node_error > NODE_ERROR:
        yield node_warning(design, node_error)
    if not best.converged:
        yield f"not converged: g' H^-1 g / m is {best.criterion:.2g}, which has to be below {CONVERGED:g}"
    fixed = (design.layout.transform @ _own(design.layout, silent)).reshape(theta.shape) > 0
    spoken = np.where(fixed, np.nan, theta)  # what is not estimable has a warning of its own
    for block in design.layout.blocks:
        parameter = design.layout.pieces.get(block.parameter)
        low, high = (parameter and parameter.edges) or (-np.inf, np.inf)
        values = spoken[:, design.layout.places[block.name]]
        if (values < low + 1e-3).any() or (values > high - 1e-3).any():
            simpler = "family" if parameter in FAMILIES[design.spec.family].parameters else "hazard"
            yield (
                f"{block.name} is at a limit of its range: its standard error is not valid, and a simpler {simpler} "
                "may suffice"
            )
    natural = design.layout.own(theta)
    sd = natural.get("random_effect_sd")
    if sd is not None and (sd.min() < 1e-3 or np.linalg.eigvalsh(natural["random_effect_corr"]).min() < 1e-3):
        yield (
            "the covariance of the random effects is on its boundary: standard errors are not valid there, and fewer "
            "random effects suffice for these data"
        )
