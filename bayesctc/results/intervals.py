"""Intervals: 95 % everywhere, on a suitable scale."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from bayesctc.model.layout import Layout
from bayesctc.model.pieces import IDENTITY, LOG, LOGIT

CI_PROB = 0.95
CI_TEXT = f"{100 * CI_PROB:g} %"  # in every text about an interval


@dataclass(frozen=True)
class IntervalScale:
    """A scale on which an estimate is assumed to be normal."""

    name: str
    forward: Callable[..., Any]
    inverse: Callable[..., Any]
    derivative_of_inverse: Callable[..., Any]  # of the natural value by the scale's, at a natural value


_SCALES = {
    LOG: IntervalScale(LOG, np.log, np.exp, lambda value: value),
    LOGIT: IntervalScale(LOGIT, logit, expit, lambda value: value * (1.0 - value)),
    "Fisher z": IntervalScale("Fisher z", np.arctanh, np.tanh, lambda value: 1.0 - value**2),
    IDENTITY: IntervalScale(IDENTITY, lambda value: value, lambda value: value, lambda value: 1.0),
}


def interval_scale(parameter: str, layout: Layout) -> IntervalScale:
    """log for positive parameters, logit for probabilities, Fisher's z for correlations, otherwise the identity."""
    scales = {"random_effect_sd": LOG, "random_effect_corr": "Fisher z", **{b.name: b.scale for b in layout.blocks}}
    return _SCALES[scales.get(parameter, IDENTITY)]


def parameter_rows(layout: Layout) -> pd.DataFrame:
    """One row per scalar parameter: parameter, latent_class, term, and its position in the natural array.

    The diagonal and the upper triangle of the correlations are omitted.
    """
    rows = []
    for name, dims in layout.dims.items():
        for position in np.ndindex(*(len(layout.coords[d]) for d in dims)):
            if name == "random_effect_corr" and position[0] <= position[1]:
                continue
            labels = {d: layout.coords[d][p] for d, p in zip(dims, position, strict=True)}
            latent_class = labels.pop("latent_class", "")
            rows.append((name, latent_class, ", ".join(labels.values()), position))
    return pd.DataFrame(rows, columns=["parameter", "latent_class", "term", "position"])
