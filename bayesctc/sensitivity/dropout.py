"""Counts that a patient would have had after sampling ended, if they are not like those before.

The base model takes drop-out as depending on what was observed, class and random effects through it. Here the next
planned visit of everyone who was still followed is imputed by the fitted model given her own counts, moved by delta on
the log scale (a pattern-mixture model; Little, J Am Stat Assoc 1993;88:125; delta-adjustment as in National Research
Council, The Prevention and Treatment of Missing Data in Clinical Trials, 2010, ch. 5), and the model is fitted to
several completed cohorts, whose draws are pooled. Delta = 0 adds nothing but noise to what the base model assumes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.errors import DataError
from bayesctc.model.design import analysis_tables
from bayesctc.model.families import FAMILIES
from bayesctc.model.families.gaussian import transform
from bayesctc.model.likelihood import Evaluator
from bayesctc.results.bayes_fit import BayesFit

IMPUTATIONS = 5
BLOOD = 7.5  # mL of an imputed sample


@dataclass(frozen=True)
class Completed:
    """Cohorts with imputed visits.

    Attributes
    ----------
    cohorts : tuple of Cohort
    n_imputed : int
        Patients who were given a visit.
    gap : float
        Months after her last sample.
    """

    cohorts: tuple[Cohort, ...]
    n_imputed: int
    gap: float


def next_visits(samples: pd.DataFrame, patients: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """The visit after each patient's last sample, where she was still followed and visits were still planned.

    It comes the median gap between samples after the last one. Who had the endpoint, or was censored, by then has none,
    nor has whose next visit would come after everybody's last sample.

    Parameters
    ----------
    samples, patients : DataFrame
        As `analysis_tables` gives them.

    Returns
    -------
    DataFrame
        patient_id, time (months), volume_ml.
    float
        The gap, months.
    """
    gaps = samples.groupby("patient_id")["time"].diff().dropna()
    if gaps.empty:
        raise DataError("dropout_delta: found no patient with two samples; allowed: a cohort with serial samples")
    gap = float(gaps.median())
    last = samples.groupby("patient_id")["time"].max()
    time = last + gap
    limits = [name for name in ("_time", "os_time", "followup_end") if name in patients and patients[name].any()]
    if not limits:
        raise DataError("dropout_delta: found no endpoint; allowed: a cohort that says how long patients were followed")
    limit = patients[limits].min(axis=1).reindex(last.index)
    planned = (time <= samples["time"].max()) & (time < limit)
    kept = time[planned]
    return pd.DataFrame({"patient_id": kept.index, "time": kept.to_numpy(), "volume_ml": BLOOD}), gap


def complete(fit: BayesFit, delta: float, random_seed: int, n: int = IMPUTATIONS) -> Completed:
    """Cohorts with the next planned visit imputed.

    For each cohort one draw of the parameters, a class of each patient by P(g | y, T), her random effects given her
    counts and class, and a count around her curve moved by delta.

    Parameters
    ----------
    fit : BayesFit
        Of the gaussian family.
    delta : float
        On the scale of log(1 + count).
    random_seed : int
    n : int
        Cohorts.

    Raises
    ------
    DataError
        Nobody has a next visit.
    """
    rng = np.random.default_rng(random_seed)
    samples, patients = analysis_tables(fit.cohort, fit.spec)
    visits, gap = next_visits(samples, patients)
    if visits.empty:
        raise DataError("dropout_delta: found nobody who was followed beyond the visit after her last sample")
    cohorts = []
    for theta in fit.thetas[rng.choice(len(fit.thetas), size=n, replace=len(fit.thetas) < n)]:
        drawn = visits.assign(ctc=_counts(fit, theta, samples, patients, visits, delta, rng))
        cohorts.append(fit.cohort.with_samples(drawn, f"imputed after drop-out, delta {delta:g}"))
    return Completed(tuple(cohorts), len(visits), gap)


def _counts(fit, theta, samples, patients, visits, delta, rng):
    """Imputed counts under one theta."""
    design, K = fit.design, fit.spec.n_classes
    p = Evaluator(fit.packed, design.shape, K).evaluate(theta).class_probabilities
    classes = np.minimum((rng.random(len(p))[:, None] > np.cumsum(p, axis=1)).sum(axis=1), K - 1)
    sigma = np.exp(theta[classes, design.layout.columns["sigma"].start])
    effects = _random_effects(design, theta, samples, patients, classes, sigma, rng)
    X = design.growth_matrix(visits, patients)
    who = patients.index.get_indexer(visits["patient_id"])
    eta = np.sum(X * theta[classes[who]][:, design.shape.blocks["growth"]], axis=1) + delta
    eta += np.sum(X[:, : design.shape.n_random] * effects[who], axis=1)
    return FAMILIES["gaussian"].draw(rng, eta, visits["volume_ml"].to_numpy(), sigma[who])[1].astype(np.int64)


def _random_effects(design, theta, samples, patients, classes, sigma, rng):
    """Random effects given counts and class: array (n_patients, n_random).

    A draw from the joint distribution of effects and counts, moved to the counts there are: b* + D Z' V^-1 (y - y*),
    which has the conditional distribution (Journel and Huijbregts, Mining Geostatistics, 1978, ch. 7).
    """
    q = design.shape.n_random
    X = design.growth_matrix(samples, patients)
    y = transform(samples["ctc"].to_numpy(), samples["volume_ml"].to_numpy())
    curve = X @ theta[:, design.shape.blocks["growth"]].T
    factors = design.layout.cholesky(theta)
    effects = np.zeros((len(patients), q))
    rows = samples.groupby("patient_id").indices
    for i, patient in enumerate(patients.index if q else ()):
        g, own = classes[i], rows.get(patient, np.zeros(0, dtype=int))
        effects[i] = factors[g] @ rng.normal(size=q)
        if len(own):
            Z = X[own, :q]
            D = factors[g] @ factors[g].T
            V = Z @ D @ Z.T + sigma[i] ** 2 * np.eye(len(own))
            other = curve[own, g] + Z @ effects[i] + sigma[i] * rng.normal(size=len(own))
            effects[i] += D @ Z.T @ np.linalg.solve(V, y[own] - other)
    return effects
