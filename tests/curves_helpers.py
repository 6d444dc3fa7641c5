"""A cohort whose arms have curves of their own in each class, with columns of the samples."""

import numpy as np
import pandas as pd

import bayesctc as bc

# On log(1 + count), s = months / 6: the curve in arm A, and what arm B changes of it.
TRUTH = {
    "growth": {"class 1": {"intercept": 2.0, "s": 0.3}, "class 2": {"intercept": 4.5, "s": 0.5}},
    "longitudinal_by_class": {
        "class 1": {"arm[T.B]": 0.0, "arm[T.B]:s": 0.0},
        "class 2": {"arm[T.B]": 0.2, "arm[T.B]:s": -1.2},
    },
}
SIGMA = 0.4


def frames(n: int = 240, seed: int = 11) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Samples at about 0, 1, ..., 7 months, a fifth of them missed; followed to 40 months at most."""
    rng = np.random.default_rng(seed)
    high, arm = rng.random(n) < 0.45, rng.choice(["A", "B"], n)
    death = np.where(high, 14.0, 40.0) * rng.weibull(1.3, n) + 8.0
    ids = [f"P{i:03d}" for i in range(n)]
    patients = pd.DataFrame(
        {
            "patient_id": ids,
            "os_time": np.minimum(death, 40.0),
            "os_event": (death < 40.0).astype(int),
            "arm": arm,
            "age": np.round(rng.normal(57.0, 9.0, n)),
        }
    )
    row, visit = (x.ravel() for x in np.meshgrid(np.arange(n), np.arange(8.0), indexing="ij"))
    time = np.maximum(visit + rng.normal(0.0, 0.1, len(visit)), 0.0)
    curve = np.array([[list(own.values()) for own in part.values()] for part in TRUTH.values()])  # part, class, term
    own = curve[0][high[row].astype(int)] + curve[1][high[row].astype(int)] * (arm[row] == "B")[:, None]
    y = own[:, 0] + own[:, 1] * time / 6.0 + rng.normal(0.0, SIGMA, len(time))
    samples = pd.DataFrame(
        {
            "patient_id": np.array(ids)[row],
            "time": time.round(3),
            "ctc": np.maximum(np.round(np.expm1(y)), 0).astype(int),
            "lab": pd.Categorical(rng.choice(["1", "2"], len(time)), ["1", "2"]),
            "on_treatment": time < rng.uniform(2.0, 7.0, n)[row],
            "dose": rng.normal(10.0, 2.0, len(time)).round(2),
        }
    )
    return samples[rng.random(len(time)) > 0.2].reset_index(drop=True), patients


def counts_only(cohort: bc.Cohort, **options):
    """Lines through log counts, gaussian, without survival."""
    usual = {"n_classes": 1, "growth": "linear", "family": "gaussian", "random_effects": "none", "endpoint": None}
    return bc.fit_ml(cohort, bc.ModelSpec(**usual | options), n_starts=2, random_seed=1, progress=False)
