"""Maximising the log likelihood: quasi-Newton steps within bounds, then Newton steps to full precision."""

from dataclasses import asdict, dataclass

import numpy as np

from bayesctc.design import differences
from bayesctc.inference.quasi_newton import climb
from bayesctc.model.analysis import Analysis
from bayesctc.model.parameter_blocks import BY_CLASS
from bayesctc.model.pieces import SCALE
from bayesctc.results.ml_fit import CONVERGED, CRITERION, RIVAL
from bayesctc.results.search_facts import SEARCH_PACKAGES, SearchFacts, versions_of

_STEP = 1e-5
CAUSE_SCALE = (-12.0, 12.0)  # log of its ratio to the cohort's, of a cause that a class may be free of: the same
CLIMBED = 1e-8  # twice the gain of log likelihood below which a climb ends
POLISHED = 1e-10  # of the criterion, below which Newton's steps no longer pay
MAX_EVALUATIONS = 1000  # of a climb
MAX_NEWTON_STEPS = 25  # after it
MAX_ROUNDS = 4  # of centring a quadrature anew
SAME_PLACE = 1e-4  # free parameters between rounds
AT_LIMIT = 1e-6  # of an end of its range, where a parameter stands there


@dataclass(frozen=True)
class Bounds:
    """Bounds of an interior mode of the likelihood, which is itself unbounded.

    Attributes
    ----------
    shape : tuple of float, optional
        Lowest and highest Weibull shape; 0.2 and 5 unless given, the latter higher if no patient is observed from time
        0 (with age as time, shapes above 10 are ordinary; see `SurvivalScale`).
    slope : tuple of float, optional
        Lowest and highest slope of a Gompertz log hazard, per month; unless given, slopes that change the log hazard by
        20 over the follow-up.
    sigma : float
        Lowest class-specific residual standard deviation, in log units, or standard deviations of a marker.
    class_share : float
        Lowest share of patients in a class.
    class_events : float
        Lowest number of expected events in a class.

    Examples
    --------
    >>> bounds = bc.Bounds(shape=(0.5, 3.0))  # bc.fit_ml(cohort, spec, bounds=bounds)
    >>> bounds.shape, bounds.class_share
    ((0.5, 3.0), 0.01)
    """

    shape: tuple[float, float] | None = None
    slope: tuple[float, float] | None = None
    sigma: float = 0.1
    class_share: float = 0.01
    class_events: float = 3.0


def search_facts(bounds: Bounds, *, n_starts: int, n_starts_asked: int, random_seed: int) -> SearchFacts:
    """The record of a search by `Objective.climb` and `Objective.polish`."""
    return SearchFacts(
        optimiser="BFGS within bounds, then Newton steps",
        max_evaluations=MAX_EVALUATIONS,
        climbed=CLIMBED,
        max_newton_steps=MAX_NEWTON_STEPS,
        criterion=CRITERION,
        converged=CONVERGED,
        rival=RIVAL,
        n_starts=n_starts,
        n_starts_asked=n_starts_asked,
        random_seed=random_seed,
        bounds=asdict(bounds),
        given_bounds=bounds != Bounds(),
        versions=versions_of(SEARCH_PACKAGES),
    )


@dataclass(frozen=True)
class Climbed:
    """The end of a climb, before Newton steps.

    Attributes
    ----------
    free : array (n_parameters,)
    log_likelihood : float
    """

    free: np.ndarray
    log_likelihood: float


@dataclass(frozen=True)
class Optimum:
    """The end of a climb, after Newton steps.

    Attributes
    ----------
    free : array (n_parameters,)
    log_likelihood : float
    criterion : float
        g' H^-1 g / m over the parameters that are not on a bound; infinite where H is not positive definite.
    on_bound : dict
        Names, by position, of the free parameters on a bound that makes the mode spurious, which limits of the family
        (`Parameter.edges`) do not.
    hessian : array (n_parameters, n_parameters)
        Of the negative log likelihood.
    """

    free: np.ndarray
    log_likelihood: float
    criterion: float
    on_bound: dict[int, str]
    hessian: np.ndarray

    @property
    def converged(self) -> bool:
        """Whether the criterion is met."""
        return self.criterion < CONVERGED


