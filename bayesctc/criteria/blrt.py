"""The bootstrap likelihood-ratio test of K against K + 1 classes."""

from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bayesctc import arguments
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.settings import Settings
from bayesctc.jobs.run import all_done, carry_out
from bayesctc.jobs.store import Store, digest, key_of
from bayesctc.jobs.task import Outcome, Task
from bayesctc.model.design import Design
from bayesctc.model.generative import simulate
from bayesctc.model.inspections import inspected
from bayesctc.model.settled import design_to_json
from bayesctc.progress import Progress
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import why_not
from bayesctc.shown import Shown


@dataclass(frozen=True, repr=False)
class BootstrapLRT(Shown):
    """Bootstrap likelihood-ratio test (McLachlan, Appl Stat 1987;36:318).

    Attributes
    ----------
    n_classes : int
        K of the null hypothesis.
    statistic : float
        2 (log L_{K+1} - log L_K), both at their best interior modes.
    p_value : float
        (1 + replicates with a statistic as large) / (1 + replicates); NaN if every replicate failed.
    replicates : array
        Statistics of cohorts simulated from the K-class fit.
    n_failed : int
        Replicates without an interior mode, which are excluded.

    Examples
    --------
    >>> one = bc.fit_ml(cohort, bc.ModelSpec(n_classes=1), n_starts=1, progress=False)
    >>> test = bc.bootstrap_lrt(one, fit, replicates=4, n_starts=2, progress=False)
    >>> test.p_value == 1 / (1 + test.replicates.size)  # no replicate was as large
    True
    """

    n_classes: int
    statistic: float
    p_value: float
    replicates: np.ndarray
    n_failed: int


def bootstrap_lrt(
    smaller: MLFit,
    larger: MLFit,
    *,
    replicates: int = 99,
    n_starts: int = 6,
    random_seed: int = 0,
    executor: Executor | None = None,
    folder: str | Path | None = None,
    progress: bool = True,
) -> BootstrapLRT:
    """Test K classes against K + 1.

    Replicates are drawn from the K-class fit at the observed sample times and follow-up; both models are fitted to
    each.

    Parameters
    ----------
    smaller, larger : MLFit
        Fits with K and K + 1 classes to the same cohort.
    replicates : int
    n_starts : int
        Starts for each model on each replicate.
    random_seed : int
    executor : concurrent.futures.Executor, optional
        Fits several replicates at a time; without it they are fitted one after another.
    folder : str or Path, optional
        Each replicate is stored there as it finishes and reused by a later test with the same fits, settings and
        version, so that an interrupted test is completed by running it again.
    progress : bool

    Returns
    -------
    BootstrapLRT

    Raises
    ------
    SpecError
        The fits do not differ by one class, are of different cohorts, or have failed.
    StorageError
        The folder cannot be written to, or holds a damaged result.
    FitError
        The worker of a replicate died at every attempt.

    Examples
    --------
    >>> one = bc.fit_ml(cohort, bc.ModelSpec(n_classes=1), n_starts=1, progress=False)
    >>> test = bc.bootstrap_lrt(one, fit, replicates=4, n_starts=2, progress=False)
    >>> bool(test.statistic > test.replicates.max())
    True
    """
    replicates = arguments.whole("replicates", replicates, 1)
    how = Settings(n_starts=n_starts, random_seed=random_seed, executor=executor, progress=progress)
    for name, fit in (("smaller", smaller), ("larger", larger)):
        arguments.of_kind(name, fit, MLFit)
        reason = why_not(fit)
        if reason is not None:
            raise SpecError(f"{name}: found a fit that has failed ({reason}); allowed: fits that may be compared.")
    if larger.spec.n_classes != smaller.spec.n_classes + 1 or larger.cohort.fingerprint != smaller.cohort.fingerprint:
        raise SpecError(
            f"the test compares K with K + 1 classes on one cohort; found {smaller.spec.n_classes} and "
            f"{larger.spec.n_classes}."
        )
    observed = 2.0 * (larger.log_likelihood - smaller.log_likelihood)
    statistics = _statistics(_Null(smaller, larger.design), how, replicates, Store(folder))
    values = np.array([each for each in statistics if each is not None])
    p = (1 + int(np.sum(values >= observed))) / (1 + len(values)) if len(values) else np.nan
    return BootstrapLRT(smaller.spec.n_classes, observed, p, values, statistics.count(None))


@dataclass(frozen=True)
class _Null:
    """Data common to all replicates: the fit to simulate from, and the design of the larger one."""

    smaller: MLFit
    larger: Design


def _statistics(null, settings, replicates, store) -> list[float | None]:
    """The statistic of each replicate, None of one without an interior mode."""
    smaller, K = null.smaller, null.smaller.spec.n_classes
    designs = [design_to_json(design) for design in (smaller.design, null.larger)]
    told = [asdict(smaller.spec), designs, smaller.cohort.fingerprint, smaller.theta.tolist()]
    same = key_of("bootstrap_lrt", *told, settings.n_starts, settings.random_seed)
    alone = settings.alone(settings.random_seed)
    tasks = [Task(digest([same, k]), f"bootstrap {K} replicate {k}", (alone, k)) for k in range(replicates)]
    with Progress(settings.progress) as bar:
        what = f"bootstrap test of {K} against {K + 1} classes"
        records = carry_out(tasks, _statistic, null, store=store, executor=settings.executor, bar=bar, what=what)
    return [record["statistic"] for record in all_done(records)]


def _statistic(null: _Null, own: tuple[Settings, int]) -> Outcome:
    """One replicate, with a separate random generator so that replicates are independent."""
    settings, k = own
    drawn = _replicate(null.smaller, np.random.default_rng([settings.random_seed, k]))
    try:
        fits = [
            fit_analysis(drawn.under(design), replace(settings, random_seed=k))
            for design in (null.smaller.design, null.larger)
        ]
    except FitError:
        return Outcome({"statistic": None})
    return Outcome({"statistic": float(2.0 * (fits[1].log_likelihood - fits[0].log_likelihood))})


def _replicate(fit, rng):
    """A cohort from the fitted model at the observed sample times, censored where the observed one was.

    A patient with an event could have been followed longer. The end of follow-up of such patients is drawn from later
    censoring times, or is the longest follow-up. Events that are looked for at visits are also interval-censored here.
    """
    samples, patients = fit.analysis.tables()
    time, event = patients["_time"].to_numpy(), patients["_event"].to_numpy()
    end = time.copy()
    censored = np.sort(time[event == 0])
    for i in np.flatnonzero(event > 0):
        later = censored[censored >= time[i]]
        end[i] = rng.choice(later) if len(later) else time.max()
    drawn, people = simulate(
        fit.design,
        fit.theta,
        patients,
        samples,
        rng,
        follow_up=end,
        entry=patients["_entry"].to_numpy(),
        stop_at_event=False,
        inspections=inspected(fit.design, patients, rng),
        intervals=fit.analysis.intervals,
    )
    column = fit.design.outcome.column
    exact = drawn.assign(**{column: drawn.get(f"exact_{column}", drawn[column])})
    return replace(fit.analysis, packed=fit.design.pack_tables(exact, people, fit.analysis.intervals))
