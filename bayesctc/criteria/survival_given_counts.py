"""LOO and AIC of survival given the counts, under a joint model."""

from dataclasses import dataclass

import xarray as xr
from scipy.special import logsumexp

from bayesctc.arguments import whole
from bayesctc.criteria.loo import Loo, leave_one_out, without_patient
from bayesctc.inference.settings import REFITTED, Settings
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.classified import need_endpoint
from bayesctc.results.idata import survival_measure
from bayesctc.results.ml_fit import MLFit
from bayesctc.shown import Shown


@dataclass(frozen=True, repr=False)
class AicParts(Shown):
    """AIC of a joint model in its two parts (Zhang, Chen, Ibrahim et al., Stat Med 2014;33:4715).

    Attributes
    ----------
    longitudinal : float
        -2 log p(y) + 2 x parameters of growth, counts and membership, at the joint estimate.
    survival_given_longitudinal : float
        -2 log p(T | y) + 2 x parameters of the hazard.
    n_longitudinal, n_survival : int
        Parameters of each part.

    Examples
    --------
    >>> parts = bc.aic_parts(fit)
    >>> parts.n_longitudinal, parts.n_survival
    (8, 3)
    """

    longitudinal: float
    survival_given_longitudinal: float
    n_longitudinal: int
    n_survival: int


def aic_parts(fit: MLFit) -> AicParts:
    """Split the AIC of a joint fit into that of the counts and that of survival given the counts.

    The two sum to `MLFit.aic`. Both are evaluated at the joint estimate, with time in months.

    Raises
    ------
    SpecError
        The fit has no endpoint.

    Examples
    --------
    >>> parts = bc.aic_parts(fit)
    >>> total = parts.longitudinal + parts.survival_given_longitudinal
    >>> abs(total - fit.aic) < 1e-6
    True
    """
    need_endpoint(fit, "aic_parts")
    sizes, layout = fit.design.sizes, fit.design.layout
    K = layout.n_classes
    rows = layout.transform.reshape(K, sizes.n_class_parameters, -1)
    n_survival = int(rows[:, sizes.blocks["hazard"], :].any(axis=(0, 1)).sum())
    n_longitudinal = fit.n_parameters - n_survival
    counts, _ = fit.analysis.counts_only().evaluator().total(fit.theta)
    survival = fit.log_likelihood - counts
    return AicParts(
        -2.0 * counts + 2.0 * n_longitudinal, -2.0 * survival + 2.0 * n_survival, n_longitudinal, n_survival
    )


def loo_survival(fit: BayesFit, *, max_refits: int = 10, progress: bool = True) -> Loo:
    """Leave-one-patient-out elpd of survival given the counts: log p(T_i, event_i | y_i, all others).

    One importance-sampling pass on the conditional term log p(T_i | y_i, theta) = log L_i - log L_i(counts alone):
    elpd_i = -log mean_s 1 / p(T_i | y_i, theta_s), smoothed by PSIS, is ``log p(T_i, y_i | D_-i) - log p(y_i | D_-i)``.
    For patients with pareto_k above 0.7 the model is refitted without them.

    Parameters
    ----------
    fit : BayesFit
    max_refits : int
        Maximum number of exact refits; with more such patients the worst are refitted and the rest counted.
    progress : bool

    Returns
    -------
    Loo
        Log densities per month (log probabilities for events between two visits), given survival to entry.

    Raises
    ------
    SpecError
        The fit has no endpoint.

    Examples
    --------
    >>> bc.loo_survival(posterior, max_refits=0, progress=False).measure
    'density of the time to os given the samples'
    """
    max_refits = whole("max_refits", max_refits, 0)
    need_endpoint(fit, "loo_survival")
    joint = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient")
    counts, _ = fit.analysis.counts_only().pointwise(fit.thetas)
    values = xr.DataArray(joint.to_numpy() - counts.reshape(joint.shape), dims=joint.dims, coords=joint.coords)
    of = f"{survival_measure(fit.design)} given the samples"
    return leave_one_out(fit, values, lambda i: exact_survival(fit, i), of, max_refits=max_refits, progress=progress)


def exact_survival(fit: BayesFit, position: int, settings: Settings = REFITTED) -> float:
    """log p(T_i, event_i | y_i, all others), from a posterior sampled without patient i.

    Parameters
    ----------
    fit : BayesFit
    position : int
        Position of the patient in `fit.packed`.
    settings : Settings
        Of the refit.
    """
    without, one = without_patient(fit, position, settings)
    joint, counts = (logsumexp(each.evaluator().draws(without)[:, 0]) for each in (one, one.counts_only()))
    return float(joint - counts)
