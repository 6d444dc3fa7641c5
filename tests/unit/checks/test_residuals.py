"""Randomised quantile residuals: standard normal where the counts were drawn as the model says, and otherwise not."""

import numpy as np
import pandas as pd
import pytest
from helpers import fit_at
from scipy.stats import kstest, norm

import bayesctc as bc

pytestmark = pytest.mark.unit
N, VISITS = 250, np.arange(6.0)
GROWTH, SHARE, SD, DISPERSION = np.array([[0.5, -0.3], [4.0, -0.6]]), 0.4, 0.6, 2.0


@pytest.fixture(scope="module")
def counts():
    """Two classes of negative-binomial counts around straight lines, by NumPy alone."""
    rng = np.random.default_rng(8)
    high = rng.random(N) < SHARE
    growth = GROWTH[high.astype(int)] + np.column_stack([SD * rng.normal(size=N), np.zeros(N)])
    mean = np.exp(growth[:, :1] + growth[:, 1:] * VISITS / 6.0)
    drawn = rng.poisson(mean * rng.gamma(DISPERSION, 1.0 / DISPERSION, mean.shape))
    ids = [f"P{i:03d}" for i in range(N)]
    samples = pd.DataFrame({"patient_id": np.repeat(ids, 6), "time": np.tile(VISITS, N), "ctc": drawn.ravel()})
    patients = pd.DataFrame({"patient_id": ids, "os_time": 12.0, "os_event": 0})
    return bc.Cohort(samples, patients)


def at_the_truth(cohort, family, slope=GROWTH[:, 1], **own):
    spec = bc.ModelSpec(
        2, growth="linear", family=family, random_effects="intercept", endpoint=None, common_shape=False
    )
    natural = {
        "membership": np.log([[1.0 - SHARE], [SHARE]]) - np.mean(np.log([1.0 - SHARE, SHARE])),
        "growth": np.column_stack([GROWTH[:, 0], slope]),
        "random_effect_sd": np.array([SD]),
        "random_effect_corr": np.ones((1, 1)),
        **own,
    }
    return fit_at(cohort, spec, natural, n_nodes=15)


def test_they_are_standard_normal_where_the_model_holds(counts):
    table = bc.quantile_residuals(at_the_truth(counts, "negative_binomial", dispersion=DISPERSION))
    n = len(table)
    assert n == N * len(VISITS)
    assert kstest(table["residual"], "norm").pvalue > 0.001
    for _, own in table.groupby("latent_class", observed=True)["residual"]:
        assert abs(own.mean()) < 4.0 / np.sqrt(len(own))
        assert abs(own.std() - 1.0) < 4.0 / np.sqrt(2.0 * len(own))
    by_patient = table.groupby("patient_id")["residual"].mean()  # independent, although the patient is the same
    assert abs(by_patient.var() * len(VISITS) - 1.0) < 4.0 * np.sqrt(2.0 / N)


def test_they_tell_another_scatter_and_another_curve(counts):
    narrow = bc.quantile_residuals(at_the_truth(counts, "poisson"))["residual"]
    assert narrow[np.isfinite(narrow)].std() > 1.3
    rising = at_the_truth(counts, "negative_binomial", slope=np.ones(2), dispersion=DISPERSION)
    table = bc.quantile_residuals(rising)
    assert np.corrcoef(table["time"], table["residual"])[0, 1] < -4.0 / np.sqrt(len(table))


def test_without_chance_they_are_what_is_left_of_the_curve(reference_cohort):
    """One class of a marker without random effects: residuals over their standard deviation."""
    frame = reference_cohort.samples.assign(marker=lambda d: d["ctc"] + 1.0)[["patient_id", "time", "marker"]]
    cohort = bc.Cohort(frame, reference_cohort.patients.reset_index(), marker=bc.Marker("marker", transform="log"))
    spec = bc.ModelSpec(1, growth="linear", family="gaussian", random_effects="none", endpoint=None)
    fit = bc.fit_ml(cohort, spec, progress=False)
    table = bc.quantile_residuals(fit)
    design = np.column_stack([np.ones(len(frame)), cohort.samples["time"] / 6.0])
    value = np.log(cohort.samples["marker"].to_numpy())
    fitted = design @ np.linalg.lstsq(design, value, rcond=None)[0]
    left = value - fitted
    assert np.allclose(np.log(table["fitted"]), fitted, atol=1e-3)
    assert np.allclose(table["residual"], left / np.sqrt(np.mean(left**2)), atol=2e-3)


def test_the_seed_decides(counts):
    fit = at_the_truth(counts, "negative_binomial", dispersion=DISPERSION)
    first, again, other = (bc.quantile_residuals(fit, random_seed=seed)["residual"] for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_the_picture_shows_them_all(counts):
    fit = at_the_truth(counts, "negative_binomial", dispersion=DISPERSION).with_labels(["low", "high"])
    table = bc.quantile_residuals(fit)
    axes = bc.plot_residuals(fit, color=["tab:blue", "tab:red"])
    assert axes.shape == (2, 2)
    for row, label in zip(axes, ("low", "high"), strict=True):
        own = table[table["latent_class"] == label]
        for ax in row:
            points = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() in "o^v"])
            assert len(points) == len(own)
        assert row[0].get_title(loc="left") == f"{label}: {len(own)} samples, {own['patient_id'].nunique()} patients"
    band = axes[0, 0].collections[0].get_datalim(axes[0, 0].transData).extents
    n = (table["latent_class"] == "low").sum() / 6  # samples at each visit, which stay together
    assert band[3] == pytest.approx(norm.ppf(0.975) / np.sqrt(n), rel=0.3)
