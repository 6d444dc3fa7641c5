"""Fits whose draws are made, not sampled: from the estimate's normal approximation."""

import numpy as np
import pytest
import xarray as xr

from bayesctc.inference.ml import fit_ml
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit


@pytest.fixture(scope="session")
def cohort_of_60(reference_cohort):
    """Every fifth reference patient."""
    return reference_cohort.select(reference_cohort.patients.index[::5])


@pytest.fixture(scope="session")
def small_spec() -> ModelSpec:
    return ModelSpec(n_classes=2, growth="linear", random_effects="intercept", common_shape=True, family="gaussian")


@pytest.fixture(scope="session")
def ml_fits(cohort_of_60, small_spec):
    """Maximum likelihood with one class and with two."""
    return {
        K: fit_ml(cohort_of_60, small_spec.with_(n_classes=K), n_starts=4, random_seed=1, progress=False)
        for K in (1, 2)
    }


@pytest.fixture(scope="session")
def made(ml_fits) -> BayesFit:
    """Two chains of 250 draws around the two-class estimate."""
    ml, chains, draws = ml_fits[2], 2, 250
    layout = ml.design.layout
    thetas = ml.parameter_draws(chains * draws, random_seed=5)
    axes = {"chain": np.arange(chains), "draw": np.arange(draws)}
    values = layout.natural(thetas.reshape(chains, draws, *thetas.shape[1:]))
    posterior = xr.Dataset(
        {name: (("chain", "draw", *layout.dims[name]), value) for name, value in values.items()},
        coords={**layout.coords, **axes},
    )
    joint = Evaluator(ml.packed, ml.design.shape, 2).draws(thetas).reshape(chains, draws, -1)
    groups = {
        "posterior": posterior,
        "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), np.zeros((chains, draws), dtype=bool))}, axes),
        "log_likelihood": xr.Dataset(
            {"joint": (("chain", "draw", "patient"), joint)}, coords={**axes, "patient": list(ml.packed.patient_ids)}
        ),
    }
    idata = xr.DataTree(children={name: xr.DataTree(group) for name, group in groups.items()})
    return BayesFit(ml.cohort, ml.design, ml.packed, idata, ml.theta, ml.modes, ())
