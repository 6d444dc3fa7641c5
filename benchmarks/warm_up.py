"""What coordinates with unit curvature at the mode save in warm-up, and how they behave in small cohorts.

`python -m benchmarks.warm_up` prints, for the embedded trial (783 patients), four specifications and three lengths of
warm-up: gradients of four chains of 500 draws (warm-up included), steps per draw, the smallest bulk and tail ESS of a
coordinate, tail ESS per 1,000 gradients, the largest R-hat, and divergences; means of two seeds. Then the same for the
first 60 or 120 patients of three generated trials (seeds 1 to 3): means, for two specifications that they hardly
identify.
"x" are the posterior's own coordinates, as used before with nutpie's low-rank mass matrix; "z" those of `Whitened`.
"""

import itertools
from collections.abc import Callable

import arviz as az
import numpy as np
import nutpie
from nutpie.compiled_pyfunc import from_pyfunc

import bayesctc as bc
from bayesctc.inference.nuts import MAX_DEPTH, inside, with_nodes
from bayesctc.inference.whitened import Whitened
from bayesctc.model.posterior import Posterior
from bayesctc.results.diagnostics import TAIL

COUNTS = {"family": "negative_binomial", "random_effects": "intercept"}
SPECS = {
    "default, K = 4": {},
    "negative binomial, intercept, K = 3": {"n_classes": 3, **COUNTS},
    "gaussian, slope, K = 4": {"family": "gaussian", "growth": "quadratic", "random_effects": "slope"},
    "splines, K = 3": {"n_classes": 3, "growth": "spline", "hazard": "splines"},
}
FEW = {
    "negative binomial, intercept, K = 2": {"n_classes": 2, "growth": "linear", **COUNTS},
    "zero-inflated, K = 2": {"n_classes": 2, "growth": "linear", "family": "zero_inflated_negative_binomial"},
}
SIZES, TRIALS, WARM_UP = (60, 120), (1, 2, 3), 300
HOW = [("x", "low_rank"), ("z", "diag")]
WARM_UPS, SEEDS, CHAINS, DRAWS = (100, 300, 600), (1, 2), 4, 500


def sampled(density: Callable, start: Callable, n_dim: int, tune: int, adaptation: str, seed: int):
    """Draws (chain, draw, n_dim) of nutpie, the gradients computed, steps per draw, and divergences."""
    gradients = itertools.count()

    def counting():
        own = density()

        def counted(x):
            next(gradients)
            return own(x)

        return counted

    model = from_pyfunc(
        n_dim,
        make_logp_fn=counting,
        make_expand_fn=lambda *seeds: lambda x: {"x": x},
        expanded_dtypes=[np.dtype(np.float64)],
        expanded_shapes=[(n_dim,)],
        expanded_names=["x"],
        make_initial_point_fn=start,
    )
    trace = nutpie.sample(
        model,
        draws=DRAWS,
        tune=tune,
        chains=CHAINS,
        cores=1,
        seed=seed,
        adaptation=adaptation,
        maxdepth=MAX_DEPTH,
        progress_bar=False,
    )
    stats = trace.sample_stats
    return (
        trace.posterior["x"].to_numpy(),
        next(gradients),
        float(stats["n_steps"].mean()),
        int(stats["diverging"].sum()),
    )


def row(ml: bc.MLFit, coordinates: str, adaptation: str, tune: int, seeds=SEEDS) -> np.ndarray:
    """The numbers of a row: means over seeds."""
    analysis, follow = with_nodes(ml, ml.theta)
    posterior = Posterior(analysis, ml.theta, follow)
    centre = posterior.start(inside(analysis.design, ml.theta))
    whitened, plain = Whitened.at(posterior, centre), Whitened(np.zeros(len(centre)), np.eye(len(centre)))
    around = plain if coordinates == "x" else whitened

    def start(seed):  # the same place in either coordinates
        z = whitened.start(seed)
        return whitened.x(z) if coordinates == "x" else z

    def density():
        return around.density(Posterior(analysis, ml.theta, follow))

    found = []
    for seed in seeds:
        z, gradients, steps, divergences = sampled(density, start, len(centre), tune, adaptation, seed)
        x = around.x(z)
        each = [x[..., j] for j in range(x.shape[-1])]
        bulk, tail = min(map(az.ess, each)), min(float(az.ess(one, method="tail", prob=TAIL)) for one in each)
        found.append([gradients, steps, bulk, tail, 1000.0 * tail / gradients, max(map(az.rhat, each)), divergences])
    return np.mean(found, axis=0)


def show(name: str, how: tuple[str, str], tune: int, values: np.ndarray) -> None:
    """Print a row."""
    numbers = ", ".join(f"{value:.{digits}f}" for value, digits in zip(values, (0, 1, 0, 0, 1, 3, 1), strict=True))
    print(name, *how, tune, sep=", ", end=f": {numbers}\n", flush=True)


def main() -> None:
    """Print both tables, row by row."""
    print("specification, coordinates, mass matrix, warm-up: ", end="")
    print("gradients, steps, bulk, tail, tail/1000, R-hat, divergences")
    for name, options in SPECS.items():
        ml = bc.fit_ml(bc.load_trial(), bc.ModelSpec(**options), n_starts=8, progress=False)
        for how, tune in itertools.product(HOW, WARM_UPS):
            show(name, how, tune, row(ml, *how, tune))
    for (name, options), n in itertools.product(FEW.items(), SIZES):
        trials = [bc.Cohort(*bc.generate_trial(seed)) for seed in TRIALS]
        few = [trial.select(trial.patients.index[:n]) for trial in trials]
        fits = [bc.fit_ml(cohort, bc.ModelSpec(**options), n_starts=6, progress=False) for cohort in few]
        for how in HOW:
            values = [row(ml, *how, WARM_UP, seeds=SEEDS[:1]) for ml in fits]
            show(f"{name}, {n} patients", how, WARM_UP, np.mean(values, axis=0))


if __name__ == "__main__":
    main()
