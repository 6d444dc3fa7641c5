"""The information that separates each class from the others: how much from the counts, and how much from survival."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import log_softmax

from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.model.analysis import Analysis
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.spec import ModelSpec
from bayesctc.shown import Printed, told_apart

MADE_BY_SURVIVAL = 0.5  # share of a class's separation, above which it reflects survival rather than the counts
LEAST_INFORMATION = 0.1  # nats per patient; less does not separate a class, whatever its source
MOST_DRAWS = 100  # evenly spaced, over which a posterior's numbers are averaged
TOTAL = "total"
COLUMNS = ["share", "counts", "survival", "remaining", "share_from_survival"]


def class_separation(analysis: Analysis, thetas: np.ndarray) -> pd.DataFrame:
    """The table of `Classified.class_separation`, over thetas of equal weight.

    Parameters
    ----------
    analysis : Analysis
    thetas : array (n, n_classes, n_class_parameters)
    """
    K, sums = analysis.spec.n_classes, _totals(analysis, thetas)
    size = sums[0].sum()
    weight, *parts = np.column_stack([sums, sums.sum(axis=1)])
    with np.errstate(invalid="ignore", divide="ignore"):  # a class that nobody is in
        from_counts, from_survival, remaining = np.array(parts) / weight
    if analysis.spec.endpoint is None:
        from_survival = np.zeros(K + 1)  # but for rounding
    labels = [*map(str, analysis.labels), TOTAL]
    share = share_from_survival(from_counts, from_survival)
    table = pd.DataFrame(
        np.column_stack([weight / size, from_counts, from_survival, remaining, share]),
        index=pd.Index(labels, name="latent_class"),
        columns=COLUMNS,
    )
    return Printed(table)


def share_from_survival(counts: ArrayLike, survival: ArrayLike) -> np.ndarray:
    """survival / (counts + survival), with negative terms taken as 0; NaN if both are.

    Parameters
    ----------
    counts, survival : array
        Nats per patient. In expectation neither is below 0; in a sample either may be, as evidence against a class.
    """
    c, s = (np.maximum(np.asarray(values, dtype=float), 0.0) for values in (counts, survival))
    with np.errstate(invalid="ignore"):
        return np.where(c + s > 0.0, s / (c + s), np.nan)


def made_by_survival(table: pd.DataFrame) -> pd.Series:
    """Whether each class reflects survival rather than the counts; False for the total.

    Parameters
    ----------
    table : DataFrame
        See `Classified.class_separation`.
    """
    return (
        (table["share_from_survival"] > MADE_BY_SURVIVAL)
        & (table["survival"] >= LEAST_INFORMATION)
        & (table.index != TOTAL)
    )


def separation_warnings(table: pd.DataFrame, spec: ModelSpec, outcome: Outcome = CTC_COUNT) -> Iterator[str]:
    """Warnings about classes that reflect survival rather than the counts.

    Parameters
    ----------
    table : DataFrame
        See `Classified.class_separation`.
    spec : ModelSpec
        What was fitted.
    outcome : Outcome
        What the samples hold.
    """
    made = table[made_by_survival(table)]
    own_shape = spec.class_specific_shape and HAZARDS[spec.hazard].has_shape
    counts = outcome.words.values
    for label, row in made.iterrows():
        share = told_apart(100.0 * row["share_from_survival"], 100.0 * MADE_BY_SURVIVAL, 0)
        yield (
            f"{label} reflects survival ({spec.endpoint}) rather than the {counts}: {share} % of the information that "
            "separates it from the other classes comes from survival, at most "
            f"{100.0 * MADE_BY_SURVIVAL:.0f} % allowed (class_separation()). Its hazard ratio does not describe the "
            f"course of the {counts}, and with another endpoint it would contain other patients. Fit the classes to "
            f"the {counts} alone (endpoint=None; compare_classifiers uses them for every endpoint)"
            + (", or take common_shape=True" if own_shape else "")
        )


def _totals(analysis: Analysis, thetas: np.ndarray) -> np.ndarray:
    """`_sums` over thetas; with one class there is nothing to find out."""
    K, n = analysis.spec.n_classes, min(len(thetas), MOST_DRAWS)
    if K == 1:
        return np.array([[float(analysis.n_patients)], [0.0], [0.0], [0.0]])
    joint, counts = analysis.evaluator(), analysis.counts_only().evaluator()
    sums = np.zeros((4, K))
    for theta in np.asarray(thetas)[np.linspace(0, len(thetas) - 1, n).astype(int)]:
        both, of_counts = joint.evaluate(theta), counts.evaluate(theta)
        sums += _sums(*(_normalised(values) for values in (both.at_entry, of_counts.joint, both.joint)))
    return sums


def _normalised(log_weights: np.ndarray) -> np.ndarray:
    """Log probabilities of the classes of each patient."""
    return cast(np.ndarray, log_softmax(log_weights, axis=1))


def _sums(prior: np.ndarray, given_counts: np.ndarray, given_both: np.ndarray) -> np.ndarray:
    """By class: patients, nats from the counts, nats from survival, and nats that remain; array (4, n_classes)."""
    p = np.exp(given_both)
    used = p > 0.0
    parts = (given_counts - prior, given_both - given_counts, -given_both)
    return np.array([p.sum(axis=0), *(np.sum(p * np.where(used, part, 0.0), axis=0) for part in parts)])
