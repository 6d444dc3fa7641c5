"""Counts that a patient would have had after sampling ended, if they are not like those before.

The base model takes drop-out as depending on what was observed, class and random effects through it. Here the next
planned visit of everyone who was still followed is imputed by the fitted model given their own counts, moved by delta
on the log scale (a pattern-mixture model; Little, J Am Stat Assoc 1993;88:125; delta-adjustment as in National Research
Council, The Prevention and Treatment of Missing Data in Clinical Trials, 2010, ch. 5), and the model is fitted to
several completed cohorts, whose draws are pooled. Delta = 0 adds nothing but noise to what the base model assumes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.status import FAILED
from bayesctc.errors import DataError
from bayesctc.model.families import FAMILIES
from bayesctc.model.generative import around, draw_classes, natural_by_row
from bayesctc.model.random_effects import RandomEffects
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
        Months after their last sample.
    """

    cohorts: tuple[Cohort, ...]
    n_imputed: int
    gap: float


def next_visits(
    samples: pd.DataFrame, patients: pd.DataFrame, failed: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, float]:
    """The visit after each patient's last sample, where they were still followed and visits were still planned.

    It comes the median gap between samples after the last one. Patients who had the endpoint, or were censored, by then
    have none, nor have those whose next visit would come after everybody's last sample.

    Parameters
    ----------
    samples, patients : DataFrame
        As `analysis_tables` gives them.
    failed : DataFrame, optional
        `Cohort.failed_samples`: a patient whose last draw failed did not drop out before it.

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
    if failed is not None:
        draws = failed[failed["status"] == FAILED].groupby("patient_id")["time"].max()
        last = last.combine(draws.reindex(last.index).fillna(-np.inf), max)
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

    For each cohort one draw of the parameters, a class of each patient by P(g | y, T), their random effects given their
    counts and class, and a count around their curve moved by delta. Columns of the samples that the model reads keep
    their last value. A class's extra zeros stay as they are: delta moves
    the other counts.

    Parameters
    ----------
    fit : BayesFit
    delta : float
        On the scale of the family's growth curve; see `ModelSpec`.
    random_seed : int
    n : int
        Cohorts.

    Raises
    ------
    DataError
        Nobody has a next visit, or a count would have more than 15 digits.
    """
    rng = np.random.default_rng(random_seed)
    samples, patients = fit.analysis.tables()
    visits, gap = next_visits(samples, patients, fit.cohort.failed_samples)
    if visits.empty:
        raise DataError("dropout_delta: found nobody who was followed beyond the visit after their last sample")
    latest = samples.drop_duplicates("patient_id", keep="last").set_index("patient_id")
    of_samples = {c: latest[c].reindex(visits["patient_id"]).array for c in fit.design.sample_columns}
    visits = visits.assign(**of_samples)  # as it was last known
    analysis = fit.analysis.take(patients.index.get_indexer(pd.Index(visits["patient_id"])))
    X = fit.design.growth_matrix(visits, patients)
    evaluator, effects = analysis.evaluator(), RandomEffects(analysis, 1)
    cohorts = []
    for theta in fit.thetas[rng.choice(len(fit.thetas), size=n, replace=len(fit.thetas) < n)]:
        drawn = draw_classes(evaluator.evaluate(theta).class_probabilities, 1, rng)
        classes, b = drawn[:, 0], effects.draw(theta, drawn, rng)[:, 0]
        eta = np.sum(X * theta[classes][:, fit.design.sizes.blocks["growth"]], axis=1) + delta
        eta += np.sum(X[:, : b.shape[1]] * b, axis=1)
        imputed = visits.assign(ctc=_counts(fit, theta, classes, eta, visits["volume_ml"].to_numpy(), rng))
        cohorts.append(fit.cohort.with_samples(imputed, f"imputed after drop-out, delta {delta:g}"))
    return Completed(tuple(cohorts), len(visits), gap)


def _counts(fit, theta, classes, eta, volume_ml, rng):
    """Counts around `eta`, whole: array (n_visits,)."""
    largest = fit.design.outcome.largest_curve
    if eta.max() > largest:
        raise DataError(f"dropout_delta: found an imputed log count of {eta.max():.0f}; allowed: up to {largest:g}")
    own = natural_by_row(theta, fit.design.layout, FAMILIES[fit.spec.family].parameters, classes)
    return around(fit.design, eta, volume_ml, own, rng)[1].astype(np.int64)
