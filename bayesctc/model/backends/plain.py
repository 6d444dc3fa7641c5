"""The likelihood in plain NumPy: slow, but readable, and the reference for faster backends.

For patient i and class g (Proust-Lima et al., Stat Methods Med 2014;23:74)::

    joint_ig = log pi_ig + sum over outcomes log f_g(y_i) + sum over events [event_i log h_g(T_i) + log S_g(T_i)]
    entry_ig = log pi_ig + sum over events log S_g(entry_i)
    log L_i  = logsumexp_g joint_ig - logsumexp_g entry_ig

An outcome and an event are parts with their own positions in theta; another kind of part is a further class with their
three members. A family needs only `log_probability`, and a hazard only `log_hazard` and `cumulative_hazard`.
Derivatives by a part's parameters are central differences of its own log density.
"""

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

from bayesctc.model.backends.gauss_hermite import gauss_hermite
from bayesctc.model.backends.plain_association import Linked
from bayesctc.model.backends.plain_stretches import log_probability_within
from bayesctc.model.backends.protocol import Evaluation, Likelihood
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.packed import Packed
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import EventPart, OutcomePart, Sizes

STEP = 1e-5  # of theta, in differences
CURVE_STEP = 1e-3  # of the growth curve, in differences that place the nodes
NEWTON_STEPS, LONGEST_STEP, SETTLED = 30, 2.0, 1e-6  # standard deviations of the random effects


class Outcome:
    """The longitudinal part of one packed cohort, with nodes over its random effects.

    Parameters
    ----------
    part : OutcomePart
    packed : Packed
    sizes : Sizes
    n_classes : int
    """

    def __init__(self, part: OutcomePart, packed: Packed, sizes: Sizes, n_classes: int):
        self._part, self._family, self.where = part, FAMILIES[part.family], part.where
        self._n, self.q = packed.n_patients, part.n_random
        visits = packed.samples[1:].reshape(-1, 2 + part.n_basis, self._n).transpose(2, 0, 1)
        there = np.arange(visits.shape[1]) < packed.samples[0][:, None]
        self._patient, rows = np.nonzero(there)[0], visits[there]
        self._value, self._exposure, self._X = rows[:, :1], rows[:, 1:2], rows[:, 2:]
        self._rule = gauss_hermite(self.q, sizes.n_nodes)
        self.mean = np.zeros((self._n, n_classes, self.q))
        self.factor = np.tile(np.eye(self.q), (self._n, n_classes, 1, 1))

    def log_density(self, g, theta_g):
        """log f_g(y_i), summed over the nodes: array (n_patients,)."""
        u, log_weight = self.nodes(g)
        return logsumexp(self.given(theta_g, u) + log_weight, axis=1)

    def nodes(self, g):
        """The nodes, u (n_patients, n, q), and the logarithms of their weights (n_patients, n)."""
        z, log_weight = self._rule[:, :-1], self._rule[:, -1]
        u = self.mean[:, None, g] + np.einsum("ijk,sk->isj", self.factor[:, g], z)
        log_scale = np.log(np.diagonal(self.factor[:, g], axis1=1, axis2=2)).sum(axis=1)[:, None]
        return u, log_weight + log_scale - 0.5 * np.sum(u * u, axis=2)

    def given(self, theta_g, u):
        """log f_g(y_i | u) of u (n_patients, n, q): array (n_patients, n)."""
        return self._by_patient(self._log_probability(theta_g, self._curve(theta_g, u)))

    def at_entry(self, g, theta_g):
        """Nothing is observed before entry."""
        return np.zeros(self._n)

    def place(self, g, theta_g, beside=None, samples=True):
        """Newton steps from the nodes to the mode of each integrand; the factor is that of its curvature.

        `beside` gives slope and curvature by b of what else depends on the random effects, of b (n_patients, q), or of
        all that does, without `samples`.
        """
        L, Z = self.factor_of(theta_g), self._X[:, : self.q]
        for _ in range(NEWTON_STEPS):
            u = self.mean[:, g]
            eta = self._curve(theta_g, u[:, None])
            low, here, high = (self._log_probability(theta_g, eta + k * CURVE_STEP)[:, 0] for k in (-1, 0, 1))
            slope, curvature = (high - low) / (2.0 * CURVE_STEP), (2.0 * here - high - low) / CURVE_STEP**2
            slope, curvature = (each * samples for each in (slope, curvature))
            score = self._by_patient(Z * slope[:, None])
            information = self._by_patient(Z[:, :, None] * Z[:, None] * np.maximum(curvature, 0.0)[:, None, None])
            if beside is not None:
                own_score, own_information = beside(u @ L.T)
                score, information = score + own_score, information + own_information
            score = score @ L - u
            precision = np.eye(self.q) + L.T @ information @ L
            step = np.linalg.solve(precision, score[:, :, None])[:, :, 0]
            step *= np.minimum(1.0, LONGEST_STEP / np.maximum(np.linalg.norm(step, axis=1), 1e-300))[:, None]
            self.mean[:, g] += step
            self.factor[:, g] = np.linalg.cholesky(np.linalg.inv(precision))
            if np.abs(step).max(initial=0.0) < SETTLED:
                break

    def _log_probability(self, theta_g, eta):
        """Of each sample at curves (n_samples, n): array (n_samples, n)."""
        parameters = natural_by_name(self._family.parameters, theta_g[self._part.own])
        return self._family.log_probability(self._value, eta, self._exposure, **parameters)

    def _curve(self, theta_g, u):
        """X beta + Z L u of each sample: array (n_samples, n) of u (n_patients, n, q)."""
        moved = np.einsum("rk,rnk->rn", self._X[:, : self.q], (u @ self.factor_of(theta_g).T)[self._patient])
        return (self._X @ theta_g[self._part.curve])[:, None] + moved

    def factor_of(self, theta_g):
        """The Cholesky factor of the random effects' covariance in a class: array (q, q)."""
        L = np.zeros((self.q, self.q))
        L[np.tril_indices(self.q)] = theta_g[self._part.cholesky]
        return L * np.exp(theta_g[self._part.log_omega]) if self.q else L

    def _by_patient(self, of_samples):
        """Sums over each patient's samples."""
        total = np.zeros((self._n, *of_samples.shape[1:]))
        np.add.at(total, self._patient, of_samples)
        return total


