"""Small fits for the tests of the report: nothing is sampled."""

from functools import partial

import numpy as np
import pandas as pd
from helpers import made_bayes
from small_fits import fit_two_classes

import bayesctc as bc
from bayesctc.results.bayes_fit import BayesFit

HOSTILE = "<script>alert(1)</script>"


def simulated_cohort(covariate: str = "arm", prefix: str = "P") -> bc.Cohort:
    """120 patients: the higher the counts, the shorter the survival."""
    rng = np.random.default_rng(5)
    n = 120
    group = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    time = np.array([40.0, 18.0, 8.0])[group] * rng.weibull(1.3, n) + 1.0
    censored = rng.uniform(5.0, 50.0, n)
    ids = [f"{prefix}{i:03d}" for i in range(n)]
    patients = pd.DataFrame(
        {
            "patient_id": ids,
            "os_time": np.minimum(time, censored),
            "os_event": (time <= censored).astype(int),
            covariate: rng.choice(["A", "B"], n),
        }
    )
    rows = []
    for i in range(n):
        visits = np.arange(0.0, min(patients["os_time"][i], 9.0), 1.5)
        level = (0.6, 2.4, 4.4)[group[i]] + rng.normal(0.0, 0.3) - 0.05 * visits
        counts = np.maximum(np.round(np.expm1(level + rng.normal(0.0, 0.4, len(visits)))), 0).astype(int)
        rows += [(ids[i], t, c) for t, c in zip(visits, counts, strict=True)]
    return bc.Cohort(pd.DataFrame(rows, columns=["patient_id", "time", "ctc"]), patients)


fit = partial(fit_two_classes, n_starts=2)


def as_bayes(ml, warnings: tuple[str, ...] = ()) -> BayesFit:
    """A Bayesian fit whose draws are from the asymptotic distribution, in two chains of 200."""
    thetas = ml.parameter_draws(400, random_seed=2).reshape(2, 200, *ml.theta.shape)
    return made_bayes(
        ml,
        thetas,
        warnings,
        bayesctc_version=bc.__version__,
        adaptation="mass matrix from the curvature at the mode",
        max_depth=7,
        python="3.12",
        pymc="6",
        random_seed=7,
        nuts_sampler="nutpie",
        draws=200,
        tune=100,
        chains=2,
        sampling_seconds=12.3,
    )
