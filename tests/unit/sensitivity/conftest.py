"""A fit whose draws are made from the estimate's normal approximation: nothing is sampled."""

import numpy as np
import pytest
import xarray as xr

import bayesctc as bc
from bayesctc.data import Cohort
from bayesctc.model.likelihood import Evaluator
from bayesctc.results.bayes_fit import BayesFit

SPEC = bc.ModelSpec(
    n_classes=2, growth="quadratic", family="gaussian", random_effects="slope", membership="~ bone", survival="~ arm",
    class_specific_sigma=True, class_specific_random_effects=True,
)  # fmt: skip


@pytest.fixture(scope="package")
def cohort(reference_cohort) -> Cohort:
    return reference_cohort.select(reference_cohort.patients.index[:120])


@pytest.fixture(scope="package")
def made(cohort) -> BayesFit:
    ml = bc.fit_ml(cohort, SPEC, n_starts=3, random_seed=1, progress=False)
    design, packed, layout = ml.design, ml.packed, ml.design.layout
    assert ml.has_intervals
    thetas = ml.parameter_draws(400).reshape(2, 200, *ml.theta.shape)
    axes = {"chain": np.arange(2), "draw": np.arange(200)}
    posterior = xr.Dataset(
        {name: (("chain", "draw", *layout.dims[name]), value) for name, value in layout.natural(thetas).items()},
        coords={**layout.coords, **axes},
    )
    joint = Evaluator(packed, design.shape, 2).draws(thetas.reshape(400, *ml.theta.shape)).reshape(2, 200, -1)
    pointwise = xr.Dataset(
        {"joint": (("chain", "draw", "patient"), joint)}, coords={**axes, "patient": list(packed.patient_ids)}
    )
    idata = xr.DataTree(children={"posterior": xr.DataTree(posterior), "log_likelihood": xr.DataTree(pointwise)})
    return BayesFit(cohort, design, packed, idata, ml.theta, ml.modes, ())
