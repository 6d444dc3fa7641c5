"""The posterior of a model with `association="current_value"` beside a hand-written PyMC model of the same cohort.

`python -m benchmarks.association_pymc` writes both with plain tensors: random effects are sampled rather than
integrated out, counts are PyMC's negative binomial, and the cumulative hazard is a sum over 200 midpoints in the
square root of time (`results/association_pymc.csv`: mean and standard deviation of every parameter on the scale of
the fit).
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

import bayesctc as bc
from bayesctc.model.analysis import Analysis

RESULTS = Path(__file__).parent / "results"
PATIENTS, POINTS = 150, 200
SPEC = bc.ModelSpec(
    n_classes=1, family="negative_binomial", growth="linear", random_effects="intercept", association="current_value"
)


def hand_written(analysis: Analysis) -> pm.Model:
    """The model, by the book."""
    design, (samples, patients) = analysis.design, analysis.tables()
    p, scales = design.spec.priors, design.scales
    X = design.growth_matrix(samples, patients)
    who = patients.index.get_indexer(samples["patient_id"])
    months, event = patients["_time"].to_numpy(), patients["_event"].to_numpy()
    unit = design.follow_up.months
    middle = (np.arange(POINTS) + 0.5) / POINTS
    times = months[:, None] * middle**2
    width = 2.0 * middle / POINTS * (months / unit)[:, None]
    W = design.basis.evaluate(times.ravel()).reshape(*times.shape, -1)
    at_end = design.basis.evaluate(months)
    with pm.Model() as model:
        growth = pm.Normal("growth", np.array([p.level_mean, 0.0]), np.array([p.level_sd, p.curve_sd]))
        log_dispersion = pm.Normal("log_dispersion", 0.0, p.log_dispersion_sd)
        sd = pm.HalfNormal("random_effect_sd", p.random_effect_sd)
        log_scale = pm.Normal("log_scale", scales.log_scale[0], p.log_scale_sd / scales.shape)
        log_shape = pm.Normal("log_shape", np.log(scales.shape), p.log_shape_sd)
        alpha = pm.Normal("association", 0.0, p.association_sd)
        b = sd * pm.Normal("z", shape=len(patients))
        mean = samples["volume_ml"].to_numpy() / 7.5 * pt.exp(X @ growth + b[who])
        pm.NegativeBinomial("counts", mu=mean, alpha=pt.exp(log_dispersion), observed=samples["ctc"].to_numpy())
        shape = pt.exp(log_shape)

        def log_hazard(t, curve):
            return log_shape - log_scale + (shape - 1.0) * (np.log(t / unit) - log_scale) + alpha * curve

        cumulative = (width * pt.exp(log_hazard(times, W @ growth + b[:, None] - design.level))).sum(axis=1)
        seen = log_hazard(months, at_end @ growth + b - design.level)
        pm.Potential("survival", (event * seen - cumulative).sum())
    return model


def main() -> None:
    trial = bc.load_trial().include(min_samples=3)
    keep = trial.patients.index[:PATIENTS]
    cohort = trial.select(keep)
    fit = bc.fit_bayes(cohort, SPEC, draws=2000, tune=1000, chains=2, random_seed=1, progress=False)
    with hand_written(fit.analysis):
        other = pm.sample(2000, tune=1000, chains=2, cores=2, random_seed=1, progressbar=False, nuts_sampler="nutpie")
    places, thetas = fit.design.layout.places, fit.thetas[:, 0]
    own = {
        "growth 0": thetas[:, places["growth"].start],
        "growth 1": thetas[:, places["growth"].start + 1],
        "log_dispersion": thetas[:, places["dispersion"].start],
        "random_effect_sd": thetas[:, places["random_effect_cholesky"].start],
        "association": thetas[:, places["association"].start],
        "log_scale": thetas[:, places["scale"].start],
        "log_shape": thetas[:, places["shape"].start],
    }
    rows = []
    for name, draws in own.items():
        plain, *which = name.split()
        theirs = other.posterior[plain].to_numpy().reshape(-1, *other.posterior[plain].shape[2:])
        theirs = theirs[:, int(which[0])] if which else theirs
        rows.append((name, draws.mean(), theirs.mean(), draws.std(), theirs.std()))
    table = pd.DataFrame(rows, columns=["parameter", "mean", "mean_plain", "sd", "sd_plain"])
    table["difference_in_sd"] = (table["mean"] - table["mean_plain"]) / table["sd_plain"]
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / "association_pymc.csv", index=False, float_format="%.4g")
    print(table.to_string(index=False, float_format="%.4f"))


if __name__ == "__main__":
    main()
