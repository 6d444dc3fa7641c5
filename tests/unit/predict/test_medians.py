"""Medians along a curve against a bracketing search at each value of it."""

import numpy as np
import pytest
from scipy.optimize import brentq

from bayesctc.model.families import FAMILIES
from bayesctc.predict.medians import medians

pytestmark = pytest.mark.unit

CASES = [
    ("poisson", {}),
    ("negative_binomial", {"dispersion": 0.3}),
    ("negative_binomial", {"dispersion": 40.0}),
    ("zero_inflated_negative_binomial", {"dispersion": 2.0, "zero_inflation": 0.4}),
    ("poisson_log_normal", {"sigma": 0.05}),
    ("poisson_log_normal", {"sigma": 0.9}),
    ("poisson_log_normal", {"sigma": 2.5}),
]


def searched(family, eta, own):
    """log(1 + median) where the distribution function, half a cell on, is one half."""

    def away(y):
        return float(family.cdf(np.array(np.expm1(y) - 0.5), np.array(eta), 7.5, **own)) - 0.5

    return 0.0 if away(0.0) >= 0.0 else brentq(away, 0.0, max(eta, 0.0) + 12.0, xtol=1e-10)


@pytest.mark.parametrize(("name", "own"), CASES)
@pytest.mark.parametrize(("low", "high"), [(-8.0, -3.0), (-3.0, 1.0), (-1.0, 8.0), (2.0, 2.5), (3.0, 3.0)])
def test_along_a_curve(name, own, low, high):
    eta = np.stack([np.linspace(low, high, 41), np.linspace(high, low, 41) ** 2 / max(abs(low), abs(high))])
    columns = {parameter: np.full((2, 1), value) for parameter, value in own.items()}

    found = np.log1p(medians(FAMILIES[name], eta, np.zeros(eta.shape), columns))

    some = np.s_[:, ::8]
    wanted = [[searched(FAMILIES[name], each, own) for each in row] for row in eta[some]]
    np.testing.assert_allclose(found[some], wanted, atol=2e-6)


def test_classes_of_their_own_parameters():
    eta, family = np.tile(np.linspace(-2.0, 5.0, 61), (3, 1)), FAMILIES["poisson_log_normal"]
    sigma = np.array([[0.4], [1.5], [0.4]])

    found = medians(family, eta, np.zeros(eta.shape), {"sigma": sigma})

    np.testing.assert_array_equal(found[0], found[2])
    for g in (0, 1):
        wanted = [searched(family, each, {"sigma": sigma[g, 0]}) for each in eta[g, ::10]]
        np.testing.assert_allclose(np.log1p(found[g, ::10]), wanted, atol=2e-6)


def test_random_effects_constant_over_time_add_to_the_residual():
    eta, family = np.tile(np.linspace(-2.0, 5.0, 61), (2, 1)), FAMILIES["poisson_log_normal"]
    spread = np.repeat([[0.3], [0.9]], 61, axis=1)

    found = medians(family, eta, spread, {"sigma": np.full((2, 1), 0.4)})

    for g, sigma in enumerate((0.5, np.sqrt(0.97))):
        wanted = [searched(family, each, {"sigma": sigma}) for each in eta[g, ::10]]
        np.testing.assert_allclose(np.log1p(found[g, ::10]), wanted, atol=2e-6)
