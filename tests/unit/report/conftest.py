"""Small fits for the tests of the report."""

import pandas as pd
import pytest
from matplotlib.figure import Figure
from report_fits import as_bayes, fit, simulated_cohort

import bayesctc as bc
from bayesctc.criteria.loo import CHAINS
from bayesctc.criteria.rows import COLUMNS, differences, row
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.selection import Selection


@pytest.fixture
def unrendered(monkeypatch):
    """Pictures are drawn, and no pixel of them computed, which takes longer than all else of a report."""
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **_: file.write(b"png"))


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
    good = {"max_rhat": 1.0, "prediction_rhat": 1.0, "prediction_ess": 900.0, "n_compared": 2, "method": CHAINS}
    good |= {"chains_agree": True, "warnings": ""}
    rows = [row(ml[k], bayes[k], loo[k], waic[k]) | good for k in ml]
    made = pd.DataFrame(rows, index=pd.Index([1, 2, 3], name="n_classes"), columns=COLUMNS)
    rule = ParsimonyRule(criterion="loo")
    differences(made, loo, rule)
    table, recommended = rule.apply(made)
    sentence = f"LOO favours K = {best}. The rule picks K = {recommended}, 'quoted' & <so on>."
    return Selection(table, recommended, rule, sentence, ml, bayes, loo, waic)
