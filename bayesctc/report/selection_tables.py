"""Tables that compare numbers of classes."""

import numpy as np

from bayesctc.criteria.loo import HIGH_K
from bayesctc.criteria.waic import HIGH_VARIANCE
from bayesctc.report.format import MISSING, fixed, odds, percent
from bayesctc.report.subject import Subject
from bayesctc.report.tables import Table, yes_no
from bayesctc.results.classes import GOOD_AVERAGE, GOOD_ODDS
from bayesctc.results.usable import why_not


def bayesian(subject: Subject) -> Table:
    """elpd by LOO and WAIC, and how the rule applies."""
    rows = []
    for k, row in subject.selected.table.iterrows():
        difference = MISSING
        if np.isfinite(row["elpd_diff"]):
            difference = f"{fixed(row['elpd_diff'], 1)} ({fixed(row['elpd_diff_se'], 1)})"
        rows.append(
            [
                str(k),
                fixed(row["elpd_loo"], 1),
                difference,
                fixed(row["p_loo"], 1),
                row.get("method", ""),
                fixed(row.get("prediction_rhat", np.nan), 2),
                fixed(row.get("elpd_range", np.nan), 1),
                _whole(row["n_high_k"]),
                _whole(row.get("n_matched", np.nan)),
                _whole(row["n_refitted"]),
                fixed(row["elpd_waic"], 1),
                _whole(row["n_high_variance"]),
                percent(row["smallest_class"], 1),
                yes_no(row["above_floor"]),
                "yes" if row["usable"] else f"NO: {row['reason']}",
                yes_no(row["close_to_best"]),
                "recommended" if row["recommended"] else "",
            ]
        )
    head = [
        "K",
        "elpd (LOO)",
        "difference (SE)",
        "p_loo",
        "by",
        "R-hat, log L",
        "range of chains",
        f"k > {HIGH_K:g}, left",
        "matched",
        "refitted",
        "elpd (WAIC)",
        f"variance > {HIGH_VARIANCE:g}",
        "smallest class",
        "above floor",
        "usable",
        "best or close",
        "rule",
    ]
    note = (
        "elpd: expected log predictive density of a new patient, summed over patients, with class and random effects "
        "integrated out; higher is better. Difference: from the best K that the rule compares (no class below the "
        "floor, usable), with its standard error. p_loo: effective number of parameters. By: how LOO was computed. "
        "R-hat: of the total log likelihood; range: the largest difference in LOO between chains. Both show whether "
        "chains agree in their predictions, not whether their class parameters have mixed. k: patients whose "
        f"Pareto k is above {HIGH_K:g}, for whom LOO is a rough approximation; left so, corrected by moment matching, "
        "or refitted. Variance: patients for whom WAIC is unreliable. Usable: whether K can be compared; if not, its "
        "numbers enter no comparison."
    )
    fitted = subject.selected.table[subject.selected.table["elpd_loo"].notna()]
    note += "".join(f" K = {k}: {text.rstrip('.')}." for k, text in fitted["warnings"].items() if text)
    return Table("Bayesian criteria, and the rule", head, rows, note, marked=_recommended(subject))


def classical(subject: Subject) -> Table:
    """AIC, BIC and related criteria at the best interior mode, and how well classes are separated."""
    table = subject.selected.table
    blrt = bool(table["blrt_p"].notna().any())
    rows = []
    for k, row in table.iterrows():
        tested = [fixed(row["blrt_p"], 3)] if blrt else []
        rows.append(
            [
                str(k),
                fixed(row["log_likelihood"], 1),
                _whole(row["n_parameters"]),
                *(fixed(row[name], 1) for name in ("aic", "bic", "sabic", "icl")),
                fixed(row["entropy"], 2),
                fixed(row["average_posterior"], 2),
                odds(row["odds_correct"]),
                *tested,
            ]
        )
    head = [
        "K",
        "log L",
        "parameters",
        "AIC",
        "BIC",
        "adjusted BIC",
        "ICL",
        "entropy",
        "average posterior",
        "odds correct",
        *(["BLRT p"] if blrt else []),
    ]
    note = (
        "At the best interior maximum-likelihood mode. The sample size of BIC is the number of patients. Lower is "
        "better. Entropy is relative. Of average posterior and odds of correct classification, the lowest over classes "
        f"is shown (wanted: {GOOD_AVERAGE:g} and {GOOD_ODDS:g}){_from_draws(subject.selected)}."
    )
    if blrt:
        note += " BLRT p: bootstrap likelihood-ratio test of K against K + 1 classes."
    return Table("Classical criteria", head, rows, note, marked=_recommended(subject))


def _from_draws(selection):
    """Which K have their classification from draws."""
    sampled, fitted = sorted(selection.bayes), set(selection.ml)
    if not sampled:
        return ""
    if fitted <= set(sampled):
        return "; they come from the draws"
    return f"; they come from the draws for K = {', '.join(map(str, sampled))}"


def sizes_by_model(subject: Subject) -> Table:
    """Patients in each class, for every number of classes."""
    sampled, fits = subject.selected.bayes, subject.every_fit
    most = max(fits)
    rows: list[list[str]] = []
    marked: set[int] = set()
    for k, fit in fits.items():
        failed = why_not(fit)
        for what, cells in (
            ("patients assigned", [f"{n:,}" for n in fit.quality["n_modal"]]),
            ("mean probability", [percent(share) for share in fit.quality["share"]]),
        ):
            rows.append([str(k), what, *cells, *[""] * (most - k)])
            if failed:
                marked.add(len(rows) - 1)
                rows[-1][0] += " (failed)"
            elif k not in sampled:
                rows[-1][0] += " (ML)"
    note = (
        "Assigned: patients with this most probable class. Mean probability: of the class, over all patients. "
        f"Classes are ordered from the lowest {subject.words.values} up."
    )
    if marked:
        note += " Failed: do not rely on the fit's numbers."
    if set(fits) - set(sampled):
        note += " ML: not sampled; from the maximum-likelihood estimate."
    head = ["K", "", *(f"class {g}" for g in range(1, most + 1))]
    return Table("Patients in each class, every model", head, rows, note, n_text=2, marked=marked)


def _recommended(subject):
    return {k for k, chosen in enumerate(subject.selected.table["recommended"]) if chosen}


def _whole(value) -> str:
    return MISSING if np.isnan(value) else f"{value:.0f}"
