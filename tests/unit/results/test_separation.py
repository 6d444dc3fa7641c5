"""How much of a class's separation comes from counts and survival, against a dense likelihood and known truths."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from helpers import Case, dense, draw_natural, fit_at, frames, made_bayes
from scipy.special import logsumexp

import bayesctc as bc
from bayesctc.results.separation import (
    LEAST_INFORMATION,
    MADE_BY_SURVIVAL,
    separation_warnings,
    share_from_survival,
)

pytestmark = pytest.mark.unit
CASES = {
    "plain": Case(3),
    "membership": Case(2, membership=("bone",), survival=("arm",)),
    "entry": Case(3, entry=True),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(scope="module")
def natural(case):
    return draw_natural(case, np.random.default_rng(4))


@pytest.fixture(scope="module")
def fit(case, natural):
    return fit_at(case.cohort(), case.spec, natural)


def by_hand(case, natural):
    """The table's parts, class by class and patient by patient, of the dense likelihood."""
    d = dense(case, case.cohort(), natural)
    alive = d.log_pi + d.entry

    def log_share(values, i, g):
        return values[i, g] - logsumexp(values[i])

    K, rows = case.n_classes, []
    for g in range(K):
        p = np.array([np.exp(log_share(d.joint, i, g)) for i in range(len(alive))])
        counts = [log_share(alive + d.counts, i, g) - log_share(alive, i, g) for i in range(len(alive))]
        survival = [log_share(d.joint, i, g) - log_share(alive + d.counts, i, g) for i in range(len(alive))]
        rows.append((p.mean(), *(np.average(x, weights=p) for x in (counts, survival, -np.log(p)))))
    return np.array(rows)


def test_parts_are_those_of_the_dense_likelihood(case, natural, fit):
    table = fit.class_separation()
    expected = by_hand(case, natural)
    columns = ["share", "counts", "survival", "remaining"]
    np.testing.assert_allclose(table.iloc[:-1][columns], expected, rtol=1e-7, atol=1e-9)
    total = expected[:, 0] @ expected[:, 1:]
    np.testing.assert_allclose(table.loc["total", columns[1:]].to_numpy(dtype=float), total, rtol=1e-7, atol=1e-9)


def test_totals_are_divergences_that_add_up(case, natural, fit):
    table, d = fit.class_separation(), dense(case, case.cohort(), natural)
    p, q = fit.class_probabilities.to_numpy(), fit.class_probabilities_counts.to_numpy()
    prior = d.log_pi + d.entry - logsumexp(d.log_pi + d.entry, axis=1, keepdims=True)
    total = table.loc["total"]
    assert total["survival"] == pytest.approx(np.mean(np.sum(p * np.log(p / q), axis=1)), rel=1e-7)
    assert total["survival"] >= 0.0
    assert total[["counts", "survival", "remaining"]].sum() == pytest.approx(-np.mean(np.sum(p * prior, axis=1)))
    assert total["share"] == pytest.approx(1.0)


