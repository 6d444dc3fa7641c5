"""Nonparametric survival if events lie between two visits: Turnbull's estimate, by Newton's method on hazards.

The likelihood is maximised by events in innermost intervals, from a left bound to the next right bound (Turnbull, J R
Stat Soc B 1976;38:290) or to the next delayed entry (Alioum and Commenges, Biometrics 1996;52:512). With h_j the
cumulative hazard over innermost interval j, and x_i its sum over those between the bounds of patient i, the log
likelihood given entry is

    sum_i w_i log(1 - exp(-x_i))  over those with the event  -  sum_j c_j h_j,

with c_j the number of patients known to have survived interval j. It is concave in h >= 0 even with delayed entry,
unlike in the probabilities; each Newton step under h >= 0 is a least-squares problem with that constraint, as in Wang
(Comput Stat Data Anal 2008;52:2388). Its derivatives bound the distance from the maximum, which gives a stopping rule.
If every event is known to the day, the estimate is Kaplan-Meier's.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

SHORTFALL = 1e-9  # of the log likelihood to its maximum, where the search ends
STEPS = 200
RIDGE = 1e-10  # of the curvature, where intervals cannot be told apart
_EXACT, _RIGHT, _ENTRY, _LEFT = range(4)  # in this order at one time: (left, right] and [time, time]


@dataclass(frozen=True)
class Turnbull:
    """Nonparametric maximum-likelihood estimate from interval-censored times.

    Attributes
    ----------
    left, right : array (n_intervals,)
        Innermost intervals (left, right], months, in order; left = right for events known to the day.
    hazard : array (n_intervals,)
        Probability of the event in the interval, given being free of it at the start.
    last : float
        Months up to which survival is known: the last follow-up.
    shortfall : float
        An upper bound of the distance of the log likelihood from its maximum.
    """

    left: np.ndarray
    right: np.ndarray
    hazard: np.ndarray
    last: float
    shortfall: float

    def steps(self, start: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The curve's corners: months, and survival there given being free of the event at `start`.

        The data do not determine when events occur within an innermost interval: the curve is linear across it.
        """
        of = self.right > start
        left, right, hazard = np.maximum(self.left[of], start), self.right[of], self.hazard[of]
        survival = np.concatenate([[1.0], np.cumprod(1.0 - hazard)])
        months = np.concatenate([[start], np.column_stack([left, right]).ravel(), [max(self.last, start)]])
        return months, np.concatenate([[1.0], np.repeat(survival, 2)[1:-1], survival[-1:]])

    def survival(self, months, start: float = 0.0) -> np.ndarray:
        """Survival at `months` given being free of the event at `start`: array (n_months,), NaN after `last`."""
        months = np.asarray(months, dtype=float)
        at, values = self.steps(start)
        k = np.clip(np.searchsorted(at, months, side="right"), 1, len(at) - 1)
        width = at[k] - at[k - 1]
        share = np.clip(np.where(width > 0, (months - at[k - 1]) / np.where(width > 0, width, 1.0), 1.0), 0.0, 1.0)
        curve = values[k - 1] + share * (values[k] - values[k - 1])
        return np.where(months <= self.last, curve, np.nan)


