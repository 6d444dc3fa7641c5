"""What families and hazards have to provide for the likelihood."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from scipy.special import expit, logit

from bayesctc.data.outcome import Outcome
from bayesctc.errors import SpecError
from bayesctc.model.backends.compiled.pieces import CompiledFamily

LOG, LOGIT, IDENTITY = "log", "logit", "identity"
LARGEST_LOG = 700.0  # of which a double holds the exponential, and that of its negative


def _exp(values):
    """exp; a parameter that the data hardly inform may be drawn beyond what a double holds."""
    return np.exp(np.clip(values, -LARGEST_LOG, LARGEST_LOG))


TO_NATURAL = {IDENTITY: np.asarray, LOG: _exp, LOGIT: expit}
TO_THETA = {IDENTITY: np.asarray, LOG: np.log, LOGIT: logit}
PROBABILITY, DENSITY = "probability", "density"


@dataclass(frozen=True)
class CurveScale:
    """The quantity that a growth curve describes, at the reference exposure.

    Attributes
    ----------
    words : str
        "log expected count"; "" for transformed values, for which the outcome has words.
    prefix : str
        The exponential of the curve, in words before a number: "an expected count of ".
    """

    words: str = ""
    prefix: str = ""

    def of(self, outcome: Outcome) -> str:
        """In words, of the samples' outcome."""
        return self.words or outcome.words.short_scale

    def value(self, outcome: Outcome, eta: Any) -> np.ndarray:
        """The value of a curve in the unit of the outcome."""
        return np.exp(eta) if self.words else outcome.within(outcome.inverse(eta))


TRANSFORMED = CurveScale()
LOG_MEAN = CurveScale("log expected count", "an expected count of ")
LOG_MEDIAN = CurveScale("log median concentration")


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


def _nowhere(scales: Any, cause: int) -> tuple[float, float]:
    """No dependence on survival times."""
    return 0.0, 1.0


@dataclass(frozen=True)
class Parameter:
    """One parameter of a piece.

    Attributes
    ----------
    name : str
        Its name in results.
    unit : str
        Its unit, for tables; "{curve}" is the scale of the growth curve.
    prior : Prior
    words : str
        Description, inside a text.
    label : str
        Description, as the label of a table's row; "{values}" are those of the samples.
    symbol, noun : str
        Symbol in formulas, its name unless given; and noun before the symbol in a text.
    prior_sentence : str
        Template for its prior in words; `prior_text` lists the fields, and has default sentences.
    by_class : str
        The field of `ModelSpec` that decides whether it differs between classes; "" means always.
    scale : {"log", "logit", "identity"}
        The scale in the likelihood.
    start : float
        Starting value of maximum likelihood, on that scale.
    edges : (float, float), optional
        Values, on that scale, at which the family's limits are reached to 4 digits: a mode may lie there.
    bounds : function (Bounds, Scales, by_class) -> (lowest, highest) or None, optional
        Bounds, on that scale, beyond which a mode of maximum likelihood is spurious.
    on_curve : bool
        Whether it is in the unit of the growth curve.
    where_data_are : function (Scales, cause) -> (float, float), optional
        Shift, from a cohort's survival times, of the prior mean and of the starting value of maximum likelihood, and
        factor on the prior standard deviation.
    by_interval : bool
        Whether it has a value for each knot of the hazard: for the interval from the knot, unless `around` is given.
    around : function (knots) -> months, optional
        Times that label values which do not belong to intervals, as many as there are knots.
    """

    name: str
    unit: str
    prior: Prior
    words: str
    label: str = ""
    symbol: str = ""
    noun: str = ""
    prior_sentence: str = ""
    by_class: str = ""
    scale: str = LOG
    start: float = 0.0
    edges: tuple[float, float] | None = None
    bounds: Callable | None = None
    on_curve: bool = False
    where_data_are: Callable = _nowhere
    by_interval: bool = False
    around: Callable | None = None

    def sign(self, spec: Any) -> str:
        """Its symbol in a formula, with the index of the class if it differs between classes."""
        own = spec.n_classes > 1 and (not self.by_class or getattr(spec, self.by_class))
        return (self.symbol or self.name) + "_g" * own


