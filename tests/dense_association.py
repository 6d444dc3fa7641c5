"""The likelihood of curves that are part of the hazard, by 200 nodes over the random effects and scipy in time.

Written apart from the package's nodes and formulas: it takes the densities of families and hazards in NumPy, and the
growth curve's basis functions.
"""

import numpy as np
from scipy.integrate import cubature
from scipy.special import log_softmax, logsumexp, roots_legendre

import bayesctc as bc
from bayesctc.model.analysis_tables import analysis_tables
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.pieces import natural_by_name

REACH = 9.0  # standard deviations
HAZARD, CURVE = ("survival", "survival_by_class"), ("longitudinal", "longitudinal_by_class")
EXACT = {"atol": 1e-9, "rtol": 1e-9, "max_subdivisions": 400}


LEGENDRE = roots_legendre(40)
STEPS = 2000  # of an incidence
SOME = 3  # patients who are held against the dense integral


def settled(cohort, *, time_nodes=24, n_nodes=None, **options):
    """A design with many nodes, and a theta."""
    options = {"n_classes": 2, "random_effects": "intercept", "common_shape": False, **options}
    spec = bc.ModelSpec(**options)
    design = Design.settle(cohort, spec)
    times = time_nodes if spec.association != "random_effects" else 0
    design = design.with_nodes(n_nodes or {1: 41, 2: 21}[spec.n_random], times)
    layout, rng = design.layout, np.random.default_rng(3)
    theta = layout.to_theta(rng.normal(0.0, 0.2, layout.n_parameters))
    theta[:, layout.places["growth"].start] += 2.0
    for name in layout.places:
        if name.startswith("scale"):
            theta[:, layout.places[name]] += 0.5
        if name.startswith("association"):
            theta[:, layout.places[name]] = rng.normal(0.0, 0.4, (1, design.sizes.n_association))
    if spec.association_by_class:
        theta[1, design.sizes.blocks["association"]] *= -0.5
    theta[:, layout.places["random_effect_cholesky"]] = {1: [0.8], 2: [0.8, -0.3, 0.6]}[spec.n_random]
    return design, theta


def some_of(cohort, spec):
    samples, patients = analysis_tables(cohort, spec)
    patients = patients.iloc[1 : 1 + SOME]
    return samples[samples["patient_id"].isin(patients.index)], patients


def over_effects(q, n_nodes=200):
    """Nodes over q standard normal numbers, and the logarithms of weights that sum to 1."""
    z, w = roots_legendre(n_nodes)
    grid = REACH * np.stack(np.meshgrid(*[z] * q, indexing="ij"), -1).reshape(-1, q)
    weight = np.prod(REACH * np.stack(np.meshgrid(*[w] * q, indexing="ij"), -1).reshape(-1, q), axis=1)
    return grid, np.log(weight) - 0.5 * np.sum(grid**2, axis=1) - 0.5 * q * np.log(2.0 * np.pi)


def log_shares(design, theta, patients):
    """Logarithm of the probability of each class before anything is known: (n_patients, K)."""
    terms = np.column_stack([np.ones(len(patients)), design.membership.directions(patients, "membership")])
    return log_softmax(terms @ theta[:, design.sizes.blocks["membership"]].T, axis=1)


def dense_joint(design, theta, samples, patients, n_nodes=200, before_entry=False, of=None, **options):
    """log pi_ig + log of what happened to each patient (or of being free of the event at entry): (n_patients, K)."""
    grid, log_weight = over_effects(design.spec.n_random, n_nodes)
    joint = log_shares(design, theta, patients)
    for g in range(len(theta)):
        of_class = (of or OfClass)(design, theta, g, grid, **options)
        for i in range(len(patients)):
            log_density = (
                of_class.survived(patients, i, "_entry") if before_entry else of_class.of(samples, patients, i)
            )
            joint[i, g] += logsumexp(log_density + log_weight)
    return joint


def dense_incidence(design, theta, samples, patients, start, stop, **options):
    """Incidence of each cause from `start` to `stop` months, given the samples and being free of all at the start.

    Array (n_causes, n_patients); by the trapezoidal rule in time and 200 nodes over the random effects.
    """
    grid, log_weight = over_effects(design.spec.n_random)
    joint, found = log_shares(design, theta, patients), []
    followed = patients.assign(_time=start, _event=0)
    for i in range(len(patients)):
        top, below = 0.0, 0.0
        for g in range(len(theta)):
            of_class = OfClass(design, theta, g, grid, **options)
            density = np.exp(joint[i, g] + log_weight + of_class.of(samples, followed, i))
            top, below = top + of_class.incidence(patients, i, start, stop) @ density, below + density.sum()
        found.append(top / below)
    return np.transpose(found)


