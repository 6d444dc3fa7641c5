"""Processor time of dynamic prediction and of cross-validation on the trial.

The gaussian family's fit is sampled; those of the other families are maximum-likelihood ones, whose intervals take as
many draws as a posterior's.

python -m benchmarks.prediction; writes benchmarks/results/prediction.json
"""

import json
import time
from pathlib import Path

import numpy as np

import bayesctc as bc

OUT = Path(__file__).parent / "results" / "prediction.json"
FAMILIES = ("gaussian", "negative_binomial")
REPEATS = 15


def seconds(run) -> float:
    """Median processor seconds of a call that has run once before."""
    run()
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return float(np.median(taken))


def main() -> None:
    """Measure, print and write."""
    cohort = bc.load_trial().include(min_samples=3)
    one = cohort.select([cohort.patients.query("os_time > 6").index[0]])
    figures: dict = {"one_patient_ms": {}, "patients": cohort.n_patients}
    for family in FAMILIES:
        spec = bc.ModelSpec(
            n_classes=4 if family == "gaussian" else 3,
            random_effects="slope",
            family=family,
            common_shape=False,
            growth="quadratic",
        )
        fit = bc.fit_ml(cohort, spec, n_starts=8 if family == "gaussian" else 1, random_seed=1, progress=False)
        if family == "gaussian":
            fit = bc.fit_bayes(cohort, spec, ml=fit, draws=200, tune=200, chains=2, random_seed=1, progress=False)
        figures["one_patient_ms"][f"{family}, {type(fit).__name__}"] = {
            "predict_survival": round(
                1e3 * seconds(lambda fit=fit: bc.predict_survival(fit, one, 6.0, [6, 12, 24])), 1
            ),
            "predict_counts": round(1e3 * seconds(lambda fit=fit: bc.predict_counts(fit, one, 6.0, [7.0])), 1),
        }
    print(figures, flush=True)
    began = time.process_time()
    spec = bc.ModelSpec(n_classes=4, random_effects="slope", family="gaussian", common_shape=False, growth="quadratic")
    bc.cross_validate(cohort, spec, [3, 6], [6, 12, 24], random_seed=1, progress=False)
    figures["cross_validate_5_folds_seconds"] = round(time.process_time() - began, 1)
    print(figures)
    OUT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
