"""Maximum likelihood of events that lie between two visits, against likelihoods written with scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import weibull_min

import bayesctc as bc

pytestmark = pytest.mark.unit
N, EVERY = 150, 2.1
SPEC = bc.ModelSpec(n_classes=1, endpoint="pfs", growth="linear", family="gaussian")


def trial(causes=False):
    """Progression between visits, exact deaths, and one covariate; counts say nothing."""
    rng = np.random.default_rng(1)
    arm = rng.binomial(1, 0.5, N)
    progression, death = 9.0 * rng.weibull(1.4, N) * np.exp(-0.4 * arm), 25.0 * rng.weibull(1.0, N)
    end = np.minimum(rng.uniform(5.0, 24.0, N), death)
    last, right = EVERY * np.floor(end / EVERY), EVERY * np.ceil(progression / EVERY)
    seen = right <= last
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(N)],
            "arm": arm,
            "pfs_left": np.where(seen, right - EVERY, last),
            "pfs_right": np.where(seen, right, np.nan),
            "pfs_time": np.where(seen, right, end),
            "pfs_event": np.where(seen, 1, np.where(end == death, 2 if causes else 1, 0)),
        }
    )
    samples = pd.DataFrame({"patient_id": np.repeat(patients["patient_id"], 2), "time": np.tile([0.0, 0.01], N)})
    samples["ctc"] = rng.poisson(3.0, 2 * N)
    return bc.Cohort(samples, patients, causes={"pfs": ("progression", "death")} if causes else None)


def maximum(log_likelihood, start):
    """Where it is, and its value."""
    found = minimize(lambda p: -log_likelihood(p), start, method="BFGS", options={"gtol": 1e-6})
    return found.x, -found.fun


def test_one_event():
    cohort = trial()
    data, arm = cohort.endpoint("pfs"), cohort.patients["arm"].to_numpy()

    def log_likelihood(p):
        scale = np.exp(p[0] - p[2] * arm / np.exp(p[1]))
        of = weibull_min(np.exp(p[1]), scale=scale)
        with np.errstate(divide="ignore"):
            between, known = np.log(of.sf(data.left) - of.sf(data.time)), of.logpdf(np.maximum(data.time, 1e-9))
        return np.sum(np.where(data.between, between, np.where(data.event > 0, known, of.logsf(data.time))))

    found, value = maximum(log_likelihood, [2.0, 0.0, 0.0])
    fit = bc.fit_ml(cohort, SPEC.with_(survival="~ arm"), n_starts=1, progress=False)
    natural = fit.parameters
    estimates = [natural["scale"].item(), natural["shape"].item(), natural["hazard_coefficient"].item()]
    np.testing.assert_allclose(estimates, [*np.exp(found[:2]), found[2]], rtol=1e-4)
    counts = fit.analysis.counts_only().evaluator().total(fit.theta)[0]
    assert fit.log_likelihood - counts == pytest.approx(value, abs=1e-6)


def test_progression_between_visits_and_deaths_known_to_the_day():
    """The density of a death with progression excluded up to the last visit; whoever progressed lived until seen."""
    cohort = trial(causes=True)
    data = cohort.endpoint("pfs")

    def by_patient(p):
        of = [weibull_min(np.exp(p[1]), scale=np.exp(p[0])), weibull_min(np.exp(p[3]), scale=np.exp(p[2]))]
        for left, time, event in zip(data.left, data.time, data.event, strict=True):
            if event == 1:
                yield np.log(of[0].sf(left) - of[0].sf(time)) + of[1].logsf(time)
            else:
                yield of[0].logsf(left) + (of[1].logpdf(time) if event == 2 else of[1].logsf(time))

    fit = bc.fit_ml(cohort, SPEC.with_(common_shape=False), n_starts=1, progress=False)
    natural, order = fit.parameters, [("progression", "scale"), ("progression", "shape")]
    order += [("death", "scale"), ("death", "shape")]
    at = [float(np.log(natural[f"{name}_{cause}"].item())) for cause, name in order]
    joint, counts = (each.evaluator().patients(fit.theta) for each in (fit.analysis, fit.analysis.counts_only()))
    np.testing.assert_allclose(joint - counts, list(by_patient(at)), atol=1e-8)
    best = sum(by_patient(at))
    for k in range(4):
        for step in (-0.02, 0.02):  # nowhere near is it higher
            moved = [value + step * (j == k) for j, value in enumerate(at)]
            assert sum(by_patient(moved)) < best


def test_narrow_intervals_are_times():
    cohort = trial()
    patients = cohort.patients.reset_index()
    middle = np.where(patients["pfs_right"].notna(), patients["pfs_right"] - 0.5 * EVERY, patients["pfs_time"])
    times = patients.assign(pfs_time=np.maximum(middle, 1e-3)).drop(columns=["pfs_left", "pfs_right"])
    seen = patients["pfs_right"].notna()
    narrow = times.assign(
        pfs_left=np.where(seen, middle - 0.001, patients["pfs_left"]), pfs_right=np.where(seen, middle + 0.001, np.nan)
    ).drop(columns=["pfs_time", "pfs_event"])
    exact = seen | (patients["pfs_event"] == 0)
    fits = [
        bc.fit_ml(
            bc.Cohort(cohort.samples[cohort.samples["patient_id"].isin(table["patient_id"])], table),
            SPEC,
            n_starts=1,
            progress=False,
        )
        for table in (times[exact], narrow[exact])
    ]
    for name in ("scale", "shape"):
        assert fits[1].parameters[name].item() == pytest.approx(fits[0].parameters[name].item(), rel=1e-4)