class OfClass:
    """One class's curve and hazards at random effects u (n, q); `intervals` as those of a cohort."""

    def __init__(self, design, theta, g, u, intervals=None):
        self.intervals = intervals
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
        patient, left = self.patient(patients, i), patients.get("_left", patients["_time"]).iloc[i]
        if until == "_time" and left < months:  # an event, of one kind, between two visits
            gone = [self.cumulative(self.sizes.events[0], t, patient) if t else total for t in (left, months)]
            return np.log(np.exp(-gone[0]) - np.exp(-gone[1]))
        for part in self.sizes.events:
            total -= self.cumulative(part, months, patient)
            if until == "_time" and patients["_event"].iloc[i] == part.number:
                total += self.log_hazard(part, self.sizes.own_time(months), patient)[0]
        return total

    def incidence(self, patients, i, start, stop):
        """Of each cause from start to stop, given the random effects and being free at the start: (n_causes, n)."""
        patient = self.patient(patients, i)
        share = np.linspace(0.0, 1.0, STEPS + 1)[1:] ** 4
        time = self.sizes.own_time(start + (stop - start) * share)
        hazard = np.exp([self.log_hazard(part, time, patient) for part in self.sizes.events])
        # in v = share^(1/4) a hazard's integral has the slope below, which is 0 at the start
        slope = hazard * (4.0 * share**0.75 * (stop - start) / self.sizes.months)[:, None]
        slope = np.concatenate([np.zeros((len(slope), 1, len(self.b))), slope], axis=1)
        gone = np.zeros(slope.shape[1:])
        gone[1:] = np.cumsum(0.5 * (slope[:, 1:] + slope[:, :-1]).sum(axis=0) / STEPS, axis=0)
        leaving = slope * np.exp(-gone)
        return np.sum(0.5 * (leaving[:, 1:] + leaving[:, :-1]), axis=1) / STEPS

    def patient(self, patients, i):
        """Starts (the fit's unit) and terms of the hazard from then on; covariates of the curve."""
        one = patients.iloc[[i]]
        rows = [(0.0, one)]
        if self.intervals is not None:
            own = self.intervals[self.intervals["patient_id"] == patients.index[i]].drop(columns=["patient_id", "stop"])
            rows = [(row["start"], one.assign(**row.drop("start"))) for _, row in own.iterrows()]
        terms = [
            np.concatenate([getattr(self.design, what).directions(table, what)[0] for what in HAZARD])
            for _, table in rows
        ]
        starts = self.sizes.own_time([start for start, _ in rows])
        return starts, terms, *(getattr(self.design, what).directions(one, what)[0] for what in CURVE)

    def cumulative(self, part, months, patient):
        """By adaptive Gauss-Kronrod rules, in the fourth root of time: hazards may be infinite at 0."""
        stop, breaks = self.sizes.own_time(months), self.sizes.own_time([self.design.basis.kink])
        ends = {(t / stop) ** 0.25 for t in (*self.sizes.own_knots, *breaks, *patient[0]) if 0.0 < t < stop}
        ends = np.array([1e-50, *sorted(ends), 1.0])

        def integrand(share):  # of the way from one end to the next, on all ways at once
            v = ends[:-1] + share * np.diff(ends)
            slope = np.exp(self.log_hazard(part, stop * v.ravel() ** 4, patient)).reshape(*v.shape, -1)
            return np.einsum("nk,nkb->nb", 4.0 * stop * v**3 * np.diff(ends), slope)

        found = cubature(integrand, [0.0], [1.0], **EXACT)
        error, size = (np.linalg.norm(each) for each in (found.error, found.estimate))
        assert error <= 1e-8 * (1.0 + size)
        return found.estimate

    def log_hazard(self, part, time, patient):
        """At times in the fit's unit, for all random effects: (n_times, n); just before a time where terms change."""
        hazard, (starts, terms, *covariates) = HAZARDS[part.hazard], patient
        times = np.atleast_1d(time)
        x = np.array(terms)[np.maximum(np.searchsorted(starts, times) - 1, 0)]
        parameters = natural_by_name(hazard.parameters, self.theta[part.baseline], len(self.sizes.own_knots))
        baseline = hazard.log_hazard(times, self.sizes.own_knots, **parameters)
        moved = self.moved(self.theta[part.association], times * self.sizes.months, covariates)
        return (baseline + x @ self.theta[part.coefficients])[:, None] + moved

    def moved(self, alpha, months, covariates):
        """alpha times what is associated."""
        kind, n = self.spec.association, self.n_growth
        if kind == "random_effects":
            return self.b @ alpha
        alike, by_class = covariates
        level = self.beta[n : n + len(alike)] @ alike - self.design.level
        if kind == "current_value":
            rows = self.design.basis.evaluate(months)
        elif kind == "area":
            rows = self.mean(months)
        else:
            rows, level = self.design.basis.slope(months), 0.0  # which its own test holds to differences
        own = self.beta[:n].copy()  # of a patient: the class's, and for each covariate by class a curve more
        for p, value in enumerate(by_class):
            first = n + len(alike) + p * n
            own += value * self.beta[first : first + n]
        return alpha[0] * ((rows @ own + level)[:, None] + rows[:, : self.q] @ self.b.T)

    def mean(self, months):
        """By 40 Gauss-Legendre nodes on either side of where the curve has a kink."""
        ends = np.stack([np.zeros(len(months)), np.clip(self.design.basis.kink, 0.0, months), months])
        half, middle = (0.5 * each[..., None] for each in (np.diff(ends, axis=0), ends[1:] + ends[:-1]))
        curve = self.design.basis.evaluate((middle + half * LEGENDRE[0]).ravel())
        total = np.einsum("snk,snkp->np", half * LEGENDRE[1], curve.reshape(*half.shape[:2], len(LEGENDRE[0]), -1))
        at_start = self.design.basis.evaluate(np.zeros(1))
        return np.where(months[:, None] > 0.0, total / np.maximum(months, 1e-300)[:, None], at_start)
