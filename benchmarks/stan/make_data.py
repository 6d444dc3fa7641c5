"""The one data file of the benchmark against Stan and plain PyMC: patients, samples, sums, priors and starting values.

Run with `python -m benchmarks.stan.make_data [--trial]`; writes `benchmarks/.stan/data.json`. Without `--trial` the
patients are simulated from the model itself. Everything is on the scale of the fit (`model.scales`), where its priors
are: growth by functions of the samples' span, survival in units of the follow-up.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.trial import load_trial
from bayesctc.inference.ml import fit_ml
from bayesctc.model.spec import ModelSpec

DATA_FILE = Path(__file__).parents[1] / ".stan" / "data.json"
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
    """A cohort drawn from the four-class model, its counts rounded to whole cells.

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


def patient_sums(samples: pd.DataFrame, X, patient_ids) -> dict[str, np.ndarray]:
    """n, y'y, X'y and the six different elements of X'X of each patient, y = log(1 + count), X growth terms."""
    position = pd.Index(patient_ids).get_indexer(samples["patient_id"])
    y = np.log1p(samples["ctc"].to_numpy() * 7.5 / samples["volume_ml"].to_numpy())

    def total(values):
        return np.bincount(position, weights=values, minlength=len(patient_ids))

    rows, columns = np.triu_indices(3)
    return {
        "n": total(np.ones_like(y)),
        "yy": total(y * y),
        "Xy": np.column_stack([total(x * y) for x in X.T]),
        "XX": np.column_stack([total(X[:, j] * X[:, k]) for j, k in zip(rows, columns, strict=True)]),
    }


def prior_numbers(priors, follow_up) -> dict:
    """The priors as the data of joint.stan; `follow_up` is the design's `SurvivalScale`."""
    return {
        "membership_sd": priors.membership_sd,
        "growth_mean": [priors.level_mean, 0.0, 0.0],
        "growth_sd": [priors.level_sd, priors.curve_sd, priors.curve_sd],
        "sigma_sd": priors.sigma_sd,
        "random_effect_sd_sd": priors.random_effect_sd,
        "correlation_eta": priors.correlation_eta,
        "log_scale_mean": priors.log_scale_mean + follow_up.log_scale[0],
        "log_scale_sd": priors.log_scale_sd,
        "log_shape_sd": priors.log_shape_sd,
    }


def stan_parameters(natural) -> dict:
    """Natural parameters on the scale of the fit, by the names and shapes of joint.stan."""
    value = {name: np.asarray(natural[name]) for name in natural}
    return {
        "membership": value["membership"][:, 0].tolist(),
        "growth": value["growth"].T.tolist(),
        "sigma": float(value["sigma"]),
        "random_effect_sd": value["random_effect_sd"].tolist(),
        "random_effect_corr": float(value["random_effect_corr"][0, 1]),
        "log_scale": np.log(value["scale"]).tolist(),
        "log_shape": np.log(value["shape"]).tolist(),
    }


def starting_values(ml, random_seed: int = 1) -> list[dict]:
    """One set of parameters per chain, around the best interior mode; correlations off their bound."""
    layout = ml.design.layout
    draws = ml.parameter_draws(CHAINS, random_seed=random_seed)
    starts = [stan_parameters(layout.own(ml.theta + SPREAD * (draw - ml.theta))) for draw in draws]
    for start in starts:
        start["random_effect_corr"] = float(np.clip(start["random_effect_corr"], -LARGEST, LARGEST))
    return starts


def check_points(ml, n: int = 6, random_seed: int = 2) -> list[dict]:
    """Parameter sets far from the mode, at which the densities are compared."""
    layout, rng = ml.design.layout, np.random.default_rng(random_seed)
    mode = layout.to_free(ml.theta)
    free = mode + rng.normal(0.0, 0.3, size=(n, len(mode)))
    return [stan_parameters(layout.own(layout.to_theta(f))) for f in free]


def main() -> None:
    """Write the data file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trial", action="store_true", help="the package's synthetic trial instead of a simulation")
    arguments = parser.parse_args()
    cohort, spec = (
        benchmark_cohort(arguments.trial),
        ModelSpec(family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
    )
    ml = fit_ml(cohort, spec, random_seed=1, progress=False)
    endpoint = cohort.endpoint(spec.endpoint)
    samples = endpoint.samples
    X = ml.design.growth_matrix(samples, cohort.patients)
    content = {
        "trial": arguments.trial,
        "stan": {
            "N": len(endpoint.patient_ids),
            "K": spec.n_classes,
            **{name: value.tolist() for name, value in patient_sums(samples, X, endpoint.patient_ids).items()},
            "event": endpoint.event.tolist(),
            "log_time": np.log(ml.design.sizes.own_time(endpoint.time)).tolist(),
            **prior_numbers(spec.priors, ml.design.follow_up),
        },
        "samples": {
            "patient": pd.Index(endpoint.patient_ids).get_indexer(samples["patient_id"]).tolist(),
            "X": X.tolist(),
            "y": np.log1p(samples["ctc"] * 7.5 / samples["volume_ml"]).tolist(),
        },
        "starts": starting_values(ml),
        "check_points": check_points(ml),
    }
    DATA_FILE.parent.mkdir(exist_ok=True)
    DATA_FILE.write_text(json.dumps(content))
    print(f"{len(endpoint.patient_ids)} patients, {len(samples)} samples, {int(endpoint.event.sum())} deaths")
    print(ml)


if __name__ == "__main__":
    main()
