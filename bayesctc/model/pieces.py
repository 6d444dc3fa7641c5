"""What a family and a hazard have to bring to be part of the likelihood."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOG, LOGIT, IDENTITY = "log", "logit", "identity"
LOG_PLUS_ONE, LOG_MEAN, LOG_MEDIAN = "log(1 + count)", "log expected count", "log median concentration"
DENSITY, PROBABILITY = "density", "probability"


@dataclass(frozen=True)
class Prior:
    """The prior of one parameter.

    Attributes
    ----------
    kind : {"normal", "half_normal"}
        Normal on the likelihood's scale, or half-normal on the natural scale of a positive parameter.
    sd, mean : str
        Fields of `Priors`; "" is a mean of 0.
    """

    kind: str
    sd: str
    mean: str = ""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a piece.

    Attributes
    ----------
    name : str
        Its name in results.
    unit : str
        Its unit, for tables.
    prior : Prior
    words : str
        What it is, for descriptions.
    by_class : str
        The field of `ModelSpec` that decides whether it differs between classes; "" means always.
    scale : {"log", "logit", "identity"}
        What the likelihood works on.
    start : float
        Where maximum likelihood starts, on that scale.
    edges : (float, float), optional
        Where the family's limits are reached to 4 digits, on that scale: a mode may lie there.
    by_interval : bool
        Whether there is one for each interval from the hazard's first knot on.
    """

    name: str
    unit: str
    prior: Prior
    words: str
    by_class: str = ""
    scale: str = LOG
    start: float = 0.0
    edges: tuple[float, float] | None = None
    by_interval: bool = False


@dataclass(frozen=True)
class Family:
    """An observation family: how counts scatter around the growth curve.

    A family with a closed form for its random effects brings `n_work`, `prepare` and `log_density` in its module (see
    `families.gaussian`). The others bring `visit`, and with it, in its module, N_VALUES, N_CONSTANTS, N_PARAMETERS and
    `constants`; `families.quadrature` makes the rest of them.

    Attributes
    ----------
    name, formula : str
    curve : str
        What the growth curve is of, per 7.5 mL: `LOG_PLUS_ONE`, `LOG_MEAN` or `LOG_MEDIAN`.
    measure : str
        What its likelihood is: `DENSITY`, of values on the scale of the growth curve, or `PROBABILITY`, of the values
        themselves. Families of one measure may be compared.
    parameters : tuple of Parameter
        Those beside the growth curve and the random effects.
    columns : function (ctc, volume_ml, basis, patient, n_patients) -> array (rows, n_patients)
        What a patient contributes.
    draw : function (rng, eta, volume_ml, **parameters) -> (exact, ctc)
        Random counts around a growth curve, before and after rounding.
    cdf : function (count, eta, volume_ml, **parameters)
        P(ctc <= count) given the curve, continuous in the count.
    mean : function (eta, volume_ml, **parameters)
        Expected count given the curve.
    log_density : compiled function, or None
    visit : compiled function, or None
        (data, d, theta, positive, g, p0, work, c, eta, value, slope, by): for one sample of each patient of a block,
        whose values start in row `d` of `data` and whose constants in row `c` of `work`, add log P given the curve in
        row `eta` to row `value`, put its derivative by the curve in row `slope`, and add those by the family's
        parameters, which start in column `p0` of theta, to the rows from `by` on.
    """

    name: str
    parameters: tuple[Parameter, ...]
    columns: Callable
    draw: Callable
    cdf: Callable
    mean: Callable
    formula: str
    curve: str
    log_density: Any = None  # compiled by numba
    visit: Any = None
    measure: str = PROBABILITY

    @property
    def closed_form(self) -> bool:
        """Whether random effects are integrated without quadrature."""
        return self.visit is None


@dataclass(frozen=True)
class Hazard:
    """A baseline hazard, made proportional by exp(x' gamma).

    Attributes
    ----------
    name, formula : str
    parameters : tuple of Parameter
    terms : compiled function
        (theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i) -> (value, residual).
        The hazard's parameters are theta[g, h0:], logarithms, and positive[g, h0:], their exponentials. `value` is
        event x log hazard - cumulative hazard; `residual` its derivative by the linear predictor, event - cumulative
        hazard; gradient[m0:, i] receives the derivatives by the parameters.
    inverse : function (cumulative_hazard, knots, **parameters) -> time
        Time at which the baseline cumulative hazard reaches a value; for random draws.
    rescaled : function (parameters, units, log_ratio) -> parameters
        Natural parameters of the same hazard where the old unit of time is `units` new ones, and the hazard is
        exp(log_ratio) times as high.
    """

    name: str
    parameters: tuple[Parameter, ...]
    terms: Any  # compiled by numba
    inverse: Callable
    rescaled: Callable
    formula: str
