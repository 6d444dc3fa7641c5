"""AIC, BIC, its sample-size adjustment and ICL by hand."""

from math import log

import numpy as np
import pytest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("K", [1, 2])
def test_information_criteria(ml_fits, K):
    fit = ml_fits[K]
    # growth 2 per class, sigma, patients' sd, scale per class, shape; logits K - 1
    m = 2 * K + 1 + 1 + K + 1 + (K - 1)
    assert fit.n_parameters == m
    assert fit.n_patients == 60
    deviance = -2 * fit.log_likelihood
    assert fit.aic == pytest.approx(deviance + 2 * m, abs=1e-9)
    assert fit.bic == pytest.approx(deviance + m * log(60), abs=1e-9)
    assert fit.sabic == pytest.approx(deviance + m * log(62 / 24), abs=1e-9)


def test_icl_adds_the_entropy_of_the_classification(ml_fits):
    fit = ml_fits[2]
    p = fit.class_probabilities.to_numpy()
    entropy = -sum(x * log(x) for row in p for x in row if x > 0)
    assert entropy > 0.01
    assert fit.icl == pytest.approx(fit.bic + 2 * entropy, abs=1e-9)
    assert fit.entropy == pytest.approx(1 - entropy / (60 * log(2)), abs=1e-12)
    assert ml_fits[1].icl == pytest.approx(ml_fits[1].bic)


def test_probabilities_sum_to_one_and_counts_alone_know_less(ml_fits):
    fit = ml_fits[2]
    for p in (fit.class_probabilities, fit.class_probabilities_counts):
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    assert np.abs(fit.class_probabilities.to_numpy() - fit.class_probabilities_counts.to_numpy()).max() > 0.01
