"""Climbing the log likelihood: L-BFGS within bounds, then Newton steps to full precision."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from bayesctc.model.layout import Layout
from bayesctc.model.likelihood import Evaluator

CONVERGED = 1e-6  # of g' H^-1 g / m, g the gradient, H the Hessian, m the number of parameters
_STEP = 1e-5


@dataclass(frozen=True)
class Bounds:
    """Bounds of an interior mode of the likelihood, which itself has no maximum.

    Attributes
    ----------
    shape : tuple of float
        Lowest and highest hazard shape.
    sigma : float
        Lowest class-specific residual standard deviation.
    class_share : float
        Lowest share of patients in a class.
    class_events : float
        Lowest number of expected events in a class.
    """

    shape: tuple[float, float] = (0.2, 5.0)
    sigma: float = 0.1
    class_share: float = 0.01
    class_events: float = 3.0


@dataclass(frozen=True)
class Optimum:
    """Where a climb ended.

    Attributes
    ----------
    free : array (n_parameters,)
    log_likelihood : float
    criterion : float
        g' H^-1 g / m over the parameters that are not on a bound; infinite where H is not positive definite.
    on_bound : tuple of str
        Parameters on a bound.
    hessian : array (n_parameters, n_parameters)
        Of the negative log likelihood.
    """

    free: np.ndarray
    log_likelihood: float
    criterion: float
    on_bound: tuple[str, ...]
    hessian: np.ndarray

    @property
    def converged(self) -> bool:
        """Whether the criterion is met."""
        return self.criterion < CONVERGED


class Objective:
    """Negative log likelihood of the free parameters, with its gradient.

    Parameters
    ----------
    evaluator : Evaluator
    layout : Layout
    bounds : Bounds
    """

    def __init__(self, evaluator: Evaluator, layout: Layout, bounds: Bounds):
        self.evaluator, self.layout = evaluator, layout
        self.transform = layout.transform
        self.low, self.high, self.names = _box(layout, bounds)

    def __call__(self, free):
        value, gradient = self.evaluator.total(self.layout.to_theta(free))
        return -value, -(self.transform.T @ gradient.ravel())

    def hessian(self, free) -> np.ndarray:
        """Central differences of the exact gradient."""
        steps = _STEP * np.maximum(1.0, np.abs(free))
        columns = []
        for j, step in enumerate(steps):
            shift = np.zeros_like(free)
            shift[j] = step
            columns.append((self(free + shift)[1] - self(free - shift)[1]) / (2.0 * step))
        hessian = np.array(columns)
        return 0.5 * (hessian + hessian.T)

    def climb(self, free, max_iterations: int) -> np.ndarray:
        """L-BFGS within the bounds."""
        start = np.clip(free, self.low, self.high)
        box = list(zip(self.low, self.high, strict=True))
        options = {"maxiter": max_iterations, "maxfun": 3 * max_iterations, "maxcor": 20, "ftol": 1e-11, "gtol": 1e-4}
        with np.errstate(all="ignore"):
            return minimize(self._finite, start, jac=True, method="L-BFGS-B", bounds=box, options=options).x

    def _finite(self, free):
        value, gradient = self(free)
        if np.isfinite(value) and np.isfinite(gradient).all():
            return value, gradient
        return 1e12, np.zeros_like(gradient)

    def polish(self, free, max_steps: int = 25) -> Optimum:
        """Newton steps with halving, on the parameters off their bounds, until they no longer pay."""
        value, gradient = self(free)
        for _ in range(max_steps):
            hessian = self.hessian(free)
            inside = (free > self.low + 1e-6) & (free < self.high - 1e-6)
            step = np.zeros_like(free)
            criterion, step[inside] = _newton(hessian[np.ix_(inside, inside)], gradient[inside])
            if criterion < 1e-12:
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
        on_bound = tuple(
            name for name, x, a, b in zip(self.names, free, self.low, self.high, strict=True)
            if not a + 1e-6 < x < b - 1e-6
        )  # fmt: skip
        return Optimum(free, -value, criterion, on_bound, hessian)


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
    n = layout.n_parameters
    low, high, names = np.full(n, -np.inf), np.full(n, np.inf), [""] * n
    limits = {"shape": bounds.shape}
    if any(b.name == "sigma" and b.sharing == "by_class" for b in layout.blocks):
        limits["sigma"] = (bounds.sigma, np.inf)
    rows = layout.transform.reshape(layout.n_classes, -1, n)
    for block in layout.blocks:
        if block.name not in limits:
            continue
        for column in range(layout.columns[block.name].start, layout.columns[block.name].stop):
            for j in np.flatnonzero(rows[:, column, :].any(axis=0)):
                low[j], high[j] = np.log(limits[block.name])
                names[j] = block.name
    return low, high, names
