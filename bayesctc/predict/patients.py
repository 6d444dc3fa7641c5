"""Predictions of a fit for single patients."""

from collections.abc import Callable, Iterator

import numpy as np

from bayesctc.model.analysis import Analysis
from bayesctc.model.class_hazards import cumulative_hazard, incidence_of_steps, step_ends
from bayesctc.model.hazard_along import ENDLESS, cumulative_along
from bayesctc.predict.followed import followed, followed_incidence
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit

VALUES_AT_ONCE = 2e6  # survival probabilities, draws x classes x times x patients


def patient_survival(fit: Fit, times) -> np.ndarray:
    """Probability that each patient is free of the event at `times`, given their counts and being free at entry.

    With competing events: free of all of them.

    sum_h P(h | y_i, T > e_i) S_h(t | x_i) / S_h(e_i | x_i), averaged over the posterior (at the estimate for maximum
    likelihood); e_i is the patient's entry, 0 without delayed entry. Events after entry are not used, and time-varying
    covariates are those at entry, carried forward.

    Parameters
    ----------
    fit : MLFit, BayesFit or Applied
    times : array (n_times,) or (n_patients, n_times)
        Months from the start of treatment; before entry the probability is 1.

    Returns
    -------
    array (n_patients, n_times)

    Raises
    ------
    SpecError
        The fit has no endpoint.
    """
    need_endpoint(fit, "patient_survival")
    return _mean_survival(fit, times, fit.analysis.known_at(fit.packed.entry))


def survival_along(fit: Fit, times) -> np.ndarray:
    """As `patient_survival`, with the observed course of each patient's covariates: not a forecast if they change."""
    return _mean_survival(fit, times, fit.analysis)


def _mean_survival(fit, times, analysis):
    thetas = fit.classifying_thetas
    total = np.zeros((fit.n_patients, np.shape(times)[-1]))
    for each in survival_draws(fit, times, thetas, analysis):
        total += each
    return total / len(thetas)


def patient_incidence(fit: Fit, times: np.ndarray, code: int, analysis: Analysis) -> tuple[np.ndarray, np.ndarray]:
    """Expected events and incidence of one competing event from each patient's entry to `times`.

    Parameters
    ----------
    fit : MLFit, BayesFit or Applied
    times : array (n_patients,)
        Months from the start of treatment, after entry.
    code : int
        Number of the cause, from 1.
    analysis : Analysis
        That of the fit, with the observed course of covariates, or one with the covariates known at some time.

    Returns
    -------
    cumulative_hazard : array (n_patients,)
        Integral of the patient's hazard of the cause, given the counts and being free of every event until then: events
        expected while the patient is followed.
    incidence : array (n_patients,)
        Probability of an event of the cause, given the counts and being free of every event at entry.
    """
    entry, thetas = fit.packed.entry, fit.classifying_thetas
    ends = step_ends(entry, times)[1:]
    counts = analysis.counts_only().evaluator()

    def classes(theta):
        return counts.evaluate(theta).class_probabilities

    total = np.zeros((fit.design.sizes.n_causes, fit.n_patients, len(ends)))
    for _, incidence in incidence_by_draw(classes, analysis, thetas, entry, ends):
        total += incidence.sum(axis=0)
    happened = total / len(thetas)
    added = np.diff(happened, axis=2, prepend=0.0)
    every, free = added.sum(axis=0), np.maximum(1.0 - happened.sum(axis=0), 1e-300)
    hazard = -np.diff(np.log(free), axis=1, prepend=0.0)
    share = np.divide(added[code - 1], every, out=np.zeros_like(every), where=every > 0.0)
    return np.sum(share * hazard, axis=1), happened[code - 1, :, -1]


def survival_draws(fit: Fit, times, thetas, analysis: Analysis) -> Iterator[np.ndarray]:
    """Survival of each patient, one theta after another: arrays (n_patients, n_times); covariates of `analysis`."""
    times = np.broadcast_to(np.asarray(times, dtype=float), (fit.n_patients, np.shape(times)[-1]))
    counts = analysis.counts_only().evaluator()

    def classes(theta):
        return counts.evaluate(theta).class_probabilities

    for _, surviving in survival_by_draw(classes, analysis, thetas, fit.packed.entry, times.T):
        yield from surviving


