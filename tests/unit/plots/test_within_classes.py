"""Survival within classes by a factor."""

import numpy as np
import pandas as pd
import pytest

import bayesctc as bc
from bayesctc.errors import SpecError
from bayesctc.plots.kaplan_meier import kaplan_meier
from bayesctc.predict.survival_of_groups import survival_by_assigned, survival_of_groups

pytestmark = pytest.mark.unit


def test_arms_make_up_their_class(ml):
    """A class's expected curve is the mean of its arms', by their patients."""
    of_class = ml.class_probabilities_counts.to_numpy().argmax(axis=1)
    arm = (ml.cohort.patients["arm"] == "B").to_numpy().astype(int)
    months = np.array([3.0, 12.0, 24.0])
    group = 2 * of_class + arm
    arms = survival_of_groups(ml, group, 4, months)[0].reshape(2, 2, 3)
    sizes = np.bincount(group, minlength=4).reshape(2, 2, 1)
    whole = survival_by_assigned(ml, months)["survival_function"].to_numpy()
    assert np.allclose((sizes * arms).sum(axis=1) / sizes.sum(axis=1), whole)


def test_what_is_drawn(ml):
    axes = bc.plot_survival_within_classes(ml.with_labels(["low", "high"]), "arm")
    of_class, patients = ml.class_probabilities_counts.to_numpy().argmax(axis=1), ml.cohort.patients
    for g, (ax, label) in enumerate(zip(axes, ("low", "high"), strict=True)):
        assert ax.get_title() == f"{label}: overall survival by arm\n(n by counts alone)"
        for arm in ("A", "B"):
            own = patients[(of_class == g) & (patients["arm"] == arm)]
            steps = next(line for line in ax.lines if line.get_label() == arm)
            curve = kaplan_meier(own["os_time"].to_numpy(), own["os_event"].to_numpy(), np.zeros(len(own)))
            assert np.array_equal(steps.get_xdata(), curve.index)
            assert np.allclose(steps.get_ydata(), curve)
            at_12 = int((own["os_time"] >= 12.0).sum())
            assert str(at_12) in [text.get_text() for text in ax.texts]
        entries = [text.get_text() for text in ax.get_legend().get_texts()]
        assert sorted(entry.split(",")[0] for entry in entries) == ["A", "B", "Kaplan–Meier", "model"]


@pytest.mark.parametrize(
    ("by", "match"),
    [
        ("treatment", "by has to be one of the covariates arm, bone; found 'treatment'"),
        ("os_time", "found 'os_time'"),
    ],
)
def test_what_is_no_factor(ml, by, match):
    with pytest.raises(SpecError, match=match):
        bc.plot_survival_within_classes(ml, by)


def test_other_values_and_no_endpoint(ml, ml_growth):
    many = ml.cohort.with_covariates(age=pd.Series(range(80), ml.cohort.patients.index))
    with pytest.raises(SpecError, match=r"by='age': found 80 different values; allowed: two to 6, none missing"):
        bc.plot_survival_within_classes(bc.Applied.of(ml, many), "age")
    with pytest.raises(SpecError, match="needs a model of survival"):
        bc.plot_survival_within_classes(ml_growth, "arm")
