"""What events between two visits, and association inside the class, cost a gradient.

`python -m benchmarks.follow_up` prints processor milliseconds of one gradient, K = 4 (best of 15 times 40), with times
of events and with bounds (`generate_trial(7)` with scans every 9 weeks, all 783 patients), and without and with
``association="current_value"`` (the trial's 469 patients with three samples, a random intercept), and the ratio.
"""

import time

import numpy as np

import bayesctc as bc
from bayesctc.model.analysis import Analysis

FAMILIES = ("poisson_log_normal", "negative_binomial", "gaussian")
REPEATS, TIMES = 15, 40


def milliseconds(cohort: bc.Cohort, spec: bc.ModelSpec) -> float:
    """Processor milliseconds of one gradient."""
    analysis = Analysis.settle(cohort, spec)
    layout, likelihood = analysis.design.layout, analysis.evaluator()
    theta = layout.to_theta(np.random.default_rng(0).normal(0.0, 0.1, layout.n_parameters))
    likelihood.centre(theta)
    likelihood.total(theta)
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(TIMES):
            likelihood.total(theta)
        taken.append(1e3 * (time.process_time() - began) / TIMES)
    return min(taken)


def main() -> None:
    """Print both comparisons."""
    samples, patients = bc.generate_trial(7, bc.TrialParameters(scans=bc.ScanParameters()))
    bounds = bc.Cohort(samples, patients)
    dates = bc.Cohort(samples, patients.drop(columns=["pfs_left", "pfs_right"]))
    trial = bc.load_trial().include(min_samples=3)
    for family in FAMILIES:
        spec = bc.ModelSpec(family=family, endpoint="pfs")
        known, between = milliseconds(dates, spec), milliseconds(bounds, spec)
        print(f"{family}: times {known:.3f} ms, bounds {between:.3f} ms, ratio {between / known:.2f}")
    for family in FAMILIES:
        spec = bc.ModelSpec(family=family, random_effects="intercept")
        without, linked = milliseconds(trial, spec), milliseconds(trial, spec.with_(association="current_value"))
        print(f"{family}: no association {without:.3f} ms, current value {linked:.3f} ms, ratio {linked / without:.2f}")


if __name__ == "__main__":
    main()
