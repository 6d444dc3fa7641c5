"""Where a piecewise hazard changes, settled on the event times of a cohort."""

import numpy as np

from bayesctc.errors import SpecError
from bayesctc.model.hazards import HAZARDS


def hazard_knots(spec, patients):
    """Months at which the hazard changes: given, or quantiles of the event times."""
    if not any(p.by_interval for p in HAZARDS[spec.hazard_name].parameters):
        return ()
    events = patients["_time"][patients["_event"] > 0]
    if isinstance(spec.hazard_knots, int):
        knots = np.quantile(events, np.linspace(0.0, 1.0, spec.hazard_knots + 2)[1:-1])
        if len(np.unique(knots)) < len(knots):
            raise SpecError(
                f"hazard_knots={spec.hazard_knots} is too many for {events.nunique()} different event times."
            )
        if knots[-1] >= events.max():
            raise SpecError(
                f"hazard_knots={spec.hazard_knots} puts a knot at the last event of {spec.endpoint} "
                f"({events.max():.3g} months), as many events share that time; allowed: fewer knots, or months with "
                "events after them."
            )
        return tuple(float(k) for k in knots)
    first = patients["_entry"].min()
    if spec.hazard_knots[0] <= first:
        raise SpecError(
            f"hazard_knots: found {spec.hazard_knots[0]:g} months, before anyone is under observation for "
            f"{spec.endpoint} (entry from {first:.3g}); allowed: knots with follow-up before them."
        )
    outside = [k for k in spec.hazard_knots if k >= events.max()]
    if outside:
        raise SpecError(
            f"hazard_knots: found {outside[0]:g} months, after the last event of {spec.endpoint} ({events.max():.3g}); "
            "allowed: knots with events after them."
        )
    return spec.hazard_knots
