"""What a family and a hazard have to bring to be part of the likelihood."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One positive parameter of a piece; the likelihood works on its logarithm.

    Attributes
    ----------
    name : str
        Its name in results.
    unit : str
        Its unit, for tables.
    by_class : str
        The field of `ModelSpec` that decides whether it differs between classes; "" means always.
    """

    name: str
    unit: str
    by_class: str = ""


@dataclass(frozen=True)
class Family:
    """An observation family: how counts scatter around the growth curve.

    Attributes
    ----------
    name, formula : str
    parameters : tuple of Parameter
        Those beside the growth curve and the random effects.
    n_columns, columns : function
        Number and content of a patient's values.
    n_work, prepare, log_density : compiled functions
        Working memory, what classes of equal spread share, and the log density with its gradient.
    draw : function
        Random counts around a growth curve.
    """

    name: str
    parameters: tuple[Parameter, ...]
    n_columns: Callable
    columns: Callable
    n_work: Any  # compiled by numba
    prepare: Any
    log_density: Any
    draw: Callable
    formula: str


@dataclass(frozen=True)
class Hazard:
    """A baseline hazard, made proportional by exp(x' gamma).

    Attributes
    ----------
    name, formula : str
    parameters : tuple of Parameter
    terms : compiled function
        (theta, positive, g, h0, event, time, log_time, linear_predictor, gradient, m0, i) -> (value, residual). The
        hazard's parameters are theta[g, h0:], logarithms, and positive[g, h0:], their exponentials. `value` is
        event x log hazard - cumulative hazard; `residual` its derivative by the linear predictor, event - cumulative
        hazard; gradient[m0:, i] receives the derivatives by the parameters.
    inverse : function (cumulative_hazard, **parameters) -> time
        Time at which the baseline cumulative hazard reaches a value; for random draws.
    """

    name: str
    parameters: tuple[Parameter, ...]
    terms: Any  # compiled by numba
    inverse: Callable
    formula: str
