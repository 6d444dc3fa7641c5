"""Gaussian growth on log(1 + count per 7.5 mL), random effects integrated in closed form."""

import numpy as np
from scipy.special import ndtr

from bayesctc.data.outcome import CTC_COUNT
from bayesctc.model.backends.compiled.families.gaussian import GIVEN_EFFECTS, log_density, n_work, prepare
from bayesctc.model.backends.compiled.pieces import CompiledFamily
from bayesctc.model.pieces import DENSITY, TRANSFORMED, Family, Parameter, Prior

EXACT = 8  # cells up to which the mean of a rounded count is summed


def rows(y, exposure, basis, patient, n_patients):
    """Per-patient sums, one row per sum.

    Parameters
    ----------
    y : array (n_samples,)
        Values on the scale of the growth curve.
    exposure : array (n_samples,)
        Not used, because the transformation accounts for it.
    basis : array (n_samples, n_basis)
        X, the growth basis and longitudinal covariates; Z is its first columns.
    patient : array of int (n_samples,)
        Position of each sample's patient.
    n_patients : int

    Returns
    -------
    array (2 + n_basis + n_basis^2, n_patients)
        n, y'y, X'y, X'X (a full square).
    """
    products = [np.ones_like(y), y * y, *(basis * y[:, None]).T]
    products += [a * b for a in basis.T for b in basis.T]
    return np.stack([np.bincount(patient, weights=product, minlength=n_patients) for product in products])


def log_probability(y, eta, exposure, sigma):
    """Log density of values on the scale of the growth curve."""
    z = (y - eta) / sigma
    return -0.5 * (z * z + np.log(2.0 * np.pi)) - np.log(sigma)


def draw(rng, eta, exposure, sigma):
    """Random values on the scale of the growth curve."""
    return rng.normal(eta, sigma)


def cdf(count, eta, volume_ml, sigma):
    """P(ctc <= count), counts being rounded: the normal distribution function at count + 1/2."""
    return ndtr((CTC_COUNT.forward(count + 0.5, volume_ml) - eta) / sigma)


def mean(eta, volume_ml, sigma):
    """Expected count, rounded to whole cells and 0 below: sum_k P(ctc > k), closed beyond `EXACT` cells.

    Beyond it, sum_k P(c > k) is the integral of the tail of a shifted log-normal, E max(c - EXACT, 0), because each k
    is the middle of an interval.
    """
    v = np.asarray(volume_ml) / 7.5
    few = sum(1.0 - cdf(k, eta, volume_ml, sigma) for k in range(EXACT))
    a = 1.0 + EXACT / v
    z = (eta - np.log(a)) / sigma
    with np.errstate(over="ignore"):
        return few + v * (np.exp(eta + 0.5 * sigma**2) * ndtr(z + sigma) - a * ndtr(z))


SIGMA = Parameter(
    "sigma",
    unit="{curve}",
    by_class="class_specific_sigma",
    prior=Prior("half_normal", "sigma_sd"),
    words="residual standard deviation",
    label="residual sd",
    symbol="σ",
    noun="standard deviation",
    on_curve=True,
    # a class of one point has no likelihood but under a density
    bounds=lambda bounds, scales, by_class: np.log((bounds.sigma, np.inf)) if by_class else None,
)
GAUSSIAN = Family(
    name="gaussian",
    parameters=(SIGMA,),
    log_probability=log_probability,
    draw=draw,
    cdf=cdf,
    mean=mean,
    formula="log(1 + ctc / v) ~ Normal(eta, sigma^2),  v = volume_ml / 7.5",
    curve=TRANSFORMED,
    normal=True,
    outcomes=("count", "continuous"),
    measure=DENSITY,
    counting="censored",
    report_name="normal on {short_scale}",
    residual="Normal(0, {sigma}²)",
    largest=np.inf,
    compiled=CompiledFamily(rows, n_work=n_work, prepare=prepare, log_density=log_density, given_effects=GIVEN_EFFECTS),
)
