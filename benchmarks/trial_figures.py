"""The published figures beside those of the synthetic trial, averaged over seeds of its generator.

Run with `python -m benchmarks.trial_figures`; prints the table and writes `benchmarks/results/trial_figures.csv`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency

from bayesctc.comparison.published import AIC, HAZARD_RATIOS
from bayesctc.data.trial.generator import DEFAULT_SEED, generate_trial
from benchmarks.efron_cox import fit_efron_cox

MIN_SAMPLES = 3
CUTOFF = 5  # CTC+ means this many cells per 7.5 mL or more
LARGEST_LOG_HR = 8.0
ENDPOINTS = ("os", "pfs", "ttf")
CONFOUNDERS = ("arm", "subtype", "bone_metastasis", "age")
LEVELS = {  # the reference level comes first
    "bctc": ("neg", "pos"),
    "b2ctc": ("pos-neg", "neg-pos", "pos-pos", "neg-neg"),
    "tctc": ("neg", "lo", "mid", "hi"),
}

# figure: (published, lowest allowed, highest allowed). Percentages within 3 points, counts within 10 %.
SHARES = {
    "bctc pos": 53,
    "b2ctc neg-neg": 46,
    "b2ctc neg-pos": 1,
    "b2ctc pos-neg": 35,
    "b2ctc pos-pos": 19,
    "tctc neg": 56,
    "tctc lo": 24,
    "tctc mid": 15,
    "tctc hi": 5,
}
COUNTS = {"analysed": 469, "samples": 2202, "os events": 225, "pfs events": 385, "ttf events": 410}


def published_figures() -> pd.DataFrame:
    """The published figures with the range a calibrated generator has to fall in.

    Returns
    -------
    pandas.DataFrame
        Indexed by figure: `published`, `low`, `high`; the range is missing where only the order matters (AIC).
    """
    rows: dict[str, tuple[float, float, float]] = {
        f"% {name}": (value, value - 3, value + 3) for name, value in SHARES.items()
    }
    rows |= {f"n {name}": (value, 0.9 * value, 1.1 * value) for name, value in COUNTS.items()}
    for (reading, level), by_endpoint in HAZARD_RATIOS.items():
        name = f"{reading} {level.removeprefix('tCTC')}"
        rows |= {f"hr {endpoint} {name}": figures for endpoint, figures in by_endpoint.items()}
    for endpoint, values in AIC.items():
        rows |= {f"aic {endpoint} {name}": (value, np.nan, np.nan) for name, value in values.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["published", "low", "high"]).astype(float)


def analysed_patients(samples: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Patients with a baseline and 3 or more samples, with the three readings of their counts.

    Parameters
    ----------
    samples, patients : pandas.DataFrame
        As `generate_trial` returns them.

    Returns
    -------
    pandas.DataFrame
        The rows of `patients` with `n_samples`, `bctc`, `b2ctc` (baseline and the first sample after it) and `tctc`
        (the generator's class).
    """
    ordered = samples.sort_values(["patient_id", "time"])
    by_patient = ordered.groupby("patient_id")
    sign = pd.Series(np.where(ordered["ctc"] >= CUTOFF, "pos", "neg"), index=ordered.index)
    readings = pd.DataFrame(
        {
            "n_samples": by_patient.size(),
            "first_time": by_patient["time"].first(),
            "bctc": sign.groupby(ordered["patient_id"]).nth(0).set_axis(by_patient.groups.keys()),
        }
    )
    second = ordered.assign(sign=sign)[by_patient.cumcount() == 1].set_index("patient_id")["sign"]
    readings["b2ctc"] = readings["bctc"] + "-" + second.reindex(readings.index)
    merged = patients.merge(readings, left_on="patient_id", right_index=True)
    merged = merged[(merged["n_samples"] >= MIN_SAMPLES) & (merged["first_time"] <= 0)]
    return merged.assign(tctc=merged["true_class"]).reset_index(drop=True)


def cox(analysed: pd.DataFrame, classifier: str, endpoint: str) -> tuple[pd.Series, float]:
    """Cox regression of one endpoint on one reading, Efron ties, adjusted for arm, subtype, bone metastasis and age.

    Returns
    -------
    log_hazard_ratios : pandas.Series
        By level, against the reading's reference level; missing for a level without a finite estimate.
    aic : float
        -2 log partial likelihood + 2 parameters.
    """
    event = analysed[f"{endpoint}_event"]
    levels = LEVELS[classifier][1:]
    estimable = [level for level in levels if event[analysed[classifier] == level].sum() > 0]
    exposure = pd.DataFrame({level: (analysed[classifier] == level).astype(float) for level in estimable})
    confounders = pd.get_dummies(analysed[list(CONFOUNDERS)], columns=["arm", "subtype"], drop_first=True, dtype=float)
    confounders["age"] = (confounders["age"] - 56) / 10
    design = pd.concat([exposure, confounders], axis=1)
    estimates, log_likelihood = fit_efron_cox(
        analysed[f"{endpoint}_time"].to_numpy(), event.to_numpy(), design.to_numpy()
    )
    log_hr = pd.Series(estimates[: len(estimable)], index=estimable).reindex(list(levels))
    log_hr = log_hr.where(log_hr.abs() < LARGEST_LOG_HR)  # one patient whose event is the first has no finite estimate
    return log_hr, -2 * log_likelihood + 2 * design.shape[1]


