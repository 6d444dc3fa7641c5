"""A fit whose draws are made, not sampled: from the estimate's normal approximation."""

import dataclasses

import numpy as np
import pytest
from helpers import made_bayes

from bayesctc.inference.ml import fit_ml
from bayesctc.model.priors import Priors
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit


def made_fit(ml, seed: int, warnings=(), chains: int = 2, draws: int = 60) -> BayesFit:
    thetas = ml.parameter_draws(chains * draws, random_seed=seed).reshape(chains, draws, *ml.theta.shape)
    return made_bayes(ml, thetas, warnings, diverging=3, random_seed=seed, nuts_sampler="made")


@pytest.fixture(scope="session")
def made_cohort(reference_cohort_with_entry):
    """60 reference patients with a flow of two steps, an excluded patient, and a covariate that is text."""
    wanted = reference_cohort_with_entry.patients.index[:61]
    return reference_cohort_with_entry.select(wanted).include(min_samples=2)


@pytest.fixture(scope="session")
def made_spec() -> ModelSpec:
    return ModelSpec(
        n_classes=2,
        growth="spline",
        knots=(0.0, 3.0, 9.0),
        random_effects="slope",
        membership="~ bone",
        survival="~ arm",
        common_shape=True,
        family="gaussian",
        priors=Priors(sigma_sd=0.1 + 0.2, log_scale_mean=3.3),
    )


@pytest.fixture(scope="session")
def made(made_cohort, made_spec) -> BayesFit:
    ml = fit_ml(made_cohort, made_spec, n_starts=3, random_seed=1, progress=False)
    ml = dataclasses.replace(ml, covariance=0.01 * np.eye(ml.n_parameters))
    fit = made_fit(ml, 1, warnings=("a chain – number 2 – left",))
    return dataclasses.replace(fit, rivals=tuple(made_fit(ml, seed) for seed in (2, 3)))


@pytest.fixture(scope="session")
def make_fit():
    """`made_fit`, for fits of other cohorts."""
    return made_fit


@pytest.fixture(scope="session")
def saved(made, tmp_path_factory):
    """The file of `made`; to be copied, not changed."""
    path = tmp_path_factory.mktemp("fits") / "fit.nc"
    made.save(path)
    return path