def survival_by_draw(
    classes: Callable, analysis: Analysis, thetas: np.ndarray, start, times: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Class probabilities and survival of patients given what is known about them, some parameter sets at a time.

    Parameters
    ----------
    classes : function (theta) -> array (n_patients, n_classes)
        P(h | what is known at `start`).
    analysis : Analysis
        The patients, with their covariates.
    thetas : array (n_draws, n_classes, n_class_parameters)
    start : float or array (n_patients,)
        Months at which each patient is free of the event.
    times : array (n_times, 1) or (n_times, n_patients)
        Months from the start of treatment; up to `start` survival is 1.

    Yields
    ------
    class_probabilities : array (draws, n_patients, n_classes)
    survival : array (draws, n_patients, n_times)
        sum_h P(h | what is known) S_h(t | x_i) / S_h(start_i | x_i); see `followed` if the hazard depends on a
        patient's curve.
    """
    if analysis.design.sizes.association is not None:
        each = followed(analysis, start, times)
        yield from ((classes(theta)[None], each(theta)[None]) for theta in thetas)
        return
    for part in _parts(analysis, thetas, len(times)):
        p = np.stack([classes(theta) for theta in part])
        surviving = np.exp(-_since(analysis, part, start, times).sum(axis=0))
        yield p, np.einsum("dnk,dktn->dnt", p, surviving)


def incidence_by_draw(
    classes: Callable, analysis: Analysis, thetas: np.ndarray, start, times: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """As `survival_by_draw`, cumulative incidence of each competing event after `start`.

    `times` increase along the first axis and are the ends of the steps over which it is summed; see `step_ends`.

    Yields
    ------
    class_probabilities : array (draws, n_patients, n_classes)
    incidence : array (draws, n_causes, n_patients, n_times)
        sum_h P(h | what is known) integral from start_i to t of h_hc(u | x_i) S_h(u | x_i) / S_h(start_i | x_i) du;
        see `followed_incidence` if the hazard depends on a patient's curve.
    """
    if analysis.design.sizes.association is not None:
        known = followed_incidence(analysis, start, times)
        yield from ((classes(theta)[None], known(theta)[None]) for theta in thetas)
        return
    for part in _parts(analysis, thetas, len(times) * analysis.design.sizes.n_causes):
        p = np.stack([classes(theta) for theta in part])
        since = np.moveaxis(_since(analysis, part, start, times), 3, 1)  # causes, times, draws, classes, patients
        steps = np.diff(since, axis=1, prepend=0.0)
        yield p, np.einsum("dnk,ctdkn->dcnt", p, incidence_of_steps(np.maximum(steps, 0.0)))


def _parts(analysis, thetas, n_values):
    """Parameter sets, as many at a time as memory has room for; `n_values` of each class and patient."""
    at_once = max(int(VALUES_AT_ONCE / (thetas.shape[1] * n_values * analysis.n_patients)), 1)
    return (thetas[k : k + at_once] for k in range(0, len(thetas), at_once))


def _since(analysis, part, start, times):
    """Cumulative hazard of each cause since `start`: array (n_causes, draws, n_classes, n_times, n_patients)."""
    sizes, K, n = analysis.design.sizes, part.shape[1], analysis.n_patients
    months = np.vstack([np.broadcast_to(start, (1, times.shape[1])), times])
    flat, terms, changes = part.reshape(-1, part.shape[2]), analysis.packed.terms("survival"), analysis.packed.changes
    since = np.empty((sizes.n_causes, len(part), K, len(times), n))
    for c in range(sizes.n_causes):
        if changes is not None:
            of_patients = np.broadcast_to(months, (len(months), n)).T
            along = np.minimum(cumulative_along(flat, sizes, changes, of_patients, c), ENDLESS)
            along = along.reshape(len(part), K, n, len(months)).swapaxes(2, 3)
            since[c] = np.maximum(along[:, :, 1:] - along[:, :, :1], 0.0)
            continue
        with np.errstate(over="ignore"):
            risk = np.minimum(np.exp(part[:, :, sizes.cause(c)[1]] @ terms.T), 1e8)
            own = np.minimum(cumulative_hazard(flat, sizes, months.ravel(), cause=c)[:, 0], 1e290)
        own = own.reshape(len(part), K, *months.shape)
        since[c] = np.maximum(own[:, :, 1:] - own[:, :, :1], 0.0) * risk[:, :, None, :]
    return since
