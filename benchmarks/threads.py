"""What a gradient costs, and what chains in threads gain.

`python -m benchmarks.threads` prints, for the trial's 469 patients with three samples: processor microseconds of a
gradient, K = 4 with a random intercept, and of placing its nodes (best of 15 times 40); and processor and elapsed
seconds of two chains of 200 + 200 draws one after the other, in two threads, and as `cores=None` has them (best of 3).
"""

import time

import bayesctc as bc
from bayesctc.inference.nuts import with_nodes
from bayesctc.model.posterior import Posterior

COUNTED = ("negative_binomial", "poisson_log_normal", "censored", "poisson")
SAMPLED = (("gaussian", 1), ("gaussian", 4), ("poisson_log_normal", 4))
REPEATS, TIMES = 15, 40


def microseconds(call) -> float:
    """Processor microseconds of a call."""
    taken = []
    for _ in range(REPEATS):
        began = time.thread_time()
        for _ in range(TIMES):
            call()
        taken.append(1e6 * (time.thread_time() - began) / TIMES)
    return min(taken)


def seconds(call) -> tuple[float, float]:
    """Processor and elapsed seconds of a call, each the best of three."""
    taken = []
    for _ in range(3):
        began = time.process_time(), time.perf_counter()
        call()
        taken.append((time.process_time() - began[0], time.perf_counter() - began[1]))
    processor, elapsed = zip(*taken, strict=True)
    return min(processor), min(elapsed)


def placing(trial: bc.Cohort, family: str) -> str:
    """A gradient with nodes that stay, and placing them from where the estimate has them."""
    ml = bc.fit_ml(trial, bc.ModelSpec(family=family, random_effects="intercept"), n_starts=4, progress=False)
    analysis, _ = with_nodes(ml, ml.theta)
    density = Posterior(analysis, ml.theta, follow=True)
    home, x = density.evaluator.own.place(), density.coordinates(ml.theta) + 0.05
    both, theta = microseconds(lambda: density(x)), density.thetas(x)
    moved = microseconds(lambda: density.evaluator.follow(theta, home))
    return f"{analysis.design.n_nodes} nodes: gradient {both - moved:.0f}, placing nodes {moved:.0f} us"


def chains(ml: bc.MLFit, cores: int | None) -> str:
    """Two chains at a time, one after the other, or as is decided."""
    options = {"draws": 200, "tune": 200, "chains": 2, "progress": False}
    processor, elapsed = seconds(lambda: bc.fit_bayes(ml.cohort, ml.spec, ml=ml, cores=cores, **options))
    return f"cores={cores}: processor {processor:.2f} s, elapsed {elapsed:.2f} s"


def main() -> None:
    """Print both tables."""
    trial = bc.load_trial().include(min_samples=3)
    for family in COUNTED:
        print(family, placing(trial, family), sep=", ")
    for family, n_classes in SAMPLED:
        ml = bc.fit_ml(trial, bc.ModelSpec(n_classes=n_classes, family=family), n_starts=4, progress=False)
        for cores in (1, 2, None):
            print(f"{family}, K = {n_classes}", chains(ml, cores), sep=", ")


if __name__ == "__main__":
    main()
