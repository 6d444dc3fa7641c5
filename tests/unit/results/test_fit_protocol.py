"""What is read of a fit is there, whatever the fit is; mypy holds the types to it."""

import pytest

from bayesctc.results.applied import Applied
from bayesctc.results.fit import Fit
from bayesctc.results.ml_fit import MLFit

pytestmark = pytest.mark.unit

MEMBERS = sorted(Fit.__protocol_attrs__)


@pytest.fixture(scope="module")
def three(made, ml):
    return {"MLFit": ml, "BayesFit": made, "Applied": Applied.of(made, made.cohort)}


@pytest.fixture(scope="module")
def ml(made_cohort, made_spec) -> MLFit:
    from bayesctc.inference.ml import fit_ml

    return fit_ml(made_cohort, made_spec.with_(n_classes=1), n_starts=1, progress=False)


def test_the_protocol_asks_for_something():
    assert {"cohort", "design", "packed", "parameter_draws", "class_probabilities"} <= set(MEMBERS)


@pytest.mark.parametrize("kind", ["MLFit", "BayesFit", "Applied"])
def test_each_kind_of_fit_answers(three, kind):
    fit = three[kind]
    for member in MEMBERS:
        assert getattr(fit, member) is not None or member == "point_theta", member
    assert fit.parameter_draws(5).shape == (5, *fit.classifying_thetas.shape[1:])
    assert len(fit.class_probabilities) == fit.n_patients


def test_applied_to_the_patients_of_the_fit_it_says_the_same(three):
    fit, applied = three["BayesFit"], three["Applied"]
    assert applied.warnings == fit.warnings
    assert applied.class_probabilities.equals(fit.class_probabilities)
