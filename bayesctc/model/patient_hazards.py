"""Survival of patients whose own curve is part of the hazard: given random effects, and averaged over them.

See `association` for the hazard. It is in NumPy, for curves by class and for draws; densities are the likelihood's.
"""

from dataclasses import dataclass

import numpy as np

from bayesctc.model.backends.gauss_hermite import gauss_hermite
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.layout import Layout
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import EventPart, Sizes

EFFECT_NODES = {1: 24, 2: 14}  # of averages over each random effect, by their number
STEPS = 60  # of an inversion; most end after eight
FARTHEST = 2.0**14  # units of time: who is free of the event then has none
EXACT = 1e-10  # of the logarithm of a cumulative hazard


@dataclass(frozen=True, eq=False)
class PatientHazards:
    """Cumulative hazards of patients with given random effects.

    Attributes
    ----------
    layout : Layout
        Of a model with an association.
    sizes : Sizes
    x : array (n_patients, n_survival)
        Terms of the hazard, on the scale of the fit.
    constant : array (n_patients, n_longitudinal)
        Longitudinal covariates, on the scale of the fit.
    """

    layout: Layout
    sizes: Sizes
    x: np.ndarray
    constant: np.ndarray

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
        found = np.zeros((self.sizes.n_causes, len(time)))
        for g in np.unique(classes):
            own = classes == g
            for c, part in enumerate(self.sizes.events):
                of = self.x[own], self.constant[own], effects[own][:, None]
                found[c, own] = cumulative_given(theta[g], self.sizes, part, time[own], *of)[:, 0]
        return found

    def times(self, theta, classes, effects, entry, reached) -> np.ndarray:
        """Months at which the cumulative hazards since entry reach given values; infinite where they never do.

        By false position on the logarithms of time since entry and cumulative hazard, of which the one is a line in the
        other for a Weibull hazard (the Illinois algorithm: Dowell and Jarratt, BIT 1971;11:168).

        Parameters
        ----------
        theta, classes, effects
            As for `cumulative`.
        entry : array (n_patients,)
            Months.
        reached : array (n_causes, n_patients)

        Returns
        -------
        array (n_causes, n_patients)
        """
        first, found = self.sizes.own_time(entry), np.full(reached.shape, np.inf)
        before = self._by_class(theta, classes, effects, first)
        for c in range(len(reached)):

            def away(log_since, c=c):
                gone = self._by_class(theta, classes, effects, first + np.exp(log_since))[c] - before[c]
                with np.errstate(divide="ignore"):
                    return np.log(np.maximum(gone, 1e-300) / reached[c])

            low = np.full(len(first), np.log(1e-12))
            high = np.zeros(len(first))
            while (short := (away(high) < 0.0) & (high < np.log(FARTHEST))).any():
                high[short] += np.log(2.0)
            left, right = away(low), away(high)
            ends = right >= 0.0
            for _ in range(STEPS):
                with np.errstate(invalid="ignore", divide="ignore"):
                    middle = np.where(right > left, (low * right - high * left) / (right - left), 0.5 * (low + high))
                middle = np.clip(middle, low, high)
                here = away(middle)
                if np.abs(here[ends]).max(initial=0.0) < EXACT:
                    break
                above = here > 0.0
                left, right = np.where(above, 0.5 * left, here), np.where(above, here, 0.5 * right)
                low, high = np.where(above, low, middle), np.where(above, middle, high)
            found[c, ends] = self.sizes.months * (first + np.exp(middle))[ends]
        return found


def cumulative_given(theta_g, sizes: Sizes, part: EventPart, stop, x, constant, b) -> np.ndarray:
    """Cumulative hazard of a cause in one class from time 0, given random effects.

    Parameters
    ----------
    theta_g : array (n_class_parameters,)
    sizes : Sizes
    part : EventPart
    stop : array (n,)
        In the fit's unit of time.
    x : array (n, n_survival)
    constant : array (n, n_longitudinal)
    b : array (n, n_effects, n_random)

    Returns
    -------
    array (n, n_effects)
    """
    link, hazard, knots = sizes.association, HAZARDS[part.hazard], sizes.own_knots
    assert link is not None
    parameters = natural_by_name(hazard.parameters, theta_g[part.baseline], len(knots))
    points = link.points(np.zeros(len(stop)), stop, [*knots, *sizes.own_time(link.breaks)])

    def baseline(of, time, there):
        found = np.zeros(time.shape)
        with np.errstate(over="ignore"):
            found[there] = of(time[there], knots, **parameters)
        return found

    mass = points.weight * np.exp(baseline(hazard.log_hazard, points.time, points.weight > 0.0))
    upto = [baseline(hazard.cumulative_hazard, t, t > 0.0) for t in (points.start, points.stop)]
    total = np.zeros(b.shape[:2])
    for own, time in ((upto[1] - upto[0] - mass.sum(axis=2), points.start), (mass, points.time)):
        rows = link.rows(time * sizes.months, constant)
        fixed, by_effect = link.predictor(theta_g, theta_g[part.association], rows, sizes.outcomes[0].curve)
        own, fixed = own.reshape(len(stop), -1), fixed.reshape(len(stop), -1)
        moved = fixed[..., None] + np.einsum("npq,nsq->nps", by_effect.reshape(*fixed.shape, -1), b)
        with np.errstate(over="ignore"):
            total += np.einsum("np,nps->ns", own, np.exp(np.minimum(moved, 300.0)))
    risk = np.exp(np.minimum(x @ theta_g[part.coefficients], 300.0))
    return np.maximum(total, 0.0) * risk[:, None]


def marginal_survival(theta, sizes: Sizes, layout: Layout, months, x, constant) -> np.ndarray:
    """Probability of being free of all events at times, averaged over the random effects of each class.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    sizes : Sizes
    layout : Layout
    months : array (n_patients, n_times)
    x : array (n_patients, n_survival)
    constant : array (n_patients, n_longitudinal)

    Returns
    -------
    array (n_classes, n_patients, n_times)
    """
    q, (n, n_times) = sizes.n_random, np.shape(months)
    rule, factor = gauss_hermite(q, EFFECT_NODES[q]), layout.cholesky(np.asarray(theta))
    weight = np.exp(rule[:, q] - 0.5 * np.sum(rule[:, :q] ** 2, axis=1))
    time, each = sizes.own_time(np.ravel(months)), np.repeat(np.arange(n), n_times)
    found = np.empty((len(theta), n, n_times))
    for g in range(len(theta)):
        b = np.broadcast_to(rule[:, :q] @ factor[g].T, (len(time), len(rule), q))
        gone = sum(cumulative_given(theta[g], sizes, part, time, x[each], constant[each], b) for part in sizes.events)
        found[g] = (np.exp(-gone) @ weight).reshape(n, n_times)
    return found
