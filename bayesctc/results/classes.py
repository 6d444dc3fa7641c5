"""Properties of classes: their order, their patients, and how well they are separated."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayesctc.model.layout import Layout
from bayesctc.shown import Printed

SMALLEST_CLASS = 0.02  # share of patients, below which a class may reflect a few patients rather than a group
GOOD_AVERAGE, GOOD_ODDS = 0.7, 5.0  # Nagin, Group-Based Modeling of Development, 2005, ch. 5
FEWEST_EVENTS = 1.0  # expected in a class, for its hazard to be estimable


def class_order(theta: np.ndarray, layout: Layout) -> np.ndarray:
    """Order of the classes by the mean of their growth curves over the span of the samples (`TimeBasis.span`).

    On the scale of the fit this mean is the first growth coefficient.

    Parameters
    ----------
    theta : array (..., n_classes, n_class_parameters)

    Returns
    -------
    array of int (..., n_classes)
    """
    return np.argsort(theta[..., layout.places["growth"].start], axis=-1, kind="stable")


def expected_events(probabilities: ArrayLike, event: ArrayLike, n_causes: int) -> np.ndarray:
    """Expected events of each cause in each class: class probabilities summed over patients with the event.

    Parameters
    ----------
    probabilities : array (n_patients, n_classes)
        P(g | y, T).
    event : array (n_patients,)
        0 = censored, otherwise the number of the cause (1 if there is one event).

    Returns
    -------
    array (n_causes, n_classes)
    """
    p = np.asarray(probabilities, dtype=float)
    return np.stack([p[np.asarray(event) == c + 1].sum(axis=0) for c in range(n_causes)])


def without_events(events: ArrayLike) -> list[tuple[int, int]]:
    """Causes and classes with fewer than one expected event, whose hazard cannot be estimated; none for one class.

    Parameters
    ----------
    events : array (n_causes, n_classes)
        See `expected_events`.
    """
    if np.shape(events)[1] == 1:
        return []
    return [(int(c), int(g)) for c, g in zip(*np.nonzero(np.asarray(events) < FEWEST_EVENTS), strict=True)]


def relative_entropy(probabilities: ArrayLike) -> float:
    """1 + sum p log p / (N log K), over P(g | y, T); 1 for one class.

    Parameters
    ----------
    probabilities : array (n_patients, n_classes)
    """
    p = np.asarray(probabilities, dtype=float)
    if p.shape[1] == 1:
        return 1.0
    return float(1.0 + np.sum(p * np.log(np.where(p > 0, p, 1.0))) / (len(p) * np.log(p.shape[1])))


def assignment_table(probabilities: pd.DataFrame) -> pd.DataFrame:
    """Modal class of each patient.

    Parameters
    ----------
    probabilities : DataFrame (n_patients, n_classes)

    Returns
    -------
    DataFrame
        latent_class (ordered categorical), probability; indexed by patient.
    """
    values = probabilities.to_numpy()
    best = values.argmax(axis=1)
    labels = pd.Categorical.from_codes(best.tolist(), categories=probabilities.columns, ordered=True)
    return pd.DataFrame({"latent_class": labels, "probability": values.max(axis=1)}, index=probabilities.index)


def classification_quality(probabilities: pd.DataFrame) -> pd.DataFrame:
    """Size and separation of the classes.

    Parameters
    ----------
    probabilities : DataFrame (n_patients, n_classes)
        P(g | y, T).

    Returns
    -------
    DataFrame
        By class: share (mean probability), n_modal, share_modal, average_posterior (mean probability of those
        assigned; 0.7 or more is good), odds_correct (odds of correct classification; 5 or more is good). Nagin,
        Group-Based Modeling of Development, 2005, ch. 5. NaN for a class without assigned patients.
    """
    p = probabilities.to_numpy()
    modal = p.argmax(axis=1)
    rows = []
    for g in range(p.shape[1]):
        n, share = int(np.sum(modal == g)), float(p[:, g].mean())
        average = float(p[modal == g, g].mean()) if n else np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.float64(average) / (1 - average) / (np.float64(share) / (1 - share)) if p.shape[1] > 1 else np.nan
        rows.append((share, n, n / len(p), average, odds))
    columns = ["share", "n_modal", "share_modal", "average_posterior", "odds_correct"]
    return Printed(rows, columns=columns, index=pd.Index(probabilities.columns, name="latent_class"))
