"""Who is given a next visit, and what count."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from count_probability import log_probability
from helpers import fit_at, made_bayes
from scipy.special import softmax
from scipy.stats import chi2, nbinom, norm, poisson, weibull_min

import bayesctc as bc
from bayesctc.errors import DataError
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.sensitivity.dropout import BLOOD, complete, next_visits

pytestmark = pytest.mark.unit
COPIES, COHORTS = 250, 12
KINDS = {  # months of follow-up, event, counts in 5 mL at 0, 1.5, 3, ... months
    "A": (20.0, 0, [0, 0, 0]),
    "B": (14.0, 1, [12, 3]),
    "C": (9.0, 1, [90, 60, 40]),
    "D": (25.0, 0, [3, 0, 8, 1]),
    "E": (18.0, 1, [5, 9, 2, 7, 30, 11]),
}
EDGES = np.array([0, 2, 8, 20, 50, 80, 110, 140, 180, 300])  # counts
OWN = {"sigma": 0.6, "dispersion": 0.8, "zero_inflation": np.array([0.25, 0.05])}
SD, CORR = np.array([0.9, 0.5]), -0.3
GROWTH = np.array([[0.4, -0.6], [2.9, 0.3]])
SCALE, SHAPE = np.array([28.0, 12.0]), np.array([1.2, 0.9])


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


@cache
def fit_of(family, effects):
    """Draws that are all the same, of patients of whom each kind is there many times."""
    frame = [
        (f"{kind}{k}", 1.5 * j, c)
        for kind, (*_, counts) in KINDS.items()
        for k in range(COPIES)
        for j, c in enumerate(counts)
    ]
    patients = [(f"{kind}{k}", time, event) for kind, (time, event, _) in KINDS.items() for k in range(COPIES)]
    cohort = bc.Cohort(
        pd.DataFrame(frame, columns=["patient_id", "time", "ctc"]).assign(volume_ml=5.0),
        pd.DataFrame(patients, columns=["patient_id", "os_time", "os_event"]),
    )
    spec = bc.ModelSpec(n_classes=2, growth="linear", family=family, random_effects=effects, common_shape=False)
    q = spec.n_random
    natural = {
        **OWN,
        "membership": np.zeros((2, 1)),
        "growth": GROWTH,
        "scale": SCALE,
        "shape": SHAPE,
        "random_effect_sd": SD[:q],
        "random_effect_corr": np.array([[1.0, CORR], [CORR, 1.0]])[:q, :q],
    }
    names = Design.settle(cohort, spec).layout.dims
    fit = fit_at(cohort, spec, {name: natural[name] for name in names}, n_nodes=None if family == "gaussian" else 15)
    return made_bayes(fit, fit.theta[None, None])


def cdf(family, eta, own):
    """P(ctc <= each of `EDGES`) by scipy, of `BLOOD` mL: array (edges, etas)."""
    count = EDGES[:, None]
    if family in ("gaussian", "censored"):
        return norm.cdf((np.log(count + 1.5) - eta) / own["sigma"])
    if family == "poisson":
        return poisson.cdf(count, np.exp(eta))
    if family == "poisson_log_normal":
        each = log_probability(family, np.arange(EDGES[-1] + 1.0)[:, None], 7.5, eta, own)
        return np.exp(each).cumsum(axis=0)[EDGES]
    phi, p = own["dispersion"], own["zero_inflation"] if family == "zero_inflated_negative_binomial" else 0.0
    return p + (1 - p) * nbinom.cdf(count, phi, phi / (phi + np.exp(eta)))


def predicted(family, q, kind, delta):
    """P(next count <= each of `EDGES`): classes by P(g | y, T), random effects by p(b | y, g), on a grid."""
    time, event, counts = KINDS[kind]
    s = 1.5 * np.arange(len(counts) + 1) / 6.0
    Z = np.stack([np.ones_like(s), s])
    z = np.linspace(-7.0, 7.0, 201)
    u = np.stack(np.meshgrid(*[z] * q, indexing="ij"), -1).reshape(-1, q)
    b = u @ np.linalg.cholesky(np.outer(SD, SD) * np.array([[1.0, CORR], [CORR, 1.0]]))[:q, :q].T
    log_weight, below = [], []
    for g in range(2):
        own = {name: np.broadcast_to(value, 2)[g] for name, value in OWN.items()}
        law = weibull_min(SHAPE[g], scale=SCALE[g])
        log_p = -0.5 * np.sum(u**2, axis=1) + (law.logpdf(time) if event else law.logsf(time))
        for j, c in enumerate(counts):
            log_p = log_p + log_probability(family, c, 5.0, GROWTH[g] @ Z[:, j] + b @ Z[:q, j], own)
        eta = GROWTH[g] @ Z[:, -1] + b @ Z[:q, -1] + delta
        log_weight.append(log_p)
        below.append(cdf(family, eta, own))
    weight = softmax(np.array(log_weight))
    return np.einsum("gb,gkb->k", weight, np.array(below))


@pytest.mark.parametrize(
    ("family", "effects"),
    [*((family, "intercept") for family in FAMILIES), ("gaussian", "slope"), ("negative_binomial", "slope")],
)
def test_imputed_counts_are_drawn_from_the_predictive_distribution(family, effects):
    fit = fit_of(family, effects)
    filled = complete(fit, 0.7, random_seed=3, n=COHORTS)
    assert filled.n_imputed == 4 * COPIES  # kind E has had the last visit there is
    samples = pd.concat(c.samples for c in filled.cohorts)
    for kind in "ABCD":
        new = samples[samples["patient_id"].str.startswith(kind) & (samples["volume_ml"] == BLOOD)]
        observed = np.array([np.mean(new["ctc"] <= k) for k in EDGES])
        expected = predicted(family, fit.spec.n_random, kind, 0.7)
        found, wanted = (np.diff(share, prepend=0.0, append=1.0) * len(new) for share in (observed, expected))
        rare = wanted < 8
        assert len(new) == COHORTS * COPIES
        assert (~rare).sum() > 2
        found, wanted = (np.append(each[~rare], each[rare].sum()) for each in (found, wanted))
        distance = np.sum((found - wanted) ** 2 / np.maximum(wanted, 1.0))
        assert distance < chi2.isf(1e-4, (~rare).sum())


def test_counts_that_are_no_whole_numbers_are_refused():
    with pytest.raises(DataError, match="imputed log count"):
        complete(fit_of("negative_binomial", "intercept"), 60.0, random_seed=3)


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
