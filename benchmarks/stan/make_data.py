"""A model's one data file of the benchmark against Stan and plain PyMC: patients, samples, priors, starting values.

Run with `python -m benchmarks.stan.make_data [--model default] [--trial]`; writes `benchmarks/.stan/<model>/data.json`.
Without `--trial` the patients are simulated from the gaussian model. Everything is on the scale of the fit
(`model.scales`), where its priors are: growth by functions of the samples' span, survival in units of the follow-up.
"""

import json

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.trial import load_trial
from bayesctc.inference.ml import fit_ml
from benchmarks.stan.models import BY_NAME, log_counts, prior_numbers, stan_parameters
from benchmarks.stan.place import arguments_of, folder

CHAINS = 4
SPREAD = 0.5  # chains start this many standard errors around the mode
LARGEST = 0.9  # correlation of the random effects at the start

MEMBERSHIP = np.array([0.56, 0.24, 0.15, 0.05])
GROWTH = np.array([[0.4, -0.15, 0.02], [1.7, -0.6, 0.15], [2.9, -0.2, 0.1], [4.2, 0.5, -0.05]])  # by s = months / 6
SIGMA = 0.55
RANDOM_EFFECT_COVARIANCE = np.array([[0.16, -0.02], [-0.02, 0.06]])
SCALE = np.array([60.0, 35.0, 20.0, 11.0])  # months
SHAPE = np.array([1.3, 1.3, 1.2, 1.1])
N_PATIENTS = 469


def simulate(random_seed: int = 1) -> Cohort:
    """A cohort drawn from the four-class gaussian model, its counts rounded to whole cells.

    A patient is sampled at months 0, 1, 2, 4, 6 and so on until death, drop-out or a planned last visit.
    """
    rng = np.random.default_rng(random_seed)
    latent_class = rng.choice(4, size=N_PATIENTS, p=MEMBERSHIP)
    survival = SCALE[latent_class] * rng.exponential(size=N_PATIENTS) ** (1 / SHAPE[latent_class])
    followup = rng.uniform(18.0, 48.0, size=N_PATIENTS)
    time = np.minimum(survival, followup)
    patients = pd.DataFrame(
        {"patient_id": np.arange(1, N_PATIENTS + 1), "os_time": time, "os_event": (survival <= followup).astype(int)}
    )
    visits = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0])
    planned = rng.integers(3, len(visits), size=N_PATIENTS)
    effects = rng.multivariate_normal(np.zeros(2), RANDOM_EFFECT_COVARIANCE, size=N_PATIENTS)
    frames = []
    for i in range(N_PATIENTS):
        months = visits[: planned[i]]
        months = months[months < time[i]]
        s = months / 6.0
        eta = s[:, None] ** np.arange(3) @ GROWTH[latent_class[i]] + effects[i, 0] + effects[i, 1] * s
        ctc = np.rint(np.maximum(np.expm1(rng.normal(eta, SIGMA)), 0.0)).astype(int)
        frames.append(pd.DataFrame({"patient_id": i + 1, "time": months, "ctc": ctc}))
    return Cohort(pd.concat(frames, ignore_index=True), patients)


def benchmark_cohort(trial: bool) -> Cohort:
    """The patients of the benchmark: of the synthetic trial, or simulated."""
    return load_trial().include(min_samples=3) if trial else simulate()


def starting_values(ml, random_seed: int = 1) -> list[dict]:
    """One set of parameters per chain, around the best interior mode; correlations off their bound."""
    layout = ml.design.layout
    draws = ml.parameter_draws(CHAINS, random_seed=random_seed)
    starts = [stan_parameters(layout.own(ml.theta + SPREAD * (draw - ml.theta))) for draw in draws]
    for start in starts:
        if "random_effect_corr" in start:
            start["random_effect_corr"] = float(np.clip(start["random_effect_corr"], -LARGEST, LARGEST))
    return starts


def check_points(ml, n: int = 6, random_seed: int = 2) -> list[dict]:
    """Parameter sets far from the mode, at which the densities are compared."""
    layout, rng = ml.design.layout, np.random.default_rng(random_seed)
    mode = layout.to_free(ml.theta)
    free = mode + rng.normal(0.0, 0.3, size=(n, len(mode)))
    return [stan_parameters(layout.own(layout.to_theta(f))) for f in free]


def as_lists(values: dict) -> dict:
    """Arrays as lists, for JSON."""
    return {name: np.asarray(value).tolist() for name, value in values.items()}


def main() -> None:
    """Write the data file."""
    parser = arguments_of(__doc__)
    parser.add_argument("--trial", action="store_true", help="the package's synthetic trial instead of a simulation")
    arguments = parser.parse_args()
    cohort, model = benchmark_cohort(arguments.trial), BY_NAME[arguments.model]
    ml = fit_ml(cohort, model.spec, random_seed=1, progress=False)
    endpoint = cohort.endpoint(model.spec.endpoint)
    place = pd.Index(endpoint.patient_ids).get_indexer(endpoint.samples["patient_id"])
    order = np.argsort(place, kind="stable")
    samples, patient = endpoint.samples.iloc[order], place[order]
    X = ml.design.growth_matrix(samples, cohort.patients)
    content = {
        "trial": arguments.trial,
        "code": model.code,
        "stan": {
            "N": len(endpoint.patient_ids),
            "K": model.spec.n_classes,
            **as_lists(model.of_samples(samples, X, patient)),
            "event": endpoint.event.tolist(),
            "log_time": np.log(ml.design.sizes.own_time(endpoint.time)).tolist(),
            **prior_numbers(model.spec.priors, ml.design.follow_up),
        },
        "exact": as_lists(model.exact()),
        "samples": {"patient": patient.tolist(), "X": X.tolist(), "y": log_counts(samples).tolist()},
        "starts": starting_values(ml),
        "check_points": check_points(ml),
    }
    kept = folder(arguments.model)
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "data.json").write_text(json.dumps(content))
    print(f"{len(endpoint.patient_ids)} patients, {len(samples)} samples, {int(endpoint.event.sum())} deaths")
    print(ml)


if __name__ == "__main__":
    main()