def _no_overdispersion(**parameters: Any) -> float:
    """Counts without overdispersion."""
    return 0.0


SCALE = Parameter(
    "scale",
    unit="months",
    prior=Prior("normal", "log_scale_sd", "log_scale_mean"),
    words="scale",
    label="survival scale",
    prior_sentence="{sign}{at}: log-normal around the value for a single hazard of all patients, from their "
    "person-months per event: {interval} times that value.",
    where_data_are=lambda scales, cause: (scales.log_scale[cause], 1.0 / scales.shape),
)  # of every hazard the first: what covariates and the unit of time move


@dataclass(frozen=True, eq=False)
class Family:
    """An observation family: the distribution of values around the growth curve.

    Attributes
    ----------
    name, formula : str
    outcomes : tuple of str
        `Outcome.kind` of the outcomes that it can describe.
    measure : {"probability", "density"}
        Probability of whole values, or density of transformed values; fits of the two kinds have no common measure. A
        family with a density reads and draws transformed values, in the outcome's standard deviations if it has them.
    counting : str
        Name of the family with the same parameters that gives whole values their probability; "" if it does itself.
    curve : CurveScale
        The quantity of the growth curve: `TRANSFORMED`, `LOG_MEAN`, `LOG_MEDIAN` or another.
    parameters : tuple of Parameter
        Parameters besides the growth curve and the random effects.
    log_probability : function (value, eta, exposure, **parameters)
        log P(value) given the curve, or the log density of transformed values; of any arrays.
    draw : function (rng, eta, exposure, **parameters)
        Random values around a growth curve: of a density transformed ones, else (exact, whole), before and after
        rounding.
    cdf : function (value, eta, exposure, **parameters)
        P(sample <= value) given the curve, continuous in the value.
    mean : function (eta, exposure, **parameters)
        Expected value given the curve.
    report_name : str
        Name in a report, with "{scale}" for the outcome's scale; its name unless given.
    residual : str
        For a density, the distribution around the curve, with "{name}" for a parameter's symbol.
    normal : bool
        Whether the distribution around the curve is normal, before rounding or counting: random effects then add to the
        variance of `residual_sd`.
    overdispersion : function (**parameters)
        Variance of a log count beyond the Poisson's 1 / count.
    largest : float
        Value beyond which a log probability loses digits.
    compiled : CompiledFamily, optional
        The compiled version; without it the model is evaluated in NumPy, which is slow (`backends.plain`).
    """

    name: str
    parameters: tuple[Parameter, ...]
    log_probability: Callable
    draw: Callable
    cdf: Callable
    mean: Callable
    formula: str
    curve: CurveScale
    outcomes: tuple[str, ...] = ("count",)
    measure: str = PROBABILITY
    counting: str = ""
    report_name: str = ""
    residual: str = ""
    normal: bool = False
    overdispersion: Callable = _no_overdispersion
    largest: float = 1e8  # beyond it the logarithm of a probability is wrong by more than 1e-6
    compiled: CompiledFamily | None = None

    @property
    def reads_transformed(self) -> bool:
        """Whether it has a density, of values on the scale of the growth curve."""
        return self.measure == DENSITY

    @property
    def counts_or_has_twin(self) -> bool:
        """Whether whole values have a probability, by the family or its twin, so that families can be compared."""
        return bool(self.counting) or not self.reads_transformed

    def measured(self, outcome: Outcome) -> str:
        """The measure of its likelihood; fits with different measures cannot be compared."""
        words = outcome.words
        return f"density of {words.scale}" if self.reads_transformed else f"probability of the {words.values}"

    @property
    def residual_sd(self) -> str:
        """Name of the parameter in the unit of the curve; "" if none."""
        return next((p.name for p in self.parameters if p.on_curve), "")

    @property
    def closed_form(self) -> bool:
        """Whether random effects are integrated without quadrature, unless the hazard depends on them."""
        return self.compiled is not None and self.compiled.closed_form


