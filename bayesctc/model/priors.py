"""Priors, on scales that a clinician can read. Their hyperparameters are data of the compiled model."""

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
    """Weakly informative priors, relative to the cohort: at its mean covariates, over the time span of its samples.

    They do not depend on the units of the data. Growth and random effects are in log units (of log(1 + count per
    7.5 mL), or of the log expected or median count), those of a marker in standard deviations of its samples. The span
    is from the 5 % to the 95 % quantile of the sample times. A formula's terms enter as uncorrelated directions of
    standard deviation 1 over the cohort (`design.standardise`), so that their prior does not depend on units, origins
    or a factor's reference level.

    Attributes
    ----------
    membership_sd : float
        Class logits at the mean covariates, zero-sum normal over classes. With 1.5 a class may have from about 2 % to
        80 % of patients.
    membership_covariate_sd : float
        Change of the logits per standard deviation of a direction of the covariates, zero-sum normal over classes.
    level_mean, level_sd : float
        Mean of a class's curve over the span, normal: 1.5 is 3.5 cells, 1.5 + 2 x 2 is 245 cells. For a marker the
        prior mean is that of its samples, and `level_mean` is not used.
    curve_sd : float
        Each further component of a class's curve, such as its change over the span and its bend, as the root mean
        square of its values there; normal(0, .).
    longitudinal_sd : float
        Change of the curve per standard deviation of a direction of the longitudinal covariates, normal(0, .); for
        covariates by class, change of the curve's mean over the span and root mean square of the change of each further
        component.
    sigma_sd : float
        Residual standard deviation, half-normal.
    log_dispersion_sd : float
        log of the negative-binomial dispersion, normal(0, .).
    zero_inflation_mean, zero_inflation_sd : float
        Logit of the probability of an extra zero, normal: -2 is 12 %.
    random_effect_sd : float
        Standard deviations of the random effects (level and further components), half-normal.
    correlation_eta : float
        LKJ; above 1 favours weak correlations.
    random_effect_scale_sd : float
        log omega by class, zero-sum normal.
    log_scale_mean, log_scale_sd : float
        log of the scale of the hazard at the mean covariates, relative to the cohort's person-months per event, normal.
    log_shape_sd : float
        log of the Weibull shape, normal(0, .): hazards from falling (0.45) to rising (2.2). If no patient is observed
        from time 0, as with age as time, the prior is around a larger shape, which ``spec.describe(cohort=...)`` gives.
    gompertz_slope_sd : float
        Change of a Gompertz log hazard over the cohort's follow-up, normal(0, .).
    log_relative_hazard_sd : float
        log of a piecewise hazard relative to that before the first knot, normal(0, .).
    log_spline_sd : float
        log of a coefficient of a spline hazard relative to the middle one, normal(0, .): around a constant hazard.
    hazard_coefficient_sd : float
        log hazard ratio per standard deviation of a direction of the covariates, normal(0, .). For a factor with two
        equally frequent levels, 0.5 is a log hazard ratio between them of 1.
    association_sd : float
        log hazard ratio within a class per unit of the quantity in `association`, normal(0, .): per log unit of the
        patient's curve (per standard deviation of a marker's samples), per slope that changes the curve by that amount
        over the span, or per unit of a random effect.

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
    """The prior of each term of a block, for the PyMC model and the sampler's density."""
    if block.name == "membership":
        rest = Prior("normal", "membership_covariate_sd")
        return [Prior("normal", "membership_sd"), *[rest] * (len(block.terms) - 1)]
    if block.name == "growth":  # standardised values have their own mean as the origin of levels
        level = Prior("normal", "level_sd", "" if layout.outcome.standardised else "level_mean")
        return [level, *[Prior("normal", "curve_sd")] * (len(block.terms) - 1)]
    own = layout.pieces.get(block.parameter)
    return [own.prior if own is not None else _OTHERS[block.parameter]] * len(block.terms)


def where_data_are(block: "Block", layout: "Layout") -> tuple[float, float]:
    """Shift of a prior's mean and factor on its standard deviation, from the cohort's survival times."""
    own = layout.pieces.get(block.parameter)
    return (0.0, 1.0) if own is None else own.where_data_are(layout.scales, layout.cause_number(block))
