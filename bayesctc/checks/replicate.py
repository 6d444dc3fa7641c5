"""The observed cohort and its replicates, in one form."""

from dataclasses import dataclass, replace

import numpy as np

from bayesctc.checks.follow_up import FollowUp
from bayesctc.checks.process import ObservationProcess
from bayesctc.checks.schedule import checked_schedule
from bayesctc.checks.visits import Visits, visits_of
from bayesctc.errors import DataError
from bayesctc.model.analysis import Analysis
from bayesctc.model.generative import Simulator
from bayesctc.model.inspections import inspected

CLASSIFYING_NODES = 5  # of a quadrature behind P(g | y); observed and replicated patients are classified alike


@dataclass(frozen=True)
class Data:
    """One cohort, observed or replicated.

    Attributes
    ----------
    ctc, concentration, log_count : array (n_patients, n_slots)
        Counts; per 7.5 mL; log(1 + count per 7.5 mL). For another outcome its values; at the reference exposure; on the
        scale of its curve. NaN without a sample.
    time, event, entry : array (n_patients,)
        Months; 1 = event (1, 2, ... by its cause), 0 = censored; months.
    latent_class : array of int (n_patients,)
        Modal class by the values alone, P(g | y), at one fixed theta; -1 without such a theta.
    taken : array of bool (n_patients, n_slots)
        Which samples were taken, with or without a value: a draw that failed is a visit that took place.
    left : array (n_patients,), optional
        If the event lies between two visits, months of the earlier visit; else the time. None if every event is known
        to the day.
    """

    ctc: np.ndarray
    concentration: np.ndarray
    log_count: np.ndarray
    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray
    latent_class: np.ndarray
    taken: np.ndarray
    left: np.ndarray | None = None

    @property
    def present(self) -> np.ndarray:
        """Which samples have a value: array of bool (n_patients, n_slots)."""
        return np.isfinite(self.ctc)


