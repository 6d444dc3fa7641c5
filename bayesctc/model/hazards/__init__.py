"""Baseline hazards, one file each."""

from bayesctc.model.hazards.none import NONE
from bayesctc.model.hazards.weibull import WEIBULL

HAZARDS = {hazard.name: hazard for hazard in (WEIBULL, NONE)}
