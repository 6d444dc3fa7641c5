"""The table of a selection: one row for each number of classes."""

from typing import Any

import numpy as np
import pandas as pd

from bayesctc.criteria.agreement import Agreement
from bayesctc.criteria.loo import APPROXIMATED, STACKED, Loo
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.waic import Waic, spread
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import usable

COLUMNS = [
    "log_likelihood",
    "n_parameters",
    "aic",
    "bic",
    "sabic",
    "icl",
    "entropy",
    "smallest_class",
    "average_posterior",
    "odds_correct",
    "elpd_loo",
    "elpd_loo_se",
    "p_loo",
    "n_high_k",
    "n_matched",
    "n_refitted",
    "elpd_waic",
    "elpd_waic_se",
    "p_waic",
    "n_high_variance",
    "method",
    "prediction_rhat",
    "prediction_ess",
    "n_compared",
    "elpd_range",
    "chains_agree",
    "main_weight",
    "approximation_k",
    "max_rhat",
    "min_ess",
    "n_chains",
    "elpd_diff",
    "elpd_diff_se",
    "blrt_p",
    "ml_usable",
    "n_patients",
    "given_up",
    "warnings",
]
TEXTS = ("method", "given_up", "warnings")
MISFIT = 1.5  # p_loo over the number of parameters


def row(
    ml: MLFit | None, bayes: BayesFit | None, loo: Loo | None, waic: Waic | None, failure: str = "", given_up: str = ""
) -> dict[str, Any]:
    """One number of classes, as far as it was fitted; `failure` and `given_up` are reasons for missing parts."""
    found: dict[str, Any] = dict.fromkeys(COLUMNS, np.nan) | dict.fromkeys(TEXTS, "")
    found |= {
        "warnings": failure,
        "given_up": given_up,
        "ml_usable": ml is not None and usable(ml),
        "chains_agree": False,
    }
    if ml is None:
        return found
    found |= {n: getattr(ml, n) for n in ("log_likelihood", "n_parameters", "aic", "bic", "sabic", "icl", "entropy")}
    found["n_patients"] = ml.n_patients
    quality = (bayes or ml).quality
    found |= {
        name: quality[column].min(skipna=False)
        for name, column in (
            ("smallest_class", "share"),
            ("average_posterior", "average_posterior"),
            ("odds_correct", "odds_correct"),
        )
    }
    notes: list[str] = []
    if bayes is not None:
        d = bayes.diagnostics
        found |= {"max_rhat": d.max_rhat, "min_ess": d.min_ess, "n_chains": d.n_chains}
        notes += bayes.warnings
    if loo is not None:
        found |= _predicted(loo, bayes)
        notes += loo.warnings
        if loo.p_loo > MISFIT * ml.n_parameters:
            notes.append(
                f"p_loo is {loo.p_loo:.0f} for {ml.n_parameters} parameters: the model fits some patients poorly"
            )
    if waic is not None:
        found |= {
            "elpd_waic": waic.elpd,
            "elpd_waic_se": waic.se,
            "p_waic": waic.p_waic,
            "n_high_variance": waic.n_high_variance,
        }
    found["warnings"] = "; ".join([failure] * bool(failure) + notes)
    return found


def _predicted(loo, bayes):
    """LOO, how it was computed, and whether the chains agree."""
    found = {
        "elpd_loo": loo.elpd,
        "elpd_loo_se": loo.se,
        "p_loo": loo.p_loo,
        "n_high_k": loo.n_high_k,
        "n_matched": int(loo.pointwise["matched"].sum()),
        "n_refitted": int(loo.pointwise["refitted"].sum()),
        "method": loo.method,
        "approximation_k": loo.approximation_k,
    }
    if loo.method == APPROXIMATED or loo.agreement is None:
        return found
    agreement: Agreement = loo.agreement
    ess, n, main = agreement.ess, len(agreement.chains), 1.0
    if loo.method == STACKED:  # what counts is how well each chain with a weight was explored
        used = [c for chains, weight in loo.weights.items() if weight > 0 for c in chains]
        n, ess = len(used), len(used) * min(agreement.ess_by_chain[agreement.chains.index(c)] for c in used)
        left = set(bayes.diagnostics.chains_left)
        main = sum(weight for chains, weight in loo.weights.items() if not left & set(chains))
    return found | {
        "prediction_rhat": agreement.rhat,
        "prediction_ess": ess,
        "n_compared": n,
        "elpd_range": agreement.range,
        "chains_agree": loo.method != STACKED and agreement.agrees(),
        "main_weight": main,
    }


def differences(table: pd.DataFrame, loos: dict[int, Loo], rule: ParsimonyRule) -> None:
    """Fill in elpd differences to the best K that the rule compares."""
    allowed = table.index[rule.eligible(table).all(axis=1)]
    if len(allowed) == 0:
        return
    best = loos[table.loc[allowed, "elpd_loo"].idxmax()]
    for k, result in loos.items():
        difference = result.difference_from(best).to_numpy()
        table.loc[k, "elpd_diff"] = difference.sum()
        table.loc[k, "elpd_diff_se"] = spread(difference)
