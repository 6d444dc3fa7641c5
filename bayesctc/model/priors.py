"""Priors, on scales a clinician can read. Their numbers are data of the compiled model."""

from dataclasses import dataclass, fields
from math import log

import numpy as np

from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import Parameter, Prior


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
    log_dispersion_sd : float
        log of the negative-binomial dispersion, normal(0, .).
    zero_inflation_mean, zero_inflation_sd : float
        Logit of the probability of an extra zero, normal: -2 is 12 %.
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
    gompertz_slope_sd : float
        Slope of a Gompertz log hazard per month, normal(0, .): in a year the hazard changes by a factor 0.3 to 3.2.
    log_relative_hazard_sd : float
        log of a piecewise hazard relative to that before the first knot, normal(0, .).
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
    log_dispersion_sd: float = 1.5
    zero_inflation_mean: float = -2.0
    zero_inflation_sd: float = 1.5
    random_effect_sd: float = 1.0
    correlation_eta: float = 2.0
    random_effect_scale_sd: float = 0.5
    log_scale_mean: float = log(24.0)
    log_scale_sd: float = 1.0
    log_shape_sd: float = 0.4
    gompertz_slope_sd: float = 0.05
    log_relative_hazard_sd: float = 0.7
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


PARAMETERS: list[Parameter] = [
    *(p for family in FAMILIES.values() for p in family.parameters),
    *(p for hazard in HAZARDS.values() for p in hazard.parameters),
]
_GROWTH = {
    "intercept": Prior("normal", "intercept_sd", "intercept_mean"),
    "s": Prior("normal", "slope_sd"),
    "s2": Prior("normal", "quadratic_sd"),
    "s3": Prior("normal", "cubic_sd"),
}
_SINGLE = {
    "longitudinal": Prior("normal", "longitudinal_sd"),
    "random_effect_scale": Prior("normal", "random_effect_scale_sd"),
    "hazard_coefficient": Prior("normal", "hazard_coefficient_sd"),
    "hazard_coefficient_by_class": Prior("normal", "hazard_coefficient_sd"),
    **{p.name: p.prior for p in PARAMETERS},
}


def term_priors(block: str, terms: tuple[str, ...]) -> list[Prior]:
    """Which prior stands on each term of a block; the PyMC model and the sampler's density both read it here."""
    if block == "membership":
        rest = Prior("normal", "membership_covariate_sd")
        return [Prior("normal", "membership_sd"), *[rest] * (len(terms) - 1)]
    if block == "growth":
        return [_GROWTH.get(term, Prior("normal", "bend_sd")) for term in terms]
    return [_SINGLE[block]] * len(terms)
