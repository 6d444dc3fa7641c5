"""Survival of patients whose own curve is part of the hazard: given random effects, and averaged over them.

See `association` for the hazard. It is in NumPy, for curves by class and for draws; densities are the likelihood's.
"""

from dataclasses import dataclass

import numpy as np

from bayesctc.errors import SpecError
from bayesctc.model.backends.gauss_hermite import gauss_hermite
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.layout import Layout
from bayesctc.model.pieces import natural_by_name
from bayesctc.model.sizes import EventPart, Sizes
from bayesctc.model.stretches import Changes

EFFECT_NODES = {1: 24, 2: 14}  # of averages over each random effect, by their number
STEPS = 60  # of an inversion; most end after eight
FARTHEST = 1e4  # units of time: who is free of the event then has none
NEAREST = 30.0  # of the logarithm of time since entry: no event is sooner than e^-30 of what is asked for
EXACT = 1e-9  # of the logarithm of a cumulative hazard


def need_constant_covariates(changes: Changes | None, what: str) -> None:
    """Refuse covariates that change in time, of models whose hazard depends on patients' curves too."""
    if changes is not None:
        raise SpecError(
            f"{what}: found covariates of the hazard that change in time beside an association; allowed: the one or "
            "the other. Fits and predict_survival take both."
        )


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

    def _by_class(self, theta, classes, effects, time, who=slice(None)):
        """`cumulative` of some of the patients, at times in the fit's unit."""
        found, x, constant = np.zeros((self.sizes.n_causes, len(time))), self.x[who], self.constant[who]
        for g in np.unique(classes[who]):
            own = classes[who] == g
            for c, part in enumerate(self.sizes.events):
                of = x[own], constant[own], effects[who][own][:, None]
                found[c, own] = cumulative_given(theta[g], self.sizes, part, time[own], *of)[:, 0]
        return found

    def times(self, theta, classes, effects, entry, reached, until) -> np.ndarray:
        """Months at which the cumulative hazards since entry reach given values; infinite if not in time.

        By false position on the logarithms of time since entry and cumulative hazard, of which the one is a line in the
        other for a Weibull hazard (the Illinois algorithm: Dowell and Jarratt, BIT 1971;11:168).

        Parameters
        ----------
        theta, classes, effects
            As for `cumulative`.
        entry : array (n_patients,)
            Months.
        reached : array (n_causes, n_patients)
        until : array (n_patients,)
            Months beyond which nobody asks.

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
                gone = self._by_class(theta, classes, effects, at, who)[c] - before[c, who]
                here = np.log(np.maximum(gone, 1e-300) / reached[c, who])
                found[c, who] = self.sizes.months * at
                above = here > 0.0
                left, right = np.where(above, 0.5 * left, here), np.where(above, here, 0.5 * right)
                low, high = np.where(above, low, middle), np.where(above, middle, high)
                open_ = np.abs(here) > EXACT
                who, low, high, left, right = (each[open_] for each in (who, low, high, left, right))
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
        n = own.shape[0], int(np.prod(own.shape[1:]))
        moved = fixed.reshape(n)[..., None] + np.einsum("npq,nsq->nps", by_effect.reshape(*n, b.shape[2]), b)
        with np.errstate(over="ignore"):
            total += np.einsum("np,nps->ns", own.reshape(n), np.exp(np.minimum(moved, 300.0)))
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