class Objective:
    """Negative log likelihood of the free parameters in the units of the fit, with its gradient.

    Parameters
    ----------
    analysis : Analysis
    bounds : Bounds
    weights : array (n_patients,), optional
    """

    def __init__(self, analysis: Analysis, bounds: Bounds, weights: np.ndarray | None = None):
        self.evaluator, self.layout = analysis.evaluator(weights), analysis.design.layout
        self.transform = self.layout.transform
        self.low, self.high, self.names = _box(self.layout, bounds)

    def __call__(self, free):
        value, gradient = self.evaluator.own_total(self.layout.to_theta(free))
        return -value, -(self.transform.T @ gradient.ravel())

    def hessian(self, free) -> np.ndarray:
        """Central differences of the exact gradient."""
        return differences.hessian(lambda at: self(at)[1], free, _STEP * np.maximum(1.0, np.abs(free)))

    def at_limit(self, free) -> np.ndarray:
        """Which parameters are at an end of their range, and so not estimated: array of bool."""
        found: np.ndarray = (free < self.low + AT_LIMIT) | (free > self.high - AT_LIMIT)
        return found

    def centre(self, free) -> None:
        """Centre quadrature nodes at the integrands."""
        self.evaluator.centre(self.layout.to_theta(free))

    def climb(self, free, information, max_evaluations: int = MAX_EVALUATIONS) -> "Climbed":
        """Quasi-Newton steps within the bounds, with quadrature nodes that follow.

        Parameters
        ----------
        free : array (n_parameters,)
        information : array (n_parameters, n_parameters)
            Approximate Hessian of the negative log likelihood at `free`; need not be positive definite.
        max_evaluations : int
        """
        self.centre(free)
        inverse = _positive_inverse(information)
        end, value = climb(
            self.evaluator,
            self.layout.n_classes,
            self.transform,
            self.low,
            self.high,
            free,
            inverse,
            max_evaluations,
            CLIMBED,
        )
        return Climbed(end, -value + self.evaluator.constant)

    def polish(self, free, max_steps: int = MAX_NEWTON_STEPS) -> Optimum:
        """Newton steps until they no longer help; with a quadrature repeated with nodes centred at their end."""
        free = self.layout.to_free(self.layout.upright(self.layout.to_theta(free)))
        for _ in range(MAX_ROUNDS):
            optimum = self._polish(free, max_steps)
            moved, free = np.abs(optimum.free - free).max(initial=0.0), optimum.free
            if moved < SAME_PLACE or not self.evaluator.adaptive:
                break
        return optimum

    def _polish(self, free, max_steps) -> Optimum:
        """Newton steps with halving, on the parameters off their bounds, nodes held fixed."""
        self.centre(free)
        value, gradient = self(free)
        for _ in range(max_steps):
            hessian = self.hessian(free)
            inside = ~self.at_limit(free)
            step = np.zeros_like(free)
            criterion, step[inside] = _newton(hessian[np.ix_(inside, inside)], gradient[inside])
            if criterion < POLISHED:
                break
            improved = False
            for halving in range(12):
                trial = np.clip(free - 0.5**halving * step, self.low, self.high)
                trial_value, trial_gradient = self(trial)
                if np.isfinite(trial_value) and trial_value < value - 1e-13 * abs(value):
                    free, value, gradient, improved = trial, trial_value, trial_gradient, True
                    break
            if not improved:
                break
        on_bound = {
            j: name
            for j, (name, x, a, b) in enumerate(zip(self.names, free, self.low, self.high, strict=True))
            if name and not a + AT_LIMIT < x < b - AT_LIMIT
        }
        return Optimum(free, -value + self.evaluator.constant, criterion, on_bound, hessian)


def _positive_inverse(hessian):
    """Inverse with all curvatures made positive and bounded away from 0."""
    curvatures, vectors = np.linalg.eigh(hessian)
    curvatures = np.abs(curvatures)
    floor = max(1e-4 * curvatures.max(initial=0.0), 1e-8)
    return (vectors / np.maximum(curvatures, floor)) @ vectors.T


def _newton(hessian, gradient):
    """Criterion g' H^-1 g / m and the Newton step; away from a minimum, a step along the positive curvatures."""
    eigenvalues, vectors = np.linalg.eigh(hessian)
    projected = vectors.T @ gradient
    floor = 1e-8 * max(eigenvalues.max(initial=0.0), 1.0)
    step = vectors @ (projected / np.maximum(np.abs(eigenvalues), floor))
    if eigenvalues.min(initial=1.0) <= 0.0:
        return np.inf, step
    return float(np.sum(projected**2 / np.maximum(eigenvalues, floor)) / max(len(gradient), 1)), step


def _box(layout, bounds):
    """Lowest and highest value, and the name, of each free parameter."""
    n, scales = layout.n_parameters, layout.scales
    low, high, names = np.full(n, -np.inf), np.full(n, np.inf), [""] * n
    rows = layout.transform.reshape(layout.n_classes, -1, n)
    for block in layout.blocks:
        parameter = layout.pieces.get(block.parameter)
        if parameter is None:
            continue
        limits = parameter.bounds(bounds, scales, block.sharing == BY_CLASS) if parameter.bounds else None
        edges = parameter.edges if limits is None else limits
        if block.cause and parameter is SCALE:
            edges = scales.log_scale[layout.cause_number(block)] + np.array(CAUSE_SCALE)
        if edges is None:
            continue
        for place in range(layout.places[block.name].start, layout.places[block.name].stop):
            for j in np.flatnonzero(rows[:, place, :].any(axis=0)):
                low[j], high[j] = edges
                names[j] = "" if limits is None else block.name
    return low, high, names
