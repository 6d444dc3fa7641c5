"""Random cohorts have the distribution that the likelihood is the density of."""

import numpy as np
import pandas as pd
import pytest
from helpers import Case, draw_natural
from scipy.special import softmax
from scipy.stats import chi2, chisquare, kstest, weibull_min

from bayesctc.inference.optimise import Bounds, Objective
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.generative import simulate

pytestmark = pytest.mark.unit

VISITS = (0.0, 1.0, 2.0, 4.0, 6.0, 9.0)
CASE = Case(
    3,
    n=60,
    membership=("bone",),
    survival=("age",),
    survival_by_class=("arm",),
    longitudinal=("bone_time",),
    options={
        "growth": "quadratic",
        "random_effects": "slope",
        "class_specific_random_effects": True,
        "class_specific_sigma": True,
    },
)
TRUTH = {
    "membership": np.array([[0.3, -0.5], [0.1, 0.2], [-0.4, 0.3]]),
    "growth": np.array([[0.8, -0.5, 0.1], [2.5, 0.3, -0.1], [4.5, 0.2, 0.05]]),
    "longitudinal": np.array([0.03]),
    "sigma": np.array([0.4, 0.6, 0.5]),
    "random_effect_sd": np.array([0.7, 0.4]),
    "random_effect_corr": np.array([[1.0, -0.3], [-0.3, 1.0]]),
    "random_effect_scale": np.exp([0.3, -0.1, -0.2]),
    "scale": np.array([40.0, 20.0, 9.0]),
    "shape": np.array([0.8, 1.2, 1.7]),
    "hazard_coefficient": np.array([0.25]),
    "hazard_coefficient_by_class": np.array([[0.4, -0.3], [-0.5, 0.2], [0.1, 0.6]]),
}


def people(n, seed):
    """Patients with covariates, some of them under observation only from an entry time on; and their visits."""
    rng = np.random.default_rng(seed)
    patients = pd.DataFrame(
        {
            "arm": rng.choice(["A", "B", "C"], n),
            "bone": rng.binomial(1, 0.4, n),
            "age": rng.normal(56.0, 10.0, n),
        },
        index=pd.Index([f"N{i}" for i in range(n)], name="patient_id"),
    )
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0.0, 10.0, n), 0.0)
    schedule = pd.DataFrame(
        {
            "patient_id": np.repeat(patients.index, len(VISITS)),
            "time": np.tile(VISITS, n),
            "volume_ml": rng.choice([7.5, 5.0, 10.0], n * len(VISITS)),
        }
    )
    return patients, schedule, entry


@pytest.fixture(scope="module")
def cohort():
    """What settles the design: factor levels and the mean age."""
    return CASE.cohort()


@pytest.fixture(scope="module")
def design(cohort):
    return Design.settle(cohort, CASE.spec)


@pytest.fixture(scope="module")
def drawn(design):
    """6,000 patients, all visits kept."""
    patients, schedule, entry = people(6000, seed=1)
    theta = design.layout.theta(TRUTH)
    samples, out = simulate(
        design, theta, patients, schedule, np.random.default_rng(2), follow_up=36.0, entry=entry, stop_at_event=False
    )
    return samples, out


@pytest.fixture(scope="module")
def weibull(drawn, cohort):
    """The distribution of the event time of each patient in each class, from time 0: a list by class."""
    _, patients = drawn
    age = (patients["age"] - cohort.patients["age"].mean()) / cohort.patients["age"].std(ddof=1)
    arms = np.column_stack([patients["arm"] == "B", patients["arm"] == "C"]).astype(float)
    out = []
    for g in range(3):
        log_ratio = (0.25 * age + arms @ TRUTH["hazard_coefficient_by_class"][g]).to_numpy()
        a = TRUTH["shape"][g]
        out.append(weibull_min(a, scale=TRUTH["scale"][g] * np.exp(-log_ratio / a)))
    return out


def test_class_shares_given_survival_to_entry(drawn, weibull):
    """P(g | alive at entry) is proportional to pi_g S_g(entry), by bone metastasis and entry."""
    _, patients = drawn
    terms = np.column_stack([np.ones(len(patients)), patients["bone"]])
    weight = softmax(terms @ TRUTH["membership"].T, axis=1) * np.column_stack(
        [w.sf(patients["_entry"].to_numpy()) for w in weibull]
    )
    expected = weight / weight.sum(axis=1, keepdims=True)
    latent = patients["latent_class"].to_numpy()
    late = patients["_entry"].to_numpy() > 5.0
    for group in (late, ~late, patients["bone"].to_numpy() == 1, patients["bone"].to_numpy() == 0):
        counts = np.bincount(latent[group], minlength=3)
        assert chisquare(counts, expected[group].sum(axis=0)).pvalue > 0.001
    # the entry matters: shares at time 0 are another distribution
    at_0 = softmax(terms @ TRUTH["membership"].T, axis=1)
    assert chisquare(np.bincount(latent[late], minlength=3), at_0[late].sum(axis=0)).pvalue < 1e-4


