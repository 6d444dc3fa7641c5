"""Imputation of counts after sampling ended, which may differ from those before.

The base model assumes that drop-out depends on observed data only. Here the next planned visit of every patient who was
still followed is imputed by the fitted model given their counts, and shifted by delta on the log scale (a
pattern-mixture model; Little, J Am Stat Assoc 1993;88:125; delta adjustment as in National Research Council, The
Prevention and Treatment of Missing Data in Clinical Trials, 2010, ch. 5). The model is fitted to several completed
cohorts, whose draws are pooled. Delta = 0 only adds noise to the assumptions of the base model.
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
        Patients with an imputed visit.
    gap : float
        Months after their last sample.
    """

    cohorts: tuple[Cohort, ...]
    n_imputed: int
    gap: float


def next_visits(
    samples: pd.DataFrame, patients: pd.DataFrame, failed: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, float]:
    """The visit after each patient's last sample, if they were still followed and visits were still planned.

    It follows the last sample by the median gap between samples. Patients who had the endpoint or were censored by then
    have no such visit, nor do those whose next visit would be after the last sample of the whole cohort.

    Parameters
    ----------
    samples, patients : DataFrame
        As returned by `analysis_tables`.
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
        raise DataError("dropout_delta: found no endpoint; allowed: a cohort with the follow-up of patients")
    limit = patients[limits].min(axis=1).reindex(last.index)
    planned = (time <= samples["time"].max()) & (time < limit)
    kept = time[planned]
    return pd.DataFrame({"patient_id": kept.index, "time": kept.to_numpy(), "volume_ml": BLOOD}), gap


def complete(fit: BayesFit, delta: float, random_seed: int, n: int = IMPUTATIONS) -> Completed:
    """Cohorts with the next planned visit imputed.

    For each cohort, one draw of the parameters is taken, then a class of each patient by P(g | y, T), their random
    effects given their counts and class, and a count around their curve shifted by delta. Columns of the samples that
    the model uses keep their last value. Extra zeros of a class are unchanged: delta shifts the other counts.

    Parameters
    ----------
    fit : BayesFit
    delta : float
        On the scale of the family's growth curve; see `ModelSpec`.
    random_seed : int
    n : int
        Number of cohorts.

    Raises
    ------
    DataError
        No patient has a next visit, or a count would have more than 15 digits.
    """
    rng = np.random.default_rng(random_seed)
    samples, patients = fit.analysis.tables()
    visits, gap = next_visits(samples, patients, fit.cohort.failed_samples)
    if visits.empty:
        raise DataError("dropout_delta: found no patient who was followed beyond the visit after their last sample")
    latest = samples.drop_duplicates("patient_id", keep="last").set_index("patient_id")
    of_samples = {c: latest[c].reindex(visits["patient_id"]).array for c in fit.design.sample_columns}
    visits = visits.assign(**of_samples)  # last known values
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
