"""What failed is never recommended, and nothing reads as if it counted."""

import re
from dataclasses import replace
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from helpers import made_bayes
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

import bayesctc as bc
from bayesctc.criteria import families as families_module
from bayesctc.criteria import selection as selection_module
from bayesctc.criteria.loo import APPROXIMATED, CHAINS, STACKED
from bayesctc.criteria.rule import ParsimonyRule
from bayesctc.criteria.selection import places_open
from bayesctc.criteria.sentence import sentence
from bayesctc.errors import FitError, SpecError
from bayesctc.plots import style

mpl.use("Agg")
pytestmark = pytest.mark.unit
BY_LOO = ParsimonyRule(criterion="loo")
READ = ["smallest_class", "prediction_rhat", "prediction_ess", "n_compared", "elpd_loo", "elpd_diff", "elpd_diff_se"]
METHODS = [CHAINS, CHAINS, STACKED, APPROXIMATED]
OTHERS = ["elpd_waic", "aic", "bic", "sabic", "icl"]
NOT_NUMBERS = st.sampled_from([np.nan, np.inf, -np.inf])
SHORT = {"draws": 20, "tune": 20, "chains": 2, "n_starts": 3, "random_seed": 1, "progress": False}


def drawn(ml, apart: float = 0.0, chains: int = 2):
    """Chains of 250 draws around an estimate; `apart` standard deviations lie between the chains' centres."""
    if not ml.has_intervals:
        ml = replace(ml, covariance=1e-4 * np.eye(ml.n_parameters))
    thetas = ml.parameter_draws(500, random_seed=5).reshape(2, 250, *ml.theta.shape)
    thetas[1] += apart * thetas[1].std(axis=0)
    return made_bayes(ml, thetas[:chains])


@st.composite
def tables(draw):
    """Numbers of classes as the rule reads them, any of which may have failed."""
    n = draw(st.integers(1, 6))
    columns = {
        "smallest_class": st.floats(0.0, 1.0),
        "prediction_rhat": st.floats(0.99, 1.3),
        "prediction_ess": st.floats(0.0, 900.0),
        "n_compared": st.integers(1, 4),
        "approximation_k": st.floats(0.0, 1.0),
        "n_high_k": st.integers(0, 9),
        "elpd_loo": st.floats(-900.0, -100.0),
        "elpd_diff": st.floats(-40.0, 40.0),
        "elpd_diff_se": st.floats(0.0, 12.0),
        **dict.fromkeys(OTHERS, st.floats(-900.0, 900.0)),
    }
    rows = draw(st.lists(st.fixed_dictionaries(columns), min_size=n, max_size=n))
    table = pd.DataFrame(rows, index=pd.Index(range(1, n + 1), name="n_classes")).astype(float)
    for k, column in draw(st.lists(st.tuples(st.integers(1, n), st.sampled_from([*READ, *OTHERS])), max_size=6)):
        table.loc[k, column] = np.nan if column == "smallest_class" else draw(NOT_NUMBERS)  # a share is bounded
    method = draw(st.lists(st.sampled_from(METHODS), min_size=n, max_size=n))
    given_up = draw(st.lists(st.sampled_from(["", "", "its ICL is 58 above that of K = 4"]), min_size=n, max_size=n))
    return table.assign(n_patients=100, max_rhat=9.9, method=method, given_up=given_up, warnings="")


def failed(row, rule):
    """The definition, written once more: NaN fails; R-hat of class parameters, which is 9.9, plays no part."""
    few = row["n_high_k"] <= 5
    covered = row["approximation_k"] <= 0.7 and few
    explored = row["n_compared"] >= 1 and 10 * row["n_compared"] <= row["prediction_ess"] < np.inf
    together = explored and row["n_compared"] >= 2 and -np.inf < row["prediction_rhat"] <= rule.max_rhat
    good = {CHAINS: together, STACKED: explored and few, APPROXIMATED: covered}[row["method"]]
    return not (good and row["given_up"] == "" and np.isfinite(row["elpd_loo"]))


