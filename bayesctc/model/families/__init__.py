"""Observation families, one file each."""

from bayesctc.model.families.gaussian import GAUSSIAN

FAMILIES = {family.name: family for family in (GAUSSIAN,)}
