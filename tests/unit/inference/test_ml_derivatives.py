"""The criterion of convergence and the standard errors, from derivatives of a likelihood written for the tests."""

import numpy as np
import pytest
from helpers import Case, dense
from scipy.stats import norm

from bayesctc.inference.optimise import Bounds, Objective

pytestmark = [pytest.mark.unit, pytest.mark.xdist_group("ml_derivatives")]

CASE = Case(2, options={"growth": "linear", "random_effects": "slope"})


def natural_of(v):
    """Natural parameters of a vector of 14 without constraints."""
    r = np.tanh(v[8])
    return {
        "membership": np.array([[v[0]], [-v[0]]]),
        "growth": np.reshape(v[1:5], (2, 2)),
        "sigma": np.exp(v[5]),
        "random_effect_sd": np.exp(v[6:8]),
        "random_effect_corr": np.array([[1.0, r], [r, 1.0]]),
        "scale": np.exp(v[9:11]),
        "shape": np.exp(v[11:13]),
    }


def vector_of(given):
    return np.array(
        [
            float(given["membership"][0, 0]),
            *np.ravel(given["growth"]),
            float(np.log(given["sigma"])),
            *np.log(given["random_effect_sd"]),
            float(np.arctanh(given["random_effect_corr"][0, 1])),
            *np.log(given["scale"]),
            *np.log(given["shape"]),
        ]
    )


def gradient(f, x, h=1e-4):
    steps = np.eye(len(x)) * h
    return np.array([(f(x + e) - f(x - e)) / (2 * h) for e in steps])


def hessian(f, x, h=2e-3):
    """Second differences of the value along each axis and each diagonal, whose difference is twice the mixed one."""
    m = len(x)
    steps, middle = np.eye(m) * h, f(x)

    def along(step):
        return (f(x + step) - 2 * middle + f(x - step)) / h**2

    out = np.diag([along(step) for step in steps])
    for j in range(m):
        for k in range(j):
            out[j, k] = out[k, j] = (along(steps[j] + steps[k]) - out[j, j] - out[k, k]) / 2
    return out


@pytest.fixture(scope="module")
def few(small_cohort):
    """Every third patient: the dense likelihood is slow."""
    return small_cohort.select(small_cohort.patients.index[::3])


@pytest.fixture(scope="module")
def few_fit(few, spec):
    from bayesctc.inference.ml import fit_ml

    return fit_ml(few, spec, n_starts=6, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def minus_log_likelihood(few):
    return lambda v: -dense(CASE, few, natural_of(v)).log_likelihood.sum()


@pytest.fixture(scope="module")
def at_optimum(few_fit, minus_log_likelihood):
    """The estimate as a vector, with gradient and Hessian of the negative log likelihood there."""
    v = vector_of({name: array.to_numpy() for name, array in few_fit.parameters.data_vars.items()})
    return v, gradient(minus_log_likelihood, v), hessian(minus_log_likelihood, v)


def test_converged_by_derivatives_of_another_likelihood(few_fit, at_optimum, minus_log_likelihood):
    v, g, H = at_optimum
    assert -minus_log_likelihood(v) == pytest.approx(few_fit.log_likelihood, abs=1e-8)
    assert np.linalg.eigvalsh(H).min() > 0
    assert g @ np.linalg.solve(H, g) / len(v) < 1e-6
    assert few_fit.converged
    assert few_fit.criterion < 1e-6


def test_criterion_off_the_optimum(few_fit, few):
    """g' H^-1 g / m where it is not 0, H being positive definite."""
    layout = few_fit.design.layout
    objective = Objective(few_fit.analysis, Bounds())
    rng = np.random.default_rng(3)
    free = layout.to_free(few_fit.theta) + 0.02 * rng.normal(size=layout.n_parameters)
    optimum = objective.polish(free, max_steps=1)  # the criterion is that of where the step began

    def value(x):
        return -dense(CASE, few, layout.natural(layout.to_theta(x))).log_likelihood.sum()

    g, H = gradient(value, free), hessian(value, free)
    assert np.linalg.eigvalsh(H).min() > 0
    expected = g @ np.linalg.solve(H, g) / layout.n_parameters
    assert expected > 1e-4
    assert optimum.criterion == pytest.approx(expected, rel=1e-3)
    assert not optimum.converged


def test_standard_errors_by_the_delta_method(few_fit, at_optimum):
    """se of exp(x) is exp(x) se(x), of tanh(z) it is (1 - r^2) se(z); membership is this vector's own coordinate."""
    v, _, H = at_optimum
    se = np.sqrt(np.diag(np.linalg.inv(H)))
    r = np.tanh(v[8])
    expected = {
        "membership": [se[0], se[0]],
        "growth": se[1:5],
        "sigma": [np.exp(v[5]) * se[5]],
        "random_effect_sd": np.exp(v[6:8]) * se[6:8],
        "random_effect_corr": [(1 - r**2) * se[8]],
        "scale": np.exp(v[9:11]) * se[9:11],
        "shape": np.exp(v[11:13]) * se[11:13],
    }
    table = few_fit.estimates
    assert set(table["parameter"]) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(table.loc[table["parameter"] == name, "se"], values, rtol=2e-3, err_msg=name)


def test_intervals_are_symmetric_on_their_scale(few_fit, at_optimum):
    v, _, H = at_optimum
    half = norm.ppf(0.975) * np.sqrt(np.diag(np.linalg.inv(H)))
    table = few_fit.estimates.set_index(["parameter", "latent_class", "term"])
    scale = table.loc[("scale", "class 2", "")]
    assert scale["interval_on"] == "log"
    assert [scale["lower"], scale["upper"]] == pytest.approx(
        [np.exp(v[10] - half[10]), np.exp(v[10] + half[10])], rel=2e-3
    )
    corr = table.loc["random_effect_corr"].iloc[0]
    assert corr["interval_on"] == "Fisher z"
    limits = [np.tanh(v[8] - half[8]), np.tanh(v[8] + half[8])]
    assert [corr["lower"], corr["upper"]] == pytest.approx(limits, rel=5e-3)
    slope = table.loc[("growth", "class 1", "s")]
    assert slope["interval_on"] == "identity"
    assert [slope["lower"], slope["upper"]] == pytest.approx([v[2] - half[2], v[2] + half[2]], rel=2e-3)
