"""Survival of patients whose own curve is part of the hazard: given random effects, and averaged over them.

See `association` for the hazard. This NumPy code is for curves by class and for draws; the likelihood has its own.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlogy

from bayesctc.model.association import shared_out
from bayesctc.model.backends.gauss_hermite import gauss_hermite
from bayesctc.model.class_hazards import incidence_of_steps
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.layout import Layout
from bayesctc.model.packed import Packed
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import EventPart, Sizes
from bayesctc.model.stretches import Changes

EFFECT_NODES = {1: 24, 2: 14}  # of averages over each random effect, by their number
VALUES_AT_ONCE = 2e6  # patients x times x nodes, where something is averaged over random effects
STEPS = 60  # of an inversion; most end after eight
FARTHEST = 1e4  # units of time: who is free of the event then has none
NEAREST = 30.0  # of the logarithm of time since entry: no event is sooner than e^-30 of what is asked for
EXACT = 1e-9  # of the logarithm of a cumulative hazard
HIGHEST = 300.0  # logarithm of what multiplies a hazard, beyond which nobody survives


@dataclass(frozen=True, eq=False)
class PatientHazards:
    """Cumulative hazards of patients given random effects, and their averages.

    Attributes
    ----------
    layout : Layout
        Layout of a model with an association.
    sizes : Sizes
    x : array (n_patients, n_survival)
        Terms of the hazard, on the scale of the fit.
    constant : array (n_patients, n_longitudinal)
        Longitudinal covariates, on the scale of the fit.
    changes : Changes, optional
        Changes of the terms of the hazard; `x` then has those at time 0.
    """

    layout: Layout
    sizes: Sizes
    x: np.ndarray
    constant: np.ndarray
    changes: Changes | None = None

    @classmethod
    def of(cls, packed: Packed, layout: Layout) -> "PatientHazards":
        """Those of packed patients."""
        assert packed.constant is not None  # of every packed cohort with an association
        return cls(layout, packed.sizes, packed.terms("survival"), packed.constant, packed.changes)

    def take(self, positions) -> "PatientHazards":
        """Those of a subset of the patients by position."""
        changes = None if self.changes is None else self.changes.take(positions)
        return replace(self, x=self.x[positions], constant=self.constant[positions], changes=changes)

    def given(self, theta_g, part: EventPart, time, b) -> np.ndarray:
        """Cumulative hazard of a cause in one class from time 0, given random effects.

        Parameters
        ----------
        theta_g : array (n_class_parameters,)
        part : EventPart
        time : array (n_patients, n_times)
            In the fit's unit of time.
        b : array (n_patients, n_effects, n_random)

        Returns
        -------
        array (n_patients, n_times, n_effects)
        """
        return self._given(theta_g, part, self._frame(time), b)

    def _frame(self, time) -> "_Frame":
        """What `given` takes of the times alone."""
        link, n = self.sizes.association, len(time)
        assert link is not None
        ends, place, row = self._stretches(time)
        points = link.points(ends[:, :-1].ravel(), ends[:, 1:].ravel(), [])
        nodes, weight = (each.reshape(n, ends.shape[1] - 1, each.shape[-1]) for each in (points.time, points.weight))
        at = np.concatenate([ends[:, :-1, None], nodes], axis=2)
        return _Frame(ends, nodes, weight, self._rows(at), (place, row))

    def _given(self, theta_g, part, frame, b):
        """`given` at the times of a frame."""
        there = frame.weight > 0.0
        mass = frame.weight * np.exp(self._baseline(theta_g, part, "log_hazard", frame.nodes, there))
        upto = self._baseline(theta_g, part, "cumulative_hazard", frame.ends, frame.ends > 0.0)
        mass = shared_out(np.diff(upto, axis=1), mass)
        return self._summed(theta_g, part, mass, frame.rows, frame.where, b)

    def in_log_time(self, theta_g, part: EventPart, time, b) -> tuple[np.ndarray, np.ndarray]:
        """Time on the scale of the baseline, z(t) = log H_0(t), and the integral of z by the cumulative hazard.

        For an association of the random effects: given them, hazards are proportional to the baseline, and the integral
        of log H_0 is H_0 log H_0 - H_0. Arguments as `given`.

        Returns
        -------
        z : array (n_patients, n_times)
            0 where the cumulative hazard is 0.
        integral : array (n_patients, n_times, n_effects)
        """
        ends, place, row = self._stretches(time)
        upto = self._baseline(theta_g, part, "cumulative_hazard", ends, ends > 0.0)
        mass = np.diff(xlogy(upto, upto) - upto, axis=1)[..., None]
        z = np.log(upto, out=np.zeros(upto.shape), where=upto > 0.0)
        integral = self._summed(theta_g, part, mass, self._rows(ends[:, :-1, None]), (place, row), b)
        return np.take_along_axis(z, place, axis=1), integral

    def _rows(self, at):
        """Rows of the curve at times of patients, arrays (n, n_stretches, n_points)."""
        link = self.sizes.association
        assert link is not None
        return link.rows(at * self.sizes.months, self.constant)

    def _summed(self, theta_g, part, mass, rows, where, b):
        """Sums up to each time of a measure at points, times a factor there.

        `mass` (n, n_stretches, n_points) is the measure of the baseline at each point, and `rows` are those of the
        curve there; `where` is the place of each time among the ends of stretches, and the row of terms in each.
        """
        link, (place, row), n = self.sizes.association, where, len(mass)
        assert link is not None
        fixed, by_effect = link.predictor(theta_g, theta_g[part.association], rows, self.sizes.outcomes[0].curve)
        moved = by_effect.reshape(n, -1, b.shape[2]) @ np.swapaxes(b, 1, 2)
        moved = np.minimum(moved + fixed.reshape(n, -1)[..., None], HIGHEST).reshape(*mass.shape, b.shape[1])
        x = self.x if self.changes is None else self.changes.x
        risk = np.exp(np.minimum(x @ theta_g[part.coefficients], HIGHEST))[row]
        with np.errstate(over="ignore"):
            added = np.einsum("nkp,nkps->nks", mass * risk[..., None], np.exp(moved))
        total = np.concatenate([np.zeros((n, 1, b.shape[1])), np.cumsum(added, axis=1)], axis=1)
        return np.take_along_axis(total, place[..., None], axis=1)

    def _stretches(self, time):
        """Ends of uninterrupted stretches, the position of each time among them, and rows of terms in each."""
        link, (n, n_times) = self.sizes.association, np.shape(time)
        assert link is not None
        inner = [*self.sizes.own_knots, *self.sizes.own_time(link.breaks)] if link.n_nodes else []
        first, start = np.arange(n)[:, None], np.zeros((n, 1))
        if self.changes is not None:
            first = self.changes.first[:, None]
            row = first + np.arange(np.diff(np.append(first, len(self.changes.start))).max(initial=1))
            own = row < np.append(first[1:, 0], len(self.changes.start))[:, None]
            starts = self.sizes.own_time(self.changes.start)[np.where(own, row, 0)]
            start = np.where(own, starts, np.inf)
        last = np.max(time, axis=1, keepdims=True, initial=0.0)
        inside = np.concatenate([np.broadcast_to(inner, (n, len(inner))), start], axis=1)
        ends = np.concatenate([np.minimum(inside, last), time, np.zeros((n, 1))], axis=1)
        order = np.argsort(ends, axis=1, kind="stable")
        place = np.argsort(order, axis=1)[:, inside.shape[1] : inside.shape[1] + n_times]
        ends = np.take_along_axis(ends, order, axis=1)
        return ends, place, first + np.sum(start[:, None, 1:] <= ends[:, :-1, None], axis=2)

    def _baseline(self, theta_g, part, what, time, there):
        """A function of the baseline hazard at existing times, 0 elsewhere."""
        hazard, knots = HAZARDS[part.hazard], self.sizes.own_knots
        parameters = natural_by_name(hazard.parameters, theta_g[part.baseline], len(knots))
        found = np.zeros(time.shape)
        with np.errstate(over="ignore"):
            found[there] = getattr(hazard, what)(time[there], knots, **parameters)
        return found

    def cumulative(self, theta, classes, effects, months) -> np.ndarray:
        """Cumulative hazard of each cause at times of their own.

        Parameters
        ----------
        theta : array (n_classes, n_class_parameters)
        classes : array of int (n_patients,)
        effects : array (n_patients, n_random)
            On the scale of the fit.
        months : array (n_patients,)

        Returns
        -------
        array (n_causes, n_patients)
        """
        return self._by_class(theta, classes, effects, self.sizes.own_time(months))

    def _by_class(self, theta, classes, effects, time):
        """`cumulative` at times in the fit's unit."""
        found = np.zeros((self.sizes.n_causes, len(time)))
        for g in np.unique(classes):
            own = np.flatnonzero(classes == g)
            these = self.take(own)
            for c, part in enumerate(self.sizes.events):
                found[c, own] = these.given(theta[g], part, time[own, None], effects[own, None])[:, 0, 0]
        return found

    def times(self, theta, classes, effects, entry, reached, until) -> np.ndarray:
        """Months at which the cumulative hazards since entry reach given values; infinite if not by `until`.

        By false position on the logarithms of time since entry and cumulative hazard, which are linearly related for a
        Weibull hazard (the Illinois algorithm: Dowell and Jarratt, BIT 1971;11:168).

        Parameters
        ----------
        theta, classes, effects
            As for `cumulative`.
        entry : array (n_patients,)
            Months.
        reached : array (n_causes, n_patients)
        until : array (n_patients,)
            Months beyond which times are not needed.

        Returns
        -------
        array (n_causes, n_patients)
        """
        first, last = self.sizes.own_time(entry), self.sizes.own_time(np.minimum(until, FARTHEST * self.sizes.months))
        before = self._by_class(theta, classes, effects, first)
        at_end, found = self._by_class(theta, classes, effects, last) - before, np.full(reached.shape, np.inf)
        for c in range(len(reached)):
            who = np.flatnonzero((at_end[c] >= reached[c]) & (last > first))
            high, right = np.log(last - first)[who], np.log(at_end[c] / reached[c])[who]
            low, left = high - NEAREST, np.full(len(who), -NEAREST)
            middle = high
            for _ in range(STEPS):
                if not len(who):
                    break
                middle = np.clip((low * right - high * left) / (right - left), low, high)
                at = first[who] + np.exp(middle)
                gone = self.take(who)._by_class(theta, classes[who], effects[who], at)[c] - before[c, who]
                here = np.log(np.maximum(gone, 1e-300) / reached[c, who])
                found[c, who] = self.sizes.months * at
                above = here > 0.0
                left, right = np.where(above, 0.5 * left, here), np.where(above, here, 0.5 * right)
                low, high = np.where(above, low, middle), np.where(above, middle, high)
                open_ = np.abs(here) > EXACT
                who, low, high, left, right = (each[open_] for each in (who, low, high, left, right))
        return found

    def prior(self, theta) -> tuple[np.ndarray, np.ndarray]:
        """Nodes over the random effects of each class, (n_patients, n_classes, n_effects, n_random), and weights.

        Weights, (n_patients, n_classes, n_effects), sum to 1 in each class.
        """
        q = self.sizes.n_random
        rule, factor = gauss_hermite(q, EFFECT_NODES[q]), self.layout.cholesky(np.asarray(theta))
        weight = np.exp(rule[:, q] - 0.5 * np.sum(rule[:, :q] ** 2, axis=1))
        nodes, n = np.einsum("gij,sj->gsi", factor, rule[:, :q]), len(self.x)
        return np.broadcast_to(nodes, (n, *nodes.shape)), np.broadcast_to(weight, (n, len(theta), len(weight)))

    def survival(self, theta, months) -> np.ndarray:
        """Probability of being free of all events at times, averaged over the random effects of each class.

        Parameters
        ----------
        theta : array (n_classes, n_class_parameters)
        months : array (n_patients, n_times)

        Returns
        -------
        array (n_classes, n_patients, n_times)
        """
        (effects, weights), found = self.prior(theta), np.empty((len(theta), *np.shape(months)))
        for g, who, gone in self._each(theta, months, effects):
            found[g, who] = np.einsum("nts,ns->nt", np.exp(-gone.sum(axis=0)), weights[who, g])
        return found

    def incidence(self, theta, months, effects, weights) -> np.ndarray:
        """Cumulative incidence of each cause, averaged over random effects that are weighted.

        Parameters
        ----------
        theta : array (n_classes, n_class_parameters)
        months : array (n_patients, 1 + n_steps)
            A time at which all patients are free of all events, and then the ends of the integration steps.
        effects : array (n_patients, n_classes, n_effects, n_random)
            On the scale of the fit.
        weights : array (n_patients, n_classes, n_effects)

        Returns
        -------
        array (n_causes, n_classes, n_patients, n_steps)
            Multiplied by the sum of the weights.
        """
        n, n_ends = np.shape(months)
        found = np.empty((self.sizes.n_causes, len(theta), n, n_ends - 1))
        for g, who, gone in self._each(theta, months, effects):
            steps = np.moveaxis(np.diff(gone, axis=2), 2, 1)  # causes, steps, patients, random effects
            found[:, g, who] = np.einsum("ctns,ns->cnt", incidence_of_steps(steps), weights[who, g])
        return found

    def _each(self, theta, months, effects):
        """Class, patients and cumulative hazards (n_causes, n, n_times, n_effects), some patients at a time."""
        time, link = self.sizes.own_time(months), self.sizes.association
        assert link is not None
        each = time.shape[1] * effects.shape[2] * (1 + link.n_nodes)
        at_once = max(int(VALUES_AT_ONCE / each), 1)
        for k in range(0, len(time), at_once):
            who = np.arange(k, min(k + at_once, len(time)))
            these = self.take(who)
            frame = these._frame(time[who])
            for g in range(len(theta)):
                of = frame, effects[who, g]
                yield g, who, np.stack([these._given(theta[g], part, *of) for part in self.sizes.events])


@dataclass(frozen=True, eq=False)
class _Frame:
    """Times up to which hazards are integrated, as far as parameters play no part.

    `ends` (n, n_stretches + 1) of stretches, `nodes` and `weight` (n, n_stretches, n_nodes) of the rule in each, `rows`
    of the curve at the start and at the nodes of each; `where` as in `PatientHazards._summed`.
    """

    ends: np.ndarray
    nodes: np.ndarray
    weight: np.ndarray
    rows: np.ndarray
    where: tuple[np.ndarray, np.ndarray]