def test_event_times_are_weibull_given_survival_to_entry(drawn, weibull):
    """1 - S(T) / S(entry) is uniform up to its value at the end of follow-up, by class."""
    _, patients = drawn
    time, event, entry = (patients[c].to_numpy() for c in ("_time", "_event", "_entry"))
    for g in range(3):
        of_class = patients["latent_class"].to_numpy() == g
        u = 1 - weibull[g].sf(time) / weibull[g].sf(entry)
        last = 1 - weibull[g].sf(36.0) / weibull[g].sf(entry)
        happened = of_class & (event == 1)
        assert happened.sum() > 500
        assert kstest(u[happened] / last[happened], "uniform").pvalue > 0.001
        n_expected, variance = last[of_class].sum(), (last * (1 - last))[of_class].sum()
        assert abs(event[of_class].sum() - n_expected) < 4 * np.sqrt(variance)
    assert (time > entry).all()
    assert (time[event == 0] == 36.0).all()


def test_log_counts_have_the_mean_and_covariance_of_the_model(drawn):
    samples, patients = drawn
    n = len(patients)
    y = np.log1p(samples["exact_ctc"] * 7.5 / samples["volume_ml"]).to_numpy().reshape(n, len(VISITS))
    s = np.array(VISITS) / 6
    X, Z = np.column_stack([s**0, s, s**2]), np.column_stack([s**0, s])
    sd = TRUTH["random_effect_sd"]
    D = np.outer(sd, sd) * TRUTH["random_effect_corr"]
    bone = patients["bone"].to_numpy()
    for g in range(3):
        of_class = patients["latent_class"].to_numpy() == g
        mean = X @ TRUTH["growth"][g] + np.outer(bone[of_class], 0.03 * np.array(VISITS))
        V = TRUTH["random_effect_scale"][g] ** 2 * Z @ D @ Z.T + TRUTH["sigma"][g] ** 2 * np.eye(len(VISITS))
        white = np.linalg.solve(np.linalg.cholesky(V), (y[of_class] - mean).T)
        m = of_class.sum()
        for row in white:
            assert kstest(row, "norm").pvalue > 0.001
        deviation = white @ white.T / m - np.eye(len(VISITS))
        # entries of a Wishart matrix: variance 1 / m off the diagonal, 2 / m on it
        assert np.abs(deviation).max() < 4.5 * np.sqrt(2 / m)


def test_counts_are_the_exact_ones_rounded(drawn):
    samples, _ = drawn
    exact, ctc = samples["exact_ctc"].to_numpy(), samples["ctc"].to_numpy()
    assert np.issubdtype(ctc.dtype, np.integer)
    assert ctc.min() == 0
    assert (exact > -samples["volume_ml"].to_numpy() / 7.5).all()
    assert np.abs(ctc - np.maximum(exact, 0.0)).max() <= 0.5
    assert (exact < 0).any()


@pytest.mark.parametrize("stop_at_event", [True, False])
def test_the_score_is_zero_on_average(design, stop_at_event):
    """g' H^-1 g at the true parameters is chi-squared: the draws are of the density that the likelihood evaluates."""
    patients, schedule, entry = people(4000, seed=3)
    theta = design.layout.theta(TRUTH)
    samples, out = simulate(
        design,
        theta,
        patients,
        schedule,
        np.random.default_rng(4),
        follow_up=30.0,
        entry=entry,
        stop_at_event=stop_at_event,
    )
    packed = design.pack_tables(samples.assign(ctc=samples["exact_ctc"]), out)
    objective = Objective(Analysis(cohort, design, packed), Bounds())
    free = design.layout.to_free(theta)
    gradient, hessian = objective(free)[1], objective.hessian(free)
    statistic = gradient @ np.linalg.solve(hessian, gradient)
    assert 0.0005 < chi2(len(free)).sf(statistic) < 0.9995
    wrong = free + 0.05  # the test can tell: at other parameters the statistic is far out
    gradient, hessian = objective(wrong)[1], objective.hessian(wrong)
    assert gradient @ np.linalg.solve(hessian, gradient) > 5 * len(free)


def test_samples_stop_at_the_event(design):
    patients, schedule, _ = people(300, seed=5)
    theta = design.layout.theta(TRUTH)

    def run(stop):
        return simulate(
            design, theta, patients, schedule, np.random.default_rng(6), follow_up=8.0, entry=0.0, stop_at_event=stop
        )

    every, people_1 = run(False)
    until, people_2 = run(True)
    pd.testing.assert_frame_equal(people_1, people_2)
    assert len(every) == len(schedule)
    last = every["patient_id"].map(people_1["_time"]).to_numpy()
    pd.testing.assert_frame_equal(until, every[every["time"].to_numpy() <= last].reset_index(drop=True))
    assert len(until) < len(every)
    assert until["time"].max() <= 8.0


def test_the_seed_decides_everything(design):
    patients, schedule, entry = people(100, seed=7)
    theta = design.layout.theta(TRUTH)
    first, again, other = (
        simulate(design, theta, patients, schedule, np.random.default_rng(seed), follow_up=24.0, entry=entry)
        for seed in (8, 8, 9)
    )
    for a, b in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert not first[1]["_time"].equals(other[1]["_time"])


def test_follow_up_by_patient_and_no_endpoint(cohort):
    case = Case(2, n=60, options={"endpoint": None, "growth": "linear", "random_effects": "none"})
    design = Design.settle(cohort, case.spec)
    patients, schedule, _ = people(50, seed=9)
    theta = design.layout.theta(draw_natural(case, np.random.default_rng(1)))
    until = np.linspace(1.0, 9.0, 50)
    samples, out = simulate(design, theta, patients, schedule, np.random.default_rng(2), follow_up=until)
    np.testing.assert_array_equal(out["_time"], until)
    assert (out["_event"] == 0).all()
    assert (samples["time"].to_numpy() <= until[patients.index.get_indexer(samples["patient_id"])]).all()
