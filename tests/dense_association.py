"""The likelihood of curves that are part of the hazard, by 200 nodes over the random effects and scipy's quad in time.

Written apart from the package's nodes and formulas: it takes the densities of families and hazards in NumPy, and the
growth curve's basis functions.
"""

import numpy as np
from scipy.integrate import quad_vec
from scipy.special import log_softmax, logsumexp, roots_legendre

from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import natural_by_name

REACH = 9.0  # standard deviations
EXACT = {"epsabs": 1e-9, "epsrel": 1e-9, "limit": 400}


def dense_joint(design, theta, samples, patients, n_nodes=200, before_entry=False):
    """log pi_ig + log of what happened to each patient (or of being free of the event at entry): (n_patients, K)."""
    z, w = roots_legendre(n_nodes)
    q = design.spec.n_random
    grid = REACH * np.stack(np.meshgrid(*[z] * q, indexing="ij"), -1).reshape(-1, q)
    weight = np.prod(REACH * np.stack(np.meshgrid(*[w] * q, indexing="ij"), -1).reshape(-1, q), axis=1)
    log_weight = np.log(weight) - 0.5 * np.sum(grid**2, axis=1) - 0.5 * q * np.log(2.0 * np.pi)
    terms = np.column_stack([np.ones(len(patients)), design.membership.directions(patients, "membership")])
    joint = log_softmax(terms @ theta[:, design.sizes.blocks["membership"]].T, axis=1)
    for g in range(len(theta)):
        of_class = _OfClass(design, theta, g, grid)
        for i in range(len(patients)):
            log_density = (
                of_class.survived(patients, i, "_entry") if before_entry else of_class.of(samples, patients, i)
            )
            joint[i, g] += logsumexp(log_density + log_weight)
    return joint


class _OfClass:
    """One class's curve and hazards at random effects u (n, q)."""

    def __init__(self, design, theta, g, u):
        self.design, self.spec, self.sizes, self.theta = design, design.spec, design.sizes, theta[g]
        self.b = u @ design.layout.cholesky(theta)[g].T
        self.outcome, self.q = self.sizes.outcomes[0], u.shape[1]
        self.beta, self.n_growth = self.theta[self.outcome.curve], len(design.basis.names)

    def of(self, samples, patients, i):
        return self.counts(samples, patients, i) + self.survived(patients, i, "_time")

    def counts(self, samples, patients, i):
        design, family = self.design, FAMILIES[self.spec.family]
        own = samples[(samples["patient_id"] == patients.index[i]).to_numpy()]
        X, exposure = design.growth_matrix(own, patients), design.outcome.exposure(own)
        value = own[design.outcome.column].to_numpy()
        value = design.transformed(value, exposure) if family.reads_transformed else value
        parameters = natural_by_name(family.parameters, self.theta[self.outcome.own])
        total = np.zeros(len(self.b))
        for y, x, v in zip(value, X, exposure, strict=True):
            total += family.log_probability(y, x @ self.beta + self.b @ x[: self.q], v, **parameters)
        return total

    def survived(self, patients, i, until):
        """Log of survival of all causes to a time, times the hazard where it is that of an event."""
        months, total = patients[until].iloc[i], np.zeros(len(self.b))
        if months <= 0.0:
            return total
        x = np.concatenate(
            [
                self.design.survival.directions(patients.iloc[[i]], "survival")[0],
                self.design.survival_by_class.directions(patients.iloc[[i]], "survival_by_class")[0],
            ]
        )
        constant = self.design.longitudinal.directions(patients.iloc[[i]], "longitudinal")[0]
        for part in self.sizes.events:
            total -= self.cumulative(part, months, x, constant)
            if until == "_time" and patients["_event"].iloc[i] == part.number:
                total += self.log_hazard(part, self.sizes.own_time(months), x, constant)
        return total

    def cumulative(self, part, months, x, constant):
        """By quad, in the fourth root of time: hazards may be infinite at 0."""
        stop, breaks = self.sizes.own_time(months), self.sizes.own_time([self.design.basis.kink])
        points = [(t / stop) ** 0.25 for t in (*self.sizes.own_knots, *breaks) if 0.0 < t < stop]

        def integrand(v):
            return np.exp(self.log_hazard(part, stop * v**4, x, constant)) * 4.0 * stop * v**3

        return quad_vec(integrand, 1e-300, 1.0, points=points or None, **EXACT)[0]

    def log_hazard(self, part, time, x, constant):
        """At a time in the fit's unit, for all random effects."""
        hazard = HAZARDS[part.hazard]
        parameters = natural_by_name(hazard.parameters, self.theta[part.baseline], len(self.sizes.own_knots))
        baseline = hazard.log_hazard(np.array(time), self.sizes.own_knots, **parameters)
        moved = self.moved(self.theta[part.association], time * self.sizes.months, constant)
        return baseline + x @ self.theta[part.coefficients] + moved

    def moved(self, alpha, months, constant):
        """alpha times what is associated."""
        kind, n = self.spec.association, self.n_growth
        if kind == "random_effects":
            return self.b @ alpha
        level = self.beta[n:] @ constant - self.design.level
        if kind == "current_value":
            rows = self.basis(months)
        elif kind == "area":
            rows = self.mean(months)
        else:
            rows, level = self.design.basis.slope(np.array([months]))[0], 0.0  # which its own test holds to differences
        return alpha[0] * (rows @ self.beta[:n] + level + self.b @ rows[: self.q])

    def mean(self, months):
        """By 40 Gauss-Legendre nodes on either side of where the curve has a kink."""
        ends = np.unique(np.clip([0.0, self.design.basis.kink, months], 0.0, months))
        if len(ends) == 1:
            return self.basis(0.0)
        z, w = roots_legendre(40)
        half, middle = 0.5 * np.diff(ends)[:, None], 0.5 * (ends[1:] + ends[:-1])[:, None]
        return ((half * w).ravel() @ self.design.basis.evaluate((middle + half * z).ravel())) / months

    def basis(self, months):
        return self.design.basis.evaluate(np.array([months]))[0]
