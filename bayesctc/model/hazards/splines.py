"""Smooth hazard: h(t) = sum_k a_k B_k(t) / (scale sum_k w_k a_k) exp(x' gamma), a_k > 0, of cubic M-splines.

B_k are the M-splines of Ramsay (Stat Sci 1988;3:425), each times a constant by which they sum to 1 (B-splines), so that
equal a_k are a constant hazard. With t_0 = ... = t_3 the first boundary knot and so on, the integral up to x is
((x - t_k) B_k(x) + (t_k+4 - t_k) sum_{i > k} B_i(x)) / 4, the I-spline (de Boor, A Practical Guide to Splines, 2001,
chapter X); at the last boundary knot it is (t_k+4 - t_k) / 4, and w_k its share in the time between the boundary knots:
1 / scale is the mean hazard there.

The boundary knots are the first entry (0 if any patient is observed from the start) and the last event, because later
follow-up could only lower the hazard. After the last event the hazard is constant, and its slope there is 0, because
a_n is the coefficient of the last two functions: the hazard and its slope are continuous, and a few late events do not
determine its direction (survextrap has a level end for this reason: Jackson, BMC Med Res Methodol 2023;23:282). So n
knots have n + 1 coefficients, reported as ratios to the middle one.
"""

import numpy as np

from bayesctc.model.backends.compiled.hazards.splines import terms
from bayesctc.model.hazards.exponential import rescaled
from bayesctc.model.hazards.piecewise import settled_knots as inner_knots
from bayesctc.model.pieces import SCALE, Hazard, Parameter, Prior

DEGREE = 3
LARGEST, SMALLEST = 1e300, 1e-300  # of a ratio of coefficients, or of a hazard to its mean, that is told apart
MAX_STEPS = 100  # of Newton's steps for a time, halvings among them; 5 to 8 are usual


def _sequence(knots):
    """The knots with boundaries repeated as cubic splines require: array (n_knots + 6,)."""
    return np.pad(np.asarray(knots, dtype=float), DEGREE, mode="edge")


def _last_two_as_one(values):
    """From n + 2 cubic functions, n + 1 with slope 0 at the end."""
    return np.concatenate([values[..., :-2], values[..., -2:].sum(axis=-1, keepdims=True)], axis=-1)


def _splines(time, knots):
    """B_k at times between the boundary knots, and their integrals up to there: arrays (..., n_knots + 1)."""
    t, x = _sequence(knots), np.asarray(time, dtype=float)[..., None]
    last = np.searchsorted(knots[1:-1], x[..., 0], side="right") + DEGREE
    values = (np.arange(len(t) - 1) == last[..., None]).astype(float)  # of degree 0: the interval that x is in
    for degree in range(1, DEGREE + 1):
        width = t[degree:] - t[:-degree]
        share = np.divide(values, width, out=np.zeros_like(values), where=width > 0.0)
        values = (x - t[: -degree - 1]) * share[..., :-1] + (t[degree + 1 :] - x) * share[..., 1:]
    n = len(knots) + DEGREE - 1
    later = np.zeros_like(values)
    later[..., :-1] = np.cumsum(values[..., :0:-1], axis=-1)[..., ::-1]
    integrals = ((x - t[:n]) * values + (t[DEGREE + 1 :] - t[:n]) * later) / (DEGREE + 1)
    return _last_two_as_one(values), _last_two_as_one(integrals)


