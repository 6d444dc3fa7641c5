"""One climb by BFGS within bounds, in alternation with the compiled likelihood.

`advance` receives the likelihood at the point it last requested and returns the next one, so that only a loop runs in
Python between two evaluations. The first direction uses the information of the complete data, which is known before the
first evaluation; the gradients then correct it (Nocedal and Wright, Numerical Optimization, 2006, chapter 6).
"""

import math

import numba
import numpy as np

from bayesctc.model.backends.compiled.inner import inner
from bayesctc.model.backends.compiled.on_disk import keep_compiled

LONGEST_STEP = 2.0  # of any one free parameter
MOST_TRIALS = 20  # of the length of a step
ENOUGH = 1e-4  # share of the promised decrease that a step has to bring
GOING, DONE = 0, 1
VALUE, SLOPE, LENGTH, TRIALS, STEPS, N_STATE = 0, 1, 2, 3, 4, 5


@keep_compiled
@numba.njit(error_model="numpy", nogil=True, no_cfunc_wrapper=True)
def advance(
    state,
    x,
    gradient,
    direction,
    trial,
    trial_gradient,
    inverse,
    low,
    high,
    transform,
    theta,
    value,
    by_theta,
    tolerance,
):
    """Take in the likelihood at `trial` and put the next point in `trial` and `theta`, or say that the climb is done.

    Parameters
    ----------
    state : array (N_STATE,)
        Value, slope along the direction, length of the step, its trials and accepted steps; -1 steps at the beginning.
    x, gradient, direction, trial, trial_gradient : arrays (n,)
        The current point, the gradient of the negative log likelihood there, the direction, and the trial.
    inverse : array (n, n)
        Approximate inverse of the Hessian; improved.
    low, high : arrays (n,)
    transform : array (n_classes * n_class_parameters, n)
    theta : array (n_classes, n_class_parameters)
    value : float
        Negative log likelihood at `trial`.
    by_theta : array (n_classes, n_class_parameters)
        Gradient of the log likelihood.
    tolerance : float
        Twice the gain of the log likelihood, by the quadratic approximation, below which a climb ends.

    Returns
    -------
    int
        GOING or DONE; then `x` is the end.
    """
    n, width = x.shape[0], theta.shape[1]
    finite = math.isfinite(value)
    for j in range(n):
        t = 0.0
        for r in range(transform.shape[0]):
            t -= transform[r, j] * by_theta[r // width, r % width]
        trial_gradient[j] = t
        finite &= math.isfinite(t)
    if state[STEPS] < 0.0:
        if not finite:
            return DONE
    elif not _accepted(state, value, finite, x, trial, gradient):
        if state[TRIALS] >= MOST_TRIALS:
            return DONE
        _try(state[LENGTH], x, direction, low, high, trial, transform, theta)
        return GOING
    else:
        _learn(inverse, x, gradient, trial, trial_gradient, direction)
    state[VALUE] = value
    state[STEPS] += 1.0
    for j in range(n):
        x[j], gradient[j] = trial[j], trial_gradient[j]
    _aim(state, x, gradient, direction, inverse, low, high)
    if -state[SLOPE] < tolerance:
        return DONE
    _try(state[LENGTH], x, direction, low, high, trial, transform, theta)
    return GOING


@inner
def _accepted(state, value, finite, x, trial, gradient):
    """Whether the trial improves enough (Armijo); if not, a shorter length, by parabolic interpolation."""
    promised = 0.0
    for j in range(x.shape[0]):
        promised += gradient[j] * (trial[j] - x[j])
    if finite and value <= state[VALUE] + ENOUGH * promised:
        return True
    length, slope = state[LENGTH], state[SLOPE]
    shorter = 0.2 * length
    if finite:
        curved = value - state[VALUE] - slope * length
        if curved > 0.0:
            shorter = min(max(-0.5 * slope * length * length / curved, 0.1 * length), 0.5 * length)
    state[LENGTH] = shorter
    state[TRIALS] += 1.0
    return False


@inner
def _learn(inverse, x, gradient, trial, trial_gradient, work):
    """Update the inverse Hessian by BFGS, where the step shows a positive curvature."""
    n = x.shape[0]
    sy, ss, yy = 0.0, 0.0, 0.0
    for j in range(n):
        s, y = trial[j] - x[j], trial_gradient[j] - gradient[j]
        sy, ss, yy = sy + s * y, ss + s * s, yy + y * y
    if sy <= 1e-10 * math.sqrt(ss * yy):
        return
    quadratic = 0.0
    for j in range(n):
        work[j] = 0.0
        for k in range(n):
            work[j] += inverse[j, k] * (trial_gradient[k] - gradient[k])
        quadratic += work[j] * (trial_gradient[j] - gradient[j])
    along = (sy + quadratic) / (sy * sy)
    for j in range(n):
        s = trial[j] - x[j]
        for k in range(n):
            r = trial[k] - x[k]
            inverse[j, k] += along * s * r - (work[j] * r + s * work[k]) / sy


@inner
def _aim(state, x, gradient, direction, inverse, low, high):
    """The next direction, its slope and the length to try first; parameters held by a bound stay."""
    n = x.shape[0]
    slope, longest = 0.0, 0.0
    for j in range(n):
        direction[j] = 0.0
        if _held(x[j], gradient[j], low[j], high[j]):
            continue
        for k in range(n):
            if not _held(x[k], gradient[k], low[k], high[k]):
                direction[j] -= inverse[j, k] * gradient[k]
        slope += direction[j] * gradient[j]
        longest = max(longest, abs(direction[j]))
    state[SLOPE], state[TRIALS] = slope, 0.0
    state[LENGTH] = min(1.0, LONGEST_STEP / longest) if longest > 0.0 else 1.0


@inner
def _held(x, gradient, low, high):
    return (x <= low and gradient > 0.0) or (x >= high and gradient < 0.0)


@inner
def _try(length, x, direction, low, high, trial, transform, theta):
    """Put the point at `length` along the direction, kept within bounds, in `trial` and `theta`."""
    n, width = x.shape[0], theta.shape[1]
    for j in range(n):
        trial[j] = min(max(x[j] + length * direction[j], low[j]), high[j])
    for r in range(transform.shape[0]):
        t = 0.0
        for j in range(n):
            t += transform[r, j] * trial[j]
        theta[r // width, r % width] = t


def climb(evaluator, n_classes: int, transform, low, high, start, inverse, max_evaluations: int, tolerance: float):
    """Maximise the weighted log likelihood of an evaluator, whose nodes follow.

    The gradient ignores the effect of moving nodes on the quadrature error, which is small if they suffice.

    Parameters
    ----------
    evaluator : Evaluator
    n_classes : int
    transform : array (n_classes * n_class_parameters, n)
        theta of the free parameters.
    low, high, start : arrays (n,)
    inverse : array (n, n)
        Approximate inverse Hessian of the negative log likelihood at the start; it is improved in place.
    max_evaluations : int
    tolerance : float
        As in `advance`.

    Returns
    -------
    end : array (n,)
    value : float
        Negative log likelihood there; infinite if it is not finite at the start.
    """
    trial = np.clip(start, low, high)
    theta = np.ascontiguousarray((transform @ trial).reshape(n_classes, -1))
    state = np.array([np.inf, 0.0, 1.0, 0.0, -1.0])
    x, gradient, direction, trial_gradient = trial.copy(), np.zeros_like(trial), np.zeros_like(trial), trial.copy()
    for _ in range(max_evaluations):
        evaluator.follow(theta)
        value, by_theta = evaluator.own_total(theta)
        if (
            advance(
                state,
                x,
                gradient,
                direction,
                trial,
                trial_gradient,
                inverse,
                low,
                high,
                transform,
                theta,
                -value,
                by_theta,
                tolerance,
            )
            == DONE
        ):
            break
    return x, float(state[VALUE])
