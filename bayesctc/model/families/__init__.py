"""Observation families, one file each."""

from bayesctc.model.families.censored import CENSORED
from bayesctc.model.families.gaussian import GAUSSIAN
from bayesctc.model.families.negative_binomial import NEGATIVE_BINOMIAL
from bayesctc.model.families.poisson import POISSON
from bayesctc.model.families.poisson_log_normal import POISSON_LOG_NORMAL
from bayesctc.model.families.zero_inflated_negative_binomial import ZERO_INFLATED_NEGATIVE_BINOMIAL
from bayesctc.model.pieces import Registry

FAMILIES = Registry(
    (GAUSSIAN, CENSORED, NEGATIVE_BINOMIAL, ZERO_INFLATED_NEGATIVE_BINOMIAL, POISSON, POISSON_LOG_NORMAL)
)
register, unregister = FAMILIES.register, FAMILIES.unregister
