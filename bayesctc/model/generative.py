"""The generative model: draws of classes, random effects, counts and survival."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.model.class_hazards import cumulative_hazard
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazard_along import cumulative_along, pieces
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.inspections import Inspections
from bayesctc.model.patient_hazards import PatientHazards
from bayesctc.model.pieces import TO_NATURAL
from bayesctc.model.stretches import Changes

TRIES = 200  # draws of a patient who enters late


@dataclass(frozen=True)
class Drawn:
    """One cohort drawn from the model.

    Attributes
    ----------
    latent_class : array of int (n_patients,)
    time, event : array (n_patients,)
        Months; 1 = event, or the number of the cause, 0 = censored at the end of follow-up.
    exact, observed : array (n_samples,)
        Values of all planned samples as the density reads them and as recorded in samples (counts before and after
        rounding), whether or not they come after the event.
    """

    latent_class: np.ndarray
    time: np.ndarray
    event: np.ndarray
    exact: np.ndarray
    observed: np.ndarray


@dataclass(frozen=True)
class Simulator:
    """Patients and their planned samples as matrices, from which cohorts are drawn again and again.

    Attributes
    ----------
    design : Design
    membership, survival : array (n_patients, n_terms)
        Values of the terms of membership (intercept included) and of the hazard.
    growth : array (n_samples, n_basis)
        X of each planned sample.
    positions : array of int (n_samples,)
        Place of each sample's patient.
    exposure : array (n_samples,)
    entry : array (n_patients,)
        Months; patients are drawn given that they are free of the event at entry.
    changes : Changes, optional
        Changes of the terms of the hazard.
    constant : array (n_patients, n_longitudinal), optional
        Longitudinal covariates of patients whose curve is part of the hazard.
    """

    design: Design
    membership: np.ndarray
    survival: np.ndarray
    growth: np.ndarray
    positions: np.ndarray
    exposure: np.ndarray
    entry: np.ndarray
    changes: Changes | None = None
    constant: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        design: Design,
        patients: pd.DataFrame,
        schedule: pd.DataFrame,
        entry=0.0,
        intervals: pd.DataFrame | None = None,
    ) -> "Simulator":
        """Matrices of patients (indexed by patient, with covariates) and planned samples; see `simulate`."""
        entry = np.broadcast_to(entry, len(patients)).astype(float)
        nothing = schedule.assign(**{design.outcome.column: float(design.outcome.inverse(0.0))})
        packed = design.pack_tables(nothing, patients.assign(_time=0.0, _event=0.0, _entry=entry), intervals)
        return cls(
            design,
            packed.terms("membership"),
            packed.terms("survival"),
            design.growth_matrix(schedule, patients),
            pd.Index(patients.index).get_indexer(schedule["patient_id"]),
            design.outcome.exposure(schedule).astype(float),
            entry,
            packed.changes,
            packed.constant,
        )

    def draw(self, theta, rng: np.random.Generator, follow_up) -> Drawn:
        """Draw one cohort.

        Parameters
        ----------
        theta : array (n_classes, n_class_parameters)
        rng : numpy.random.Generator
        follow_up : array (n_patients,) or float
            Months at which observation ends.

        Raises
        ------
        OverflowError
            A count would have more than 15 digits, or a value overflow, as under wide priors.
        """
        classes, time, event, _, effects = self.draw_patients(theta, rng, follow_up)
        return Drawn(classes, time, event, *self.draw_values(theta, classes, rng, effects=effects))

    def draw_patients(self, theta, rng: np.random.Generator, follow_up, inspections: Inspections | None = None):
        """Class, time and event of each patient, arrays (n_patients,); see `draw`.

        Then `left` of events that are looked for at visits (`EndpointData`), with `inspections` only, else None. Last,
        the patients' random effects (n_patients, n_random); None unless the hazard depends on them.
        """
        follow_up = np.broadcast_to(follow_up, len(self.entry)).astype(float)
        if self.design.sizes.association is not None:
            return self._draw_linked(theta, rng, follow_up, inspections)
        at_entry = self.at_entry(theta)
        classes = self._classes(theta, at_entry, rng)
        return classes, *self._events(theta, classes, at_entry, follow_up, rng, inspections), None

    @property
    def hazards(self) -> PatientHazards:
        """Hazards of patients whose curve is part of them."""
        assert self.constant is not None
        return PatientHazards(self.design.layout, self.design.sizes, self.survival, self.constant, self.changes)

    def _draw_linked(self, theta, rng, follow_up, inspections):
        """`draw_patients` if the hazard depends on the random effects.

        With delayed entry, class and random effects are drawn until the patient would have been free of the event at
        entry; after `TRIES` draws, the most likely draw is taken.
        """
        n, places, hazards = len(self.entry), self.design.sizes.blocks["membership"], self.hazards
        logits = self.membership @ theta[:, places].T
        share = np.exp(logits - np.logaddexp.reduce(logits, axis=1)[:, None])
        classes = np.zeros(n, dtype=int)
        effects, best = np.zeros((n, self.design.sizes.n_random)), np.full(n, -np.inf)
        wanted = np.arange(n)
        for _ in range(TRIES):
            drawn = draw_classes(share[wanted], 1, rng)[:, 0]
            b = _random_effects(theta, self.design, drawn, rng)
            log_free = -hazards.take(wanted).cumulative(theta, drawn, b, self.entry[wanted]).sum(axis=0)
            met = -rng.exponential(size=len(wanted)) < log_free
            better = met | (log_free > best[wanted])
            here = wanted[better]
            classes[here], effects[here], best[here] = drawn[better], b[better], log_free[better]
            wanted = wanted[~met]
            if not len(wanted):
                break
        reached = rng.exponential(size=(self.design.sizes.n_causes, n))
        occurs = hazards.times(theta, classes, effects, self.entry, reached, follow_up)
        return classes, *_seen(occurs, follow_up, inspections, rng), effects

    def draw_values(self, theta, classes, rng: np.random.Generator, which=slice(None), effects=None):
        """Values, exact and observed, of the planned samples `which`, given the patients' classes; see `draw`.

        `effects`, array (n_patients, n_random), are the patients' random effects, if known.
        """
        layout, growth, positions = self.design.layout, self.growth[which], self.positions[which]
        of_sample = classes[positions]
        eta = np.sum(growth * theta[:, layout.sizes.blocks["growth"]][of_sample], axis=1)
        if effects is None:
            effects = _random_effects(theta, self.design, classes, rng)
        eta += np.sum(growth[:, : layout.sizes.n_random] * effects[positions], axis=1)
        outcome = self.design.outcome
        if eta.max(initial=0.0) > outcome.largest_curve:
            raise OverflowError(
                f"a {outcome.words.log_value} of {eta.max():.0f} was drawn, above the largest possible, "
                f"{outcome.largest_curve:g}"
            )
        own = natural_by_row(theta, layout, FAMILIES[self.design.spec.family].parameters, of_sample)
        return around(self.design, eta, self.exposure[which], own, rng)

    def at_entry(self, theta):
        """Cumulative hazard of each cause in each class at each patient's entry: (n_causes, n_patients, n_classes)."""
        sizes = self.design.sizes
        if sizes.association is not None:
            return self._marginal_at_entry(theta)
        if not self.entry.any():
            return np.zeros((sizes.n_causes, len(self.entry), len(theta)))
        if self.changes is not None:
            entry = self.entry[:, None]
            causes = range(sizes.n_causes)
            return np.stack([cumulative_along(theta, sizes, self.changes, entry, c)[:, :, 0].T for c in causes])
        return np.stack(
            [
                cumulative_hazard(theta, sizes, self.entry, cause=c)[:, 0].T
                * np.exp(self.survival @ theta[:, sizes.cause(c)[1]].T)
                for c in range(sizes.n_causes)
            ]
        )

    def _marginal_at_entry(self, theta):
        """Minus log of the probability of being free of all events at entry, as if it were one cause's."""
        return -np.log(np.maximum(self.hazards.survival(theta, self.entry[:, None])[:, :, 0].T, 1e-300))[None]

    def _classes(self, theta, at_entry, rng):
        """Class of each patient, with probabilities proportional to pi_ig S_g(entry_i)."""
        logits = self.membership @ theta[:, self.design.sizes.blocks["membership"]].T
        log_weight = logits - at_entry.sum(axis=0)
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        return draw_classes(weight / weight.sum(axis=1, keepdims=True), 1, rng)[:, 0]

    def _events(self, theta, classes, at_entry, follow_up, rng, inspections):
        """Time and event of each patient, from the hazards of the class beyond entry up to the end of follow-up.

        With competing events the first to occur is taken; the event is its number.
        """
        if self.design.spec.endpoint is None:
            return follow_up.copy(), np.zeros(len(classes)), None
        design, layout = self.design, self.design.layout
        hazard, knots = HAZARDS[layout.sizes.hazard], layout.sizes.own_knots
        occurs = np.empty(at_entry.shape[:2])
        for c, own in enumerate(at_entry):
            values = natural_by_row(
                theta, layout, hazard.parameters, classes, design.causes[c] if design.causes else ""
            )
            reached = own[np.arange(len(classes)), classes] + rng.exponential(size=len(classes))
            baseline = self._baseline_reached(theta, classes, reached, c)
            occurs[c] = layout.sizes.months * hazard.inverse(baseline, knots, **values)
        return _seen(occurs, follow_up, inspections, rng)

    def _baseline_reached(self, theta, classes, reached, c):
        """The baseline cumulative hazard at which a patient's own reaches a value: array (n_patients,)."""
        sizes = self.design.sizes
        if self.changes is None:
            return reached * np.exp(-np.sum(self.survival * theta[classes][:, sizes.cause(c)[1]], axis=1))
        found, gone = np.zeros(len(classes)), np.zeros(len(classes))
        for low, high, risk, who in pieces(theta, sizes, self.changes, c):
            start, stop, ratio = (each[classes[who], np.arange(len(who))] for each in (low, high, risk))
            there = gone[who] <= reached[who]  # at the start of the row
            found[who[there]] = (start + (reached[who] - gone[who]) / ratio)[there]
            gone[who] += ratio * (stop - start)
        return found


