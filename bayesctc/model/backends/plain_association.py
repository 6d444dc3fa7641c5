"""Samples and survival that depend on each other through the random effects, in plain NumPy; see `association`.

For patient i and class g, with b = omega_g L u and u standard normal::

    log integral of f_g(y_i | b) P(what happened to i | b, g) phi(u) du
    log integral of P(i free of all events at entry | b, g) phi(u) du

Nodes of the first adapt to samples and events together; those of the second to being free of the events at entry.
"""

from copy import copy
from functools import partial

import numpy as np
from scipy.special import logsumexp

from bayesctc.model.association import shared_out
from bayesctc.model.backends.plain_stretches import log_probability_within
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.packed import Packed
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import Sizes

STEP = 1e-3  # of the random effects, in differences that place the nodes


class LinkedEvents:
    """Events of one packed cohort given the random effects: all causes together.

    Parameters
    ----------
    packed : Packed
    sizes : Sizes
        With an association.
    """

    def __init__(self, packed: Packed, sizes: Sizes):
        link, of = sizes.association, packed.stretches
        assert link is not None
        assert packed.constant is not None
        self._link, self._of, self._sizes, self._n = link, of, sizes, packed.n_patients
        self._stop, breaks = sizes.own_time(of.stop), [*sizes.own_knots, *sizes.own_time(link.breaks)]
        self._points = link.points(sizes.own_time(of.start), self._stop, breaks)
        at = (self._points.start, self._points.time, self._stop)
        self._rows = [link.rows(time * sizes.months, packed.constant[of.patient]) for time in at]
        self._within = np.where(packed.within, packed.event, 0.0).astype(int)

    def log_density(self, theta_g, b):
        """Log probability of what happened after time 0, given b (n_patients, n, q): array (n_patients, n)."""
        cumulative, log_hazard = self._each(theta_g, b)
        known = self._by_patient(log_hazard - cumulative, self._of.run == 0)
        return known + log_probability_within(self._of, cumulative, self._within, self._sizes.n_causes)

    def at_entry(self, theta_g, b):
        """Log probability of being free of the events at entry, as `log_density`."""
        return -self._by_patient(self._each(theta_g, b)[0], self._of.run < 0)

    def slope_and_curvature(self, of, theta_g, b):
        """First derivatives of one of the above by b (n_patients, q), and minus the second: (n_patients, q, q)."""
        q = b.shape[1]
        moves = STEP * np.array(np.meshgrid(*[[-1.0, 0.0, 1.0]] * q, indexing="ij")).reshape(q, -1).T
        grid = of(theta_g, b[:, None] + moves).reshape(-1, *[3] * q)
        middle = np.ones(q, dtype=int)
        slope, curvature = np.zeros(b.shape), np.zeros((*b.shape, q))

        def at(*changes):
            place = middle.copy()
            for k, by in changes:
                place[k] += by
            return grid[(slice(None), *place)]

        for k in range(q):
            slope[:, k] = (at((k, 1)) - at((k, -1))) / (2.0 * STEP)
            curvature[:, k, k] = np.maximum(2.0 * at() - at((k, 1)) - at((k, -1)), 0.0) / STEP**2
            for m in range(k):
                cross = at((k, 1), (m, 1)) + at((k, -1), (m, -1)) - at((k, 1), (m, -1)) - at((k, -1), (m, 1))
                curvature[:, k, m] = curvature[:, m, k] = -cross / (4.0 * STEP**2)
        return slope, curvature

    def _each(self, theta_g, b):
        """Cumulative hazard over each stretch, and the log hazard where it ends with the event: (n_stretches, n)."""
        cumulative, log_hazard = (np.zeros((len(self._stop), b.shape[1])) for _ in range(2))
        for c, part in enumerate(self._sizes.events):
            own = self._of.cause == c
            alpha, of_patient = theta_g[part.association], b[self._of.patient[own]]
            (start, node, end), curve = (rows[own] for rows in self._rows), self._sizes.outcomes[0].curve
            predictor = self._of.x[own] @ theta_g[part.coefficients]
            masses = self._masses(part, theta_g, own)
            for mass, rows in zip(masses, (start, node), strict=True):
                moved = _moved(*self._link.predictor(theta_g, alpha, rows, curve), of_patient)
                total = (mass[..., None] * np.exp(moved)).reshape(len(mass), -1, b.shape[1]).sum(axis=1)
                cumulative[own] += total * np.exp(predictor)[:, None]
            happened, moved = self._of.event[own], _moved(*self._link.predictor(theta_g, alpha, end, curve), of_patient)
            base = self._baseline(part, theta_g, "log_hazard", self._stop[own], happened) + predictor
            log_hazard[own] = np.where(happened[:, None], base[:, None] + moved, 0.0)
        return cumulative, log_hazard

    def _masses(self, part, theta_g, own):
        """Weights of the integral of the baseline hazard: of each stretch's starts and of its nodes."""
        start, stop, time, weight = (
            each[own] for each in (self._points.start, self._points.stop, self._points.time, self._points.weight)
        )
        upto = [self._baseline(part, theta_g, "cumulative_hazard", t, t > 0.0) for t in (start, stop)]
        mass = weight * np.exp(self._baseline(part, theta_g, "log_hazard", time, weight > 0.0))
        masses = shared_out(upto[1] - upto[0], mass)
        return masses[..., 0], masses[..., 1:]

    def _baseline(self, part, theta_g, what, time, there):
        """A function of the baseline hazard at existing times, 0 elsewhere."""
        hazard, knots = HAZARDS[part.hazard], self._sizes.own_knots
        parameters = natural_by_name(hazard.parameters, theta_g[part.baseline], len(knots))
        found = np.zeros(time.shape)
        found[there] = getattr(hazard, what)(time[there], knots, **parameters)
        return found

    def _by_patient(self, values, where):
        """Sums over each patient's stretches."""
        total = np.zeros((self._n, values.shape[1]))
        np.add.at(total, self._of.patient[where], values[where])
        return total