def _no_knots(spec: Any, patients: Any) -> tuple[float, ...]:
    """A hazard without knots."""
    return ()


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
    knots : function (spec, patients) -> tuple of float
        Months of its knots, given or settled on patients with _time, _event and _entry; () unless given. A
        parameter by interval has as many values.
    sentences : tuple of str
        Description of survival; "Hazard name: formula." unless given. Templates, with "{name}" for a parameter's
        symbol, "{g}" for the index of a class, "{given}", "{product}" and "{zero}" for covariates, if any.
    alike, by_class : str
        What classes have in common, if their hazards are proportional and if they are not; "{zero}" as before.
    closed : bool
        Whether the hazard times a constant has the same form. If not, it takes no covariates, because it has no
        `rescaled` parameters at values of the covariates other than that of the fit.
    compiled : function compiled by numba, optional
        (theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i) -> (value, residual).
        The hazard's parameters are theta[g, h0:], logarithms, and positive[g, h0:], their exponentials. `value` is
        event x log hazard - cumulative hazard; `residual` its derivative by the linear predictor, event - cumulative
        hazard; gradient[m0:, i] receives the derivatives by the parameters. Without it a model is as slow as NumPy.
    compiled_log_hazard : function compiled by numba, optional
        (theta, positive, g, h0, knots, time, log_time, gradient, m0, i) -> log hazard without the linear predictor, of
        which gradient[m0:, i] receives the derivatives; any finite value at time 0. If the hazard depends on random
        effects it saves the exponentials of `compiled`, whose values with and without an event are otherwise
        subtracted.
    compiled_power : function compiled by numba, optional
        (positive, g, h0) -> k, of a cumulative hazard proportional to t^k; log k is the second parameter. Faster still.
    """

    name: str
    parameters: tuple[Parameter, ...]
    log_hazard: Callable
    cumulative_hazard: Callable
    inverse: Callable
    rescaled: Callable
    formula: str
    compiled: Any = None
    compiled_log_hazard: Any = None
    compiled_power: Any = None
    knots: Callable = _no_knots
    sentences: tuple[str, ...] = ()
    alike: str = "By class: the scale; the rest of the hazard is common, so hazards are proportional."
    by_class: str = "By class: every parameter of the hazard."
    closed: bool = True

    @property
    def has_shape(self) -> bool:
        """Whether it has parameters that classes may share or not."""
        return any(p.by_class for p in self.parameters)

    @property
    def has_knots(self) -> bool:
        """Whether it changes at knots."""
        return any(p.by_interval for p in self.parameters)


def natural_by_name(parameters, values, n_intervals: int = 0) -> dict[str, np.ndarray]:
    """Natural parameters of a piece by name, from theta: arrays (...), or (..., n_intervals).

    Parameters
    ----------
    parameters : tuple of Parameter
    values : array (..., n)
        Of theta, those of the piece.
    n_intervals : int
        Values of a parameter by interval.
    """
    found, start = {}, 0
    for p in parameters:
        natural = TO_NATURAL[p.scale](values[..., start : start + (n_intervals if p.by_interval else 1)])
        found[p.name] = natural if p.by_interval else natural[..., 0]
        start += natural.shape[-1]
    return found


Piece = TypeVar("Piece", bound=Family | Hazard)


class Registry(dict[str, Piece]):
    """Families, or hazards, by name."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        super().__init__((piece.name, piece) for piece in pieces)

    def register(self, piece: Piece) -> None:
        """Register a piece by name, for specifications and everything that reads them.

        Raises
        ------
        SpecError
            The name is taken, or is not a Python name in lower case.
        """
        name = piece.name
        if name in self:
            raise SpecError(f"found a second {name!r}; allowed: a name other than {', '.join(self)}")
        if not name.isidentifier() or name != name.lower():
            raise SpecError(f"found the name {name!r}; allowed: a Python name in lower case, such as 'log_logistic'")
        self[name] = piece

    def unregister(self, name: str) -> None:
        """Remove a registered piece."""
        del self[name]