@given(tables(), st.builds(ParsimonyRule, criterion=st.sampled_from(["loo", "icl"]), max_rhat=st.floats(1.0, 1.2)))
@settings(max_examples=150, deadline=None)
def test_the_rule_never_recommends_what_failed_and_no_sentence_lets_it_count(table, rule):
    of_loo = ["elpd_diff", "elpd_diff_se"]
    read = ["smallest_class", "elpd_loo", *(of_loo if rule.criterion == "loo" else ["icl"])]
    shown, chosen = rule.apply(table)
    for _, row in shown.iterrows():
        assert row["usable"] == (not failed(row, rule))
        assert bool(row["reason"]) == (not row["usable"])
        if not row["usable"] or not np.isfinite(row[read].astype(float)).all():
            assert not row["recommended"]
            assert not row["close_to_best"]
    assert chosen is None or shown.loc[chosen, "usable"]
    assert shown["recommended"].sum() == (chosen is not None)

    text = sentence(shown, chosen, rule)
    out = [k for k in shown.index if not (shown.loc[k, "usable"] and shown.loc[k, "above_floor"])]
    favoured = {int(k) for k in re.findall(r"favours? K = (\d+)", text)}
    assert not favoured & set(out)
    failed_ones = ~shown["usable"] & (shown["given_up"] == "")
    n = int(failed_ones.sum())
    assert (f"{n} of {len(shown)} K failed" in text) == (n > 0)
    for k in shown.index[~shown["usable"]]:
        said = "excluded from the comparison" if failed_ones[k] else "given up: its ICL"
        assert re.search(rf"K = [\d, ]*\b{k}\b[\d, ]* (was|were) {said}", text)
    best = re.search(r"(LOO|ICL) is best at the largest K tried, (\d+): extend the range", text)
    assert ("extend" in text) == (best is not None)
    if best:
        assert int(best[2]) == table.index.max()
        named = re.findall(r"K = ([\d, ]+) (?:was|were) (?:left out|given up)", text)
        assert int(best[2]) not in {int(k) for ks in named for k in ks.split(", ")}
        assert int(best[2]) not in out
    assert "picks" not in text or chosen is not None


@given(tables())
@settings(max_examples=15, deadline=None)
def test_no_picture_lets_what_failed_count(table):
    assume(np.isfinite(table[["elpd_diff", "elpd_waic", "aic"]]).any().all())
    table = table.replace([np.inf, -np.inf], np.nan)
    shown, chosen = BY_LOO.apply(table)
    left, right = bc.plot_selection(SimpleNamespace(table=shown, recommended=chosen, sentence=""))
    mpl.pyplot.close(left.figure)
    grey = to_hex(style.MUTED)
    out = ~(shown["usable"] & shown["above_floor"])
    for points in left.collections:
        if isinstance(points, PathCollection):
            shown_points = np.isfinite(shown["elpd_diff"])  # matplotlib masks the colours of the others
            edges = [to_hex(c) for c in points.get_edgecolors()[shown_points]]
            inside = [to_hex(c) for c in points.get_facecolors()[shown_points]]
            for k, edge, face in zip(shown.index[shown_points], edges, inside, strict=True):
                assert (edge == grey) == out[k]
                assert not out[k] or face == "#ffffff"
    for line in (*left.lines, *right.lines):
        if line.get_marker() in ("s", "o", "^", "D") and to_hex(line.get_color()) != grey:
            assert not {round(float(x)) for x in line.get_xdata()} & set(out.index[out])


@pytest.fixture
def two_fail(monkeypatch):
    """Sampling that is drawn from the estimate's distribution; of two classes, the best, one chain is left."""
    refitted = []

    def sample_mode(ml, theta, settings):
        return drawn(ml, chains=1 + (ml.spec.n_classes != 2))

    def refit(fit, analysis, settings):
        refitted.append(fit.spec.n_classes)
        return fit.thetas[:50]

    monkeypatch.setattr("bayesctc.criteria.numbers.sample_mode", sample_mode)
    monkeypatch.setattr("bayesctc.criteria.loo.refit", refit)
    return refitted


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_a_cohort_whose_best_number_of_classes_fails(cohort_of_60, small_spec, two_fail):
    found = bc.select_n_classes(cohort_of_60, small_spec, [1, 2], rule=BY_LOO, max_refits=5, **SHORT)
    row = found.table.loc[2]
    assert not row["chains_agree"]
    assert not row["usable"]
    assert row["reason"] == "1 chain left, at least 2 needed"
    assert found.recommended == 1
    assert not re.search("favours? K = 2|picks K = 2|extend", found.sentence)
    assert "1 of 2 K failed" in found.sentence
    assert 2 not in two_fail  # no exact refit of what failed, whatever its pareto_k
    assert not found.loo[2].pointwise["refitted"].any()
    only = bc.select_n_classes(cohort_of_60, small_spec, 2, every_k=True, **SHORT)
    assert only.recommended is None
    assert "The fit of every K has failed, so none is recommended." in only.sentence


def test_chains_apart_are_stacked_and_may_be_compared(cohort_of_60, small_spec, monkeypatch):
    monkeypatch.setattr("bayesctc.criteria.numbers.sample_mode", lambda ml, theta, settings: drawn(ml, apart=2.0))
    monkeypatch.setattr("bayesctc.criteria.loo.refit", lambda *a, **k: pytest.fail("refitted"))
    found = bc.select_n_classes(cohort_of_60, small_spec, [1, 2], rule=BY_LOO, **SHORT)
    row = found.table.loc[2]
    assert row["prediction_rhat"] > 1.05
    assert row["max_rhat"] > 1.05
    assert row["method"] == STACKED
    assert not row["chains_agree"]
    assert row["usable"] == (row["n_high_k"] <= 3)  # 5 % of 60
    assert "The predictions of the chains of K = 1, 2 disagree" in found.sentence
    assert "weights by chain" in row["warnings"]