class Linked:
    """Samples and events of one packed cohort, over the nodes of the outcome; a part as `plain.Outcome`.

    Parameters
    ----------
    outcome : Outcome
    packed : Packed
    sizes : Sizes
    """

    def __init__(self, outcome, packed: Packed, sizes: Sizes):
        self.outcome, self.where = outcome, slice(outcome.where.start, sizes.n_class_parameters)
        self._events, self._entered = LinkedEvents(packed, sizes), bool(packed.entry.any())
        self._at_entry = copy(outcome)  # with nodes of its own, where no samples are read
        self._at_entry.mean, self._at_entry.factor = outcome.mean.copy(), outcome.factor.copy()

    def log_density(self, g, theta_g):
        """log of the joint density of samples and survival: array (n_patients,)."""
        u, log_weight = self.outcome.nodes(g)
        terms = self.outcome.given(theta_g, u)
        terms = terms + self._events.log_density(theta_g, u @ self.outcome.factor_of(theta_g).T)
        return logsumexp(terms + log_weight, axis=1)

    def at_entry(self, g, theta_g):
        """log of the probability of being free of all events at entry: array (n_patients,)."""
        if not self._entered:
            return np.zeros(len(self.outcome.mean))
        u, log_weight = self._at_entry.nodes(g)
        return logsumexp(self._events.at_entry(theta_g, u @ self.outcome.factor_of(theta_g).T) + log_weight, axis=1)

    def place(self, g, theta_g):
        """Put the outcome's nodes where samples and events together are, and those at entry."""
        events = self._events
        self.outcome.place(g, theta_g, partial(events.slope_and_curvature, events.log_density, theta_g))
        if self._entered:
            at_entry = partial(events.slope_and_curvature, events.at_entry, theta_g)
            self._at_entry.place(g, theta_g, at_entry, samples=False)


def _moved(fixed, by_effect, b):
    """fixed + by_effect' b: array (n, ..., s) of (n, ...), (n, ..., q) and b (n, s, q)."""
    return fixed[..., None] + np.einsum("i...q,isq->i...s", by_effect, b)
