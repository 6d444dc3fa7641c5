"""scikit-survival's AUC, Brier score and Kaplan-Meier limits on seeded data sets, written to tests/data/.

Run by the environment that setup.sh makes:
benchmarks/.scikit_survival/bin/python benchmarks/scikit_survival/reference.py
"""

import json
from pathlib import Path

import numpy as np
import sksurv
from sksurv.metrics import brier_score, cumulative_dynamic_auc
from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv

OUT = Path(__file__).parents[2] / "tests" / "data" / "scikit_survival_accuracy.json"
# name: patients, months that censor on average, times rounded to, risks rounded to, landmark
SETS = {
    "plain": (150, 30.0, 4, 4, 0.0),
    "tied times": (150, 25.0, 0, 4, 0.0),
    "tied risks": (150, 30.0, 4, 1, 0.0),
    "tied times and risks": (200, 20.0, 0, 1, 0.0),
    "heavy censoring": (500, 2.0, 4, 4, 0.0),
    "heavy censoring, tied": (600, 2.2, 1, 1, 0.0),
    "landmark": (300, 25.0, 4, 4, 6.0),
    "landmark, heavy censoring, tied": (400, 10.0, 0, 1, 4.0),
}


def main() -> None:
    """Draw the data sets, measure them, write one file."""
    found = {}
    for seed, (name, (n, censoring, time_digits, risk_digits, landmark)) in enumerate(SETS.items()):
        rng = np.random.default_rng(100 + seed)
        log_risk = rng.normal(0.0, 1.0, n)
        event_time = 12.0 * np.exp(-log_risk) * rng.weibull(1.3, n)
        censored = rng.exponential(censoring, n)
        time = np.maximum(np.round(np.minimum(event_time, censored), time_digits), 10.0**-time_digits)
        event = event_time <= censored
        score = np.round(log_risk + rng.normal(0.0, 0.7, n), risk_digits)
        kept = time > landmark
        time, event, score = time[kept], event[kept], score[kept]
        horizons = landmark + np.array([2.0, 5.0, 9.0])
        survival = np.round(np.exp(-np.outer(np.exp(score), (horizons - landmark) / 14.0)), 6)
        y = Surv.from_arrays(event, time)
        auc, _ = cumulative_dynamic_auc(y, y, score, horizons)
        _, brier = brier_score(y, y, survival, horizons)
        times, curve, limits = kaplan_meier_estimator(event, time, conf_type="log-log")
        at = np.searchsorted(times, horizons, side="right") - 1
        found[name] = {
            "time": time.tolist(),
            "event": event.astype(int).tolist(),
            "risk": score.tolist(),
            "survival": survival.tolist(),
            "horizons": horizons.tolist(),
            "auc": auc.tolist(),
            "brier": brier.tolist(),
            "kaplan_meier": curve[at].tolist(),
            "kaplan_meier_lower": limits[0, at].tolist(),
            "kaplan_meier_upper": limits[1, at].tolist(),
            "censored_percent": round(100.0 * float(1.0 - event.mean()), 1),
        }
        print(name, len(time), found[name]["censored_percent"], auc.round(3), brier.round(3))
    OUT.write_text(json.dumps({"scikit_survival": sksurv.__version__, "sets": found}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
