"""Pairs of a family and a hazard that tests compile: each takes seconds.

A compiled likelihood is made of its family's functions, its hazard's, and those of all (`test_kept_functions` holds it
to that). What is true of each family under Weibull and of each hazard with two families is then true of every pair.
"""

WITH_EVERY_HAZARD = ("gaussian", "negative_binomial")
UNDER_EVERY_FAMILY = ("weibull", "none")


def is_compiled(family: str, hazard: str) -> bool:
    """Whether tests compile the pair; others are left to NumPy."""
    return family in WITH_EVERY_HAZARD or hazard in UNDER_EVERY_FAMILY
