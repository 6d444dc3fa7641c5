"""Who is given a next visit, and what count."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from bayesctc.errors import DataError
from bayesctc.model.design import analysis_tables
from bayesctc.sensitivity.dropout import _random_effects, complete, next_visits

pytestmark = pytest.mark.unit
N = 400  # draws


def test_next_visits_by_hand():
    samples = pd.DataFrame(
        {
            "patient_id": ["on", "on", "dead", "dead", "late", "late", "once", "end", "end", "end"],
            "time": [0.0, 2.0, 0.0, 2.0, 0.0, 9.0, 1.0, 0.0, 2.0, 10.0],
        }
    )
    patients = pd.DataFrame(
        {"_time": [20.0, 3.0, 20.0, 20.0, 20.0, 20.0], "os_time": [20.0] * 5 + [20.0], "followup_end": 20.0},
        index=["on", "dead", "late", "once", "end", "never"],
    )
    visits, gap = next_visits(samples, patients)

    assert gap == 2.0  # of 2, 2, 9, 2, 8
    assert dict(zip(visits["patient_id"], visits["time"], strict=True)) == {"on": 4.0, "once": 3.0}


def test_without_follow_up_nothing_can_be_planned():
    samples = pd.DataFrame({"patient_id": ["a", "a"], "time": [0.0, 1.0]})

    with pytest.raises(DataError, match="no endpoint"):
        next_visits(samples, pd.DataFrame({"_time": [0.0]}, index=["a"]))
    with pytest.raises(DataError, match="two samples"):
        next_visits(samples.iloc[:1], pd.DataFrame({"_time": [9.0]}, index=["a"]))


def test_random_effects_have_the_conditional_moments(made):
    """Against the textbook's conditional normal distribution of effects given counts, in its precision form."""
    design, theta = made.design, made.mode_theta
    samples, patients = analysis_tables(made.cohort, made.spec)
    patients = patients.iloc[:6]
    samples = samples[samples["patient_id"].isin(patients.index)]
    classes = np.array([0, 1, 0, 1, 0, 1])
    natural = design.layout.natural(theta)
    sigma = natural["sigma"][classes]
    rng = np.random.default_rng(2)
    draws = np.stack([_random_effects(design, theta, samples, patients, classes, sigma, rng) for _ in range(N)])
    s = samples["time"].to_numpy() / 6.0
    y = np.log1p(samples["ctc"].to_numpy())
    sd = natural["random_effect_sd"]
    for i, patient in enumerate(patients.index):
        own = (samples["patient_id"] == patient).to_numpy()
        g = classes[i]
        D = natural["random_effect_scale"][g] ** 2 * np.diag(sd) @ natural["random_effect_corr"] @ np.diag(sd)
        X = np.column_stack([np.ones(own.sum()), s[own], s[own] ** 2])
        Z, residual = X[:, :2], y[own] - X @ natural["growth"][g]
        precision = np.linalg.inv(D) + Z.T @ Z / sigma[i] ** 2
        mean = np.linalg.solve(precision, Z.T @ residual / sigma[i] ** 2)
        distances = np.einsum("nq,qr,nr->n", draws[:, i] - mean, precision, draws[:, i] - mean)
        off = draws[:, i].mean(axis=0) - mean
        assert N * off @ precision @ off < chi2.isf(1e-5, 2)
        assert np.mean(distances < chi2.median(2)) == pytest.approx(0.5, abs=0.1)


def test_completed_cohorts(made):
    filled = complete(made, 1.0, random_seed=4, n=3)
    again = complete(made, 1.0, random_seed=4, n=3)
    higher = complete(made, 3.0, random_seed=4, n=3)

    assert [c.fingerprint for c in filled.cohorts] == [c.fingerprint for c in again.cohorts]
    assert len({c.fingerprint for c in filled.cohorts}) == 3
    for cohort, more in zip(filled.cohorts, higher.cohorts, strict=True):
        assert cohort.n_samples == made.cohort.n_samples + filled.n_imputed
        assert cohort.n_patients == made.cohort.n_patients
        assert (cohort.samples.merge(cohort.patients["os_time"], on="patient_id").eval("time <= os_time")).all()
        assert cohort.flow().iloc[-1]["step"] == "imputed after drop-out, delta 1"
        # the same draws of everything else: each count moves by exp(2), rounding aside
        new, newer = (c.samples.merge(made.cohort.samples, how="left", indicator=True) for c in (cohort, more))
        pairs = new.merge(newer, on=["patient_id", "time"])
        pairs = pairs[(pairs["_merge_x"] == "left_only") & (pairs["ctc_x"] > 20)]
        ratio = (1.0 + pairs["ctc_y"]) / (1.0 + pairs["ctc_x"])
        assert len(ratio) > 3
        np.testing.assert_allclose(ratio, np.exp(2.0), rtol=0.06)


def test_added_samples_are_checked(cohort):
    patient = cohort.patients.index[0]
    sample = pd.DataFrame({"patient_id": [patient], "time": [999.0], "ctc": [1], "volume_ml": [7.5]})

    with pytest.raises(DataError, match="after os_time"):
        cohort.with_samples(sample, "imputed")
    with pytest.raises(DataError, match="patients of the cohort"):
        cohort.with_samples(sample.assign(patient_id="nobody"), "imputed")
    more = cohort.with_samples(sample.assign(time=0.001), "imputed")
    assert more.n_samples == cohort.n_samples + 1
