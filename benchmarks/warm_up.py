"""What coordinates with unit curvature at the mode save in warm-up.

`python -m benchmarks.warm_up` prints, for the embedded trial (783 patients) and four specifications: gradients of four
chains of 500 draws (warm-up included), steps per draw, the smallest bulk and tail ESS of a coordinate, tail ESS per
1,000 gradients, and the largest R-hat; means of two seeds. "x" are the posterior's own coordinates, as used before
with nutpie's low-rank mass matrix; "z" those of `Whitened`.
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

SPECS = {
    "default, K = 4": {},
    "negative binomial, intercept, K = 3": {
        "n_classes": 3,
        "family": "negative_binomial",
        "random_effects": "intercept",
    },
    "gaussian, slope, K = 4": {"family": "gaussian", "growth": "quadratic", "random_effects": "slope"},
    "splines, K = 3": {"n_classes": 3, "growth": "spline", "hazard": "splines"},
}
HOW = [("x", "low_rank"), ("z", "diag")]
WARM_UPS, SEEDS, CHAINS, DRAWS = (100, 300, 600), (1, 2), 4, 500


def sampled(density: Callable, start: Callable, n_dim: int, tune: int, adaptation: str, seed: int):
    """Draws (chain, draw, n_dim) of nutpie, the gradients computed, and steps per draw."""
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
    return trace.posterior["x"].to_numpy(), next(gradients), float(trace.sample_stats["n_steps"].mean())


def row(ml: bc.MLFit, coordinates: str, adaptation: str, tune: int) -> np.ndarray:
    """Gradients, steps per draw, smallest bulk and tail ESS, the latter per 1,000 gradients, and R-hat: means."""
    analysis, follow = with_nodes(ml, ml.theta)
    posterior = Posterior(analysis, ml.theta, follow)
    centre = posterior.start(inside(analysis.design, ml.theta))
    whitened, plain = Whitened.at(posterior, centre), Whitened(np.zeros(len(centre)), np.eye(len(centre)))
    around = plain if coordinates == "x" else whitened

    def start(seed):  # the same place in either coordinates
        z = whitened.start(seed)
        return whitened.x(z) if coordinates == "x" else z

    found = []
    for seed in SEEDS:
        z, gradients, steps = sampled(
            lambda: around.density(Posterior(analysis, ml.theta, follow)),
            start,
            len(centre),
            tune,
            adaptation,
            seed,
        )
        x = around.x(z)
        each = [x[..., j] for j in range(x.shape[-1])]
        bulk, tail = min(map(az.ess, each)), min(float(az.ess(one, method="tail", prob=TAIL)) for one in each)
        found.append([gradients, steps, bulk, tail, 1000.0 * tail / gradients, max(map(az.rhat, each))])
    return np.mean(found, axis=0)


def main() -> None:
    """Print the table, row by row."""
    print("specification, coordinates, mass matrix, warm-up: gradients, steps, bulk, tail, tail/1000, R-hat")
    for name, options in SPECS.items():
        spec = bc.ModelSpec(**options)
        ml = bc.fit_ml(bc.load_trial(), spec, n_starts=8, progress=False)
        for how, tune in itertools.product(HOW, WARM_UPS):
            values = row(ml, *how, tune)
            numbers = ", ".join(f"{value:.{digits}f}" for value, digits in zip(values, (0, 1, 0, 0, 1, 3), strict=True))
            print(name, *how, tune, sep=", ", end=f": {numbers}\n", flush=True)


if __name__ == "__main__":
    main()
