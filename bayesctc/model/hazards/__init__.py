"""Baseline hazards, one file each."""

from bayesctc.model.hazards.exponential import EXPONENTIAL
from bayesctc.model.hazards.gompertz import GOMPERTZ
from bayesctc.model.hazards.none import NONE
from bayesctc.model.hazards.piecewise import PIECEWISE
from bayesctc.model.hazards.weibull import WEIBULL
from bayesctc.model.pieces import Hazard, check_name

HAZARDS = {hazard.name: hazard for hazard in (WEIBULL, EXPONENTIAL, GOMPERTZ, PIECEWISE, NONE)}


def register(hazard: Hazard) -> None:
    """Make a hazard known by its name, to specifications and to everything that reads them.

    Raises
    ------
    SpecError
        The name is taken, or is not a Python name in lower case.
    """
    check_name(hazard.name, HAZARDS)
    HAZARDS[hazard.name] = hazard


def unregister(name: str) -> None:
    """Forget a hazard that was registered."""
    del HAZARDS[name]