def turnbull(left, time, event, entry, weights=None) -> Turnbull:
    """Turnbull's estimate, given entry.

    Parameters
    ----------
    left : array (n_patients,)
        Months up to which patients are known to be free of the event; for an event known to the day, its `time`.
    time : array (n_patients,)
        Months at which the event was seen, or up to which a patient without it is known to be free of it.
    event : array (n_patients,)
        1 = event, 0 = censored.
    entry : array (n_patients,)
        Months; patients are included given that they are free of the event then.
    weights : array (n_patients,), optional
        Weights, such as class probabilities; 1 unless given.

    Returns
    -------
    Turnbull
    """
    left, time, entry = (np.asarray(values, dtype=float) for values in (left, time, entry))
    event, w = np.asarray(event) > 0, np.ones(len(time)) if weights is None else np.asarray(weights, dtype=float)
    here = (w > 0) & (time > entry)
    left, time, entry, event, w = (values[here] for values in (left, time, entry, event, w))
    exact, free = event & (left >= time), np.where(event, left, time)
    months = np.unique(np.concatenate([free, time, entry]))
    first = 4 * np.searchsorted(months, free) + np.where(exact, _EXACT, _LEFT)
    seen, enter = 4 * np.searchsorted(months, time) + _RIGHT, 4 * np.searchsorted(months, entry) + _ENTRY
    starts = np.unique(first)
    ends = np.unique(np.concatenate([seen[event], enter[enter + 1 < first]]))  # entry costs who is free for a while
    place = np.searchsorted(starts, ends, "left") - 1  # the last start before each end
    begins = np.append(True, place[1:] != place[:-1])[: len(place)] & (place >= 0)  # and the first end after it
    start, end = starts[place[begins]], ends[begins]
    a, b = np.searchsorted(start, first, "left"), np.searchsorted(end, seen, "right")
    hazard, shortfall = _hazards(np.searchsorted(start, enter, "left"), a, np.where(event, b, -1), w, len(start))
    kept = hazard > 0
    return Turnbull(
        months[start[kept] // 4],
        months[end[kept] // 4],
        -np.expm1(-hazard[kept]),
        float(time.max(initial=-np.inf)),
        shortfall,
    )


def _hazards(enter, a, b, w, n) -> tuple[np.ndarray, float]:
    """Cumulative hazard over each of `n` intervals, and a bound of the distance from the maximum log likelihood.

    Patients survived intervals `enter` to `a`, and had the event in one from there to `b`; -1 if they had none.
    """
    hazard, each = np.zeros(n), np.arange(n)
    through = w @ ((enter[:, None] <= each) & (each < a[:, None]))
    nobody = through == 0
    pairs, which = np.unique(np.column_stack([a, b])[b >= 0], axis=0, return_inverse=True)
    w = np.bincount(which.reshape(-1), w[b >= 0], len(pairs))
    covers = (pairs[:, :1] <= each) & (each < pairs[:, 1:])
    hazard[nobody & covers.any(axis=0)] = np.inf  # who comes to it has the event there: nobody came through
    left = ~covers[:, nobody].any(axis=1)
    of = covers[left].any(axis=0)
    if of.any():
        hazard[of], shortfall = _newton(covers[left][:, of].astype(float), w[left], through[of])
        return hazard, shortfall
    return hazard, 0.0


def _newton(covers, w, through) -> tuple[np.ndarray, float]:
    """h >= 0 that maximises sum w log(1 - exp(-covers h)) - through h, and a bound of the remaining distance.

    At the maximum through h = sum w x / (exp(x) - 1), which is at most sum w; f being concave, it lacks no more than
    the largest derivative per `through` times that, less the derivative along h itself. Most h_j are 0: a step moves
    those that are not, and between any two of them the one with the largest derivative.
    """
    h = _spread(covers, w, through)
    value, shortfall, rounding = _value(h, covers, w, through), np.inf, 1e-14 * w.sum()
    for _ in range(STEPS):
        slope = w / np.expm1(_times(covers, h))
        gradient = np.einsum("i,ij->j", slope, covers) - through
        shortfall = max(float(max((gradient / through).max(), 0.0) * w.sum() - gradient @ h), 0.0)
        if shortfall <= SHORTFALL:
            break
        used = _used(h, gradient)
        own, curvature = h[used], _products(covers[:, used], slope * (1.0 + slope / w))
        curvature[np.diag_indices_from(curvature)] *= 1.0 + RIDGE
        root = np.linalg.cholesky(curvature).T
        step = nnls(root, root @ own + solve_triangular(root, gradient[used], trans="T"))[0] - own
        size, gain, new = 1.0, gradient[used] @ step, h.copy()
        while True:
            new[used] = own + size * step
            found = _value(new, covers, w, through)
            if found >= value + 1e-4 * size * gain - rounding:
                break
            size /= 2.0
        h, value = new, found
    return h, shortfall


def _spread(covers, w, through):
    """Starting value of h: events spread evenly over a few intervals that include one of each patient."""
    first, last = covers.argmax(axis=1), covers.shape[1] - 1 - covers[:, ::-1].argmax(axis=1)
    chosen: list[int] = []
    for k in np.argsort(last, kind="stable"):
        if not chosen or chosen[-1] < first[k]:
            chosen.append(int(last[k]))
    some, h = covers[:, chosen], np.zeros(covers.shape[1])
    each = w / some.sum(axis=1)
    later = np.cumsum(some[:, ::-1], axis=1)[:, ::-1] * some
    h[chosen] = -np.log1p(-np.minimum(each @ some / (through[chosen] + each @ later), 1.0 - 1e-12))
    return h


def _used(h, gradient):
    """Places where h is above 0, and the one between any two of them whose derivative is largest, if above 0."""
    there = np.flatnonzero(h > 0)
    used = [there]
    for a, b in pairwise([-1, *there, len(h)]):
        if b > a + 1:
            best = a + 1 + int(gradient[a + 1 : b].argmax())
            used.append(np.array([best] if gradient[best] > 0 else [], dtype=int))
    return np.sort(np.concatenate(used))


def _value(h, covers, w, through):
    with np.errstate(divide="ignore"):
        return w @ np.log(-np.expm1(-_times(covers, h))) - through @ h


def _times(covers, h):
    """covers @ h, without the threads of a product of matrices: there are thousands of small ones."""
    return np.einsum("ij,j->i", covers, h)


def _products(covers, weights):
    """covers.T @ diag(weights) @ covers, rows of `covers` being 1 from one place to another: sums over both ends."""
    n = covers.shape[1]
    number = covers.sum(axis=1).astype(int)
    first = np.where(number > 0, covers.argmax(axis=1), 0)
    ends = np.bincount(first * (n + 1) + first + number, weights, n * (n + 1)).reshape(n, n + 1)
    reach = np.cumsum(np.cumsum(ends, axis=0)[:, :0:-1], axis=1)[:, ::-1]  # from j or before, to k or beyond
    upper = np.triu(reach)
    return upper + np.triu(upper, 1).T
