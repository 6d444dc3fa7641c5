"""Order, entropy and quality of classes, computed by hand."""

from math import log

import numpy as np
import pandas as pd
import pytest

from bayesctc.results.classes import assignment_table, class_order, classification_quality, relative_entropy
from bayesctc.results.diagnostics import MIN_ESS_PER_CHAIN, Diagnostics
from bayesctc.results.intervals import interval_scale

pytestmark = pytest.mark.unit

P = pd.DataFrame(
    [[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.3, 0.6, 0.1], [0.25, 0.25, 0.5]],
    index=pd.Index(["a", "b", "c", "d"], name="patient_id"),
    columns=pd.Index(["class 1", "class 2", "class 3"], name="latent_class"),
)


def test_relative_entropy():
    terms = [
        0.9 * log(0.9) + 0.1 * log(0.1),
        0.8 * log(0.8) + 0.2 * log(0.2),
        0.3 * log(0.3) + 0.6 * log(0.6) + 0.1 * log(0.1),
        0.5 * log(0.25) + 0.5 * log(0.5),
    ]
    assert relative_entropy(P) == pytest.approx(1 + sum(terms) / (4 * log(3)), abs=1e-14)


def test_relative_entropy_of_certainty_chance_and_one_class():
    assert relative_entropy(np.eye(4)[[0, 1, 2, 3, 0]]) == 1.0
    assert relative_entropy(np.full((7, 4), 0.25)) == pytest.approx(0.0, abs=1e-14)
    assert relative_entropy(np.ones((7, 1))) == 1.0


def test_assignment():
    table = assignment_table(P)
    assert table["latent_class"].tolist() == ["class 1", "class 1", "class 2", "class 3"]
    assert table["latent_class"].cat.ordered
    assert table["probability"].tolist() == [0.9, 0.8, 0.6, 0.5]
    assert table.index.tolist() == ["a", "b", "c", "d"]


def test_classification_quality():
    table = classification_quality(P)
    np.testing.assert_allclose(table["share"], [2.25 / 4, 1.15 / 4, 0.6 / 4])
    assert table["n_modal"].tolist() == [2, 1, 1]
    np.testing.assert_allclose(table["share_modal"], [0.5, 0.25, 0.25])
    np.testing.assert_allclose(table["average_posterior"], [0.85, 0.6, 0.5])
    odds = [(0.85 / 0.15) / (0.5625 / 0.4375), (0.6 / 0.4) / (0.2875 / 0.7125), (0.5 / 0.5) / (0.15 / 0.85)]
    np.testing.assert_allclose(table["odds_correct"], odds)


def test_quality_of_a_class_nobody_is_assigned_to():
    table = classification_quality(P.assign(**{"class 3": 0.0}).iloc[:3])
    assert table.loc["class 3", "n_modal"] == 0
    assert np.isnan(table.loc["class 3", "average_posterior"])
    assert np.isnan(table.loc["class 3", "odds_correct"])
    assert classification_quality(P[["class 1"]] * 0 + 1)["odds_correct"].isna().all()


def test_classes_are_sorted_by_their_mean_over_the_span_of_the_samples(made):
    """Curves that cross: who begins higher may be lower on average between the 5 % and 95 % quantiles of the times."""
    layout, natural = made.design.layout, made.design.layout.natural(made.mode_theta)
    span = np.quantile(made.cohort.endpoint("os").samples["time"], [0.05, 0.95])
    mean = 1.0 + span.mean() / 6.0  # of 1 + s
    natural["growth"][:] = 0.0
    natural["growth"][0, :2] = [1.0, 1.0]
    natural["growth"][1, 0] = mean - 0.05
    assert mean - 0.05 > natural["growth"][0, 0]
    np.testing.assert_array_equal(class_order(layout.theta(natural), layout), [1, 0])
    natural["growth"][1, 0] = mean + 0.05
    theta = layout.theta(natural)
    np.testing.assert_array_equal(class_order(theta, layout), [0, 1])
    many = np.stack([theta, theta[::-1]])
    np.testing.assert_array_equal(class_order(many, layout), [[0, 1], [1, 0]])


def test_fitted_classes_are_sorted(made):
    order = class_order(made.mode_theta, made.design.layout)
    np.testing.assert_array_equal(order, [0, 1])


@pytest.mark.parametrize(
    ("parameter", "value", "name"),
    [
        ("sigma", 0.5, "log"),
        ("scale", 24.0, "log"),
        ("shape", 1.2, "log"),
        ("random_effect_sd", 0.7, "log"),
        ("random_effect_scale", 0.9, "log"),
        ("random_effect_corr", -0.4, "Fisher z"),
        ("growth", 2.0, "identity"),
        ("membership", -1.0, "identity"),
        ("hazard_coefficient", 0.3, "identity"),
    ],
)
def test_interval_scales(parameter, value, name, made):
    scale = interval_scale(parameter, made.design.layout)
    assert scale.name == name
    at = scale.forward(value)
    if name == "log":
        expected = log(value)
    elif name == "Fisher z":
        expected = 0.5 * log((1 + value) / (1 - value))
    else:
        expected = value
    assert at == pytest.approx(expected)
    assert scale.inverse(at) == pytest.approx(value)
    h = 1e-6
    slope = (scale.inverse(at + h) - scale.inverse(at - h)) / (2 * h)
    assert scale.derivative_of_inverse(value) == pytest.approx(slope, rel=1e-6)


def test_summary_is_of_the_draws(made):
    table = made.summary().set_index(["parameter", "latent_class", "term"])
    draws = made.idata["posterior"].dataset["scale"].sel(latent_class="class 2").to_numpy().ravel()
    row = table.loc[("scale", "class 2", "")]
    assert row["mean"] == pytest.approx(draws.mean())
    assert row["sd"] == pytest.approx(draws.std(ddof=1))
    assert [row["lower"], row["upper"]] == pytest.approx(list(np.quantile(draws, [0.025, 0.975])))
    corr = made.idata["posterior"].dataset["random_effect_corr"].to_numpy()[..., 0]
    assert table.loc["random_effect_corr"]["mean"].tolist() == pytest.approx([corr.mean()])


def test_diagnostics_say_what_is_wrong():
    good = Diagnostics(4, 1000, 1.003, 4 * MIN_ESS_PER_CHAIN + 1, 0, 0.0, (), True)
    assert list(good.warnings()) == []
    bad = Diagnostics(4, 1000, 1.2, 30.0, 5, 0.2, (2,), False)
    text = " | ".join(bad.warnings())
    for part in (
        "1 chain(s) left",
        "left the likelihood's mode together",
        "1.200",
        "is 30",
        "5 divergent",
        "20 % of the draws",
    ):
        assert part in text
    assert any("one chain" in w for w in Diagnostics(1, 1000, np.nan, 500.0, 0, 0.0, (), True).warnings())


def test_divergences_are_counted(made):
    assert made.diagnostics.n_divergences == 3
    assert (made.diagnostics.n_chains, made.diagnostics.n_draws) == (2, 60)
