"""What a fit says about single patients."""

from collections.abc import Callable, Iterator

import numpy as np

from bayesctc.model.analysis import Analysis
from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.predict.followed import followed
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit

VALUES_AT_ONCE = 2e6  # survival probabilities, draws x classes x times x patients


def patient_survival(fit: Fit, times) -> np.ndarray:
    """Probability that each patient is free of the event at `times`, given their counts and being so at entry.

    With competing events: free of all of them.

    sum_h P(h | y_i, T > e_i) S_h(t | x_i) / S_h(e_i | x_i), averaged over the posterior (at the estimate for maximum
    likelihood); e_i is the patient's entry, 0 without delayed entry. What happened after entry is not used.

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
    thetas = fit.classifying_thetas
    total = np.zeros((fit.n_patients, np.shape(times)[-1]))
    for each in survival_draws(fit, times, thetas):
        total += each
    return total / len(thetas)


def survival_draws(fit: Fit, times, thetas) -> Iterator[np.ndarray]:
    """What `patient_survival` averages, one theta after another: arrays (n_patients, n_times)."""
    times = np.broadcast_to(np.asarray(times, dtype=float), (fit.n_patients, np.shape(times)[-1]))
    counts = fit.analysis.counts_only().evaluator()

    def classes(theta):
        return counts.evaluate(theta).class_probabilities

    for _, surviving in survival_by_draw(classes, fit.analysis, thetas, fit.packed.entry, times.T):
        yield from surviving


def survival_by_draw(
    classes: Callable, analysis: Analysis, thetas: np.ndarray, start, times: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Class probabilities and survival of patients given what is known of them, some parameter sets at a time.

    Parameters
    ----------
    classes : function (theta) -> array (n_patients, n_classes)
        P(h | what is known at `start`).
    analysis : Analysis
        The patients, of whom covariates are read.
    thetas : array (n_draws, n_classes, n_class_parameters)
    start : float or array (n_patients,)
        Months at which each patient is free of the event.
    times : array (n_times, 1) or (n_times, n_patients)
        Months from the start of treatment; up to `start` survival is 1.

    Yields
    ------
    class_probabilities : array (draws, n_patients, n_classes)
    survival : array (draws, n_patients, n_times)
        sum_h P(h | what is known) S_h(t | x_i) / S_h(start_i | x_i); see `followed` where the hazard depends on a
        patient's curve.
    """
    sizes, n, (_, K, _) = analysis.design.sizes, analysis.n_patients, thetas.shape
    if sizes.association is not None:
        each = followed(analysis, start, times)
        yield from ((classes(theta)[None], each(theta)[None]) for theta in thetas)
        return
    months = np.vstack([np.broadcast_to(start, (1, times.shape[1])), times])
    terms = analysis.packed.terms("survival")
    at_once = max(int(VALUES_AT_ONCE / (K * len(times) * n)), 1)
    for part in (thetas[k : k + at_once] for k in range(0, len(thetas), at_once)):
        p = np.stack([classes(theta) for theta in part])
        flat, gone = part.reshape(-1, part.shape[2]), np.zeros((len(part), K, *times.shape[:1], n))
        for c in range(sizes.n_causes):
            with np.errstate(over="ignore"):
                risk = np.minimum(np.exp(part[:, :, sizes.cause(c)[1]] @ terms.T), 1e8)
                own = np.minimum(cumulative_hazard(flat, sizes, months.ravel(), cause=c)[:, 0], 1e290)
            own = own.reshape(len(part), K, *months.shape)
            gone += np.minimum(own[:, :, :1] - own[:, :, 1:], 0.0) * risk[:, :, None, :]
        surviving = np.exp(gone)
        yield p, np.einsum("dnk,dktn->dnt", p, surviving)
