"""Baseline hazards, one file each."""

from bayesctc.model.hazards.exponential import EXPONENTIAL
from bayesctc.model.hazards.gompertz import GOMPERTZ
from bayesctc.model.hazards.none import NONE
from bayesctc.model.hazards.piecewise import PIECEWISE
from bayesctc.model.hazards.splines import SPLINES
from bayesctc.model.hazards.weibull import WEIBULL
from bayesctc.model.pieces import Registry

HAZARDS = Registry((WEIBULL, EXPONENTIAL, GOMPERTZ, PIECEWISE, SPLINES, NONE))
register, unregister = HAZARDS.register, HAZARDS.unregister
