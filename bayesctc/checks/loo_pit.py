"""Probability integral transforms of each patient's values and survival, predicted from the other patients."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.arguments import seed, whole
from bayesctc.checks.calibrated import LEVEL
from bayesctc.checks.pit_of_samples import pits_of_samples
from bayesctc.checks.uniform import Uniformity, uniformity
from bayesctc.criteria.psis import HIGH_K, smoothed
from bayesctc.data.endpoint import ONE_EVENT
from bayesctc.data.outcome import CTC_COUNT, Outcome, former_marker
from bayesctc.errors import SpecError
from bayesctc.predict.patients import survival_draws
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.shown import Shown

ENOUGH_PATIENTS = 50
FEWEST_DRAWS = 100
PLACES = ("first", "second", "third")  # of the samples of each patient that are tested


@dataclass(frozen=True, repr=False)
class LooPit(Shown):
    """Leave-one-patient-out probability integral transforms (PIT): uniform if the model predicts well.

    Attributes
    ----------
    counts : DataFrame
        patient_id, time (months), ctc (or the outcome's column), pit, pareto_k: every sample. PITs of one patient are
        dependent, so each test uses one per patient.
    survival : DataFrame
        patient_id, time, event, pit, pareto_k; empty without an endpoint.
    tests : dict of str to Uniformity
        "count_1", "count_2", "count_3": each patient's first, second, third count (values that are not whole:
        "value_1", ...); "survival".
    warnings : tuple of str
    outcome : Outcome
        What the samples hold.

    Examples
    --------
    >>> pit = bc.loo_pit(posterior, n_draws=100)
    >>> list(pit.tests)
    ['count_1', 'count_2', 'count_3', 'survival']
    """

    counts: pd.DataFrame
    survival: pd.DataFrame
    tests: dict[str, Uniformity]
    warnings: tuple[str, ...]
    outcome: Outcome = CTC_COUNT
    marker = property(former_marker)

    def words(self, name: str) -> str:
        """The quantity that a test concerns, in words."""
        words = self.outcome.words
        if name == "survival":
            return f"survival given the {words.values}"
        return f"the {PLACES[int(name[-1]) - 1]} {words.value} of each patient"

    @property
    def table(self) -> pd.DataFrame:
        """One row per test: check, p, flag (p below 0.05), sentence."""
        rows = []
        for name, test in self.tests.items():
            verdict = "not uniform" if test.p < LEVEL else "no evidence against uniformity"
            sentence = f"PIT of {self.words(name)}, each left out of its prediction: {verdict} (p = {test.p:.3f})."
            rows.append({"check": name, "p": test.p, "flag": test.p < LEVEL, "sentence": sentence})
        return pd.DataFrame(rows)

    def _shown(self) -> Iterator[str]:
        yield "LooPit"
        yield from (f"  {sentence}" for sentence in self.table["sentence"])
        yield from (f"  warning: {text}" for text in self.warnings)


def loo_pit(fit: BayesFit, *, n_draws: int = 400, random_seed: int = 0) -> LooPit:
    """Probability integral transform of each count and event time, predicted from all other patients.

    Posterior draws are weighted by Pareto-smoothed importance sampling to leave the patient out: with the whole
    likelihood for the counts, and with p(T_i | y_i) for survival, which is predicted from the counts. Counts are
    predicted for a random patient who is free of the event when the sample is drawn, with class and random effects
    integrated out (if the patient's curve is part of the hazard, over the random effects of patients free of the
    event). The PIT of a count is random between P(count < c) and P(count <= c) (Czado, Gneiting and Held, Biometrics
    2009;65:1254). That of a continuous value is P(value <= c), so rounded values have discrete PITs. The PIT of a
    censored patient is random between P(T <= censoring time) and 1, and that of an event between two visits is random
    between the probabilities of an event by the two visits. With competing events T is the time of the first of any
    cause; `predictive_check` also checks each cause. If covariates change, survival is predicted along the patient's
    own covariates: the transform of the event time is then uniform under the true model, whatever caused the changes.

    Parameters
    ----------
    fit : BayesFit
    n_draws : int
        Posterior draws behind the predictions, evenly spaced.
    random_seed : int

    Returns
    -------
    LooPit

    Raises
    ------
    SpecError
        Not a Bayesian fit, or fewer than 100 draws requested.
    DataError
        Competing events, some of which lie between two visits.

    Examples
    --------
    >>> pit = bc.loo_pit(posterior, n_draws=100)
    >>> bool(pit.survival["pit"].between(0, 1).all())
    True
    """
    if not isinstance(fit, BayesFit):
        raise SpecError(f"loo_pit needs draws from a posterior (fit_bayes); found {type(fit).__name__}.")
    if fit.design.causes:  # who died may have had the other event unseen: the first event has no time of its own
        fit.cohort.endpoint(str(fit.spec.endpoint)).need_known_times("loo_pit of competing events", ONE_EVENT)
    n_draws, rng = whole("n_draws", n_draws, FEWEST_DRAWS), np.random.default_rng(seed(random_seed))
    keep = np.unique(np.linspace(0, len(fit.thetas) - 1, min(n_draws, len(fit.thetas))).astype(int))
    thetas = fit.thetas[keep]
    joint = fit.idata["log_likelihood"].dataset["joint"].transpose("chain", "draw", "patient").to_numpy()
    joint = joint.reshape(-1, joint.shape[-1])[keep]
    weights, pareto_k = _weights(joint)
    counts = pits_of_samples(fit, thetas, weights, pareto_k, rng)
    number = counts.groupby("patient_id").cumcount().to_numpy()
    outcome = fit.design.outcome
    what = "count" if outcome.whole else "value"
    found = {
        f"{what}_{k + 1}": uniformity(counts["pit"].to_numpy()[number == k], rng)
        for k in range(len(PLACES))
        if np.sum(number == k) >= ENOUGH_PATIENTS
    }
    survival = pd.DataFrame(columns=["patient_id", "time", "event", "pit", "pareto_k"])
    if fit.spec.endpoint is not None:
        survival = _survival(fit, thetas, joint, rng)
        found["survival"] = uniformity(survival["pit"].to_numpy(), rng)
    warnings = [*fit.warnings]
    for name, table in ((outcome.words.values, counts.drop_duplicates("patient_id")), ("survival", survival)):
        n_high = int((table["pareto_k"].astype(float) > HIGH_K).sum())
        if n_high:
            warnings.append(f"{name}: {n_high} patients have pareto_k above 0.7: their PITs are unreliable")
    return LooPit(counts, survival, found, tuple(warnings), outcome)


def _weights(log_density):
    """Normalised PSIS weights (n_draws, n_patients) and pareto_k of log densities (n_draws, n_patients)."""
    weights, k = smoothed(-log_density)
    return np.exp(weights), k


def _survival(fit, thetas, joint, rng):
    """PIT of every patient's time, given the samples."""
    counts = fit.analysis.counts_only().evaluator().draws(thetas)
    weights, k = _weights(joint - counts)
    time, event = fit.packed.time, fit.packed.event
    bounds = np.column_stack([fit.packed.free_until, time])
    each = survival_draws(fit, bounds, thetas, fit.analysis)
    free, last = sum(w[:, None] * s for w, s in zip(weights, each, strict=True)).T
    last = np.where(event > 0, last, 0.0)
    pit = 1.0 - (last + rng.random(len(time)) * (free - last))
    return pd.DataFrame(
        {"patient_id": list(fit.packed.patient_ids), "time": time, "event": event, "pit": pit, "pareto_k": k}
    )
