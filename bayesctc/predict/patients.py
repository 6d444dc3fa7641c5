"""What a fit says of single patients."""

from collections.abc import Iterator

import numpy as np

from bayesctc.model.likelihood import Evaluator
from bayesctc.model.shape import ENTRY
from bayesctc.model.survival import cumulative_hazard, survival_terms
from bayesctc.predict.curves import Fit
from bayesctc.results.classified import need_endpoint


def patient_survival(fit: Fit, times) -> np.ndarray:
    """Probability of each patient to be free of the event at `times`, given her counts and being so at entry.

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
    packed, shape, n = fit.packed, fit.design.shape, fit.n_patients
    times = np.broadcast_to(np.asarray(times, dtype=float), (n, np.shape(times)[-1]))
    months = np.vstack([packed.row(ENTRY), times.T])
    evaluator = Evaluator(packed.counts_only(), shape, fit.spec.n_classes)
    terms = survival_terms(packed, shape)
    for theta in thetas:
        p = evaluator.evaluate(theta).class_probabilities
        with np.errstate(over="ignore"):
            risk = np.minimum(np.exp(theta[:, shape.blocks["survival"]] @ terms.T), 1e8)
            gone = np.minimum(cumulative_hazard(theta, shape, months.ravel())[:, 0], 1e290)
        gone = gone.reshape(len(theta), *months.shape)
        surviving = np.exp(np.minimum(gone[:, :1] - gone[:, 1:], 0.0) * risk[:, None, :])
        yield np.einsum("nk,ktn->nt", p, surviving)