def _coefficients(knots, relative_coefficient):
    """a_k times the reciprocal of their mean: array (..., n_knots + 1)."""
    t, n, relative = _sequence(knots), len(knots), np.asarray(relative_coefficient, dtype=float)
    a = np.insert(np.minimum(relative, LARGEST), (n + 1) // 2, 1.0, axis=-1)
    weights = _last_two_as_one((t[DEGREE + 1 :] - t[: n + 2]) / ((DEGREE + 1) * (t[-1] - t[0])))
    return a / (a * weights).sum(axis=-1, keepdims=True)


def log_hazard(time, knots, scale, relative_coefficient):
    """Log hazard at each time."""
    values, _ = _splines(np.clip(time, knots[0], knots[-1]), knots)
    height = (values * _coefficients(knots, relative_coefficient)).sum(axis=-1)
    return np.log(np.maximum(height, SMALLEST)) - np.log(scale)


def cumulative_hazard(time, knots, scale, relative_coefficient):
    """The integral of the hazard from time 0 on, in closed form."""
    return _area(np.asarray(time, dtype=float), knots, _coefficients(knots, relative_coefficient))[0] / scale


def _area(time, knots, a):
    """Integral of sum_k a_k B_k from 0 to each time, and its slope there."""
    values, integrals = _splines(np.clip(time, knots[0], knots[-1]), knots)
    outside = a[..., 0] * np.minimum(time, knots[0]) + a[..., -1] * np.maximum(time - knots[-1], 0.0)
    return outside + (integrals * a).sum(axis=-1), (values * a).sum(axis=-1)


def inverse(cumulative_hazard, knots, scale, relative_coefficient):
    """Time in months at which the cumulative hazard reaches a value: Newton's steps between two knots."""
    a = _coefficients(knots, relative_coefficient)
    target = np.asarray(cumulative_hazard, dtype=float) * scale
    reached = _area(np.asarray(knots, dtype=float), knots, a[..., None, :])[0]
    with np.errstate(divide="ignore"):  # a hazard that has died out
        outside = np.where(
            target < reached[..., 0], target / a[..., 0], knots[-1] + (target - reached[..., -1]) / a[..., -1]
        )
    k = np.clip((reached <= target[..., None]).sum(axis=-1), 1, len(knots) - 1)
    low, high = np.asarray(knots)[k - 1], np.asarray(knots)[k]
    time = 0.5 * (low + high)
    for _ in range(MAX_STEPS):
        area, slope = _area(time, knots, a)
        low, high = np.where(area < target, time, low), np.where(area < target, high, time)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = time - (area - target) / slope
        step = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        moved, time = np.abs(step - time), step
        if (moved <= 4e-16 * time).all():
            break
    return np.where((target >= reached[..., 0]) & (target < reached[..., -1]), time, outside)


def settled_knots(spec, patients):
    """First entry, the given knots or quantiles of the event times, and the last event; months."""
    events = patients["_time"][patients["_event"] > 0]
    return (float(patients["_entry"].min()), *inner_knots(spec, patients), float(events.max()))


def _around(knots):
    """Position of each coefficient except the middle one: the mean of its function's knots (Greville), or the end."""
    t, n = _sequence(knots), len(knots)
    means = [float(t[k + 1 : k + DEGREE + 1].mean()) for k in range(n)] + [float(t[-1])]
    return (*means[: (n + 1) // 2], *means[(n + 1) // 2 + 1 :])


RELATIVE = Parameter(
    "relative_coefficient",
    unit="ratio",
    by_class="class_specific_shape",
    prior=Prior("normal", "log_spline_sd"),
    words="coefficient of the hazard relative to the middle one",
    label="coefficient of the hazard relative to the middle one",
    prior_sentence="{sign}: log-normal({mean:g}, {sd:g}) for each, {interval}; with all at the median of 1 the hazard "
    "is constant.",
    by_interval=True,
    around=_around,
    edges=(-9.0, 9.0),
)
SPLINES = Hazard(
    name="splines",
    parameters=(SCALE, RELATIVE),
    log_hazard=log_hazard,
    cumulative_hazard=cumulative_hazard,
    compiled=terms,
    inverse=inverse,
    rescaled=rescaled,
    knots=settled_knots,
    formula="h_g(t | x) = sum_k a_gk B_k(t) / (scale_g sum_k w_k a_gk) exp(x' gamma)",
    sentences=(
        "Splines: hazard h{g}(t{given}) = Σ_k a_k B_k(t) / ({scale} Σ_k w_k a_k){product} of cubic M-splines B_k, "
        "scaled to sum to 1 at each time; survival S{g} = exp(−∫ h{g}), in closed form.",
        "{scale}: 1 / {scale} is the mean hazard from the first entry to the last event, the boundary knots{zero}; "
        "w_k: the share of B_k in that time. Before the first entry and after the last event the hazard is constant; "
        "its slope is 0 at the last event.",
        "{relative_coefficient}: a_k relative to the middle one, labelled by the position of B_k. If all are 1, the "
        "hazard is constant.",
    ),
)