def test_what_cannot_win_is_given_up_before_it_is_sampled(cohort_of_60, small_spec, monkeypatch):
    """By a floor no class of two meets; by ICL only what has more classes than a K that may be recommended."""
    sampled = []

    def sample_mode(ml, theta, settings):
        sampled.append(ml.spec.n_classes)
        return drawn(ml)

    monkeypatch.setattr("bayesctc.criteria.numbers.sample_mode", sample_mode)
    large = bc.select_n_classes(cohort_of_60, small_spec, [1, 2], rule=ParsimonyRule(floor=0.6), **SHORT)
    assert sampled == [1]
    row = large.table.loc[2]
    assert row["reason"].startswith("given up: a class with")
    assert np.isnan(row["elpd_loo"])
    assert not row["above_floor"]
    assert large.recommended == 1
    assert "K = 2 was given up: a class with" in large.sentence
    assert "failed" not in large.sentence
    sampled.clear()
    monkeypatch.setattr(selection_module, "CANNOT_WIN", -1e9)
    either = bc.select_n_classes(cohort_of_60, small_spec, [1, 2], **SHORT)
    icl = either.table["icl"]
    assert sampled == ([1] if icl[1] < icl[2] else [2, 1])
    assert either.recommended == icl.idxmin()
    sampled.clear()
    bc.select_n_classes(cohort_of_60, small_spec, [1, 2], rule=ParsimonyRule(floor=0.6), every_k=True, **SHORT)
    assert sorted(sampled) == [1, 2]


def test_refits_are_for_those_whose_place_they_could_change():
    table = pd.DataFrame({"elpd_loo": [-200.0, -103.0, -100.0], "elpd_diff_se": [9.0, 1.0, 0.0]}, index=[1, 2, 3])
    none = (0.0, 0.0)
    assert places_open(table, {1: (5.0, 5.0), 2: none, 3: none}, BY_LOO) == []  # K = 1 is out whatever happens
    assert places_open(table, {1: none, 2: (0.5, 0.5), 3: none}, BY_LOO) == []  # within the margin all the same
    assert places_open(table, {1: none, 2: (2.0, 0.0), 3: none}, BY_LOO) == [2]
    assert places_open(table, {1: none, 2: none, 3: (0.0, 2.0)}, BY_LOO) == [3]
    assert places_open(table, {1: (0.0, 95.0), 2: (1.0, 0.0), 3: none}, BY_LOO) == [1]


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_families_leave_out_what_failed(cohort_of_60, small_spec, two_fail, monkeypatch):
    spec = small_spec.with_(random_effects="none")
    found = bc.select_families(cohort_of_60, spec, ["censored", "poisson"], [1, 2], max_refits=0, **SHORT)
    assert found.best is not None
    assert found.best[1] == 1
    assert not found.table.xs(2, level="n_classes")["usable"].any()
    assert "2 of 4 fits failed" in found.sentence
    nothing = bc.select_families(cohort_of_60, spec, ["censored"], [2], max_refits=0, **SHORT)
    assert nothing.best is None
    assert nothing.table["elpd_diff"].isna().all()
    assert "no recommendation" in nothing.sentence
    select = families_module.select_n_classes

    def refuses(cohort, spec, ks, **settings):
        if spec.family == "poisson":
            raise FitError("no number of classes could be fitted")
        return select(cohort, spec, ks, **settings)

    monkeypatch.setattr(families_module, "select_n_classes", refuses)
    one = bc.select_families(cohort_of_60, spec, ["censored", "poisson"], [1], max_refits=0, **SHORT)
    assert one.best == ("censored", 1)
    assert one.table.loc[("poisson", 1), "reason"] == "no number of classes could be fitted"


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_loo_of_what_failed_is_no_criterion(ml_fits, monkeypatch):
    monkeypatch.setattr("bayesctc.criteria.loo.refit", lambda *a, **k: pytest.fail("refitted"))
    found = bc.loo(drawn(ml_fits[2], apart=6.0), max_refits=50, progress=False)
    assert any("disagree" in text for text in found.warnings)


def test_the_bootstrap_refuses_what_failed(ml_fits):
    bad = replace(ml_fits[2], criterion=np.nan)
    with pytest.raises(SpecError, match=r"larger: found a fit that has failed \(not converged"):
        bc.bootstrap_lrt(ml_fits[1], bad, progress=False)