class Event:
    """An event of one packed cohort: one hazard, of the event or of one of its causes.

    Parameters
    ----------
    part : EventPart
    packed : Packed
    sizes : Sizes
    """

    def __init__(self, part: EventPart, packed: Packed, sizes: Sizes):
        self._part, self._hazard, self.where = part, HAZARDS[part.hazard], part.where
        self._knots, self._x = sizes.own_knots, packed.terms("survival")
        self._time, self._entry = sizes.own_time(packed.time), sizes.own_time(packed.entry)
        self._happened = (packed.event == part.number) & (self._time > 0.0)

    def log_density(self, g, theta_g):
        """event log h_g(T_i) + log S_g(T_i): array (n_patients,)."""
        log_hazard = np.zeros(len(self._time))
        there, parameters = self._happened, self._parameters(theta_g)
        log_hazard[there] = self._hazard.log_hazard(self._time[there], self._knots, **parameters)
        log_hazard[there] += self._x[there] @ theta_g[self._part.coefficients]
        return log_hazard - self._cumulative(theta_g, self._time)

    def at_entry(self, g, theta_g):
        """log S_g(entry_i): array (n_patients,)."""
        return -self._cumulative(theta_g, self._entry)

    def _cumulative(self, theta_g, time):
        baseline = self._hazard.cumulative_hazard(time, self._knots, **self._parameters(theta_g))
        return np.where(time > 0.0, baseline * np.exp(self._x @ theta_g[self._part.coefficients]), 0.0)

    def _parameters(self, theta_g):
        return natural_by_name(self._hazard.parameters, theta_g[self._part.baseline], len(self._knots))


class EventsInStretches:
    """Events of patients whose follow-up is in stretches (`model.stretches`): all causes together.

    Parameters
    ----------
    parts : tuple of EventPart
    packed : Packed
    sizes : Sizes
    """

    def __init__(self, parts: tuple[EventPart, ...], packed: Packed, sizes: Sizes):
        self._parts, self._n, self._knots = parts, packed.n_patients, sizes.own_knots
        self.where = slice(parts[0].where.start, parts[-1].where.stop)
        self._of = packed.stretches
        self._start, self._stop = sizes.own_time(self._of.start), sizes.own_time(self._of.stop)
        self._within = np.where(packed.within, packed.event, 0.0).astype(int)

    def log_density(self, g, theta_g):
        """Log probability of being free of the events in run 0, and of what happened: array (n_patients,)."""
        cumulative, log_hazard = self._each(theta_g)
        survived = self._of.run == 0
        known = self._by_patient(log_hazard - cumulative, survived)
        return known + log_probability_within(self._of, cumulative, self._within, len(self._parts))

    def at_entry(self, g, theta_g):
        """Log probability of being free of the events at entry: array (n_patients,)."""
        before = self._of.run < 0
        return -self._by_patient(self._each(theta_g)[0], before)

    def _each(self, theta_g):
        """Cumulative hazard over each stretch, and the log hazard where it ends with the event, else 0."""
        cumulative, log_hazard = np.zeros(len(self._start)), np.zeros(len(self._start))
        for c, part in enumerate(self._parts):
            own, hazard = self._of.cause == c, HAZARDS[part.hazard]
            parameters = natural_by_name(hazard.parameters, theta_g[part.baseline], len(self._knots))
            predictor = self._of.x[own] @ theta_g[part.coefficients]
            start, stop = (
                hazard.cumulative_hazard(time[own], self._knots, **parameters) for time in (self._start, self._stop)
            )
            cumulative[own] = (stop - np.where(self._start[own] > 0.0, start, 0.0)) * np.exp(predictor)
            at = np.where(self._of.event[own], self._stop[own], 1.0)
            log_hazard[own] = np.where(
                self._of.event[own], hazard.log_hazard(at, self._knots, **parameters) + predictor, 0.0
            )
        return cumulative, log_hazard

    def _by_patient(self, values, where):
        """Sums over each patient's stretches."""
        return np.bincount(self._of.patient[where], values[where], minlength=self._n)


