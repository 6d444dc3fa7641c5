"""Elpds are compared where they are of one measure and of the same patients, and nowhere else."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers import frames, made_bayes, marker_frames

import bayesctc as bc
from bayesctc.criteria.counting import loo_counts
from bayesctc.criteria.families import _differences as of_families
from bayesctc.criteria.rows import differences as of_numbers
from bayesctc.criteria.survival_given_counts import loo_survival
from bayesctc.errors import SpecError

pytestmark = pytest.mark.unit

KIND = {"gaussian": "log density", "censored": "probability", "negative_binomial": "probability"}
QUIET = {"max_refits": 0, "progress": False}


def made(cohort, **options):
    """One class, its draws all the same but for a little."""
    spec = bc.ModelSpec(**{"n_classes": 1, "growth": "linear", "random_effects": "none", "endpoint": None} | options)
    ml = bc.fit_ml(cohort, spec, n_starts=1, progress=False)
    ml = replace(ml, covariance=1e-6 * np.eye(ml.n_parameters))
    return made_bayes(ml, ml.parameter_draws(40, random_seed=1).reshape(2, 20, *ml.theta.shape))


@pytest.fixture(scope="module")
def cohort():
    return bc.Cohort(*frames(30, seed=1)).include(min_samples=1)


@pytest.fixture(scope="module")
def fits(cohort):
    """By what their log likelihood is: kind of the samples, and endpoint."""
    several = {}
    for family, endpoint in product(KIND, (None, "os")):
        several[family, endpoint] = (KIND[family], endpoint), made(cohort, family=family, endpoint=endpoint)
    for transform in ("log", "identity"):
        marked = bc.Cohort(*marker_frames(30), marker=bc.Marker("bili", "mg/dL", transform))
        several[transform, None] = (transform, None), made(marked, family="gaussian")
    return several


def test_only_elpds_of_one_measure_are_subtracted(fits):
    scores = {key: (bc.waic(fit), bc.loo(fit, **QUIET)) for key, (_, fit) in fits.items()}
    for one, other in product(fits, repeat=2):
        (mine, a), (theirs, b) = fits[one], fits[other]
        for own, of_other in zip(scores[one], scores[other], strict=True):
            if mine != theirs:
                with pytest.raises(SpecError, match="have to be of the same measure; found "):
                    own.difference_from(of_other)
                continue
            difference = own.difference_from(of_other)
            assert difference.sum() == pytest.approx(own.elpd - of_other.elpd, abs=1e-9)
            assert (difference == -of_other.difference_from(own)).all()
        assert (a.idata["log_likelihood"].attrs == b.idata["log_likelihood"].attrs) == (mine == theirs)


def test_counting_makes_families_comparable(fits):
    own = [loo_counts(fits[family, "os"][1], **QUIET) for family in KIND]
    assert len({each.measure for each in own}) == 1
    assert own[0].difference_from(own[1]).abs().sum() > 0
    with pytest.raises(SpecError, match="of the same measure"):
        own[0].difference_from(loo_counts(fits["censored", None][1], **QUIET))


def test_survival_given_the_samples_is_a_measure_of_its_own(fits):
    given = [loo_survival(fits[family, "os"][1], **QUIET) for family in KIND]
    assert len({each.measure for each in given}) == 1
    with pytest.raises(SpecError, match="of the same measure"):
        given[0].difference_from(bc.loo(fits["gaussian", "os"][1], **QUIET))


def test_other_patients_are_refused(cohort, fits):
    fewer = cohort.select(cohort.patients.index[:-3])
    here = bc.loo(fits["censored", "os"][1], **QUIET)
    there = bc.loo(made(fewer, family="censored", endpoint="os"), **QUIET)
    with pytest.raises(SpecError, match="have to be of the same patients; found 3 who are in only one of the two"):
        here.difference_from(there)


def test_tables_of_differences_refuse_too(fits):

    loos = {1: bc.loo(fits["gaussian", "os"][1], **QUIET), 2: bc.loo(fits["censored", "os"][1], **QUIET)}
    table = pd.DataFrame({"elpd_loo": [each.elpd for each in loos.values()]}, index=[1, 2])
    rule = SimpleNamespace(eligible=lambda table: pd.DataFrame({"usable": True}, index=table.index))
    with pytest.raises(SpecError, match="of the same measure"):
        of_numbers(table, loos, rule)
    with pytest.raises(SpecError, match="of the same measure"):
        of_families(table, loos, 1)


def test_competing_events_are_another_measure():
    from helpers import two_cause_cohort

    several = two_cause_cohort(40)
    patients = several.patients.assign(ttf_event=(several.patients["ttf_event"] > 0).astype(int)).reset_index()
    one = bc.Cohort(several.samples, patients)
    a, b = (bc.waic(made(each, family="gaussian", endpoint="ttf")) for each in (several, one))
    with pytest.raises(SpecError, match=r"ttf \(progression or toxicity\)"):
        a.difference_from(b)