class Replicator:
    """Draws cohorts like the observed one from the model.

    Parameters
    ----------
    analysis : Analysis
    schedule : None, PlannedSchedule, months or DataFrame
        See `predictive_check`.
    random_seed : int
        Seed for the delays of visits that did not take place.
    theta : array (n_classes, n_class_parameters), optional
        The parameters by which patients are classified, from their values alone.
    """

    def __init__(self, analysis: Analysis, schedule=None, *, random_seed: int, theta=None):
        cohort, design = analysis.cohort, analysis.design
        samples, patients = analysis.tables()
        if len(samples) == 0:
            raise DataError("a predictive check needs samples; found a cohort without any.")
        self.design, self.theta, ids = design, theta, tuple(patients.index)
        self.schedule = checked_schedule(schedule, cohort, ids)
        outcome = design.outcome
        values = samples[["patient_id", "time"]].assign(
            ctc=samples[outcome.column], volume_ml=outcome.exposure(samples)
        )
        rng = np.random.default_rng(random_seed)
        of = cohort if design.spec.endpoint is None else cohort.endpoint(design.spec.endpoint, require_events=False)
        self.visits: Visits = visits_of(values, ids, self.schedule, rng, outcome.reference, of.failed_samples)
        time, event, entry = (patients[c].to_numpy(dtype=float) for c in ("_time", "_event", "_entry"))
        self.inspections = inspected(design, patients, rng)
        left = None if self.inspections is None else patients["_left"].to_numpy(dtype=float)
        if design.spec.endpoint is None:
            time = np.full(len(patients), np.inf)  # sampling ends by drop-out alone
        condition, self.condition_time = self._condition(cohort.min_samples, time)
        self.n_unmet = int(np.sum(condition < cohort.min_samples))
        self.process = ObservationProcess.estimate(self.visits, time, condition)
        ends = patients["followup_end"].to_numpy(dtype=float) if "followup_end" in patients else None
        self.follow_up = FollowUp.of(time, (event > 0).astype(float), entry, ends)
        since = np.maximum(entry, self.condition_time)
        planned, of_samples = self.visits.table(outcome), samples.iloc[self.visits.row.ravel()]
        planned = planned.assign(**{c: of_samples[c].array for c in design.sample_columns})
        simulator = Simulator.of(design, patients, planned, entry, analysis.intervals)
        self.simulator = replace(simulator, entry=since)
        self._keep_rows(analysis)
        self.observed = self._data(self.visits.present, self.visits.ctc, time, event, entry, left)

    def _condition(self, min_samples, time):
        """The number of samples of each patient that are kept, and the months until which this implies survival.

        A patient who met the rule only with samples after the endpoint keeps the samples before it, without
        conditioning.
        """
        v = self.visits
        number = np.minimum(v.counted.sum(axis=1), min_samples)
        until = np.zeros(len(time))
        if min_samples and self.design.spec.endpoint is not None:
            ordered = np.sort(np.where(v.counted, v.times, np.inf), axis=1)
            met = number == min_samples
            until[met] = np.maximum(ordered[met, min_samples - 1], 0.0)
            until = np.where(until < time, until, 0.0)
            if self.inspections is not None:  # a sample was drawn if no visit before it had shown the event
                until = np.where(until > 0.0, self.inspections.before(until), 0.0)
        return number, until

    def _keep_rows(self, analysis):
        """The parts of packed patients that do not depend on their counts, with follow-up ending at entry."""
        packed = analysis.counts_only().packed
        self._follow_up, terms = packed.follow_up, (packed.terms(part) for part in ("membership", "survival"))
        self._terms, self._changes, self._constant = np.hstack([*terms]).T, packed.changes, packed.constant
        self._growth = self.simulator.growth.reshape(*self.visits.times.shape, -1)
        self._classifying = analysis.with_nodes(min(self.design.n_nodes, CLASSIFYING_NODES))

    def _data(self, taken, ctc, time, event, entry, left):
        outcome, volume = self.design.outcome, self.visits.volume_ml
        if left is not None:  # the first of competing events, where one of them is known to the day, is known so too
            left = np.where(np.isin(event, self.design.looked_for), left, time)
        classes = np.full(len(time), -1) if self.theta is None else self.classify(np.isfinite(ctc), ctc)
        concentration, log_count = outcome.at_reference(ctc, volume), outcome.forward(ctc, volume)
        return Data(ctc, concentration, log_count, time, event, entry, classes, taken, left)

    def packed(self, taken, ctc):
        """Patients with these counts, packed for the likelihood, with no follow-up after entry."""
        row, slot = np.nonzero(taken)
        return self.design.pack_arrays(
            self.visits.patient_ids,
            self._follow_up,
            self._terms,
            ctc[row, slot],
            self.visits.volume_ml[row, slot],
            self._growth[row, slot],
            row,
            self._changes,
            self._constant,
        )

    def classify(self, taken, ctc) -> np.ndarray:
        """Modal class by P(g | y) at the fixed theta: array of int (n_patients,)."""
        if len(self.theta) == 1:
            return np.zeros(len(taken), dtype=int)
        these = replace(self._classifying, packed=self.packed(taken, ctc))
        return these.evaluator().evaluate(self.theta).joint.argmax(axis=1)

    def draw(self, theta, rng: np.random.Generator) -> Data:
        """One replicate of the cohort.

        Raises
        ------
        OverflowError
            As `Simulator.draw`.
        """
        end = self.follow_up.draw(rng)
        classes, time, event, left, effects = self.simulator.draw_patients(theta, rng, end, self.inspections)
        taken = self.process.draw(rng, time)
        counted, ctc = self.process.counted(rng, taken), np.full(taken.shape, np.nan)
        _, ctc[counted] = self.simulator.draw_values(theta, classes, rng, counted.ravel(), effects)
        return self._data(taken, ctc, time, event, self.observed.entry, left)

    def early_share(self, thetas) -> float:
        """Mean probability that a patient has the event before the sample that included the patient, at `thetas`.

        Only if the likelihood ignores that sample; 0 if entry is at it or later.
        """
        late = replace(self.simulator, entry=np.maximum(self.condition_time, self.observed.entry))
        early = replace(self.simulator, entry=self.observed.entry)
        if not (late.entry > early.entry).any():
            return 0.0
        shares = []
        for theta in thetas:
            logits = self.simulator.membership @ theta[:, self.design.sizes.blocks["membership"]].T
            log_ratio = [np.logaddexp.reduce(logits - s.at_entry(theta).sum(axis=0), axis=1) for s in (late, early)]
            shares.append(np.mean(-np.expm1(log_ratio[0] - log_ratio[1])))
        return float(np.mean(shares))
