"""Small fits for the tests of the report."""

import numpy as np
import pandas as pd
import pytest
from report_fits import as_bayes, fit, simulated_cohort

import bayesctc as bc
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.selection import Selection
from bayesctc.criteria.waic import spread


@pytest.fixture(scope="session")
def ml():
    """Two classes, with survival."""
    return fit(simulated_cohort())


@pytest.fixture(scope="session")
def ml_growth():
    """One class, without survival."""
    return fit(simulated_cohort(), n_classes=1, endpoint=None)


@pytest.fixture(scope="session")
def bayes(ml):
    """Two classes, with survival."""
    return as_bayes(ml)


@pytest.fixture(scope="session")
def selection():
    """Classes 1 to 3, compared as they would be."""

    ml = {k: fit(simulated_cohort(), n_classes=k) for k in (1, 2, 3)}
    bayes = {k: as_bayes(f) for k, f in ml.items()}
    loo = {k: bc.loo(f, max_refits=0, progress=False) for k, f in bayes.items()}
    waic = {k: bc.waic(f) for k, f in bayes.items()}
    best = max(loo, key=lambda k: loo[k].elpd)
    rows = []
    for k, f in ml.items():
        quality = bayes[k].quality
        names = ("log_likelihood", "n_parameters", "aic", "bic", "sabic", "icl", "entropy")
        difference = loo[k].pointwise["elpd"] - loo[best].pointwise["elpd"]
        rows.append(
            {name: getattr(f, name) for name in names}
            | {
                "smallest_class": quality["share"].min(),
                "average_posterior": quality["average_posterior"].min(),
                "odds_correct": quality["odds_correct"].min(skipna=False),
                "elpd_loo": loo[k].elpd,
                "elpd_loo_se": loo[k].se,
                "p_loo": loo[k].p_loo,
                "n_high_k": loo[k].n_high_k,
                "n_refitted": 0,
                "elpd_waic": waic[k].elpd,
                "elpd_waic_se": waic[k].se,
                "p_waic": waic[k].p_waic,
                "n_high_variance": waic[k].n_high_variance,
                "elpd_diff": difference.sum(),
                "elpd_diff_se": spread(difference),
                "max_rhat": 1.0,
                "blrt_p": np.nan,
                "warnings": "",
            }
        )
    rule = ParsimonyRule(criterion="loo")
    table, recommended = rule.apply(pd.DataFrame(rows, index=pd.Index([1, 2, 3], name="n_classes")))
    sentence = f"LOO favours K = {best}. The rule picks K = {recommended}, 'quoted' & <so on>."
    return Selection(table, recommended, rule, sentence, ml, bayes, loo, waic)
