"""Observation families, one file each."""

from bayesctc.model.families.censored import CENSORED
from bayesctc.model.families.gaussian import GAUSSIAN
from bayesctc.model.families.negative_binomial import NEGATIVE_BINOMIAL
from bayesctc.model.families.poisson import POISSON
from bayesctc.model.families.poisson_log_normal import POISSON_LOG_NORMAL
from bayesctc.model.families.zero_inflated_negative_binomial import ZERO_INFLATED_NEGATIVE_BINOMIAL
from bayesctc.model.pieces import Family, check_name

FAMILIES = {
    family.name: family
    for family in (GAUSSIAN, CENSORED, NEGATIVE_BINOMIAL, ZERO_INFLATED_NEGATIVE_BINOMIAL, POISSON, POISSON_LOG_NORMAL)
}


def register(family: Family) -> None:
    """Make a family known by its name, to specifications and to everything that reads them.

    Raises
    ------
    SpecError
        The name is taken, or is not a Python name in lower case.
    """
    check_name(family.name, FAMILIES)
    FAMILIES[family.name] = family


def unregister(name: str) -> None:
    """Forget a family that was registered."""
    del FAMILIES[name]
