"""Prior and posterior predictive checks: could this model have produced these data?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesctc.arguments import seed, whole
from bayesctc.checks import counts, course, sampling, survival_and_classes
from bayesctc.checks.check import Check, Setting
from bayesctc.checks.replicate import Replicator
from bayesctc.checks.result import Checked, PredictiveCheck
from bayesctc.checks.schedule import PlannedSchedule
from bayesctc.data import Cohort
from bayesctc.errors import FitError, SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.posterior import CoordinatePriors
from bayesctc.model.spec import ModelSpec
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.classes import class_order
from bayesctc.results.fit import Fit
from bayesctc.results.ml_fit import MLFit

CHECKS: tuple[Check, ...] = (
    counts.ZEROS,
    counts.POSITIVE,
    counts.QUANTILE,
    counts.MAXIMUM,
    counts.FREQUENCIES,
    course.CHANGE,
    course.VARIATION,
    course.TRANSITION,
    sampling.N_SAMPLES,
    sampling.DROPOUT,
    survival_and_classes.CLASS_SHARES,
    survival_and_classes.SURVIVAL,
    survival_and_classes.SURVIVAL_BY_CLASS,
    survival_and_classes.INCIDENCE,
    survival_and_classes.INCIDENCE_BY_CLASS,
    survival_and_classes.ASSOCIATION,
    survival_and_classes.INDEPENDENCE,
)
FEWEST = 20  # replicates: fewer cannot have a 95 % interval
EARLY_SHARE = 0.01  # of replicated patients, above which ignoring the inclusion rule is worth a warning
FEW_DRAWS = 50
TRIES = 20  # parameter sets drawn for one replicate before giving up


def predictive_check(
    fit: Fit,
    *,
    n_replicates: int = 1000,
    random_seed: int = 0,
    schedule: PlannedSchedule | Sequence[float] | pd.DataFrame | None = None,
    checks: tuple[str, ...] | None = None,
    progress: bool = True,
) -> PredictiveCheck:
    """Compare the observed cohort with cohorts simulated from the fitted model.

    Each replicate uses one draw of theta and simulates class, event, values and samples for the same patients (same
    covariates and entry). Sampling stops at the replicated event or the end of follow-up; `PredictiveCheck.assumptions`
    states the assumptions about visits and follow-up. Patients selected for a number of samples (`Cohort.include`) keep
    their visits up to the sample that met the rule and are replicated given that they were free of the event then. The
    selection itself is not replicated, but the values of those samples and everything afterwards are. Checks for counts
    only (zeros, CTC+ samples, frequencies, b2CTC) are left out for other outcomes, and listed. With competing events
    "survival" concerns freedom from all of them, "incidence" and "incidence_by_class" compare the Aalen-Johansen
    estimate of each with that of the replicates, and "association" and "independence" are computed for each cause, with
    the others censored.

    Parameters
    ----------
    fit : MLFit or BayesFit
        Parameters are drawn from the posterior, or from the asymptotic normal distribution of the estimate.
    n_replicates : int
    random_seed : int
    schedule : None, PlannedSchedule, months or DataFrame
        When samples were due: months such as ``[0, 1, 3, 5]``, a table with patient_id and time, or None to infer it
        from the observed times (`planned_schedule`).
    checks : tuple of str, optional
        Names of the checks; all that apply to the model unless given.
    progress : bool

    Returns
    -------
    PredictiveCheck

    Raises
    ------
    SpecError
        An argument is invalid.
    FitError
        The Hessian of a maximum-likelihood fit could not be inverted, so there is no distribution to draw from.

    Examples
    --------
    >>> check = bc.predictive_check(fit, n_replicates=20, progress=False)
    >>> int(check.summary.loc["zeros", "n_statistics"])
    6
    """
    if not isinstance(fit, MLFit | BayesFit):
        raise SpecError(f"predictive_check needs an MLFit or a BayesFit; found {type(fit).__name__}.")
    n_replicates, random_seed, chosen = _checked(n_replicates, random_seed, checks, fit.design.causes)
    if not fit.has_intervals:
        raise FitError("the Hessian at the estimate is not positive definite: there is no distribution to draw from.")
    rng = np.random.default_rng(random_seed)
    kind = "posterior" if isinstance(fit, BayesFit) else "asymptotic"
    if isinstance(fit, BayesFit):
        thetas = fit.thetas[rng.permutation(_repeated(len(fit.thetas), n_replicates))]
        centre = fit.thetas.mean(axis=0)
    else:
        thetas, centre = fit.parameter_draws(n_replicates, random_seed=random_seed), fit.theta
    replicator = Replicator(fit.analysis, schedule, random_seed=random_seed, theta=centre)
    warnings = [*fit.warnings, *_ignored_rule(replicator, fit.cohort.min_samples, thetas[:FEW_DRAWS])]
    return _run(kind, replicator, thetas, iter(()), chosen, warnings, rng, random_seed, progress)


def prior_predictive(
    cohort: Cohort,
    spec: ModelSpec,
    *,
    n_replicates: int = 1000,
    random_seed: int = 0,
    schedule: PlannedSchedule | Sequence[float] | pd.DataFrame | None = None,
    checks: tuple[str, ...] | None = None,
    progress: bool = True,
) -> PredictiveCheck:
    """Compare the observed cohort with cohorts simulated from the priors, for the same patients and schedule.

    No model is fitted, so patients are not classified and checks by class are left out.

    Parameters
    ----------
    cohort : Cohort
    spec : ModelSpec
        Parameters are drawn from its `priors`.
    n_replicates, random_seed, schedule, checks, progress
        As in `predictive_check`.

    Returns
    -------
    PredictiveCheck
        Its flags show that the data are unlike those the priors expect, which is no fault of weakly informative priors.

    Raises
    ------
    SpecError, DataError
        The specification cannot be used with the cohort, or an argument is invalid.

    Examples
    --------
    >>> check = bc.prior_predictive(cohort, spec, n_replicates=20, progress=False)
    >>> "zeros" in check.summary.index
    True
    """
    analysis = Analysis.settle(cohort, spec)
    n_replicates, random_seed, chosen = _checked(n_replicates, random_seed, checks, analysis.design.causes)
    layout = analysis.design.layout
    rng = np.random.default_rng(random_seed)
    priors = CoordinatePriors.of(layout, spec.priors)

    def draw(n):
        thetas = priors.thetas(priors.draw(n, rng))
        order = class_order(thetas, layout)
        return np.take_along_axis(thetas, order[:, :, None], axis=1)

    replicator = Replicator(analysis, schedule, random_seed=random_seed)
    spares = (draw(1)[0] for _ in range(TRIES * n_replicates))
    return _run("prior", replicator, draw(n_replicates), spares, chosen, [], rng, random_seed, progress)


def _checked(n_replicates, random_seed, names, causes) -> tuple[int, int, tuple[Check, ...]]:
    """Number of replicates, seed, and the checks of these names, or all of a model with these competing causes."""
    numbers = whole("n_replicates", n_replicates, FEWEST), seed(random_seed)
    if names is None:
        return *numbers, tuple(check for check in CHECKS if causes or not check.needs_causes)
    known = {check.name: check for check in CHECKS}
    names = (names,) if isinstance(names, str) else tuple(names)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise SpecError(f"checks: found {unknown[0] if unknown else 'none'!r}; allowed: {', '.join(known)}.")
    return *numbers, tuple(known[name] for name in names)


def _ignored_rule(replicator, min_samples, thetas):
    """A warning if the likelihood ignores that inclusion required samples, and this matters."""
    early = replicator.early_share(thetas)
    if early <= EARLY_SHARE:
        return []
    return [
        f"the likelihood ignores that patients had to be free of the event until sample {min_samples}: under the model "
        f"{100 * early:.1f} % of them would have had it before. Survival is replicated given that they had not; fit "
        'the cohort of include(..., entry="third_sample") instead.'
    ]


def _repeated(n_draws, n):
    """Positions of n evenly spaced draws, repeated as often as necessary."""
    return np.linspace(0, n_draws - 1, n).round().astype(int)


def _run(kind, replicator, thetas, spares, chosen, warnings, rng, random_seed, progress):
    """Draw the replicates and compare the observed cohort with them."""
    survives = replicator.design.spec.endpoint is not None
    labels = replicator.design.layout.coords["latent_class"] if replicator.theta is not None else ()
    setting = Setting(
        replicator.visits,
        replicator.process.kept,
        replicator.observed,
        tuple(labels),
        survives,
        replicator.design.outcome,
        replicator.design.causes,
    )
    answerable, observed, left_out = {}, {}, []
    for check in (each.asked_of(setting.outcome) for each in chosen):
        reason = check.lacks(setting)
        found = [] if reason else check.labels(setting)
        values = check.values(replicator.observed, setting) if found else np.array([])
        if np.isfinite(values).any():
            answerable[check], observed[check] = found, values
        else:
            left_out.append((check.name, reason or "too few samples or patients for its statistics"))
    draws = {check: np.empty((len(thetas), len(found))) for check, found in answerable.items()}
    redrawn = 0
    with Progress(progress) as bar:
        for r, theta in enumerate(bar.track(thetas, len(thetas), "replicated cohorts")):
            data, again = _draw(replicator, theta, spares, rng)
            redrawn += again
            for check, rows in draws.items():
                rows[r] = check.values(data, setting)
    checks = {
        check.name: Checked.of(check, found, observed[check], draws[check]) for check, found in answerable.items()
    }
    return PredictiveCheck(
        kind,
        checks,
        pd.DataFrame(left_out, columns=["check", "reason"]),
        replicator.process.table,
        assumptions(replicator),
        tuple(warnings),
        setting,
        len(thetas),
        redrawn,
        random_seed,
    )


def _draw(replicator, theta, spares, rng):
    """A replicate at theta, or at the first spare theta whose counts can be represented; and the number tried."""
    again = 0
    while True:
        try:
            return replicator.draw(theta, rng), again
        except OverflowError as error:
            again += 1
            theta = next(spares, None)
            if theta is None:
                raise FitError(f"no cohort can be drawn from these parameters: {error}.") from error


def assumptions(replicator: Replicator) -> tuple[str, ...]:
    """How replicates are made, in sentences."""
    spec, k = replicator.design.spec, int(np.max(replicator.process.kept.sum(axis=1), initial=0))
    values = replicator.design.outcome.words.values
    said = [f"Schedule: {replicator.schedule.found}."]
    said.append(
        "Patients under follow-up miss a visit, or stop being sampled, with probabilities by visit (see process) that "
        f"do not depend on {values}, class or survival."
    )
    if replicator.design.sample_columns:
        said.append(
            f"For {', '.join(replicator.design.sample_columns)}, a sample that was not taken has the value of the "
            "patient's previous sample (or else of the next one; without any, of a sample of another patient)."
        )
    if replicator.visits.failed.any():
        said.append(
            "A failed draw counts as a visit that took place, not as drop-out: in replicates draws fail with "
            f"probabilities by visit (column failed of process) that do not depend on {values}, class or survival."
        )
    if spec.endpoint is None:
        said.append("No endpoint is modelled: sampling ends only by drop-out, whatever its reason.")
    else:
        causes = ", ".join(replicator.design.causes)
        event = f"{spec.endpoint} event" + (f" (the first of {causes})" if causes else "")
        said.append(f"Sampling stops at the replicated {event} (other deaths are censored).")
        said.append(f"End of follow-up: {replicator.follow_up.found}.")
        said += _looked_for(replicator, spec.endpoint)
    changing = ", ".join(replicator.design.interval_types)
    if changing:
        said.append(
            f"Covariates that change ({changing}) have each patient's observed values, the last carried forward beyond "
            "the patient's follow-up. Where changes result from the course of the disease, replicates that outlive the "
            "patient lack the later changes."
        )
    if k:
        said.append(
            "Inclusion required a number of samples: each patient keeps the visits up to the sample that met the rule, "
            f"with {values} drawn anew, and is replicated given freedom from the event at that time; no replicate is "
            f"redrawn to meet the rule. {replicator.n_unmet} patients met the rule only by samples that are not in "
            "this analysis (after the endpoint or a landmark) and keep the visits they have."
        )
    if replicator.theta is not None:
        said.append(
            f"Classes in data and replicates are modal classes by P(g | y), from the {values} alone, at the same theta "
            "(the posterior mean or the estimate)."
        )
    return tuple(said)


def _looked_for(replicator, endpoint):
    """Assumptions about the visits at which an event is looked for."""
    if replicator.inspections is None:
        return
    share = replicator.inspections.share_known
    yield (
        f"Events of {endpoint} are looked for at visits, of which the end of follow-up is one: a replicated event is "
        "known to lie between the two visits around it. For each patient only the visits around the event (or the last "
        "one) are known; the others are filled in once, with gaps drawn from the observed gaps that contain an event, "
        "of all patients, with probabilities inversely proportional to their length. Survival is compared by "
        "Turnbull's estimate; other statistics use the times at which events were seen."
    )
    if share > 0:
        yield (
            f"{100 * share:.0f} % of the observed events that are looked for are known to the day; so is the same "
            "share of replicated events, regardless of patient."
        )
