"""Association of readings with covariates."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, hypergeom

import bayesctc as bc
from bayesctc.errors import DataError, SpecError

pytestmark = pytest.mark.unit


def reading(levels, categories=("neg", "pos")):
    """A reading made by hand, patients 0, 1, ..."""
    nobody = pd.DataFrame({"patient_id": [], "reason": []}, dtype="str")
    values = pd.Series(pd.Categorical(levels, categories=categories, ordered=True), index=map(str, range(len(levels))))
    return bc.tctc(pd.DataFrame(np.eye(2))).__class__("bctc", values, "", nobody)


def covariate(values):
    return pd.Series(values, index=map(str, range(len(values))), name="bone")


def test_two_by_two_by_hand():
    a, b, c, d = 12, 5, 4, 9
    levels = ["neg"] * (a + b) + ["pos"] * (c + d)
    found = bc.association(reading(levels), covariate([0] * a + [1] * b + [0] * c + [1] * d))
    n = a + b + c + d
    pearson = n * (a * d - b * c) ** 2 / ((a + b) * (c + d) * (a + c) * (b + d))
    assert found.chi2 == pytest.approx(pearson)
    assert found.p_chi2 == pytest.approx(chi2.sf(pearson, 1))
    assert found.cramers_v == pytest.approx(np.sqrt(pearson / n))
    tables = hypergeom(n, a + b, a + c).pmf(np.arange(max(0, a + c - (c + d)), min(a + b, a + c) + 1))
    assert found.p_fisher == pytest.approx(tables[tables <= hypergeom(n, a + b, a + c).pmf(a) * (1 + 1e-9)].sum())
    assert (found.n, found.n_missing) == (n, 0)


def test_fisher_is_seeded_and_order_does_not_matter():
    rng = np.random.default_rng(1)
    levels, values = rng.choice(["neg", "pos"], 80), rng.integers(0, 3, 80)
    one, two = (bc.association(reading(levels), covariate(values)) for _ in range(2))
    assert one.p_fisher == two.p_fisher
    shuffled = covariate(values).sample(frac=1.0, random_state=2)
    assert bc.association(reading(levels), shuffled).chi2 == pytest.approx(one.chi2)
    assert abs(one.p_fisher - one.p_chi2) < 0.1


def test_empty_levels_and_small_counts_are_named():
    found = bc.association(
        reading(["neg", "neg", "mid", "mid", "neg"], ("neg", "mid", "pos")), covariate([0, 1, 1, 1, None])
    )
    assert any("nobody is pos" in note for note in found.warnings)
    assert any("expected count" in note for note in found.warnings)
    assert (found.n, found.n_missing) == (4, 1)


def test_trial_shows_the_published_associations():
    """All p < 0.0022 for subtype and p < 0.0001 for bone metastasis."""
    cohort = bc.load_trial().include(min_samples=3)
    readings = [bc.bctc(cohort), bc.b2ctc(cohort, window=(0.0, np.inf))]
    table = bc.associations(readings, cohort, ["subtype", "bone_metastasis"])
    assert len(table) == 4
    assert (table.loc[table["covariate"] == "subtype", "p_chi2"] < 0.0022).all()
    assert (table.loc[table["covariate"] == "bone_metastasis", "p_chi2"] < 0.0001).all()


def test_what_cannot_be_tested_is_refused():
    levels = ["neg", "pos"] * 10
    with pytest.raises(DataError, match="20 distinct values"):
        bc.association(reading(levels), covariate(np.arange(20.0)))
    with pytest.raises(DataError, match="two or more"):
        bc.association(reading(levels), covariate([1] * 20))
    cohort = bc.load_trial()
    with pytest.raises(SpecError, match="nosuch"):
        bc.associations([bc.bctc(cohort)], cohort, ["nosuch"])
