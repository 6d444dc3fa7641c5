"""The bootstrap likelihood-ratio test of K against K + 1 classes."""

from dataclasses import dataclass, replace

import numpy as np

from bayesctc import arguments
from bayesctc.errors import FitError, SpecError
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.settings import Settings
from bayesctc.model.generative import simulate
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
        (1 + replicates with a statistic as large) / (1 + replicates); NaN where every replicate failed.
    replicates : array
        Statistics of cohorts simulated from the K-class fit.
    n_failed : int
        Replicates without an interior mode; they are left out.
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
    progress : bool

    Returns
    -------
    BootstrapLRT

    Raises
    ------
    SpecError
        The fits do not differ by one class, are of different cohorts, or have failed.
    """
    replicates = arguments.whole("replicates", replicates, 1)
    search = Settings(n_starts=n_starts, random_seed=random_seed, progress=False)
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
    rng = np.random.default_rng(search.random_seed)
    observed = 2.0 * (larger.log_likelihood - smaller.log_likelihood)
    statistics, failed = [], 0
    with Progress(progress) as bar:
        what = f"bootstrap test of {smaller.spec.n_classes} against {larger.spec.n_classes} classes"
        for k in bar.track(range(replicates), replicates, what):
            drawn = _replicate(smaller, rng)
            try:
                fits = [
                    fit_analysis(drawn.under(fit.design), replace(search, random_seed=k)) for fit in (smaller, larger)
                ]
            except FitError:
                failed += 1
                continue
            statistics.append(2.0 * (fits[1].log_likelihood - fits[0].log_likelihood))
    values = np.array(statistics)
    p = (1 + int(np.sum(values >= observed))) / (1 + len(values)) if len(values) else np.nan
    return BootstrapLRT(smaller.spec.n_classes, observed, p, values, failed)


def _replicate(fit, rng):
    """A cohort from the fitted model at the observed sample times, censored where the observed one was.

    A patient with an event could have been followed longer; the end of follow-up of such patients is drawn from the
    censored ones' times beyond theirs, or is the longest follow-up.
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
    )
    column = fit.design.outcome.column
    exact = drawn.assign(**{column: drawn.get(f"exact_{column}", drawn[column])})
    return replace(fit.analysis, packed=fit.design.pack_tables(exact, people))
