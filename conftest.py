"""What the examples in docstrings may use without importing it; `bayesctc/` is collected for them."""

import re

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc

collect_ignore = ["tests/typing"]  # for mypy to read
collect_ignore_glob = ["tests/**/conftest.py"]  # no examples; of one name, they would stand in each other's way


@pytest.fixture(scope="session")
def _fit_of_examples():
    """Two classes of the trial's patients with three or more samples, by maximum likelihood: a few seconds."""
    cohort = bc.load_trial().include(min_samples=3)
    return bc.fit_ml(cohort, bc.ModelSpec(n_classes=2), n_starts=3, random_seed=1, progress=False)


@pytest.fixture(autouse=True)
def _names_of_examples(request, doctest_namespace):
    """`bc`, `np`, `pd`, and `fit` where an example reads it."""
    if isinstance(request.node, pytest.DoctestItem):
        doctest_namespace.update(bc=bc, np=np, pd=pd)
        if any(re.search(r"\bfit\b", example.source) for example in request.node.dtest.examples):
            doctest_namespace["fit"] = request.getfixturevalue("_fit_of_examples")