class PlainLikelihood(Likelihood):
    """See `Likelihood`; arguments as `Evaluator`."""

    def __init__(self, packed: Packed, sizes: Sizes, n_classes: int, weights=None):
        self.packed = packed
        self.weights = np.broadcast_to(1.0 if weights is None else weights, packed.n_patients)
        self._membership, self._x = sizes.blocks["membership"], packed.terms("membership")
        self._outcomes = [Outcome(part, packed, sizes, n_classes) for part in sizes.outcomes]
        self._parts: list[Outcome | Event | EventsInStretches | Linked] = [*self._outcomes]
        if sizes.association is not None:
            self._parts = [Linked(outcome, packed, sizes) for outcome in self._outcomes]
        elif packed.in_stretches:
            self._parts.append(EventsInStretches(sizes.events, packed, sizes))
        else:
            self._parts.extend(Event(part, packed, sizes) for part in sizes.events)
        self.adaptive = any(outcome.q for outcome in self._outcomes)

    def total(self, theta):
        used, by_patient = self.weights > 0.0, self.evaluate(theta).log_likelihood
        return float(self.weights[used] @ by_patient[used]), np.tensordot(self.weights, self.gradients(theta), 1)

    @np.errstate(all="ignore")
    def evaluate(self, theta):
        log_pi = log_softmax(self._x @ theta[:, self._membership].T, axis=1)
        joint = log_pi + self._sum(theta, lambda part, g: part.log_density(g, theta[g]))
        at_entry = log_pi + self._sum(theta, lambda part, g: part.at_entry(g, theta[g]))
        joint = np.where(np.isnan(joint), -np.inf, joint)
        return Evaluation(logsumexp(joint, axis=1) - logsumexp(at_entry, axis=1), joint, at_entry)

    def _sum(self, theta, of):
        """Over the parts: array (n_patients, n_classes)."""
        return np.stack([sum(of(part, g) for part in self._parts) for g in range(len(theta))], axis=1)

    @np.errstate(all="ignore")
    def gradients(self, theta):
        """Gradients by class: a class's parameters affect only that class's joint and entry terms."""
        found, theta = np.zeros((self.packed.n_patients, *np.shape(theta))), np.asarray(theta, dtype=float)
        evaluation = self.evaluate(theta)
        now, before = evaluation.class_probabilities, softmax(evaluation.at_entry, axis=1)
        found[:, :, self._membership] = (now - before)[:, :, None] * self._x[:, None]
        for g, theta_g in enumerate(theta):
            for part in self._parts:
                for m in range(part.where.start, part.where.stop):
                    up, down = theta_g.copy(), theta_g.copy()
                    up[m], down[m] = theta_g[m] + STEP, theta_g[m] - STEP
                    later = (part.log_density(g, up) - part.log_density(g, down)) / (2.0 * STEP)
                    entered = (part.at_entry(g, up) - part.at_entry(g, down)) / (2.0 * STEP)
                    found[:, g, m] = _weighted(now[:, g], later) - _weighted(before[:, g], entered)
        return found

    def centre(self, theta):
        for outcome in self._outcomes:
            outcome.mean[:] = 0.0
        self.follow(theta)

    @np.errstate(all="ignore")
    def follow(self, theta, start=None):
        for k, outcome in enumerate(self._outcomes):
            if start is not None:
                outcome.mean, outcome.factor = (each.copy() for each in start[k])
        for part in self._parts:
            if self.adaptive and isinstance(part, Outcome | Linked):
                for g in range(len(theta)):
                    part.place(g, theta[g])

    def place(self):
        return [(outcome.mean.copy(), outcome.factor.copy()) for outcome in self._outcomes]

    def posterior(self):
        (outcome,) = self._outcomes
        return outcome.mean.copy(), outcome.factor.copy()

    def move(self, mean):
        (outcome,) = self._outcomes
        outcome.mean[:] = mean


def _weighted(probability, slope):
    """Weighted slope, 0 where the class has probability 0."""
    return np.where((probability > 0.0) & np.isfinite(slope), probability * slope, 0.0)
