"""Priors, on scales a clinician can read. Their numbers are data of the compiled model."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from bayesctc.errors import SpecError
from bayesctc.model.pieces import Prior
from bayesctc.shown import as_call

if TYPE_CHECKING:
    from bayesctc.model.layout import Layout
    from bayesctc.model.parameter_blocks import Block


@dataclass(frozen=True, repr=False)
class Priors:
    """Weakly informative priors, stated where the cohort is: at its mean covariates, over the time its samples span.

    Nothing in them has a unit of the data's. Growth and random effects are in log units (of log(1 + count per 7.5 mL),
    or of the log expected or median count), those of a marker in standard deviations of its samples. The span is from
    the 5 % to the 95 % quantile of the sample times. A formula's terms enter as uncorrelated directions of standard
    deviation 1 over the cohort (`design.standardise`), so that their prior depends neither on units and origins nor on
    a factor's reference level.

    Attributes
    ----------
    membership_sd : float
        Class logits at the mean covariates, zero-sum normal over classes. 1.5 lets a class hold from about 2 % to 80 %
        of patients.
    membership_covariate_sd : float
        Change of the logits by one standard deviation of a direction of the covariates, zero-sum normal over classes.
    level_mean, level_sd : float
        Mean of a class's curve over the span, normal: 1.5 is 3.5 cells, 1.5 + 2 x 2 is 245 cells. Of a marker the
        prior's mean is that of its samples, and `level_mean` is not used.
    curve_sd : float
        Each further component of a class's curve, such as its change over the span and its bend, as the root mean
        square of its values there; normal(0, .).
    longitudinal_sd : float
        Change of the curve by one standard deviation of a direction of the longitudinal covariates, normal(0, .); of
        those by class, of the curve's mean over the span and of the root mean square of each further component.
    sigma_sd : float
        Residual standard deviation, half-normal.
    log_dispersion_sd : float
        log of the negative-binomial dispersion, normal(0, .).
    zero_inflation_mean, zero_inflation_sd : float
        Logit of the probability of an extra zero, normal: -2 is 12 %.
    random_effect_sd : float
        Standard deviations of the random effects (level, and the components that follow), half-normal.
    correlation_eta : float
        LKJ; above 1 favours weak correlations.
    random_effect_scale_sd : float
        log omega by class, zero-sum normal.
    log_scale_mean, log_scale_sd : float
        log of the scale of the hazard at the mean covariates, relative to the cohort's person-months per event, normal.
    log_shape_sd : float
        log of the Weibull shape, normal(0, .): hazards from falling (0.45) to rising (2.2). Where nobody is observed
        from time 0 on, as with age as time, around a larger shape; `describe` of a fit's design says which.
    gompertz_slope_sd : float
        Change of a Gompertz log hazard over the cohort's follow-up, normal(0, .).
    log_relative_hazard_sd : float
        log of a piecewise hazard relative to that before the first knot, normal(0, .).
    log_spline_sd : float
        log of a coefficient of a spline hazard relative to the middle one, normal(0, .): around a constant hazard.
    hazard_coefficient_sd : float
        log hazard ratio of one standard deviation of a direction of the covariates, normal(0, .). Of a factor with two
        levels as frequent as each other, 0.5 is a log hazard ratio between them of 1.
    association_sd : float
        log hazard ratio, within a class, of one unit of what `association` ties to the hazard, normal(0, .): of a log
        unit of the patient's curve (a standard deviation of a marker's samples), of a slope that changes the curve by
        that much over the span, or of a random effect.

    Examples
    --------
    >>> spec = bc.ModelSpec(priors=bc.Priors(level_sd=3.0))
    >>> spec.priors.level_sd, spec.priors.level_mean
    (3.0, 1.5)
    """

    membership_sd: float = 1.5
    membership_covariate_sd: float = 0.75
    level_mean: float = 1.5
    level_sd: float = 2.0
    curve_sd: float = 1.0
    longitudinal_sd: float = 0.5
    sigma_sd: float = 1.0
    log_dispersion_sd: float = 1.5
    zero_inflation_mean: float = -2.0
    zero_inflation_sd: float = 1.5
    random_effect_sd: float = 1.0
    correlation_eta: float = 2.0
    random_effect_scale_sd: float = 0.5
    log_scale_mean: float = 0.0
    log_scale_sd: float = 1.0
    log_shape_sd: float = 0.4
    gompertz_slope_sd: float = 2.0
    log_relative_hazard_sd: float = 0.7
    log_spline_sd: float = 1.0
    hazard_coefficient_sd: float = 0.5
    association_sd: float = 0.5

    def __repr__(self) -> str:
        return as_call(self)

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


_OTHERS = {
    "longitudinal": Prior("normal", "longitudinal_sd"),
    "longitudinal_by_class": Prior("normal", "longitudinal_sd"),
    "random_effect_scale": Prior("normal", "random_effect_scale_sd"),
    "association": Prior("normal", "association_sd"),
    "hazard_coefficient": Prior("normal", "hazard_coefficient_sd"),
    "hazard_coefficient_by_class": Prior("normal", "hazard_coefficient_sd"),
}


def term_priors(block: "Block", layout: "Layout") -> list[Prior]:
    """Which prior stands on each term of a block; the PyMC model and the sampler's density both read it here."""
    if block.name == "membership":
        rest = Prior("normal", "membership_covariate_sd")
        return [Prior("normal", "membership_sd"), *[rest] * (len(block.terms) - 1)]
    if block.name == "growth":  # standardised values have their own mean as the origin of levels
        level = Prior("normal", "level_sd", "" if layout.outcome.standardised else "level_mean")
        return [level, *[Prior("normal", "curve_sd")] * (len(block.terms) - 1)]
    own = layout.pieces.get(block.parameter)
    return [own.prior if own is not None else _OTHERS[block.parameter]] * len(block.terms)


def where_data_are(block: "Block", layout: "Layout") -> tuple[float, float]:
    """What is added to a prior's mean, and its standard deviation multiplied with, for the cohort's survival times."""
    own = layout.pieces.get(block.parameter)
    return (0.0, 1.0) if own is None else own.where_data_are(layout.scales, layout.cause_number(block))
