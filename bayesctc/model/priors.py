"""Priors, on scales a clinician can read. Their numbers are data of the compiled model."""

from dataclasses import dataclass, fields
from math import log

import numpy as np

from bayesctc.errors import SpecError


@dataclass(frozen=True)
class Priors:
    """Weakly informative priors. Growth is on log(1 + count per 7.5 mL), time in units of 6 months.

    Attributes
    ----------
    membership_sd : float
        Class logits, zero-sum normal over classes. 1.5 lets a class hold from about 2 % to 80 % of patients.
    membership_covariate_sd : float
        Membership coefficients, zero-sum normal over classes.
    intercept_mean, intercept_sd : float
        Growth at the start of treatment, normal: 1.5 is 3.5 cells, 1.5 + 2 x 2 is 245 cells.
    slope_sd, quadratic_sd, cubic_sd, bend_sd : float
        Change in 6 months, its powers, and a spline's bends; normal(0, .).
    longitudinal_sd : float
        Effects of covariates on growth, normal(0, .).
    sigma_sd : float
        Residual standard deviation, half-normal.
    random_effect_sd : float
        Standard deviations of the random effects, half-normal.
    correlation_eta : float
        LKJ; above 1 favours weak correlations.
    random_effect_scale_sd : float
        log omega by class, zero-sum normal.
    log_scale_mean, log_scale_sd : float
        log of the Weibull scale in months, normal; median 24 months.
    log_shape_sd : float
        log of the Weibull shape, normal(0, .): hazards from falling (0.45) to rising (2.2).
    hazard_coefficient_sd : float
        log hazard ratios of covariates, normal(0, .).
    """

    membership_sd: float = 1.5
    membership_covariate_sd: float = 1.0
    intercept_mean: float = 1.5
    intercept_sd: float = 2.0
    slope_sd: float = 3.0
    quadratic_sd: float = 2.0
    cubic_sd: float = 1.0
    bend_sd: float = 3.0
    longitudinal_sd: float = 1.0
    sigma_sd: float = 1.0
    random_effect_sd: float = 1.0
    correlation_eta: float = 2.0
    random_effect_scale_sd: float = 0.5
    log_scale_mean: float = log(24.0)
    log_scale_sd: float = 1.0
    log_shape_sd: float = 0.4
    hazard_coefficient_sd: float = 1.0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not np.isfinite(value):
                raise SpecError(f"Priors.{field.name} has to be a finite number; found {value!r}.")
            if not field.name.endswith("_mean") and value <= 0:
                raise SpecError(f"Priors.{field.name} has to be above 0; found {value!r}.")

    @property
    def vector(self) -> np.ndarray:
        """All hyperparameters, in the order of the fields."""
        return np.array([float(getattr(self, field.name)) for field in fields(self)])


@dataclass(frozen=True)
class TermPrior:
    """The prior of one term of a block of parameters.

    Attributes
    ----------
    kind : {"normal", "half_normal"}
        Normal on the likelihood's scale (logarithms of positive parameters), or half-normal on the natural scale.
    scale, mean : str
        Fields of `Priors`; "" is a mean of 0.
    """

    kind: str
    scale: str
    mean: str = ""


_GROWTH = {
    "intercept": TermPrior("normal", "intercept_sd", "intercept_mean"),
    "s": TermPrior("normal", "slope_sd"),
    "s2": TermPrior("normal", "quadratic_sd"),
    "s3": TermPrior("normal", "cubic_sd"),
}
_SINGLE = {
    "longitudinal": TermPrior("normal", "longitudinal_sd"),
    "sigma": TermPrior("half_normal", "sigma_sd"),
    "random_effect_scale": TermPrior("normal", "random_effect_scale_sd"),
    "scale": TermPrior("normal", "log_scale_sd", "log_scale_mean"),
    "shape": TermPrior("normal", "log_shape_sd"),
    "hazard_coefficient": TermPrior("normal", "hazard_coefficient_sd"),
    "hazard_coefficient_by_class": TermPrior("normal", "hazard_coefficient_sd"),
}


def term_priors(block: str, terms: tuple[str, ...]) -> list[TermPrior]:
    """Which prior stands on each term of a block; the PyMC model and the sampler's density both read it here."""
    if block == "membership":
        rest = TermPrior("normal", "membership_covariate_sd")
        return [TermPrior("normal", "membership_sd"), *[rest] * (len(terms) - 1)]
    if block == "growth":
        return [_GROWTH.get(term, TermPrior("normal", "bend_sd")) for term in terms]
    return [_SINGLE[block]] * len(terms)
