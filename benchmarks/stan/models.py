"""The two models of the benchmark: log counts with normal residuals and random effects, and the default specification.

Of each: the specification, the Stan file, and what of the samples that file reads. Parameters and priors have the same
names in both Stan files; the default has no random effects, and one shape for all classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bayesctc.model.spec import ModelSpec
from benchmarks.stan.place import MODELS

NODES = 7  # of the integrals in joint_counts.stan: no patient's log likelihood is wrong by more than 0.001
MANY_NODES = 41  # where densities are compared


@dataclass(frozen=True)
class Model:
    """One of the models.

    Attributes
    ----------
    spec : ModelSpec
    code : str
        The Stan file.
    of_samples : function (samples, X, patient) -> dict
        Data of the Stan file: samples sorted by patient, their growth terms, the number of each one's patient.
    exact : function () -> dict
        Data in place of others where densities are compared.
    """

    spec: ModelSpec
    code: str
    of_samples: Callable
    exact: Callable[[], dict]


def patient_sums(samples, X, patient) -> dict[str, np.ndarray]:
    """n, y'y, X'y and the six different elements of X'X of each patient, y = log(1 + count), X growth terms."""
    y = log_counts(samples)
    rows, columns = np.triu_indices(3)
    return {
        "n": np.bincount(patient).astype(float),
        "yy": np.bincount(patient, y * y),
        "Xy": np.column_stack([np.bincount(patient, x * y) for x in X.T]),
        "XX": np.column_stack([np.bincount(patient, X[:, j] * X[:, k]) for j, k in zip(rows, columns, strict=True)]),
    }


def log_counts(samples) -> np.ndarray:
    """log(1 + count per 7.5 mL) of each sample."""
    return np.log1p(samples["ctc"].to_numpy() * 7.5 / samples["volume_ml"].to_numpy())


def different_samples(samples, X, patient) -> dict:
    """Samples that differ in growth terms, volume or count, and which of them each patient has."""
    log_volume = np.log(samples["volume_ml"].to_numpy() / 7.5)
    different, row = np.unique(np.column_stack([X, log_volume, samples["ctc"]]), axis=0, return_inverse=True)
    return {
        "S": len(patient),
        "U": len(different),
        "first": np.concatenate([[1], 1 + np.cumsum(np.bincount(patient))]),
        "row": np.ravel(row) + 1,
        "X": different[:, :3],
        "log_volume": different[:, 3],
        "ctc": different[:, 4],
        **normal_rule(NODES),
    }


def normal_rule(n_nodes: int) -> dict:
    """Nodes and weights of Gauss and Hermite's rule for a standard normal density."""
    node, weight = np.polynomial.hermite_e.hermegauss(n_nodes)
    return {"Q": n_nodes, "node": node, "weight": weight / weight.sum()}


BY_NAME = dict(
    zip(
        MODELS,
        (
            Model(
                ModelSpec(family="gaussian", random_effects="slope", common_shape=False, growth="quadratic"),
                "joint.stan",
                patient_sums,
                dict,
            ),
            Model(ModelSpec(), "joint_counts.stan", different_samples, lambda: normal_rule(MANY_NODES)),
        ),
        strict=True,
    )
)


def prior_numbers(priors, follow_up) -> dict:
    """The priors as data of the Stan files; `follow_up` is the design's `SurvivalScale`."""
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
    """Natural parameters on the scale of the fit, by the names and shapes of the Stan files."""
    value = {name: np.asarray(natural[name]) for name in natural}
    found = {
        "membership": value["membership"][:, 0].tolist(),
        "growth": value["growth"].T.tolist(),
        "sigma": float(value["sigma"]),
        "log_scale": np.log(value["scale"]).tolist(),
        "log_shape": np.log(value["shape"]).tolist(),
    }
    if "random_effect_sd" in value:
        found["random_effect_sd"] = value["random_effect_sd"].tolist()
        found["random_effect_corr"] = float(value["random_effect_corr"][0, 1])
    return found


def natural_parameters(point: dict) -> dict[str, np.ndarray]:
    """The inverse of `stan_parameters`."""
    found = {
        "membership": np.array(point["membership"])[:, None],
        "growth": np.array(point["growth"]).T,
        "sigma": np.array(point["sigma"]),
        "scale": np.exp(point["log_scale"]),
        "shape": np.exp(point["log_shape"]),
    }
    if "random_effect_sd" in point:
        corr = point["random_effect_corr"]
        found["random_effect_sd"] = np.array(point["random_effect_sd"])
        found["random_effect_corr"] = np.array([[1.0, corr], [corr, 1.0]])
    return found


def log_prior(point: dict, priors, follow_up) -> float:
    """Log prior density on the scale of the Stan files' parameters, up to a constant."""
    sds = np.array([priors.level_sd, priors.curve_sd, priors.curve_sd])[:, None]
    means = np.array([priors.level_mean, 0.0, 0.0])[:, None]
    log_scale = priors.log_scale_mean + follow_up.log_scale[0]
    found = (
        stats.norm.logpdf(point["membership"], 0.0, priors.membership_sd).sum()
        + stats.norm.logpdf(np.array(point["growth"]), means, sds).sum()
        + stats.halfnorm.logpdf(point["sigma"], scale=priors.sigma_sd)
        + stats.norm.logpdf(point["log_scale"], log_scale, priors.log_scale_sd).sum()
        + stats.norm.logpdf(point["log_shape"], 0.0, priors.log_shape_sd).sum()
    )
    if "random_effect_sd" in point:
        found += stats.halfnorm.logpdf(point["random_effect_sd"], scale=priors.random_effect_sd).sum()
        found += (priors.correlation_eta - 1.0) * np.log1p(-(point["random_effect_corr"] ** 2))
    return float(found)
