"""Predicted counts against the mixture they are drawn from, computed densely."""

import numpy as np
import pandas as pd
import pytest
from helpers import Case, dense, draw_natural, fit_at
from scipy.special import softmax
from scipy.stats import norm

import bayesctc as bc
from bayesctc.errors import DataError, SpecError

pytestmark = pytest.mark.unit
NOISE = 0.012  # four standard errors of a probability from 4,000 counts, at 2.5 %; of one in the middle 0.03


def mixture_cdf(case, cohort, natural, patient, landmark, month):
    """P(count <= .) of the next sample at `month`: conditional normals by class, mixed by P(g | y, T > L).

    Given a class, log counts of the patient's samples and of the next one are jointly normal.
    """
    samples = cohort.samples
    samples = samples[samples["time"] <= landmark]
    patients = cohort.patients.assign(os_time=landmark, os_event=0)
    then = dense(case, bc.Cohort(samples, patients), natural)
    p = softmax(then.joint, axis=1)[cohort.patients.index.get_loc(patient)]
    own = samples[samples["patient_id"] == patient]
    s = np.append(own["time"].to_numpy(), month) / 6.0
    X = np.stack([np.ones_like(s), s], axis=1)
    y = np.log1p(own["ctc"].to_numpy() * 7.5 / own["volume_ml"].to_numpy())
    sd = natural["random_effect_sd"]
    D = np.outer(sd, sd) * natural["random_effect_corr"]
    V = X @ D @ X.T + natural["sigma"] ** 2 * np.eye(len(s))
    gain = np.linalg.solve(V[:-1, :-1], V[:-1, -1])
    total = np.sqrt(V[-1, -1] - gain @ V[:-1, -1])
    centres = [X[-1] @ beta + gain @ (y - X[:-1] @ beta) for beta in natural["growth"]]

    def cdf(count):
        return sum(w * norm.cdf((np.log(count + 1.5) - m) / total) for w, m in zip(p, centres, strict=True))

    return cdf, p, np.array(centres), total


@pytest.mark.parametrize("seed", [0, 1])
def test_gaussian_counts_are_the_mixtures(seed):
    case = Case(2, options={"growth": "linear"})
    cohort, natural = case.cohort(), draw_natural(case, np.random.default_rng(seed))
    fit = fit_at(cohort, case.spec, natural)
    landmark, months = 6.0, [7.0, 12.0]
    samples = cohort.samples
    alive = cohort.patients.index[cohort.patients["os_time"] > landmark]
    alive = [i for i in alive if (samples["time"][samples["patient_id"] == i] <= landmark).any()][:4]
    found = bc.predict_counts(fit, cohort.select(alive), landmark, months)
    for patient in alive:
        for month in months:
            at = found.sel(patient=patient, time=month)
            cdf, p, centres, total = mixture_cdf(case, cohort, natural, patient, landmark, month)
            for name, level, noise in (("lower", 0.025, NOISE), ("median_ctc", 0.5, 0.035), ("upper", 0.975, NOISE)):
                count = float(at[name])
                assert cdf(count) >= level - noise
                assert count == 0 or cdf(count - 1.0) <= level + noise
            assert float(at["positive_share"]) == pytest.approx(1.0 - cdf(4.0), abs=0.03)
            k = np.arange(0.0, 400.0)
            few = np.sum(1.0 - cdf(k))
            a, z = 401.0, (centres - np.log(401.0)) / total
            beyond = p @ (np.exp(centres + total**2 / 2) * norm.cdf(z + total) - a * norm.cdf(z))
            assert float(at["mean_ctc"]) == pytest.approx(few + beyond, rel=0.15, abs=0.1)


def test_bayes_averages_over_draws(bayes):
    """P(5 or more) is the mean over draws of what each says."""
    cohort = bayes.cohort.select(["P12"])
    found = bc.predict_counts(bayes, cohort, 3.0, [6.0])
    shares = [
        bc.predict_counts(fit_at(bayes.cohort, bayes.spec, theta), cohort, 3.0, [6.0])["positive_share"].item()
        for theta in bayes.thetas[::25]
    ]
    assert found["positive_share"].item() == pytest.approx(np.mean(shares), abs=0.03)
    assert found.attrs["unit"] == "cells per 7.5 mL"


def test_seeds(ml):
    cohort = ml.cohort.select(["P11", "P12"])
    one, again, other = (bc.predict_counts(ml, cohort, 1.5, [6.0, 9.0], random_seed=s) for s in (1, 1, 2))
    assert one.identical(again)
    assert not one["mean_ctc"].identical(other["mean_ctc"])


def test_without_an_endpoint_and_with_a_covariate_over_time(ml_slope):
    cohort = ml_slope.cohort.select(["P11", "P12"])
    found = bc.predict_counts(ml_slope, cohort, 3.0, [6.0, 9.0])
    assert np.isfinite(found["mean_ctc"]).all()
    assert (found["lower"] <= found["median_ctc"]).all()
    assert (found["median_ctc"] <= found["upper"]).all()


def test_times_past_the_data_are_marked(ml):
    last = float(ml.cohort.samples["time"].max())
    found = bc.predict_counts(ml, ml.cohort.select(["P11"]), 1.5, [last, last + 0.1])
    assert found["extrapolated"].to_numpy().tolist() == [False, True]


def test_what_is_refused(ml):
    cohort = ml.cohort.select(["P11"])
    for times in ([3.0], [2.0, 6.0], [], "late"):
        with pytest.raises(SpecError, match="times has to be a list of months from the start of treatment, each after"):
            bc.predict_counts(ml, cohort, 3.0, times)
    with pytest.raises(DataError, match=r"'P11' (died|was last followed)"):
        bc.predict_counts(ml, cohort, 200.0, [201.0])


def test_a_column_of_the_samples_is_not_known_of_the_next():
    case = Case(1, options={"growth": "linear", "random_effects": "none"})
    cohort = case.cohort()
    samples = cohort.samples.assign(site=np.arange(cohort.n_samples) % 2)
    cohort = bc.Cohort(samples, cohort.patients)
    spec = bc.ModelSpec(
        n_classes=1, growth="linear", random_effects="none", longitudinal="~ site", endpoint=None, family="gaussian"
    )
    natural = {"membership": [[0.0]], "growth": [[1.0, 0.0]], "longitudinal": [0.1], "sigma": 0.5}
    fit = fit_at(cohort, spec, {name: np.asarray(value) for name, value in natural.items()})
    one = cohort.select([samples["patient_id"].iloc[-1]])
    with pytest.raises(SpecError, match="uses 'site', a column of the samples"):
        bc.predict_counts(fit, one, 14.0, [15.0])
    both = bc.Cohort(one.samples.drop(columns="site"), one.patients.assign(site=1))
    assert isinstance(bc.predict_counts(fit, both, 14.0, [15.0])["time"].to_pandas(), pd.Series)