def test_labels_and_rows_do_not_matter(case, fit):
    table = fit.class_separation()
    order = np.arange(case.n_classes)[::-1]
    renamed = fit_at(fit.cohort, fit.spec, fit.theta[order]).class_separation()
    np.testing.assert_allclose(renamed.iloc[:-1].to_numpy()[order], table.iloc[:-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(renamed.iloc[-1], table.iloc[-1], rtol=1e-9)
    backwards = dataclasses.replace(fit, analysis=fit.analysis.take(np.arange(fit.n_patients)[::-1]))
    np.testing.assert_allclose(backwards.class_separation(), table, rtol=1e-9, atol=1e-12)


def test_unit_of_time_does_not_matter():
    samples, patients = frames(70, seed=5)
    spec = bc.ModelSpec(n_classes=2, family="gaussian", growth="linear", random_effects="none", common_shape=True)
    settings = {"n_starts": 3, "progress": False}
    months = bc.fit_ml(bc.Cohort(samples, patients), spec, **settings).class_separation()
    days = 30.4375
    other = bc.Cohort(
        samples.assign(time=samples["time"] * days),
        patients.assign(os_time=patients["os_time"] * days),
        time_unit="days",
    )
    pd.testing.assert_frame_equal(bc.fit_ml(other, spec, **settings).class_separation(), months, rtol=1e-9)


def test_classes_that_only_one_side_tells_apart(case, natural):
    """One hazard for all classes: survival adds nothing to the counts. One curve for all: the counts say nothing."""
    same = {
        name: np.broadcast_to(np.asarray(natural[name])[:1], np.shape(natural[name])) for name in ("scale", "shape")
    }
    table = fit_at(case.cohort(), case.spec, natural | same).class_separation()
    np.testing.assert_allclose(table["survival"], 0.0, atol=1e-12)
    np.testing.assert_allclose(table.loc["total", "share_from_survival"], 0.0, atol=1e-9)
    curve = {"growth": np.broadcast_to(natural["growth"][:1], natural["growth"].shape)}
    table = fit_at(case.cohort(), case.spec, natural | curve).class_separation()
    np.testing.assert_allclose(table["counts"], 0.0, atol=1e-9)
    assert table.loc["total", "share_from_survival"] == pytest.approx(1.0)


def test_known_information_is_recovered():
    """Certain classes: log 2 nats of a fair coin from the counts; from survival the divergence of two exponentials.

    Of 4,000 patients; the tolerance is 4 standard errors of a mean.
    """
    rng = np.random.default_rng(3)
    n, rates = 4000, np.array([0.02, 0.2])
    group = rng.integers(0, 2, n)
    patients = pd.DataFrame({"patient_id": range(n), "os_time": rng.exponential(1 / rates[group]), "os_event": 1})
    when = -0.5 * (np.arange(n) % 2)
    far = pd.DataFrame({"patient_id": range(n), "time": when, "ctc": np.where(group == 1, 5000, 0)})
    spec = bc.ModelSpec(n_classes=2, family="gaussian", growth="linear", random_effects="none", hazard="exponential")
    natural = {"membership": np.zeros((2, 1)), "sigma": 0.1, "scale": 1 / rates}
    counted = fit_at(bc.Cohort(far, patients), spec, natural | {"growth": [[0.0, 0.0], [np.log(5001.0), 0.0]]})
    table = counted.class_separation()
    np.testing.assert_allclose(
        table.loc["total", ["counts", "survival", "remaining"]], [np.log(2.0), 0.0, 0.0], atol=1e-9
    )
    np.testing.assert_allclose(table["counts"].iloc[:2], -np.log([0.5, 0.5]), atol=1e-9)
    # I(G; T) of the mixture by numerical integration
    t = np.linspace(0.0, 1500.0, 300_001)
    density = rates[:, None] * np.exp(-rates[:, None] * t)
    mixture = density.mean(axis=0)
    truth = np.trapezoid(density * np.log(np.maximum(density, 1e-300) / np.maximum(mixture, 1e-300)), t, axis=1)
    alike = {"sigma": 5.0, "growth": [[4.0, 0.0], [4.0, 0.0]]}
    alike = fit_at(bc.Cohort(far, patients), spec, natural | alike)
    table, p = alike.class_separation(), alike.class_probabilities.to_numpy()
    for g in range(2):
        each = np.log(np.maximum(p[:, g], 1e-300) / 0.5)
        error = np.sqrt(np.sum((p[:, g] * (each - truth[g])) ** 2)) / p[:, g].sum()
        assert abs(table["survival"].iloc[g] - truth[g]) < 4 * error
        assert error < 0.03


def test_without_an_endpoint_and_with_one_class():
    trial = bc.load_trial().include(min_samples=3)  # whose patients are of more classes than one
    cohort = trial.select(trial.patients.index[:120])
    spec = bc.ModelSpec(n_classes=2, family="gaussian", growth="linear", random_effects="none", endpoint=None)
    growth = bc.fit_ml(cohort, spec, n_starts=3, progress=False)
    assert (growth.class_separation()["survival"] == 0.0).all()
    assert growth.class_separation().loc["total", "counts"] > 0.1  # nats
    one = bc.fit_ml(cohort, spec.with_(n_classes=1, endpoint="os"), progress=False)
    assert (one.class_separation()[["counts", "survival", "remaining"]] == 0.0).all(axis=None)
    assert one.class_separation()["share_from_survival"].isna().all()
    assert not [w for w in (*growth.warnings, *one.warnings) if "reflects survival" in w]


def test_a_posterior_of_equal_draws_says_what_the_estimate_does(case, fit):
    draws = np.tile(fit.theta, (2, 3, 1, 1))
    pd.testing.assert_frame_equal(made_bayes(fit, draws).class_separation(), fit.class_separation(), rtol=1e-9)


def test_a_posterior_is_averaged_over_its_draws(case, natural, fit):
    other = draw_natural(case, np.random.default_rng(5))
    thetas = np.stack([fit.theta, fit.design.layout.theta(other)])
    table = made_bayes(fit, thetas[None]).class_separation()
    a, b = by_hand(case, natural), by_hand(case, other)
    share = (a[:, 0] + b[:, 0]) / 2
    np.testing.assert_allclose(table["share"].iloc[:-1], share, rtol=1e-7)
    pooled = (a[:, :1] * a[:, 1:] + b[:, :1] * b[:, 1:]) / (2 * share[:, None])
    np.testing.assert_allclose(table.iloc[:-1, 1:4], pooled, rtol=1e-6, atol=1e-9)


def test_the_table_is_the_callers_own(fit):
    table = fit.class_separation()
    table.loc["total", "share"] = 7.0
    assert fit.class_separation().loc["total", "share"] == pytest.approx(1.0)


def test_share():
    found = share_from_survival([3.0, -0.2, 0.4, 0.0], [1.0, 0.5, -0.1, 0.0])
    np.testing.assert_array_equal(found, [0.25, 1.0, 0.0, np.nan])


def made_table(*rows):
    columns = ["share", "counts", "survival", "remaining", "share_from_survival"]
    labels = [f"class {g + 1}" for g in range(len(rows))]
    return pd.DataFrame([*rows, rows[0]], index=[*labels, "total"], columns=columns)


def test_warning_names_class_share_and_remedy():
    table = made_table((0.4, 0.2, 0.6, 0.1, 0.75), (0.6, 1.0, 0.2, 0.1, 0.2 / 1.2))
    (text,) = separation_warnings(table, bc.ModelSpec(n_classes=2, endpoint="pfs", common_shape=False))
    for part in (
        "class 1",
        "survival (pfs)",
        "75 %",
        "50 %",
        "endpoint=None",
        "common_shape=True",
    ):
        assert part in text
    for spec in (bc.ModelSpec(n_classes=2, common_shape=True), bc.ModelSpec(n_classes=2, hazard="exponential")):
        (text,) = separation_warnings(table, spec)
        assert "common_shape" not in text
    (text,) = separation_warnings(table, bc.ModelSpec(n_classes=2), bc.Marker("bili", unit="mg/dL"))
    assert "rather than the values of bili" in text
    assert "count" not in text


def test_no_warning_at_the_threshold_nor_of_next_to_nothing():
    at = (0.4, 0.5, 0.5, 0.1, MADE_BY_SURVIVAL)
    little = (0.6, 0.0, 0.9 * LEAST_INFORMATION, 0.1, 1.0)
    assert list(separation_warnings(made_table(at, little), bc.ModelSpec(n_classes=2))) == []
