"""Are the joint model's predictions in new patients better than one line of Cox regression?

`python -m benchmarks.out_of_sample` takes ten pairs of synthetic trials that nobody picked: models learn from the
patients of seed s and predict those of seed s + 20, s = 1 to 10, at landmarks 3 and 6 months, 12 months ahead. Each row
of `benchmarks/results/out_of_sample.csv` is one pair, specification, landmark and model; rows that are there are not
run again. `out_of_sample_summary.csv` has, over pairs, mean Brier score and AUC, and the mean difference from the joint
model with its standard error over pairs.

The joint models are maximum-likelihood fits of K = 4 classes; with `--nuts` the default is sampled too. "averaged
over K" is the mean of what the default predicts with 4, 5 and 6 classes.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import bayesctc as bc
from bayesctc.accuracy.accuracy import joint_model, known_at_risk
from bayesctc.accuracy.assessment import Assessment
from bayesctc.accuracy.at_risk import at_risk
from bayesctc.accuracy.baselines import Predicted, baselines
from bayesctc.errors import FitError
from bayesctc.results.atomic import write_whole
from benchmarks.class_recovery import CANDIDATES, STARTS, add

RESULTS = Path(__file__).parent / "results"
PAIRS, LANDMARKS, AHEAD = range(1, 11), (3.0, 6.0), 12.0
MEASURES = ("brier", "auc")
JOINT = "joint model"
NUTS = "PLN, treatment (default), NUTS"
SPECS = (
    "PLN, treatment (default)",
    "PLN, treatment, covariates",
    "PLN, spline",
    "gaussian, quadratic, intercept",
    "NB, quadratic, intercept",
)
AVERAGED, KS = "PLN, treatment (default), averaged over K", (4, 5, 6)
KEYS = ["pair", "specification"]


def fitted(cohort, name):
    """A fit of K = 4 classes under a candidate of `class_recovery`."""
    spec = bc.ModelSpec(n_classes=4, **CANDIDATES[name.removesuffix(", NUTS")])
    ml = bc.fit_ml(cohort, spec, n_starts=STARTS, progress=False)
    return bc.fit_bayes(cohort, spec, ml=ml, progress=False) if name == NUTS else ml


def averaged(train, test) -> pd.DataFrame:
    """As the table of `prediction_accuracy`, of the mean prediction over numbers of classes."""
    spec, found, ahead = bc.ModelSpec(**CANDIDATES[SPECS[0]]), [], np.array([AHEAD])
    fits = [bc.fit_ml(train, spec.with_(n_classes=k), n_starts=STARTS, progress=False) for k in KS]
    for landmark in LANDMARKS:
        risk, known = at_risk(test, "os", landmark), at_risk(train, "os", landmark)
        each = [joint_model(known_at_risk(test, f.design, risk), f.classifying_thetas, risk, ahead) for f in fits]
        mean = Predicted(np.mean([p.free for p in each], axis=0), None)
        models = {JOINT: mean, **baselines(known, risk, ahead)}
        part = Assessment.of(risk, models, ahead, np.random.default_rng(0)).rows
        found += [{"landmark": r[0], "measure": r[2], "model": r[3], "estimate": r[4], "reason": ""} for r in part]
    return pd.DataFrame(found)


def rows(pair: int, name: str) -> pd.DataFrame:
    """Accuracy of one specification and of the simpler models in one pair of trials."""
    train, test = (bc.Cohort(*bc.generate_trial(seed)) for seed in (pair, pair + 20))
    try:
        if name == AVERAGED:
            found = averaged(train, test)
        else:
            found = bc.prediction_accuracy(fitted(train, name), test, LANDMARKS, [AHEAD]).table
    except FitError as error:
        return pd.DataFrame([{"pair": pair, "specification": name, "reason": str(error)}])
    found = found[found["measure"].isin(MEASURES)][["landmark", "measure", "model", "estimate", "reason"]]
    return found.assign(pair=pair, specification=name)


def report() -> None:
    """Means over pairs, and differences from the joint model."""
    table = pd.read_csv(RESULTS / "out_of_sample.csv").dropna(subset="estimate")
    wide = table.pivot_table(index=[*KEYS, "landmark", "measure"], columns="model", values="estimate")
    found = []
    for (name, landmark, measure), part in wide.groupby(["specification", "landmark", "measure"], sort=False):
        for model in wide:
            difference = part[JOINT] - part[model]
            found.append(
                {
                    "specification": name,
                    "landmark": landmark,
                    "measure": measure,
                    "model": model,
                    "pairs": part[model].count(),
                    "mean": part[model].mean(),
                    "joint_minus_it": difference.mean(),
                    "se": difference.std() / np.sqrt(len(difference)),
                }
            )
    shown = pd.DataFrame(found)
    write_whole(RESULTS / "out_of_sample_summary.csv", shown.to_csv(index=False, float_format="%.4f").encode())
    print(shown.round(4).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nuts", action="store_true", help="sample the default too")
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    path = RESULTS / "out_of_sample.csv"
    names = () if arguments.report else (*SPECS, AVERAGED, *([NUTS] if arguments.nuts else []))
    add(path, KEYS, [(pair, name) for name in names for pair in PAIRS], rows)
    report()


if __name__ == "__main__":
    main()