def _seen(occurs, follow_up, inspections, rng):
    """Time, event and `left` of each patient, of the times at which each cause's event occurs."""
    if inspections is not None:
        return inspections.see(occurs, follow_up, rng)
    first = occurs.min(axis=0)
    return np.minimum(first, follow_up), np.where(first <= follow_up, occurs.argmin(axis=0) + 1.0, 0.0), None


def around(design: Design, eta, exposure, own, rng):
    """Random values around a curve: as the density reads them, and as recorded in samples (counts rounded).

    Parameters
    ----------
    design : Design
    eta : array
        On the scale of the fit.
    exposure : array or float
    own : dict of array
        The family's parameters.
    rng : numpy.random.Generator
    """
    family = FAMILIES[design.spec.family]
    drawn = family.draw(rng, eta, exposure, **own)
    return design.outcome.drawn(design.untransformed(drawn), exposure) if family.reads_transformed else drawn


def simulate(
    design: Design,
    theta,
    patients: pd.DataFrame,
    schedule: pd.DataFrame,
    rng: np.random.Generator,
    *,
    follow_up,
    entry=0.0,
    stop_at_event: bool = True,
    inspections: Inspections | None = None,
    intervals: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw one cohort from the model, as tables.

    Parameters
    ----------
    design : Design
    theta : array (n_classes, n_class_parameters)
    patients : DataFrame
        Indexed by patient, with the covariates of the specification.
    schedule : DataFrame
        patient_id, time (months), of counts volume_ml, and the samples' columns that the formulas read: the planned
        samples.
    rng : numpy.random.Generator
    follow_up : array (n_patients,) or float
        Months at which observation ends.
    entry : array (n_patients,) or float
        Months; patients are drawn given that they are alive then.
    stop_at_event : bool
        Leave out samples planned after the event (the visit at which it is seen) or the end of follow-up.
    inspections : Inspections, optional
        Visits at which events are looked for; unless given, events are known to the day.
    intervals : DataFrame, optional
        patient_id, start (months) and the hazard's covariates that change, by patient and start; the last row of a
        patient applies indefinitely.

    Returns
    -------
    samples : DataFrame
        As planned, with the outcome's columns; for whole values also the column "exact_" + the first of them, the value
        before rounding.
    patients : DataFrame
        As given, with _time, _event (the number of the cause if there are several), _entry (months), latent_class
        (0..K-1), and _left if events are looked for at visits.
    """
    simulator = Simulator.of(design, patients, schedule, entry, intervals)
    classes, time, event, left, effects = simulator.draw_patients(theta, rng, follow_up, inspections)
    drawn = Drawn(classes, time, event, *simulator.draw_values(theta, classes, rng, effects=effects))
    outcome = design.outcome
    columns = ["patient_id", "time", *outcome.columns[1:], *design.sample_columns]
    samples = schedule[columns].assign(**{outcome.column: drawn.observed})
    if outcome.whole:
        samples[f"exact_{outcome.column}"] = drawn.exact
    if stop_at_event:
        samples = samples[samples["time"].to_numpy() <= drawn.time[simulator.positions]].reset_index(drop=True)
    drawn_patients = patients.drop(columns="_left", errors="ignore").assign(
        _time=drawn.time, _event=drawn.event, _entry=simulator.entry, latent_class=drawn.latent_class
    )
    return samples, drawn_patients if left is None else drawn_patients.assign(_left=left)


def natural_by_row(theta, layout, parameters, classes, cause=""):
    """Natural values of a family's or hazard's parameters on the scale of the fit, row by row of `classes`.

    Parameters
    ----------
    theta : array (n_classes, n_class_parameters)
    layout : Layout
    parameters : tuple of Parameter
    classes : array of int (n,)
    cause : str
        With competing events, the cause of the hazard.

    Returns
    -------
    dict of array (n,), or (n, n_intervals) of a parameter by interval
    """
    places = {b.parameter: layout.places[b.name] for b in layout.blocks if b.cause == cause}
    values = {p.name: TO_NATURAL[p.scale](theta[:, places[p.name]])[classes] for p in parameters}
    return {p.name: values[p.name] if p.by_interval else values[p.name][:, 0] for p in parameters}


def draw_classes(probabilities, n_draws: int, rng) -> np.ndarray:
    """Classes drawn for each patient from probabilities (n_patients, n_classes): array of int (n_patients, n_draws)."""
    below = np.cumsum(probabilities, axis=1)[:, None, :-1]
    return (rng.random((len(probabilities), n_draws))[..., None] > below).sum(axis=2)


def _random_effects(theta, design, classes, rng):
    """Random effects of each patient: array (n_patients, n_random)."""
    layout = design.layout
    if not layout.random_effects:
        return np.zeros((len(classes), 0))
    factor = layout.cholesky(theta)[classes]
    return np.einsum("iqr,ir->iq", factor, rng.normal(size=(len(classes), len(layout.random_effects))))
