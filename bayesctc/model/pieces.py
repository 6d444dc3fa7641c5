"""What a family and a hazard have to bring to be part of the likelihood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from bayesctc.errors import SpecError
from bayesctc.model.backends.compiled.pieces import CompiledFamily

LOG, LOGIT, IDENTITY = "log", "logit", "identity"
TO_NATURAL = {IDENTITY: np.asarray, LOG: np.exp, LOGIT: expit}
TO_THETA = {IDENTITY: np.asarray, LOG: np.log, LOGIT: logit}
LOG_PLUS_ONE, LOG_MEAN, LOG_MEDIAN = "log(1 + count)", "log expected count", "log median concentration"


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


@dataclass(frozen=True, eq=False)
class Family:
    """An observation family: how counts scatter around the growth curve.

    Attributes
    ----------
    name, formula : str
    curve : str
        What the growth curve is of, per 7.5 mL: `LOG_PLUS_ONE`, `LOG_MEAN` or `LOG_MEDIAN`.
    measure : str
        What its likelihood is, in words: those of families of one measure may be compared.
    parameters : tuple of Parameter
        Those beside the growth curve and the random effects.
    log_probability : function (value, eta, exposure, **parameters)
        log P(value) given the curve, or the log density of transformed values; of any arrays.
    draw : function (rng, eta, volume_ml, **parameters) -> (exact, ctc)
        Random counts around a growth curve, before and after rounding.
    cdf : function (count, eta, volume_ml, **parameters)
        P(ctc <= count) given the curve, continuous in the count.
    mean : function (eta, volume_ml, **parameters)
        Expected count given the curve.
    compiled : CompiledFamily, optional
        The same compiled; without it a model is as slow as NumPy (`backends.dense`).
    """

    name: str
    parameters: tuple[Parameter, ...]
    log_probability: Callable
    draw: Callable
    cdf: Callable
    mean: Callable
    formula: str
    curve: str
    compiled: CompiledFamily | None = None
    measure: str = "probability of the counts"

    @property
    def reads_transformed(self) -> bool:
        """Whether it has a density, of values on the scale of the growth curve."""
        return self.measure.startswith("density")

    @property
    def closed_form(self) -> bool:
        """Whether random effects are integrated without quadrature."""
        return self.compiled is not None and self.compiled.visit is None


@dataclass(frozen=True, eq=False)
class Hazard:
    """A baseline hazard, made proportional by exp(x' gamma).

    Attributes
    ----------
    name, formula : str
    parameters : tuple of Parameter
    log_hazard, cumulative_hazard : function (time, knots, **parameters)
        The baseline's, of any arrays; a parameter by interval has its intervals along its last axis.
    inverse : function (cumulative_hazard, knots, **parameters) -> time
        Time at which the baseline cumulative hazard reaches a value; for random draws.
    rescaled : function (parameters, units, log_ratio) -> parameters
        Natural parameters of the same hazard where the old unit of time is `units` new ones, and the hazard is
        exp(log_ratio) times as high.
    compiled : function compiled by numba, optional
        (theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i) -> (value, residual).
        The hazard's parameters are theta[g, h0:], logarithms, and positive[g, h0:], their exponentials. `value` is
        event x log hazard - cumulative hazard; `residual` its derivative by the linear predictor, event - cumulative
        hazard; gradient[m0:, i] receives the derivatives by the parameters. Without it a model is as slow as NumPy.
    """

    name: str
    parameters: tuple[Parameter, ...]
    log_hazard: Callable
    cumulative_hazard: Callable
    inverse: Callable
    rescaled: Callable
    formula: str
    compiled: Any = None


def natural_by_name(parameters, values, n_intervals: int = 0) -> dict[str, np.ndarray]:
    """Natural parameters of a piece by name, from theta's columns: arrays (...), or (..., n_intervals).

    Parameters
    ----------
    parameters : tuple of Parameter
    values : array (..., n)
        Theta's columns of the piece.
    n_intervals : int
        Columns of a parameter by interval.
    """
    found, start = {}, 0
    for p in parameters:
        natural = TO_NATURAL[p.scale](values[..., start : start + (n_intervals if p.by_interval else 1)])
        found[p.name] = natural if p.by_interval else natural[..., 0]
        start += natural.shape[-1]
    return found


def check_name(name: str, taken: Mapping[str, Any]) -> None:
    """Refuse a name for a new piece.

    Raises
    ------
    SpecError
    """
    if name in taken:
        raise SpecError(f"found a second {name!r}; allowed: another name than {', '.join(taken)}")
    if not name.isidentifier() or name != name.lower():
        raise SpecError(f"found the name {name!r}; allowed: a Python name in lower case, such as 'log_logistic'")
