"""What the examples in docstrings may use without importing it; `bayesctc/` is collected for them."""

import re

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc

collect_ignore = ["tests/typing", "docs/conf.py"]  # for mypy and Sphinx to read
collect_ignore_glob = ["tests/**/conftest.py"]  # no examples; of one name, they would stand in each other's way

# Of these, the first call with given arguments counts; examples of a function, its result and its picture share it.
SHARED = {
    "bootstrap_lrt",
    "compare_classifiers",
    "compare_inclusion",
    "fit_bayes",
    "fit_ml",
    "loo",
    "loo_pit",
    "predictive_check",
    "prediction_accuracy",
    "run_sensitivity",
    "select_families",
    "select_n_classes",
}


class _Shared:
    """The package, with results of what takes seconds kept."""

    def __init__(self):
        self._kept = {}

    def __getattr__(self, name):
        thing = getattr(bc, name)
        if name not in SHARED:
            return thing

        def once(*arguments, **options):
            key = (name, *map(_same, arguments), *((each, _same(value)) for each, value in sorted(options.items())))
            if key not in self._kept:
                self._kept[key] = thing(*arguments, **options)
            return self._kept[key]

        return once


def _same(value):
    """What two arguments have in common if they say the same; fits are the same if they are one object."""
    if isinstance(value, bc.Cohort):
        return value.fingerprint
    return id(value) if isinstance(value, (bc.MLFit, bc.BayesFit)) else repr(value)


@pytest.fixture(scope="session", autouse=True)
def _coarse_pictures():
    """Pictures of reports are drawn with few pixels, of which there are many otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayesctc.report.figures.DPI", 60)
        yield


@pytest.fixture(scope="session")
def _names():
    """`bc`, `np`, `pd`, and what docs/reference/index.rst says that the examples start from; made when one reads it."""
    shared = _Shared()
    cohort = bc.load_trial().include(min_samples=3)
    few = bc.Settings(draws=50, tune=100, chains=2, n_starts=2, max_refits=0, random_seed=1, progress=False)
    return {"bc": shared, "np": np, "pd": pd, "cohort": cohort, "few": few, "spec": bc.ModelSpec(n_classes=2)}


@pytest.fixture(autouse=True)
def _names_of_examples(request):
    """The names; an example that writes a file does so in a folder of its own, and pictures need no screen."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    import matplotlib.pyplot as plt

    names = request.getfixturevalue("_names")
    source = "".join(example.source for example in request.node.dtest.examples)
    if re.search(r"\b(?:fit|posterior)\b", source):
        cohort, spec, shared = names["cohort"], names["spec"], names["bc"]
        names["fit"] = shared.fit_ml(cohort, spec, n_starts=3, random_seed=1, progress=False)
    if re.search(r"\bposterior\b", source):
        names["posterior"] = shared.fit_bayes(cohort, spec, ml=names["fit"], settings=names["few"])
    request.getfixturevalue("doctest_namespace").update(names)
    request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
    plt.switch_backend("agg")
    yield
    plt.close("all")