def kaplan_meier_median(time: pd.Series, event: pd.Series) -> float:
    """Median survival in months."""
    table = pd.DataFrame({"time": time, "event": event}).groupby("time")["event"].agg(["sum", "size"])
    at_risk = table["size"][::-1].cumsum()[::-1]
    survival = (1 - table["sum"] / at_risk).cumprod()
    return float(survival.index[survival <= 0.5].min())


def trial_figures(samples: pd.DataFrame, patients: pd.DataFrame) -> pd.Series:
    """Every published figure computed on one trial, and a few more. Hazard ratios are returned as logs, named `hr ...`.

    Parameters
    ----------
    samples, patients : pandas.DataFrame
        As `generate_trial` returns them.
    """
    analysed = analysed_patients(samples, patients)
    figures = {"n treated": len(patients), "n analysed": len(analysed), "n samples": analysed["n_samples"].sum()}
    figures |= {f"n {endpoint} events": analysed[f"{endpoint}_event"].sum() for endpoint in ENDPOINTS}
    for classifier, levels in LEVELS.items():
        share = 100 * analysed[classifier].value_counts(normalize=True).reindex(list(levels), fill_value=0.0)
        figures |= {f"% {classifier} {level}": share[level] for level in levels}
        for covariate in ("subtype", "bone_metastasis"):
            table = pd.crosstab(analysed[classifier], analysed[covariate])
            figures[f"p {classifier} {covariate}"] = chi2_contingency(table).pvalue
        for endpoint in ENDPOINTS:
            log_hr, figures[f"aic {endpoint} {classifier}"] = cox(analysed, classifier, endpoint)
            figures |= {f"hr {endpoint} {classifier} {level}": value for level, value in log_hr.items()}
    for endpoint in ENDPOINTS:
        figures[f"median {endpoint}"] = kaplan_meier_median(patients[f"{endpoint}_time"], patients[f"{endpoint}_event"])
    figures["followup median"] = patients["followup_end"].median()
    figures["followup longest"] = patients["followup_end"].max()
    return pd.Series(figures, dtype=float)


def average_figures(by_seed: pd.DataFrame) -> pd.Series:
    """Means over seeds (rows); hazard ratios are geometric means, p values medians. Missing ones are left out."""
    average = by_seed.mean()
    hr = average.index.str.startswith("hr ")
    average[hr] = np.exp(average[hr])
    p = average.index.str.startswith("p ")
    average[p] = by_seed.loc[:, p].median()
    return average


def figures_by_seed(seeds: range) -> pd.DataFrame:
    """`trial_figures` of each seed's trial, one row per seed."""
    return pd.DataFrame({seed: trial_figures(*generate_trial(seed)) for seed in seeds}).T


def compare(by_seed: pd.DataFrame, default: pd.Series) -> pd.DataFrame:
    """Published figure, allowed range, average over seeds, whether it is inside, and the default draw's figure."""
    average = average_figures(by_seed)
    table = published_figures().reindex(average.index)
    table["average"] = average
    table["sd_over_seeds"] = by_seed.std()  # of the log for hazard ratios
    table["inside"] = average.between(table["low"], table["high"]).where(table["low"].notna()).astype(object)
    table["default_draw"] = average_figures(default.to_frame().T)
    return table


def main() -> None:
    """Print and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "trial_figures.csv")
    arguments = parser.parse_args()
    started = time.perf_counter()
    by_seed = figures_by_seed(range(arguments.seeds))
    table = compare(by_seed, trial_figures(*generate_trial(DEFAULT_SEED)))
    table.index.name = "figure"
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.output, float_format="%.4g")
    print(table.to_string(float_format=lambda value: f"{value:.4g}", na_rep=""))
    for endpoint in ENDPOINTS:
        order = by_seed[[f"aic {endpoint} {name}" for name in ("tctc", "b2ctc", "bctc")]].to_numpy()
        print(f"{endpoint}: AIC tctc < b2ctc < bctc in {(np.diff(order, axis=1) > 0).all(axis=1).mean():.0%} of seeds")
    print(f"{time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
