"""Tests of the likelihood are tests of everything that computes it."""

from dataclasses import replace

import pytest

from bayesctc.model.hazards import HAZARDS


@pytest.fixture(params=["compiled", "plain"])
def backend(request, monkeypatch):
    """What computes the likelihood: without the compiled pieces of its hazard it is left to NumPy."""
    if request.param == "plain":
        for name, hazard in list(HAZARDS.items()):
            monkeypatch.setitem(HAZARDS, name, replace(hazard, compiled=None))
    return request.param
