"""Samples and survival that depend on each other through the random effects, in plain NumPy; see `association`.

For patient i and class g, with b = omega_g L u and u standard normal::

    log integral of f_g(y_i | b) product over events [h_g(T_i | b)^event_i S_g(T_i | b)] phi(u) du
    log integral of product over events S_g(entry_i | b) phi(u) du

Nodes of the first adapt to samples and events; those of the second stand around the prior, as few are at risk long
before entry.
"""

import numpy as np
from scipy.special import logsumexp

from bayesctc.model.backends.gauss_hermite import gauss_hermite
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.packed import Packed
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import EventPart, Sizes


class Exposure:
    """Follow-up of patients from 0 to given times, and the curve's part in the hazard there.

    Parameters
    ----------
    sizes : Sizes
        With an association.
    months : array (n_patients,)
    constant : array (n_patients, n_longitudinal)
    """

    def __init__(self, sizes: Sizes, months, constant):
        link = self._link = sizes.association
        assert link is not None
        self._curve = sizes.outcomes[0].curve
        self.stop = sizes.own_time(months)
        breaks = [*sizes.own_knots, *sizes.own_time(link.breaks)]
        self.points = link.points(np.zeros(len(self.stop)), self.stop, breaks)
        at = (self.points.start, self.points.time, self.stop)
        self._rows = [link.rows(time * sizes.months, constant) for time in at]

    def predictors(self, theta_g, alpha):
        """Fixed part and coefficients of the random effects at the stretches' starts, the nodes, and the end."""
        return [self._link.predictor(theta_g, alpha, rows, self._curve) for rows in self._rows]


class LinkedEvent:
    """One event, or one cause of it, whose hazard depends on the random effects.

    Parameters
    ----------
    part : EventPart
    packed : Packed
    sizes : Sizes
    """

    def __init__(self, part: EventPart, packed: Packed, sizes: Sizes, exposure: Exposure):
        self._part, self._hazard, self._knots = part, HAZARDS[part.hazard], sizes.own_knots
        self._x, self._exposure = packed.terms("survival"), exposure
        self._happened = (packed.event == part.number) & (exposure.stop > 0.0)

    def log_density(self, theta_g, b, counted=True):
        """event log h_g(T_i | b) + log S_g(T_i | b) of b (n_patients, n, q): array (n_patients, n)."""
        at_start, at_node, at_end = self._exposure.predictors(theta_g, theta_g[self._part.association])
        mass_start, mass_node = self._masses(theta_g)
        total = -np.einsum("ir,irs->is", mass_start, np.exp(_moved(*at_start, b)))
        total -= np.einsum("irj,irjs->is", mass_node, np.exp(_moved(*at_node, b)))
        if not counted:
            return total
        log_hazard = self._baseline(theta_g, "log_hazard", self._exposure.stop, self._happened)
        log_hazard += self._x @ theta_g[self._part.coefficients]
        own = log_hazard[:, None] + _moved(*at_end, b)
        return total + np.where(self._happened[:, None], own, 0.0)

    def slope_and_curvature(self, theta_g, b):
        """First derivatives of `log_density` by b (n_patients, q), and minus the second: (n_patients, q, q)."""
        at_start, at_node, at_end = self._exposure.predictors(theta_g, theta_g[self._part.association])
        slope = np.where(self._happened[:, None], at_end[1], 0.0)
        curvature = np.zeros((*b.shape, b.shape[1]))
        for mass, (fixed, by) in zip(self._masses(theta_g), (at_start, at_node), strict=True):
            expected = (mass * np.exp(_moved(fixed, by, b[:, None])[..., 0])).reshape(len(b), -1)
            by = by.reshape(len(b), -1, b.shape[1])
            slope = slope - np.einsum("ip,ipk->ik", expected, by)
            curvature += np.einsum("ip,ipk,ipl->ikl", expected, by, by)
        return slope, curvature

    def _masses(self, theta_g):
        """Weights of the integral of the hazard: of the stretches' starts (n, r), and of the nodes (n, r, j)."""
        points = self._exposure.points
        risk = np.exp(self._x @ theta_g[self._part.coefficients])[:, None]
        upto = [self._baseline(theta_g, "cumulative_hazard", t, t > 0.0) for t in (points.start, points.stop)]
        log_hazard = self._baseline(theta_g, "log_hazard", points.time, points.weight > 0.0)
        mass = np.where(points.weight > 0.0, points.weight * np.exp(log_hazard), 0.0)
        return (upto[1] - upto[0] - mass.sum(axis=2)) * risk, mass * risk[..., None]

    def _baseline(self, theta_g, what, time, there):
        """Of the baseline hazard at those times that are there, 0 elsewhere."""
        parameters = natural_by_name(self._hazard.parameters, theta_g[self._part.baseline], len(self._knots))
        found = np.zeros(time.shape)
        found[there] = getattr(self._hazard, what)(time[there], self._knots, **parameters)
        return found


class Linked:
    """What grows and what happens, of one packed cohort, over the nodes of the outcome; a part as `plain.Outcome`.

    Parameters
    ----------
    outcome : Outcome
    packed : Packed
    sizes : Sizes
    """

    def __init__(self, outcome, packed: Packed, sizes: Sizes):
        self.outcome, self.where = outcome, slice(outcome.where.start, sizes.n_class_parameters)
        assert packed.constant is not None
        followed, entered = (Exposure(sizes, t, packed.constant) for t in (packed.time, packed.entry))
        self._events = [LinkedEvent(part, packed, sizes, followed) for part in sizes.events]
        self._entries = [LinkedEvent(part, packed, sizes, entered) for part in sizes.events]
        self._rule, self._entered = gauss_hermite(outcome.q, sizes.n_nodes), bool(packed.entry.any())

    def log_density(self, g, theta_g):
        """log of the joint density of samples and survival: array (n_patients,)."""
        u, log_weight = self.outcome.nodes(g)
        b = u @ self.outcome.factor_of(theta_g).T
        terms = self.outcome.given(theta_g, u) + sum(event.log_density(theta_g, b) for event in self._events)
        return logsumexp(terms + log_weight, axis=1)

    def at_entry(self, theta_g):
        """log of the probability of being free of all events at entry: array (n_patients,)."""
        if not self._entered:
            return np.zeros(len(self.outcome.mean))
        z, log_weight = self._rule[:, :-1], self._rule[:, -1]
        b = np.broadcast_to(z @ self.outcome.factor_of(theta_g).T, (len(self.outcome.mean), *z.shape))
        terms = sum(event.log_density(theta_g, b, counted=False) for event in self._entries)
        return logsumexp(terms + log_weight - 0.5 * np.sum(z * z, axis=1), axis=1)

    def place(self, g, theta_g):
        """Put the outcome's nodes where samples and events together are."""

        def beside(b):
            found = [event.slope_and_curvature(theta_g, b) for event in self._events]
            return sum(slope for slope, _ in found), sum(curvature for _, curvature in found)

        self.outcome.place(g, theta_g, beside)


def _moved(fixed, by_effect, b):
    """fixed + by_effect' b: array (n, ..., s) of (n, ...), (n, ..., q) and b (n, s, q)."""
    return fixed[..., None] + np.einsum("i...q,isq->i...s", by_effect, b)
