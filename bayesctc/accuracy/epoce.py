"""Expected prognostic observed cross-entropy: accuracy of the predicted density of the event, over all horizons.

EPOCE at a landmark L is the expectation of -log p(T, event | counts up to L, T > L) (Commenges, Liquet and
Proust-Lima, Biometrics 2012;68:380); lower is better. Its estimate on new patients is the mean over those at risk
(MPOL). On the patients of the fit it is optimistic, and CVPOL corrects it by approximate cross-validation. With
competing events the density is that of the time and of whether the event is of the cause of interest or of another.
"""

import numpy as np

from bayesctc.model.analysis import Analysis
from bayesctc.predict.landmark_survival import density_after
from bayesctc.results.ml_fit import MLFit

STEP = 1e-4


def optimism(fit: MLFit, analysis: Analysis, positions: np.ndarray, time, event, code: int = 1) -> float:
    """CVPOL - MPOL, the optimism in the patients of the fit: N trace(H^-1 K).

    K = 1 / (n (N - 1)) sum_i v_i d_i' over the n patients at risk, with v_i the gradient of a patient's log density
    given the counts up to the landmark, d_i that of the patient's log likelihood, H the Hessian of the negative log
    likelihood and N the patients of the fit (Commenges et al. 2012, who leave one patient out by one Newton step).

    Parameters
    ----------
    fit : MLFit
        With a positive definite Hessian.
    analysis : Analysis
        The patients at risk at the landmark: counts up to it, followed to it.
    positions : array of int (n,)
        Their positions in `fit.packed`.
    time, event, code
        Their outcomes; see `density_after`.
    """
    v = _gradients(fit, density_after(analysis, time, event, code))
    d = _gradients(fit, fit.analysis.evaluator().patients)[positions]
    N = fit.n_patients
    return float(N / (N - 1) * np.mean(np.einsum("ij,jk,ik->i", v, fit.covariance, d)))


def _gradients(fit, function):
    """Derivatives of a function of theta by the free parameters, patient by patient: array (n, n_parameters)."""
    layout = fit.design.layout
    free = layout.to_free(fit.theta)
    steps = STEP * np.maximum(1.0, np.abs(free))
    return np.column_stack(
        [
            (function(layout.to_theta(free + e)) - function(layout.to_theta(free - e))) / (2.0 * h)
            for h, e in zip(steps, np.diag(steps), strict=True)
        ]
    )
