"""Where a cohort's survival times are: the unit a fit counts them in, and where the priors of its hazards stand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.design.rounding import rounded, rounded_times

STEEPER = 2.0  # log hazard over the time observed, per share of it that passed before anybody was observed
LAST = 0.95  # quantile of follow-up


@dataclass(frozen=True)
class SurvivalScale:
    """Where a cohort's survival times are.

    Attributes
    ----------
    months : float
        From the first entry to the 95 % quantile of follow-up: the fit's unit of time.
    log_scale : tuple of float
        Of each cause, log of the scale, in that unit, of one hazard of the shape below for all patients: what the
        person-time and the number of events say.
    shape : float
        1 where somebody is observed from time 0 on, so that hazards that are constant stand in the middle. With age as
        time nobody is: over the ages that are observed a hazard t^(shape - 1) rises little unless its shape is large.
    """

    months: float = 1.0
    log_scale: tuple[float, ...] = (0.0,)
    shape: float = 1.0

    @classmethod
    def of(cls, patients: pd.DataFrame, n_causes: int) -> "SurvivalScale":
        """Read it off patients with _time, _event and _entry."""
        time, event, entry = (patients[c].to_numpy(dtype=float) for c in ("_time", "_event", "_entry"))
        first = entry.min()
        months = float(np.quantile(time, LAST) - first) or float(time.max() - first)
        shape = float(rounded(1.0 + STEEPER * first / months))
        reached, entered = rounded_times(time / months), rounded_times(entry / months)
        exposure = float(np.sum(reached**shape - entered**shape))
        n_events = (max(float(np.sum(event == c + 1)), 0.5) for c in range(n_causes))
        return cls(months, tuple(float(rounded(np.log(exposure / n) / shape)) for n in n_events), shape)
